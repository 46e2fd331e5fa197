"""What an outlier detector found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.notebook import html_result, html_table
from mirante.outliers.rows import Value

__all__ = ["OutlierReason", "OutlierResult", "OutlierRow", "OutlierVerdict"]

Floats = NDArray[np.float64]
_SHOWN = 20
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class OutlierReason:
    """One column that makes a row strange.

    Parameters
    ----------
    column : str
        Its name; for an array its place.
    value : float, int, str, bool or None
        The row's value, None where it is missing; moments in time in ISO 8601.
    contribution : float
        Above 0. Isolation forest: how much of the strangeness comes from this column, where 1 doubles the
        score of the average row (-0.5 becomes -1). Robust z: abs(z).
    """

    column: str
    value: Value
    contribution: float


@dataclass(frozen=True, slots=True)
class OutlierRow:
    """A row and what makes it strange.

    Parameters
    ----------
    position : int
        Of the row in the data, from 0.
    score : float
        Lower is stranger.
    reasons : tuple of OutlierReason
        Columns, the largest contribution first; empty when no column is strange.
    method : {"isolation_forest", "robust_z"}
        What the contributions come from; where both were asked, the one to which the row is stranger.
    """

    position: int
    score: float
    reasons: tuple[OutlierReason, ...]
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class OutlierVerdict:
    """Rows held against the threshold that was calibrated on the baseline.

    Parameters
    ----------
    rows : int
        How many were looked at.
    outliers : int
        How many score below the threshold.
    ratio : float
        Share of outliers, 0 to 1; NaN without rows.
    threshold : float
        From `OutlierDetector.calibrate`.
    flagged : ndarray of bool, shape (rows,)
        Which.
    top : tuple of OutlierRow
        The strangest of them, strangest first.
    """

    rows: int
    outliers: int
    ratio: float
    threshold: float
    flagged: NDArray[np.bool_]
    top: tuple[OutlierRow, ...]

    def _repr_html_(self) -> str:
        """Return a table of the strangest rows for a notebook, every text escaped."""
        sentence = f"{self.outliers:,} of {self.rows:,} rows score below {self.threshold:.4g}."
        rows = [
            (
                f"{row.position:,}",
                f"{row.score:.4g}",
                ", ".join(f"{one.column} = {_short(one.value)}" for one in row.reasons),
            )
            for row in self.top
        ]
        return html_result(sentence, html_table(("row", "score", "because of"), rows))


@dataclass(frozen=True, slots=True, eq=False)
class OutlierResult(Mapping[str, Any]):
    """What was found; each field is a key as well.

    Parameters
    ----------
    outlier_indices : ndarray of int, shape (total_outliers,)
        Positions of the outliers, ascending.
    outlier_scores : ndarray of float64, shape (total_outliers,)
        Their scores; lower is stranger. `OutlierDetector` says what they are.
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

    def _repr_html_(self) -> str:
        """Return a table of the strangest rows for a notebook."""
        sentence = f"{self.total_outliers:,} of {self.rows:,} rows are outliers ({self.ratio:.1%})."
        order = np.argsort(self.outlier_scores, kind="stable")[:_SHOWN]
        rows = [(f"{self.outlier_indices[at]:,}", f"{self.outlier_scores[at]:.4g}") for at in order]
        return html_result(sentence, html_table(("row, strangest first", "score"), rows))

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


def _short(value: Value) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else "missing" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
