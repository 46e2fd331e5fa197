"""How much one look reads: by numbers that are known before, so that it can be planned."""

from __future__ import annotations

import math

__all__ = ["Share"]


class Share:
    """Rows and bytes that are left for one look.

    Parameters
    ----------
    rows : int
        At most so many rows.
    size : float
        At most about so many bytes.

    Examples
    --------
    >>> share = Share(100, 1_000.0)
    >>> share.take(60, 10.0), share.take(60, 10.0), share.spent
    (60, 40, True)
    >>> Share(100, 50.0).take(60, 20.0)
    3
    """

    def __init__(self, rows: int, size: float) -> None:
        self.rows = rows
        self._size = size

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.rows <= 0 or self._size <= 0

    def take(self, rows: int, row_bytes: float) -> int:
        """Return how many of some rows are read now.

        Parameters
        ----------
        rows : int
            That are there.
        row_bytes : float
            Bytes of each.
        """
        taken = 0 if self.spent else min(rows, self.rows, math.ceil(self._size / row_bytes))
        self.rows -= taken
        self._size -= taken * row_bytes
        return taken
