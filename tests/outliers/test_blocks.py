"""Blocks cover every row once, on as many threads as asked for."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from mirante.outliers.blocks import in_blocks


@pytest.mark.parametrize("threads", [1, 2, 3, None])
@pytest.mark.parametrize(("rows", "block"), [(0, 4), (1, 4), (4, 4), (5, 4), (23, 4)])
def test_every_row_is_covered_once(rows: int, block: int, threads: int | None) -> None:
    seen = np.zeros(rows, int)

    def count(begin: int, end: int) -> None:
        assert 0 < end - begin <= block
        seen[begin:end] += 1

    in_blocks(rows, count, block=block, threads=threads)
    assert seen.tolist() == [1] * rows


def test_blocks_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)  # each block waits for another: alone it would break
    in_blocks(2, lambda begin, end: both.wait(), block=1, threads=2)


def test_one_block_stays_in_the_thread() -> None:
    names = []
    in_blocks(4, lambda begin, end: names.append(threading.current_thread().name), block=4)
    assert names == [threading.current_thread().name]


def test_what_a_block_raises_comes_out() -> None:
    def fail(begin: int, end: int) -> None:
        raise ValueError(f"row {begin}")

    with pytest.raises(ValueError, match="row 0"):
        in_blocks(9, fail, block=3, threads=2)
