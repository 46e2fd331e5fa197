"""Writing a sealed segment again without some of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.sealing import write_sealed

__all__ = ["DRAFT", "rewrite"]

DRAFT = ".del"
"""The end of the name under which it is written first."""


def rewrite(file: SealedFile, masks: Mapping[int, Any], token: str, target: Path) -> None:
    """Write a sealed segment without some rows. The others keep their numbers, so that readers go on.

    Parameters
    ----------
    file : SealedFile
        What is there.
    masks : mapping of int to ndarray of bool
        The rows that go, by row group.
    token : str
        Names the request.
    target : Path
        Where to; what is there is replaced.
    """

    def groups() -> Iterator[tuple[int, pa.Table, Sequence[int]]]:
        for piece, table in file.load(file.pieces):
            lost = masks.get(piece.number)
            if lost is None or not lost.any():
                yield piece.first, table, piece.gaps
                continue
            numbers = [piece.number_at(int(place)) for place in np.flatnonzero(lost)]
            left = table.filter(pa.array(~lost))
            if left.num_rows:
                yield piece.first, left, sorted([*piece.gaps, *numbers])

    count = sum(int(mask.sum()) for mask in masks.values())
    beside = target.with_name(f".{target.name}{DRAFT}")
    deleted = file.deleted | {token: file.deleted.get(token, 0) + count}
    write_sealed(target, file.schema, groups(), beside=beside, deleted=deleted)
