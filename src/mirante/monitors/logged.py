"""Rows of the inference log, under the names that a baseline has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirante.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from mirante.monitors.predictions import Predictions
    from mirante.monitors.rows import RowSource
    from mirante.profiles import TableProfile

__all__ = ["check_enough", "logged_rows"]

_ENOUGH = 0.95  # rows that a few people had deleted are no reason to look at none


def logged_rows(
    log: RowSource,
    model: str,
    version: str,
    start: datetime,
    end: datetime,
    profile: TableProfile,
    predictions: Predictions,
    most: int,
) -> pa.Table:
    """Return rows of a time, as many as were counted in it or at most so many by lot.

    Parameters
    ----------
    log : RowSource
        Where the rows are.
    model, version : str
        Whose rows; those of other versions are left out.
    start, end : datetime
        Half-open.
    profile : TableProfile
        What was counted in that time. Its columns are returned, as far as the log has them.
    predictions : Predictions
        What the model's predictions are.
    most : int
        At most so many rows are returned, drawn uniformly; the same each time.

    Returns
    -------
    pyarrow.Table
        Features, and ``prediction``; of several classes also ``prediction_<class>``.

    Raises
    ------
    InputError
        If the log lacks more than one in twenty of the rows: what is left is no picture of the whole.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.inference_log import InferenceLog
    >>> from mirante.monitors.predictions import Predictions
    >>> from mirante.profiles import TableProfile
    >>> nothing, day = TableProfile.of({"age": []}), datetime(2013, 2, 8, tzinfo=UTC)
    >>> logged_rows(InferenceLog("not/there"), "churn", "1", day, day, nothing,
    ...     Predictions("regression"), 100).num_rows
    0
    """
    features = [name for name in profile.columns if name not in predictions.columns]
    columns = [*features, *predictions.logged]
    found = log.sample(model, version, most, start=start, end=end, columns=columns)
    check_enough(log, found.num_rows, profile.rows, most, start, end)
    said, _ = predictions.profiled(found)
    table = found.select([name for name in features if name in found.column_names])
    for name, column in said.items():
        table = table.append_column(name, column)
    return table


def check_enough(log: RowSource, found: int, counted: int, most: int, start: datetime, end: datetime) -> None:
    """Refuse rows of a time that are no picture of it; those of a few people may have been deleted since.

    Parameters
    ----------
    log : RowSource
        Where they were read.
    found, counted : int
        Rows that were read, and that were counted in that time.
    most : int
        At most so many were asked for.
    start, end : datetime
        Half-open.

    Raises
    ------
    InputError
        If more than one in twenty of the rows is missing.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.inference_log import InferenceLog
    >>> log, day = InferenceLog("not/there"), datetime(2013, 2, 8, tzinfo=UTC)
    >>> check_enough(log, 299, 300, 5_000, day, day)
    >>> check_enough(log, 280, 300, 5_000, day, day)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mirante.errors.InputError: not/there has 280 of the 300 rows from 2013-02-08...
    """
    if found < _ENOUGH * min(counted, most):
        raise InputError(
            f"{log.root} has {found:,} of the {counted:,} rows from "
            f"{start.isoformat()} to {end.isoformat()}; keep its files until their windows are judged"
        )
