"""What earlier versions of Mirante wrote is read as they meant it."""

import base64

import numpy as np
import pytest

from mirante.errors import InputError
from mirante.parted import split
from mirante.profiles import TableProfile
from mirante.profiles.older import unpack_second

BASE = TableProfile.of({"x": [0.5, 1.25, 1.25, 3.0, -7.0], "c": ["ção", "b", "b", None, "b"]})
WINDOW = TableProfile.of(
    {"x": [1.0, 1.25, 2.5, 9.0, float("nan")], "c": ["b", "new", "ção", None, "b"]}, like=BASE
)
# of WINDOW, by Mirante with profiles of version 2
WRITTEN = {
    name: base64.b64decode(said)
    for name, said in {
        "whole": (
            "TVJUUAJEAQAAAAAAACi1L/1gRAAdBwACjC4zYE/SAYTaErgzSEN1AtMWOPIT/BJ+H3G3ewm5m8bOft9cDY7lzAZKP6"
            "gf0SMWlLxoru0Utm27tXbZezHQp7W2t6GPm43ZhwKR5RhZ2YQTCJIIg8sSaDY6JKTKCoR4eCgH3YAWkINMk1KCMuec"
            "82MBWAx5bDJgjfduKTTETEZOXE/xKHKfJMi5rE3sSPD6FjYV8fog54qUrK7v8HqMR+5YpKRqihZxuh5BZnfHOpW04J"
            "XBHbuwrmfYzgIQAEBgMOCtYIAlYEXQLOXcbNX2ihNABriBa8YUcUXd0s0xJtskAw=="
        ),
        "near": (
            "TVJUUALYAAAAAAAAACi1L/0g2P0EAMQIVAAAAHsicm93cyI6NSwiY291bnRzIjoifHUxIiwibGV2ZWxkaWdlc3QiOi"
            "IwZWJkMGZlOGUwNjRmZTllNzRjYTM5MmIyNDIxMWY4MCJ9LDht4IWjEEDpdVeEgTYfQAImU7hKxDJA6qyDQKkgSEAE"
            "AAEA8D8AIkABAQABIkCqqtu2AgEBAQAAAAAAAAAGAECSqwSDawQEGxw+k22SAQ=="
        ),
        "exact": (
            "TVJUUAL7AAAAAAAAACi1L/0g+50FAMQJYwAAAHsicm93cyI6NSwiY291bnRzIjoifHUxIiwibGV2ZWxkaWdlc3QiOi"
            "IwZWJkMGZlOGUwNjRmZTllNzRjYTM5MmIyNDIxMWY4MCIsInN1bXMiOiJleGFjdCJ9LDht4IWjEEDpdVeEgTYfQAIm"
            "U7hKxDJA6qyDQKkgSEAEAAEA8D8AIkABAQAB8D8EAAAiQAIBAQEAAAAAAAAACABMCQEGDJRcdRi0IyDI4fCZbJMM"
        ),
        "parted": (
            "TVJUMr0AAAAAAAAATVJUUAJEAQAAAAAAACi1L/1gRAA1BQBECHwAAAB7InJvd3MiOjAsImNvdW50cyI6Inx1MSIsIm"
            "xldmVsbmFtZXMiOlsieCIsImMiXSwibnVtZXJpY10sImVkZzRdLCJjYXRlZ29yaWNhbCI6W1siYiIsIlx1MDBlNzNv"
            "Il1dfQAcwADgPwD0CECamZmZmZnJv+E2fC6c+wtA+H8AAA0AAwdWHoCVLIcAnSKspABtABm4M6Y0V5Qo3Rxjsk0yTV"
            "JUUALYAAAAAAAAACi1L/0g2P0EAMQIVAAAAHsicm93cyI6NSwiY291bnRzIjoifHUxIiwibGV2ZWxkaWdlc3QiOiIw"
            "ZWJkMGZlOGUwNjRmZTllNzRjYTM5MmIyNDIxMWY4MCJ9LDht4IWjEEDpdVeEgTYfQAImU7hKxDJA6qyDQKkgSEAEAA"
            "EA8D8AIkABAQABIkCqqtu2AgEBAQAAAAAAAAAGAECSqwSDawQEGxw+k22SAQ=="
        ),
    }.items()
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_profiles_of_version_2_are_read(kind):
    like = None if kind in ("whole", "parted") else BASE
    found = TableProfile.from_bytes(WRITTEN[kind], like=like)
    assert found == WINDOW
    assert found.numbers.powers.tobytes() == WINDOW.numbers.powers.tobytes()
    if kind in ("whole", "exact"):
        assert found.numbers.sums.tobytes() == WINDOW.numbers.sums.tobytes()
    else:
        assert found.numbers.sums == pytest.approx(WINDOW.numbers.sums, rel=1e-4)
    # they add up with those of today, and are written as those
    assert (found + WINDOW).columns["x"].mean == WINDOW.columns["x"].mean
    assert TableProfile.from_bytes(found.to_bytes()) == WINDOW


def test_those_without_a_baseline_ask_for_it():
    with pytest.raises(InputError, match="give it: from_bytes"):
        TableProfile.from_bytes(WRITTEN["near"])
    with pytest.raises(InputError, match="another baseline"):
        TableProfile.from_bytes(WRITTEN["near"], like=TableProfile.of({"x": [1.0, 2.0]}))


def test_damage_is_refused_or_harmless():
    whole = WRITTEN["whole"]
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 255
        try:
            TableProfile.from_bytes(bytes(damaged))
        except InputError:
            continue


def test_a_layout_that_contradicts_itself_is_refused():
    common, _own = split(WRITTEN["parted"])
    rows, layout, numbers, _categories = unpack_second(common[13:], int.from_bytes(common[5:13], "little"))
    assert (rows, layout.names, numbers.cells.sum()) == (0, ("x", "c"), 0)
    assert np.array_equal(layout.edges[0], BASE.layout.edges[0])
