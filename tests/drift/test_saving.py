"""Monitors as bytes: what was written comes back, and nothing else is taken for one."""

from datetime import datetime

import pytest

from mirante.drift.saving import VERSION, pack, unpack
from mirante.errors import InputError
from mirante.profiles import TableProfile

BASE = TableProfile.of({"x": [1.0, 2.0, 2.0], "c": ["a", "b", "a"]})
OWN = [TableProfile.of({"x": [value], "c": ["a"]}, like=BASE) for value in (1.0, 2.0)]
STARTS = [datetime(2013, 1, day) for day in (1, 2)]
DATA = pack(BASE, OWN, STARTS, {"window": "1d", "floor": {"x": 0.1}})


def test_all_of_it_comes_back():
    assert unpack(DATA) == (BASE, OWN, STARTS, {"window": "1d", "floor": {"x": 0.1}})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "these 0 bytes are no drift monitor"),
        (b"nothing of the kind", "no drift monitor"),
        (DATA[:4] + bytes([VERSION + 1]) + DATA[5:], "update Mirante"),
        (DATA[:4] + bytes([VERSION - 1]) + DATA[5:], "mirante baseline"),
        (DATA[:40], "cut or damaged"),
        (DATA[:-5], "cut or damaged"),
    ],
)
def test_what_is_none_is_refused(data, words):
    with pytest.raises(InputError, match=words):
        unpack(data)
