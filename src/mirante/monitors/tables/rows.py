"""A table's rows as its monitor reads them: those that one baseline judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mirante.inference_log.kinds import TIME_TYPE
from mirante.monitors.rows import FrameRows
from mirante.sources.rows.drawing import draw_rows, sample_portions, scan_portions, within
from mirante.sources.rows.parquet import ParquetFolder

if TYPE_CHECKING:
    from pathlib import Path

    from mirante.inference_log.steps import Step
    from mirante.monitors.rows import TableSource

__all__ = ["JudgedRows", "SnapshotRows"]


class JudgedRows:
    """Rows from a time on, each with the number of the baseline that judges it.

    Parameters
    ----------
    source : TableSource
        Has the rows.
    version : str
        The baseline's number.
    begin : datetime, optional
        Rows before are the baseline's own, and not judged.
    """

    def __init__(self, source: TableSource, version: str, begin: datetime | None) -> None:
        self._source, self._version, self._begin = source, version, begin

    @property
    def root(self) -> Path | str:
        """Where the rows are."""
        return self._source.root

    def read_new(
        self, model: str, cursor: Mapping[str, Any] | None
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return rows that `cursor` has not had, and the next cursor."""
        table, following = self._source.read_new(model, cursor)
        if table is None:
            return None, following
        return with_version(within(table, self._begin, None), self._version), following

    def new_frame(self, cursor: Mapping[str, Any] | None) -> tuple[Any, dict[str, Any]] | None:
        """Return the rows of a table of Spark that `cursor` has not had, and the next cursor; else None."""
        return self._source.new_frame(cursor) if isinstance(self._source, FrameRows) else None

    def shaped(self, raw: pa.Table) -> pa.Table:
        """Return rows of a table of Spark as `read_new` gives others: what a worker does."""
        source: Any = self._source
        return with_version(within(source.shaped(raw), self._begin, None), self._version)

    def plan(self, model: str, cursor: Mapping[str, Any] | None) -> Step | None:
        """Return what `read_new` would read next, where its place is known before; else None."""
        return self._source.plan(model, cursor) if isinstance(self._source, ParquetFolder) else None

    def read_step(self, model: str, step: Step) -> pa.Table:
        """Return the rows that `plan` named, each with the baseline's number."""
        source = self._source
        assert isinstance(source, ParquetFolder)  # noqa: S101 - nothing else was planned
        return with_version(within(source.read_step(model, step), self._begin, None), self._version)

    def scan(
        self,
        model: str,  # noqa: ARG002  a table has the rows of one
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the rows of a time; with the baseline's number, those that it judges."""
        if columns is not None and "__version" not in columns:
            return scan_portions(self._source, columns, start=start, end=end)
        asked = None if columns is None else [*dict.fromkeys([*columns, "__time"])]
        found = scan_portions(self._source, asked, start=start, end=end)
        judged = with_version(within(found, self._begin, None), self._version)
        return judged if columns is None else judged.select(list(columns))

    def sample(
        self,
        model: str,  # noqa: ARG002  a table has the rows of one
        version: str,
        most: int,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str],
        seed: int = 0,
    ) -> pa.Table:
        """Return some rows of a time, drawn uniformly."""
        return sample_portions(self._source, version, most, start=start, end=end, columns=columns, seed=seed)


class SnapshotRows:
    """All rows of a table as it is now, whatever time is asked for.

    Parameters
    ----------
    source : TableSource
        Has the rows.
    """

    def __init__(self, source: TableSource) -> None:
        self._source = source

    @property
    def root(self) -> Path | str:
        """Where the rows are."""
        return self._source.root

    def portions(self, now: datetime) -> Iterator[pa.Table]:
        """Yield all rows in portions, with the present as their time.

        Parameters
        ----------
        now : datetime
            The present.
        """
        for table in self._source.portions():
            times = pa.repeat(pa.scalar(now, TIME_TYPE), table.num_rows)
            yield table.set_column(table.column_names.index("__time"), "__time", times)

    def read_new(
        self,
        model: str,  # noqa: ARG002  it is the whole table
        cursor: Mapping[str, Any] | None,
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return nothing: a snapshot has no rows that are new."""
        return None, dict(cursor or {})

    def scan(
        self,
        model: str,  # noqa: ARG002  it is the whole table
        *,
        start: datetime | None = None,  # noqa: ARG002  it is the whole table
        end: datetime | None = None,  # noqa: ARG002  it is the whole table
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return all rows."""
        return scan_portions(self._source, columns)

    def sample(
        self,
        model: str,  # noqa: ARG002  it is the whole table
        version: str,  # noqa: ARG002  it is the whole table
        most: int,
        *,
        start: datetime | None = None,  # noqa: ARG002  it is the whole table
        end: datetime | None = None,  # noqa: ARG002  it is the whole table
        columns: Sequence[str],
        seed: int = 0,
    ) -> pa.Table:
        """Return some of all rows, drawn uniformly."""
        return draw_rows(self._source.portions(columns), most, columns, seed)


def with_version(table: pa.Table, version: str) -> pa.Table:
    """Return the rows, each with a version, whatever it had."""
    if "__version" in table.column_names:
        table = table.drop_columns(["__version"])
    return table.append_column("__version", pa.repeat(pa.scalar(version, pa.string()), table.num_rows))
