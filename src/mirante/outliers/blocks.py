"""Work on rows, block by block and on all cores, so that memory does not grow with the rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["BLOCK", "in_blocks"]

BLOCK = 16_384  # rows: 20 columns of float32 are 1.3 MB, which stays in the cache over all trees of a forest


def in_blocks(
    rows: int, work: Callable[[int, int], None], *, block: int = BLOCK, threads: int | None = None
) -> None:
    """Call ``work(begin, end)`` for blocks that cover all rows.

    Parameters
    ----------
    rows : int
        How many; with none, nothing is called.
    work : callable
        Writes its part of a result; it is called from several threads, in any order.
    block : int
        Rows of a block; the last may have fewer.
    threads : int, optional
        As many as cores that this process may use, when not given. A single block stays in the caller's
        thread.

    Raises
    ------
    Exception
        What `work` raised first, in the order of the blocks.

    Examples
    --------
    >>> found = [0] * 5
    >>> def square(begin, end):
    ...     found[begin:end] = [number**2 for number in range(begin, end)]
    >>> in_blocks(5, square, block=2)
    >>> found
    [0, 1, 4, 9, 16]
    """
    spans = [(begin, min(begin + block, rows)) for begin in range(0, rows, block)]
    workers = min(threads or _cores(), len(spans))
    if workers < 2:
        for begin, end in spans:
            work(begin, end)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda span: work(*span), spans):
            pass


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
