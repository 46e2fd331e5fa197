"""Numbers come back to the last bit, and nothing that is said of them is taken for granted."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mirante.profiles.planes import PlanesReader, PlanesWriter

WHOLE = st.integers(-(2**63), 2**63 - 1)


def back(writer):
    return PlanesReader(writer.done(), writer.size)


@given(st.lists(WHOLE | st.integers(0, 300)), st.sampled_from([1, 15]))
def test_counts_come_back(numbers, level):
    counts, writer = np.array(numbers, np.int64), PlanesWriter(level)
    writer.counts(counts)
    assert back(writer).counts(counts.size).tolist() == numbers


@given(arrays.arrays(np.uint64, st.integers(0, 50)))
def test_floats_come_back_bit_for_bit(bits):
    writer = PlanesWriter(1)
    writer.floats(bits.view(np.float64))
    reader = back(writer)
    assert reader.floats(bits.size).view(np.uint64).tolist() == bits.tolist()
    reader.end()


def test_counts_take_as_few_bytes_as_the_largest_needs():
    sizes = []
    for most in (0, 255, 256, 2**24, -1):
        writer = PlanesWriter(1)
        writer.counts(np.array([0, most]))
        sizes.append(writer.size)
    assert sizes == [0, 2, 4, 8, 16]


def test_what_repeats_takes_next_to_nothing():
    writer = PlanesWriter(1)
    writer.counts(np.full(10_000, 7))
    writer.raw(bytes(200))
    assert len(writer.done()) < 100
    assert (back(writer).counts(10_000) == 7).all()


@pytest.mark.parametrize(
    ("data", "size", "read"),
    [
        (b"", 0, lambda one: one.raw()),
        (b"\x02\x02a", 2, lambda one: one.raw()),  # cut
        (b"\x02\x02ab", 1, lambda one: one.raw()),  # more than it said
        (b"\xff" * 12, 2**40, lambda one: one.raw()),  # a length without an end
        (b"\x03\x03abc", 3, lambda one: one.counts(2)),
        (b"\x12\x12" + bytes(18), 18, lambda one: one.counts(2)),  # nine bytes each
        (b"\x02\x02ab\x02\x02ab", 4, lambda one: one.floats(1)),
        (b"\x01\x01ab", 1, lambda one: (one.raw(), one.end())),
        (b"\x01\x01a", 2, lambda one: (one.raw(), one.end())),
    ],
)
def test_what_does_not_agree_is_refused(data, size, read):
    with pytest.raises(ValueError, match=r"\S"):
        read(PlanesReader(data, size))


def test_a_promise_is_held_against_what_may_be_unpacked():
    writer = PlanesWriter(1)
    writer.raw(bytes(10**6))
    with pytest.raises(ValueError, match="longer than it says"):
        PlanesReader(writer.done(), 10**5).raw()
    short = pa.Codec("zstd").compress(bytes(10**6), asbytes=True)
    lie = b"\xe8\x07" + bytes([len(short)]) + short  # says that it is 1,000 bytes long
    with pytest.raises((ValueError, OSError)):
        PlanesReader(lie, 1_000).raw()
