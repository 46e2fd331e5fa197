"""Bytes: small, versioned, and safe to read whatever they hold."""

import json
import struct
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.errors import InputError
from mirante.parted import split
from mirante.profiles import TableProfile
from mirante.profiles.codec import VERSION, needed, unpack
from mirante.profiles.planes import PlanesWriter

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


def test_an_old_window_takes_little_more_than_its_counts_and_moments():
    rng = np.random.default_rng(2)
    names = [f"x{i}" for i in range(40)]
    base = TableProfile.of({name: rng.normal(size=20_000) for name in names})
    window = TableProfile.of({name: rng.normal(size=900) for name in names}, like=base)
    old = window.coarser()
    common, own = split(old.to_bytes(parted=True))
    assert len(own) < 4_100  # of which 1,900 are what 101 counts of 40 columns say, 1,920 moments and ends
    assert len(common) < 45_000
    assert len(split(window.to_bytes(parted=True))[1]) < 36_000
    assert len(split(window.to_bytes(parted=True))[1]) < len(window.to_bytes(like=base))


WIDE = TableProfile.of(
    {"x": np.random.default_rng(3).normal(size=5_000), "c": ["a", "b"] * 2_500, "n": [7] * 5_000}
)
VALUES = st.floats(allow_nan=True) | st.floats(-4, 4) | st.sampled_from([7.0, 0.0, -0.0])
ROWS = st.lists(st.tuples(VALUES, st.sampled_from(["a", "b", "new", None]), VALUES), max_size=60)


@settings(max_examples=80, deadline=None)
@given(ROWS, ROWS, st.booleans())
def test_profiles_come_back_bit_for_bit_and_add_up_as_before(some, others, coarse):
    like = WIDE.coarser() if coarse else WIDE
    windows = []
    for rows in (some, others):
        columns = zip(*rows, strict=True) if rows else ((), (), ())
        windows.append(TableProfile.of(dict(zip("xcn", map(list, columns), strict=True)), like=like))
    for kwargs in ({}, {"like": like, "exact": True}, {"like": like}, {"parted": True}):
        known = kwargs.get("like")
        back = [TableProfile.from_bytes(one.to_bytes(**kwargs), like=known) for one in windows]
        total, expected = back[0] + back[1], windows[0] + windows[1]
        assert total == expected
        for one, was in zip([*back, total], [*windows, expected], strict=True):
            assert one == was
            assert one.numbers.powers.tobytes() == was.numbers.powers.tobytes()
            if not kwargs or "exact" in kwargs:
                assert one.numbers.sums.tobytes() == was.numbers.sums.tobytes()
        again = back[0].to_bytes(**kwargs)  # what was rounded once stays as it is
        assert again == windows[0].to_bytes(**kwargs)


@pytest.mark.parametrize("exact", [True, False])
def test_sums_where_nothing_was_counted_come_back_too(exact):
    numbers = replace(BASE.numbers, sums=BASE.numbers.sums + 0.5)
    odd = TableProfile(BASE.rows, BASE.layout, numbers, BASE.categories)
    back = TableProfile.from_bytes(odd.to_bytes(like=BASE, exact=exact), like=BASE)
    outer = BASE.layout.bins.outer
    assert back.numbers.sums[outer].tolist() == numbers.sums[outer].tolist()
    assert (back.numbers.sums.tobytes() == numbers.sums.tobytes()) is exact


def test_a_header_that_promises_what_is_not_there_is_refused():
    names = {"names": ["x"], "numeric": ["x"], "categorical": [], "rows": 1}
    for edges in ([10**12], [2**80], [-1], [], ["x"], None):
        writer = PlanesWriter(1)
        writer.raw(bytes(16) + json.dumps({**names, "edges": edges}).encode())
        writer.raw(bytes(16))
        with pytest.raises(InputError, match="cut or damaged"):
            unpack(struct.pack("<4sBQ", b"MRTP", VERSION, writer.size) + writer.done())


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


def test_bytes_say_which_layout_they_need():
    data = BASE.to_bytes(like=BASE)
    assert needed(data) == BASE.layout.digest
    assert needed(DATA) is needed(b"something") is needed(data[:20]) is None
    assert needed(data[:4] + bytes([2]) + data[5:]) is None  # of an earlier version
    writer = PlanesWriter(1)
    writer.raw(b"short")
    assert needed(struct.pack("<4sBQ", b"MRTP", VERSION, writer.size) + writer.done()) is None


def test_another_version_is_refused_by_number():
    for version, todo in ((VERSION + 1, "update Mirante"), (1, "profile the data again")):
        with pytest.raises(InputError, match=f"version {version} .*reads 2 and 3; {todo}"):
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
