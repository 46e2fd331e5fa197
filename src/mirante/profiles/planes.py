"""Numbers as few bytes: those of one place side by side, compressed part by part; bounded when read.

Counts are small and much alike, so their lowest bytes compress to what they say and the others to nothing.
Of floating numbers the two bytes with sign and exponent do; the others are nearly as they come.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PlanesReader", "PlanesWriter"]

_WIDTH, _PLANES = 8, 4  # bytes of a number; its parts of two bytes, of which the last tells the size
_SHORT = 64  # bytes; what is shorter is not worth the time

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


class PlanesWriter:
    """Takes parts, one after another, each compressed where that makes it shorter.

    Parameters
    ----------
    level : int
        Of the compression: 1 is quick, 19 is for what is kept long.

    Examples
    --------
    >>> writer = PlanesWriter(1)
    >>> writer.counts(np.array([3, 0, 300]))
    >>> writer.floats(np.array([0.5, -1.0]))
    >>> reader = PlanesReader(writer.done(), writer.size)
    >>> reader.counts(3).tolist(), reader.floats(2).tolist()
    ([3, 0, 300], [0.5, -1.0])
    """

    def __init__(self, level: int) -> None:
        import pyarrow as pa

        self._codec = pa.Codec("zstd", compression_level=level)
        self._parts: list[bytes] = []
        self.size = 0

    def raw(self, part: bytes) -> None:
        """Add bytes.

        Parameters
        ----------
        part : bytes
            May be empty.
        """
        packed = self._codec.compress(part, asbytes=True) if len(part) >= _SHORT else part
        kept = packed if len(packed) < len(part) else part
        self._parts += [_number(len(part)), _number(len(kept)), kept]
        self.size += len(part)

    def counts(self, counts: Counts) -> None:
        """Add whole numbers, in as many bytes each as the largest needs; 8 where one is below zero."""
        if not counts.size:
            return
        most, least = int(counts.max()), int(counts.min())
        width = _WIDTH if least < 0 else (most.bit_length() + 7) // 8
        self.raw(b"".join((counts >> 8 * place).astype(np.uint8).tobytes() for place in range(width)))

    def floats(self, floats: Floats) -> None:
        """Add floating numbers, to the last bit."""
        if not floats.size:
            return
        planes = floats.astype("<f8", copy=False).ravel().view("<u2").reshape(-1, _PLANES).T
        self.raw(planes[-1].tobytes())
        self.raw(planes[:-1].tobytes())

    def done(self) -> bytes:
        """Return all parts as one."""
        return b"".join(self._parts)


class PlanesReader:
    """Gives the parts back in the order in which they were written.

    Parameters
    ----------
    data : bytes
        Needs no trust.
    size : int
        That all parts may have together, unpacked; no more are unpacked.

    Notes
    -----
    What is wrong with the bytes raises ValueError, or what Arrow raises.
    """

    def __init__(self, data: bytes, size: int) -> None:
        import pyarrow as pa

        self._codec = pa.Codec("zstd")
        self._data, self._place, self._left = memoryview(data), 0, size

    def raw(self) -> Any:
        """Return the next bytes, as anything that numpy takes."""
        size, packed = self._number(), self._number()
        if size > self._left:
            raise ValueError("it is longer than it says")
        self._left -= size
        part = self._data[self._place : self._place + packed]
        if len(part) < packed:
            raise ValueError("its end is missing")
        self._place += packed
        return part if packed == size else self._codec.decompress(part, size, asbytes=True)

    def counts(self, count: int) -> Counts:
        """Return the next whole numbers.

        Parameters
        ----------
        count : int
            How many.
        """
        if not count:
            return np.empty(0, np.int64)
        planes = np.frombuffer(self.raw(), np.uint8)
        width = planes.size // count
        if planes.size != width * count or width > _WIDTH:
            raise ValueError(f"{planes.size} bytes for {count} counts")
        found = planes[:count].astype(np.int64) if width else np.zeros(count, np.int64)
        for place in range(1, width):
            found |= planes[place * count : (place + 1) * count].astype(np.int64) << 8 * place
        return found

    def floats(self, count: int) -> Floats:
        """Return the next floating numbers.

        Parameters
        ----------
        count : int
            How many.
        """
        if not count:
            return np.empty(0)
        top, rest = np.frombuffer(self.raw(), "<u2"), np.frombuffer(self.raw(), "<u2")
        if top.size != count or rest.size != (_PLANES - 1) * count:
            raise ValueError(f"{top.nbytes + rest.nbytes} bytes for {count} numbers")
        found = np.empty((count, _PLANES), "<u2")
        for place in range(_PLANES - 1):  # one after another: each is a loop over all numbers
            found[:, place] = rest[place * count : (place + 1) * count]
        found[:, -1] = top
        return found.view("<f8").ravel().astype(np.float64, copy=False)

    def end(self) -> None:
        """Check that nothing is left over."""
        if self._left or self._place != len(self._data):
            raise ValueError("there is more than belongs there")

    def _number(self) -> int:
        found = shift = 0
        while shift < 64:
            if self._place >= len(self._data):
                raise ValueError("its end is missing")
            byte = self._data[self._place]
            self._place += 1
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7
        raise ValueError("a length has no end")


def _number(value: int) -> bytes:
    """Return a number, 7 bits in each byte, the lowest first."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
