"""What a baseline is put together from: counts of all its rows, and some of the rows themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mirante.monitors.slices.baselines import SliceBaselines
    from mirante.profiles import TableProfile

__all__ = ["FITTED_ROWS", "CountedRows", "DrawnRows", "fitted_rows"]

FITTED_ROWS = 200_000
"""Rows that the outlier detector and the estimator are fitted to, at most."""
_CELLS = 20_000_000  # of wide tables so many values, 160 MB


def fitted_rows(columns: int) -> int:
    """Return how many rows of a table models are fitted to, at most: 200,000, of wide tables fewer.

    Examples
    --------
    >>> fitted_rows(20), fitted_rows(1_000)
    (200000, 20000)
    """
    return min(FITTED_ROWS, max(_CELLS // max(columns, 1), 10_000))


@dataclass(frozen=True, slots=True)
class CountedRows:
    """What all rows say: counted, so that it does not matter where.

    Parameters
    ----------
    profile : TableProfile
        Of features and prediction.
    own : sequence of TableProfile
        The windows that it consists of.
    starts : sequence of datetime
        Local time at which each begins.
    span : mapping
        First and last time, and the longest silence.
    copies : mapping
        How many rows are copies of another, of all and in each window.
    classes : sequence of str
        Classes that are there, where predictions are classes.
    slices : SliceBaselines, optional
        What is normal in parts of the rows.
    """

    profile: TableProfile
    own: Sequence[TableProfile]
    starts: Sequence[datetime]
    span: Mapping[str, Any]
    copies: Mapping[str, Any]
    classes: Sequence[str] = ()
    slices: SliceBaselines | None = None


@dataclass(frozen=True, slots=True)
class DrawnRows:
    """Rows from everywhere in the table, in its order; all where these are few enough.

    Parameters
    ----------
    features : DataFrame, shape (n, k)
        What the model was given.
    said : ndarray, shape (n,) or (n, c)
        What it said.
    labels : array, shape (n,), optional
        The truth.
    places : sequence of ndarray of int
        The rows of each window.
    sample : pyarrow.Table, optional
        Some rows of the table, which are kept.
    """

    features: pd.DataFrame
    said: Any
    labels: Any = None
    places: Sequence[Any] = ()
    sample: pa.Table | None = field(default=None, repr=False)  # a log is no place for rows
