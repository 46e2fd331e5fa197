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


def test_a_window_is_small():
    window = TableProfile.of({"x": np.random.default_rng(1).normal(size=900), "c": ["ção"] * 900}, like=BASE)
    assert len(window.to_bytes()) < 25_000


def test_a_newer_version_is_refused_by_number():
    newer = DATA[:4] + bytes([VERSION + 1]) + DATA[5:]
    with pytest.raises(InputError, match=f"version {VERSION + 1}"):
        unpack(newer)


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
