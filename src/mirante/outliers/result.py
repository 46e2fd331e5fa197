"""What an outlier detector found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["OutlierResult"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class OutlierResult(Mapping[str, Any]):
    """What was found; each field is a key as well.

    Parameters
    ----------
    outlier_indices : ndarray of int, shape (total_outliers,)
        Positions of the outliers, ascending.
    outlier_scores : ndarray of float64, shape (total_outliers,)
        Their scores: -1 (isolated at once) to 0; lower is stranger.
    total_outliers : int
        How many there are.
    rows : int
        How many rows were looked at.
    ratio : float
        Share of outliers, 0 to 1.
    missing_rows : int
        Rows with a missing value. They are judged like the others, as scikit-learn does.
    scores : ndarray of float64, shape (rows,)
        Scores of all rows.
    """

    outlier_indices: NDArray[np.intp]
    outlier_scores: Floats
    total_outliers: int
    rows: int
    ratio: float
    missing_rows: int
    scores: Floats

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return any(field.name == key for field in fields(self))

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))
