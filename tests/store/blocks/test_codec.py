"""What is packed comes out bit for bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from mirante.store.blocks.codec import Block, Unpacked, pack, unpack, unpack_times
from mirante.store.types import AnyText

_STEPS = st.one_of(
    st.integers(1, 3), st.sampled_from([3_600_000_000, 86_400_000_000]), st.integers(1, 2**45), st.just(2**40)
)


def _kept(text: str) -> str:
    return AnyText().process_bind_param(text, sqlite.dialect()) or ""


_KEPT = st.text(max_size=20).map(_kept)
_READING = st.tuples(_STEPS, st.floats(), st.one_of(st.just(""), _KEPT))


def row(id_: int, block: Block) -> tuple[Any, ...]:
    return (id_, block.first, block.last, block.rows, block.times, block.data)


@given(
    st.lists(st.tuples(st.integers(-(2**50), 2**50), st.lists(_READING, min_size=1, max_size=60)), max_size=4)
)
def test_blocks_come_out_as_they_went_in(series: list[tuple[int, list[Any]]]) -> None:
    micros = [first + np.cumsum([step for step, *_ in some]) for first, some in series]
    values = [np.array([value for _, value, _ in some]) for _, some in series]
    notes = [[note for *_, note in some] for _, some in series]
    made = [pack(*one) for one in zip(micros, values, notes, strict=True)]
    found = unpack([row(place, block) for place, block in enumerate(made)])
    for place, block in enumerate(made):
        mine = found.ids == place
        assert found.micros[mine].tolist() == micros[place].tolist()
        assert found.values[mine].tobytes() == values[place].tobytes()
        assert (
            [found.notes[n] for n in np.flatnonzero(mine)] == notes[place]
            if found.notes
            else not any(notes[place])
        )
        assert (
            unpack_times(block.first, block.last, block.rows, block.times).tolist() == micros[place].tolist()
        )
    assert found.values.flags.writeable
    assert unpack([row(0, block) for block in made], notes=False).notes == ()


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000, 1])
def test_every_bit_of_a_number_stays(bits: int) -> None:
    values = np.array([bits, 0, bits], dtype=np.uint64).view(np.float64)
    block = pack(np.arange(3), values, [""] * 3)
    assert unpack([row(1, block)]).values.tobytes() == values.tobytes()


def test_what_is_even_or_alike_takes_few_bytes() -> None:
    hours = np.arange(100) * 3_600_000_000
    flags, drift = (np.arange(100) % 33 == 0).astype(float), np.random.default_rng(1).random(100)
    assert len(pack(hours, flags, [""] * 100).data) < 60
    block = pack(hours, drift, [""] * 100)
    assert (len(block.data), block.times) == (805, b"")
    torn = np.delete(hours, 50)
    assert len(pack(torn, drift[:99], [""] * 99).times) < 40
    assert len(pack(torn[48:52], drift[:4], [""] * 4).times) == 12
    with_notes = pack(hours, drift, ["column_1 drifted: median 12.1 -> 31.4"] * 100)
    assert len(with_notes.data) < 900


def test_parts_of_what_came_out() -> None:
    found = Unpacked(
        np.array([1, 1, 2, 3]), np.arange(4), np.array([0.5, math.nan, math.nan, -math.inf]), list("abcd")
    )
    assert found.of([1, 3]).notes == ["a", "b", "d"]
    assert found.of([1, 2, 3]) is found
    assert found.of([]).peaks() == {}
    peaks = found.peaks()
    assert (peaks[1], math.isnan(peaks[2]), peaks[3]) == (0.5, True, -math.inf)
