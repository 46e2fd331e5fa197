"""Bytes: small, versioned, and safe to read whatever they hold."""

import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.errors import InputError
from mirante.profiles import TableProfile
from mirante.profiles.codec import VERSION, unpack

BASE = TableProfile.of(
    pd.DataFrame(
        {"x": np.random.default_rng(0).normal(size=20_000), "c": ["ção", '"quoted"', "", "日本"] * 5_000}
    )
)
DATA = BASE.to_bytes()


def test_hostile_names_survive():
    assert TableProfile.from_bytes(DATA) == BASE
    assert set(TableProfile.from_bytes(DATA).columns["c"].levels) == {"ção", '"quoted"', "", "日本"}


def test_bytes_are_few():
    rng = np.random.default_rng(1)
    names = [f"x{i}" for i in range(8)]
    base = TableProfile.of({name: rng.lognormal(size=50_000) for name in names})
    for rows, most in ((500, 2_000), (500_000, 6_000)):
        window = TableProfile.of({name: rng.lognormal(size=rows) for name in names}, like=base)
        assert len(window.to_bytes(like=base)) < most * len(names)
        assert len(window.to_bytes()) < 20_000 * len(names)


def test_bytes_without_their_baseline_ask_for_it():
    window = TableProfile.of({"x": [0.5], "c": ["ção"]}, like=BASE)
    data = window.to_bytes(like=BASE)
    assert TableProfile.from_bytes(data, like=BASE) == window
    with pytest.raises(InputError, match="give it: from_bytes"):
        TableProfile.from_bytes(data)
    with pytest.raises(InputError, match="another baseline"):
        TableProfile.from_bytes(data, like=TableProfile.of({"x": [0.5], "c": ["ção"]}))
    with pytest.raises(InputError, match="was not counted with `like`"):
        window.to_bytes(like=TableProfile.of({"x": [1.0]}))


def test_another_version_is_refused_by_number():
    for version, todo in ((VERSION + 1, "update Mirante"), (VERSION - 1, "profile the data again")):
        with pytest.raises(InputError, match=f"version {version} .*{todo}"):
            unpack(DATA[:4] + bytes([version]) + DATA[5:])


def test_a_promise_of_too_much_memory_is_refused():
    with pytest.raises(InputError, match="at most"):
        unpack(struct.pack("<4sBQ", b"MRTP", VERSION, 1 << 60) + b"x")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_damage_is_an_input_error_or_harmless(place, change):
    damaged = bytearray(DATA)
    damaged[place] ^= change
    try:
        TableProfile.from_bytes(bytes(damaged))
    except InputError:
        return


@pytest.mark.parametrize("keep", [0, 3, 12, 13, 40, len(DATA) // 2, len(DATA) - 1])
def test_cut_bytes_are_refused(keep):
    with pytest.raises(InputError):
        TableProfile.from_bytes(DATA[:keep])
