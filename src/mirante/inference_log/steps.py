"""Rows that are to be read in one go: known by their places, so that others can read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mirante.inference_log.places import SegmentFile
from mirante.inference_log.sealed import SealedFile

__all__ = ["Step", "sealed_rows"]


@dataclass(frozen=True, slots=True)
class Step:
    """What a look would read next, without the rows.

    Parameters
    ----------
    pieces : tuple of tuple
        Where the rows are, as the source that planned it reads them; can be pickled.
    rows : int
        How many rows are there.
    cursor : dict
        The cursor after them.
    """

    pieces: tuple[tuple[Any, ...], ...]
    rows: int
    cursor: dict[str, Any]


def sealed_rows(file: SegmentFile, begin: int, limit: int) -> tuple[int, int, bool] | None:
    """Return what `mirante.inference_log.places.new_rows` would read of a segment, without reading it.

    Parameters
    ----------
    file : SegmentFile
        The segment.
    begin : int
        Number of the first row.
    limit : int
        At most so many rows.

    Returns
    -------
    (int, int, bool) or None
        How many rows, the number after the last, and whether no more can follow; None of a segment that is
        still written.
    """
    if not isinstance(file, SealedFile):
        return None
    past, left = begin, limit
    pieces: Iterable[Any] = [piece for piece in file.pieces if piece.past > begin]
    for piece in pieces:
        place = piece.place(past)
        taken = min(piece.rows - place, left)
        past, left = piece.number_at(place + taken), left - taken
        if not left:
            break
    last = max(begin, file.pieces[-1].past if file.pieces else 0)
    past = last if left else past
    return limit - left, past, past >= last
