"""Rows that come in portions, as one table: of a time, of some columns, by lot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.inference_log.gathering import microseconds, smallest
from mirante.inference_log.kinds import common_schema, fit

__all__ = ["InPortions", "draw_rows", "join_rows", "of_version", "sample_portions", "scan_portions", "within"]

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def within(table: pa.Table, start: datetime | None, end: datetime | None) -> pa.Table:
    """Return the rows whose ``__time`` is in ``[start, end)``.

    Parameters
    ----------
    table : pyarrow.Table
        With ``__time``.
    start, end : datetime, optional
        With a time zone; open without.
    """
    if start is None and end is None:
        return table
    times = table["__time"].cast(pa.int64())
    low, high = microseconds(start, _SMALLEST), microseconds(end, _LARGEST)
    return table.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))


def join_rows(tables: Sequence[pa.Table], columns: Sequence[str] | None, *, strict: bool = True) -> pa.Table:
    """Return portions as one table of some columns; columns widen as in the inference log.

    Parameters
    ----------
    tables : sequence of pyarrow.Table
        Portions.
    columns : sequence of str, optional
        Which, in that order; all when None.
    strict : bool
        Whether a column that no portion has is there, all missing; it is left out otherwise.

    Examples
    --------
    >>> join_rows([pa.table({"x": [1]}), pa.table({"x": [0.5]})], ["x"])["x"].to_pylist()
    [1.0, 0.5]
    """
    schema = common_schema([table.schema for table in tables])
    if columns is not None:
        known = set(schema.names)
        schema = pa.schema(
            [
                schema.field(name) if name in known else pa.field(name, pa.null())
                for name in columns
                if strict or name in known
            ]
        )
    return pa.concat_tables([fit(table, schema) for table in tables]) if tables else schema.empty_table()


def draw_rows(portions: Iterable[pa.Table], most: int, columns: Sequence[str], seed: int) -> pa.Table:
    """Return all rows, or `most` of them by lot, each as likely as any other.

    Parameters
    ----------
    portions : iterable of pyarrow.Table
        No more than one of them, and what is drawn, is in memory at once.
    most : int
        At most so many.
    columns : sequence of str
        Which, in that order; one that no portion has is left out.
    seed : int
        The same rows come again for the same seed.

    Raises
    ------
    InputError
        If `most` is less than 1.
    """
    if most < 1:
        raise InputError(f"most is {most} and must be at least 1")
    lots: Any = np.random.default_rng(seed)
    drawn: list[tuple[NDArray[np.float64], pa.Table]] = []
    for table in portions:
        drawn.append((lots.random(table.num_rows), table))
        drawn = smallest(drawn, most)
    return join_rows([table for _, table in drawn], columns, strict=False)


def of_version(table: pa.Table, version: str) -> pa.Table:
    """Return the rows of one version, where rows say which they are of."""
    if "__version" not in table.column_names:
        return table
    return table.filter(pc.equal(table["__version"], version))


class InPortions(Protocol):
    """Rows that are given in portions: a folder of files, a table of a database, a frame."""

    @property
    def versioned(self) -> bool:
        """Whether rows say which version they are of."""
        ...

    def portions(
        self,
        columns: Sequence[str] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[pa.Table]:
        """Yield all rows, or those of a time."""
        ...


def scan_portions(
    source: InPortions,
    columns: Sequence[str] | None = None,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> pa.Table:
    """Return the rows of a time as one table; see `mirante.inference_log.InferenceLog.scan`.

    Parameters
    ----------
    source : InPortions
        Has the rows.
    columns : sequence of str, optional
        Names of the log's, in that order; all that are watched when None.
    start, end : datetime, optional
        Half-open, with a time zone.
    """
    return join_rows(list(source.portions(columns, start=start, end=end)), columns)


def sample_portions(
    source: InPortions,
    version: str,
    most: int,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: Sequence[str],
    seed: int = 0,
) -> pa.Table:
    """Return some rows of a time by lot; see `mirante.inference_log.InferenceLog.sample`.

    Parameters
    ----------
    source : InPortions
        Has the rows.
    version : str
        Of which, where rows say so; of all where they do not.
    most : int
        At most so many.
    start, end : datetime, optional
        Half-open, with a time zone.
    columns : sequence of str
        Names of the log's, in that order; one that is not there is left out.
    seed : int
        The same rows come again for the same seed.

    Raises
    ------
    InputError
        If `most` is less than 1.
    """
    asked = [*columns, "__version"] if source.versioned else columns
    portions = (of_version(table, version) for table in source.portions(asked, start=start, end=end))
    return draw_rows(portions, most, columns, seed)
