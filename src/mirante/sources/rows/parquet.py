"""Rows of Parquet files in a folder: a file that is there is read whole, once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from mirante.errors import InputError
from mirante.inference_log.steps import Step
from mirante.sources.rows.config import ParquetConfig
from mirante.sources.rows.drawing import join_rows, within
from mirante.sources.rows.filecursor import FileCursor
from mirante.sources.rows.footers import batch_rows, groups_from, row_bytes, said_bounds, utc_bounds
from mirante.sources.rows.listing import Stat, open_listing
from mirante.sources.rows.mapping import ColumnMap
from mirante.sources.rows.sharing import Share
from mirante.sources.tables.parquet import folder_values

__all__ = ["ParquetFolder"]

_log = structlog.get_logger("mirante.sources")
_BATCH, _BYTES = 65_536, 64 << 20  # rows read at once, and bytes of what one call returns, by the footers
_MOST_BYTES = 128 << 20  # that it may be in truth: texts may be far larger than in their files
_ROWS = 500_000
_BUFFER = 1 << 18
_PATIENCE = 600.0  # seconds for which a file without footer is taken for one that is being written
_STOP = PurePosixPath()


class ParquetFolder:
    """Rows of a folder of Parquet files, for monitors.

    A file counts as finished: once it has a footer it is read whole, and never again. Those without one are
    left for the next look. That a file was rewritten or has vanished after it was read is said in the
    service's log; its rows stay counted. Rows without a time are left out, which is said too.

    Parameters
    ----------
    config : ParquetConfig
        Where the files are.
    columns : ColumnMap
        Which column is what.
    monotonic : callable
        Seconds that nobody sets.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pq.write_table(pa.table({"at": ["2026-01-31"], "age": [41]}), Path(folder) / "a.parquet")
    ...     config = ParquetConfig(parquet=folder, time="at")
    ...     rows = ParquetFolder(config, config.columns())
    ...     table, cursor = rows.read_new("people", None)
    ...     table["age"].to_pylist(), rows.read_new("people", cursor)[0]
    ([41], None)
    """

    def __init__(
        self,
        config: ParquetConfig,
        columns: ColumnMap,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root = config.parquet
        self._config, self._columns = config, columns
        self._listing = open_listing(config.parquet)
        self._monotonic = monotonic
        self._names: list[str] = []
        self._waiting: dict[str, tuple[Stat, float]] = {}
        self._bounds: dict[str, tuple[datetime, datetime] | None] = {}
        self._gone = 0
        self._untimed = 0
        self._told: set[str] = set()

    @property
    def versioned(self) -> bool:
        """Whether the rows themselves say which version they are of."""
        return self._columns.version is not None

    def names(self) -> list[str]:
        """Return the columns of the first file that can be read; none where there is none yet.

        Raises
        ------
        InputError
            If the folder is not there.
        """
        for name in self._listing.look()[0]:
            with suppress(FileNotFoundError), self._readable(name) as file:
                return self._names_in(file, name)
        return []

    def features(self) -> list[str]:
        """Return the columns that are watched; none where no file can be read yet.

        Raises
        ------
        InputError
            If the config names a column that is not there.
        """
        names = self.names()
        if not names:
            return []
        self._columns.check(names, self.root)
        return [one for one in self._columns.features(names) if one not in self._asides(names)]

    def _asides(self, names: Sequence[str]) -> set[str]:
        """Return the columns that are names of folders, and nothing more."""
        inside = set(names) & {one for name in self._listing.look()[0][:1] for one in self._folders(name)}
        return {one for one in inside if not self._wants(one)}

    def read_new(
        self,
        model: str,  # noqa: ARG002  a table has the rows of one
        cursor: Mapping[str, Any] | None,
        *,
        limit_rows: int = _ROWS,
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return the rows of files that `cursor` has not had, and the cursor for the next call.

        Parameters
        ----------
        model : str
            Whose rows; a folder has those of one.
        cursor : mapping or None
            What the last call returned; None for everything.
        limit_rows : int
            At most so many rows, and about 64 MB; call again for more.

        Returns
        -------
        table : pyarrow.Table or None
            With the columns of the inference log; None when nothing is new.
        cursor : dict
            JSON-able.

        Raises
        ------
        InputError
            If the folder is not there, or a file lacks a column that the config names.
        """
        seen, share = FileCursor(cursor), Share(limit_rows, _BYTES)
        tables: list[pa.Table] = []
        size = 0
        for name, stat in self._unread(seen):
            for table in self._read(seen, name, stat, share):
                tables.append(table)
                size += table.nbytes
                if size >= _MOST_BYTES:
                    break
            if share.spent or size >= _MOST_BYTES:
                break
        rows = sum(table.num_rows for table in tables)
        return (join_rows(tables, None) if rows else None), seen.state

    def plan(
        self,
        model: str,  # noqa: ARG002  a table has the rows of one
        cursor: Mapping[str, Any] | None,
        *,
        limit_rows: int = _ROWS,
    ) -> Step | None:
        """Return which rows `read_new` would give next, by the files' footers; None when nothing is new.

        Parameters
        ----------
        model : str
            Whose rows; a folder has those of one.
        cursor : mapping or None
            As for `read_new`.
        limit_rows : int
            At most so many rows, and about 64 MB.

        Returns
        -------
        Step or None
            For `read_step`, here or on another machine that has the files.
        """
        seen, share = FileCursor(cursor), Share(limit_rows, _BYTES)
        pieces: list[tuple[Any, ...]] = []
        for name, known in self._unread(seen):
            found = self._begin(seen, name, known)
            if found is None:
                continue
            stat, begin = found
            try:
                with self._open(name) as file:
                    self._columns.check_named(self._names_in(file, name), self._said(name))
                    last = file.metadata.num_rows
                    taken = share.take(last - begin, self._row_bytes(file, name))
            except (pa.ArrowException, OSError) as error:
                self._wait(name, stat, error)
                continue
            pieces += [(name, tuple(stat), begin, taken)] if taken else []
            if begin + taken < last:
                seen.proceed(name, stat, begin + taken)
            else:
                seen.finish(name, stat)
            if share.spent:
                break
        return Step(tuple(pieces), limit_rows - share.rows, seen.state) if pieces else None

    def read_step(self, model: str, step: Step) -> pa.Table:  # noqa: ARG002  a table has the rows of one
        """Return the rows that `plan` named.

        Parameters
        ----------
        model : str
            Whose they are.
        step : Step
            From `plan`, also of another process.

        Raises
        ------
        FileNotFoundError
            If a file is not there.
        InputError
            If one is another than it was.
        pyarrow.ArrowException, OSError
            If one is damaged, or cannot be read.
        """
        tables = []
        for name, known, begin, count in step.pieces:
            stat, done = self._listing.stat(name), begin
            if stat is None:
                raise FileNotFoundError(self._listing.path(name))
            if stat != Stat(*known):
                raise InputError(f"{self._listing.path(name)} was rewritten meanwhile")
            with self._open(name) as file:
                for raw in self._portions(file, name, None, begin, count):
                    tables.append(self._mapped(raw, name, done))
                    done += raw.num_rows
        return join_rows(tables, None)

    def __reduce__(self) -> tuple[Any, ...]:
        return ParquetFolder, (self._config, self._columns)  # another machine opens it for itself

    def _unread(self, seen: FileCursor) -> Iterator[tuple[str, Stat | None]]:
        """Yield files that were not read whole, first those that were begun."""
        names, stats = self._listing.look()
        self._compare(seen, names, stats)
        for name in sorted(names, key=lambda one: (not seen.begun(one), one)):
            if not seen.finished(name):
                yield name, stats.get(name)

    def _compare(self, seen: FileCursor, names: Sequence[str], stats: Mapping[str, Stat]) -> None:
        for name, stat in stats.items():
            if seen.finished(name) and seen.rewritten(name, stat):
                self._bounds.pop(name, None)
                _log.warning(
                    "a file was rewritten after it was read; its rows stay counted", file=self._said(name)
                )
        if names != self._names:
            gone = seen.forget(names)
            if gone > self._gone:
                _log.warning(
                    "files that were read have vanished; their rows stay counted", files=gone - self._gone
                )
            self._gone, self._names = gone, list(names)
            for name in self._bounds.keys() - set(names):
                del self._bounds[name]

    def _begin(self, seen: FileCursor, name: str, stat: Stat | None) -> tuple[Stat, int] | None:
        """Return what a file is, and its first row that was not read; None where it is not to be read."""
        stat = stat or self._listing.stat(name)
        if stat is None or self._still_written(name, stat):
            return None
        begin = seen.rows_of(name, stat)
        if begin is None:
            _log.warning(
                "a file was rewritten while it was read; what is left of it is not", file=self._said(name)
            )
            seen.finish(name, stat)
            return None
        return stat, begin

    def _row_bytes(self, file: pq.ParquetFile, name: str) -> float:
        """Return how large a row is, as the footer has it."""
        inside = list(file.schema_arrow.names)
        wanted = self._columns.raw(self._names_in(file, name), None)
        return row_bytes(file.metadata, [one for one in wanted if one in inside] or inside[:1])

    def _read(self, seen: FileCursor, name: str, known: Stat | None, share: Share) -> Iterator[pa.Table]:
        """Yield rows of one file; what was taken is noted before each portion is given away."""
        found = self._begin(seen, name, known)
        if found is None:
            return
        stat, begin = found
        try:
            with self._open(name) as file:
                self._columns.check_named(self._names_in(file, name), self._said(name))
                done, last = begin, file.metadata.num_rows
                most = share.take(last - begin, self._row_bytes(file, name))
                for table in self._portions(file, name, None, begin, most):
                    raw, done = table.num_rows, done + table.num_rows
                    mapped = self._mapped(table, name, done - raw)
                    if done < last:
                        seen.proceed(name, stat, done)
                    else:
                        seen.finish(name, stat)
                    yield mapped
                if done >= last:
                    seen.finish(name, stat)
        except (pa.ArrowException, OSError) as error:
            self._wait(name, stat, error)

    def _still_written(self, name: str, stat: Stat) -> bool:
        """Say whether a file that could not be read is as it was then."""
        known = self._waiting.get(name)
        return known is not None and known[0] == stat and self._monotonic() - known[1] < _PATIENCE

    def _wait(self, name: str, stat: Stat, error: Exception) -> None:
        known = self._waiting.get(name)
        if known is not None and known[0] == stat:
            reason = " ".join(str(error).split())[:200]
            self._tell(f"{name}{stat}", "a file cannot be read; it is tried again", name, error=reason)
        self._waiting[name] = stat, self._monotonic()

    def _tell(self, key: str, text: str, name: str, **more: Any) -> None:
        if key not in self._told:
            self._told.add(key)
            _log.warning(text, file=self._said(name), **more)

    def _said(self, name: str) -> str:
        return name or self.root

    def _open(self, name: str) -> pq.ParquetFile:
        source = self._listing.filesystem.open_input_file(self._listing.path(name))
        try:
            return pq.ParquetFile(source, pre_buffer=False, buffer_size=_BUFFER)
        except BaseException:
            source.close()
            raise

    def _names_in(self, file: pq.ParquetFile, name: str) -> list[str]:
        inside = list(file.schema_arrow.names)
        return [*inside, *(one for one in self._folders(name) if one not in inside)]

    def _folders(self, name: str) -> dict[str, str | None]:
        return folder_values(PurePosixPath(name), _STOP)

    def _portions(
        self, file: pq.ParquetFile, name: str, columns: Sequence[str] | None, begin: int, most: int | None
    ) -> Iterator[pa.Table]:
        """Yield rows with the table's own columns, from the row numbered `begin` on, at most `most`."""
        inside, folders = list(file.schema_arrow.names), self._folders(name)
        named = [one for one in self._names_in(file, name) if one in inside or self._wants(one)]
        wanted = self._columns.raw(named, columns)
        groups, first = groups_from(file.metadata, begin)
        if not groups:
            return
        skip, left = begin - first, most
        kept = [one for one in wanted if one in inside] or inside[:1]  # without a column rows have no number
        size = batch_rows(file.metadata, kept, _BATCH, _BYTES / 8)
        for batch in file.iter_batches(size, row_groups=groups, columns=kept, use_threads=False):
            part = pa.Table.from_batches([batch]).slice(min(skip, batch.num_rows), left)
            skip = max(skip - batch.num_rows, 0)
            for one in wanted:
                if one not in inside:
                    value = pa.scalar(folders[one], pa.string())
                    part = part.append_column(one, pa.repeat(value, part.num_rows))
            if part.num_rows:
                left = None if left is None else left - part.num_rows
                yield part
            if left == 0:
                return

    def _wants(self, folder: str) -> bool:
        """Say whether a column that is a folder's name is more than a place: one that the config names."""
        columns = self._columns
        return folder in columns.named.values() or folder in (columns.include or ())

    def _mapped(self, raw: pa.Table, name: str, first: int) -> pa.Table:
        ids = pa.array([f"{self._said(name)}#{first + row}" for row in range(raw.num_rows)], pa.string())
        table, untimed = self._columns.rows(raw, ids)
        if untimed:
            if not self._untimed:
                _log.warning(
                    "rows without a time that can be read are left out", file=self._said(name), rows=untimed
                )
            self._untimed += untimed
        return table

    def portions(
        self,
        columns: Sequence[str] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[pa.Table]:
        """Yield all rows, or those of a time, with the columns of the inference log.

        Parameters
        ----------
        columns : sequence of str, optional
            Names of the log's; all that are watched when None.
        start, end : datetime, optional
            Half-open, with a time zone. Files whose times lie outside are not read.
        """
        timed = start is not None or end is not None
        asked = columns if columns is None else [*columns, "__time"]  # those without one are left out
        names, _ = self._listing.look()
        for name in names:
            with suppress(FileNotFoundError):
                if timed and not self._overlaps(name, start, end):
                    continue
                with self._readable(name) as file:
                    first = 0
                    for raw in self._portions(file, name, asked, 0, None):
                        yield within(self._mapped(raw, name, first), start, end)
                        first += raw.num_rows

    def _readable(self, name: str) -> pq.ParquetFile:
        try:
            return self._open(name)
        except pa.ArrowException as error:
            raise FileNotFoundError(name) from error  # half-written: its rows were not counted either

    def earliest(self, since: datetime | None = None) -> datetime | None:
        """Return the first time of any row that is not before `since`; None where there is none.

        Parameters
        ----------
        since : datetime, optional
            With a time zone.
        """
        best: datetime | None = None
        for name in self._listing.look()[0]:
            with suppress(FileNotFoundError):
                bounds = self._bound(name)
                if bounds is None or (since is not None and bounds[1] < since):
                    continue
                if best is not None and bounds[0] >= best:
                    continue
                found = bounds[0] if since is None or bounds[0] >= since else self._first_since(name, since)
                best = found if best is None or (found is not None and found < best) else best
        return best

    def _first_since(self, name: str, since: datetime) -> datetime | None:
        with self._readable(name) as file:
            found = [
                part["__time"].to_pylist()
                for raw in self._portions(file, name, ["__time"], 0, None)
                if (part := within(self._mapped(raw, name, 0), since, None)).num_rows
            ]
        return min((min(one) for one in found), default=None)

    def fingerprint(self) -> str:
        """Return a text that changes when any file does."""
        names, _ = self._listing.look()
        return repr([(name, self._listing.stat(name)) for name in names])

    def _overlaps(self, name: str, start: datetime | None, end: datetime | None) -> bool:
        bounds = self._bound(name)
        if bounds is None:
            return False
        return (end is None or bounds[0] < end) and (start is None or bounds[1] >= start)

    def _bound(self, name: str) -> tuple[datetime, datetime] | None:
        """Return first and last time of a file's rows; None where no row has one."""
        if name not in self._bounds:
            with self._readable(name) as file:
                self._bounds[name] = said_bounds(file, self._columns) or self._counted_bounds(file, name)
        return self._bounds[name]

    def _counted_bounds(self, file: pq.ParquetFile, name: str) -> tuple[datetime, datetime] | None:
        known = [
            time
            for raw in self._portions(file, name, ["__time"], 0, None)
            for time in _ends(self._mapped(raw, name, 0)["__time"])
        ]
        return utc_bounds(known) if known else None


def _ends(times: Any) -> list[datetime]:
    import pyarrow.compute as pc

    found = pc.min_max(times)
    return [one for one in (found["min"].as_py(), found["max"].as_py()) if one is not None]
