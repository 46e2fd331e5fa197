"""Reading the inference log: what is new since a cursor, or a range of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.inference_log.cursor import Cursor
from mirante.inference_log.drops import Drops, read_drops
from mirante.inference_log.frames import Piece
from mirante.inference_log.kinds import META, META_TYPES, common_schema, fit
from mirante.inference_log.names import name_of, quote_name
from mirante.inference_log.repair import Repair, repair
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import OPEN, SEALED, SegmentName, list_segments
from mirante.inference_log.stream import StreamFile
from mirante.inference_log.tallies import Tally, read_tally

__all__ = ["InferenceLog"]

VERSION = "__version"
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_File = StreamFile | SealedFile


class InferenceLog:
    """The predictions that recorders wrote below one folder. Reads while they write.

    Parameters
    ----------
    root : path
        The folder that the recorders were given. It may not be there yet.

    Notes
    -----
    Tables have the features under their own names, then ``__id`` (text), ``__time`` (microseconds, UTC),
    ``__latency`` (seconds, may be null), ``__prediction`` (float64, int64 or text) and ``__version`` (text).
    Segments may differ: a column that one lacks is null there, whole numbers and fractions become float64,
    and a column that is number in one and text in another becomes text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     InferenceLog(root).read_new("nobody", None)
    (None, {})
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._files: dict[Path, _File] = {}

    @property
    def damage(self) -> tuple[str, ...]:
        """What was left out of the answers so far because its checksum was wrong, one sentence each."""
        return tuple(text for file in self._files.values() for text in file.damage.values())

    def models(self) -> list[tuple[str, str]]:
        """Return each model and version that has a segment, sorted."""
        found = []
        for folder in _folders(self.root):
            model = name_of(folder)
            versions = [] if model is None else self._versions(model)
            found += [
                (model, version) for version, below in versions if model is not None and list_segments(below)
            ]
        return sorted(found)

    def _versions(self, model: str) -> list[tuple[str, Path]]:
        folders = _folders(self.root / quote_name(model))
        return [(version, folder) for folder in folders if (version := name_of(folder)) is not None]

    def repair(self) -> Repair:
        """Cut the unfinished tails of dead recorders and seal what they left. Living ones are left alone.

        Returns
        -------
        Repair
            What was done, summed over all models.
        """
        done = Repair()
        for model in _folders(self.root):
            for folder in _folders(model):
                done.add(repair(folder))
        return done

    def read_new(
        self, model: str, cursor: Mapping[str, Any] | None, *, limit_rows: int = 500_000
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return the rows of all versions that `cursor` has not had, and the cursor for the next call.

        Parameters
        ----------
        model : str
            The name that the recorder was given.
        cursor : mapping or None
            What the last call returned; None for everything. Keep it where the work on the rows is kept,
            in the same transaction, and each row is worked on exactly once.
        limit_rows : int
            At most so many rows; call again for more.

        Returns
        -------
        table : pyarrow.Table or None
            The rows, in the order in which each process recorded them; None when nothing is new.
        cursor : dict
            JSON-able. It stays right when a segment is sealed or deleted.
        """
        if limit_rows < 1:
            raise InputError(f"limit_rows is {limit_rows} and must be at least 1")
        following = Cursor(cursor)
        tables: list[pa.Table] = []
        left = limit_rows
        for version, folder in self._versions(model):
            listed = self._list(folder)
            for name in listed:
                if left and not following.finished(folder.name, name):
                    got = self._read_segment(following, folder, name, left)
                    tables += [_with_version(table, version) for table in got]
                    left -= sum(table.num_rows for table in got)
            following.forget(folder.name, listed, partial(_find, folder))
        present = {folder.name for _, folder in self._versions(model)}
        for version in [version for version in following.state if version not in present]:
            del following.state[version]
        return (_join(tables) if tables else None), following.state

    def dropped(self, model: str, since: datetime) -> Drops:
        """Return the rows that recorders could not bring here, of those recorders that lost any lately.

        Parameters
        ----------
        model : str
            The name that the recorder was given.
        since : datetime
            Recorders that dropped none since then are left out; with a time zone.

        Examples
        --------
        >>> from datetime import UTC
        >>> InferenceLog("not/there").dropped("churn", datetime(2013, 2, 8, tzinfo=UTC))
        Drops(rows=0, reason='')
        """
        return read_drops(self.root / quote_name(model), since)

    def tally(self, model: str, version: str, since: datetime) -> Tally:
        """Return the errors and broken signatures that serving processes counted, of those that did lately.

        Parameters
        ----------
        model, version : str
            What they serve.
        since : datetime
            Processes that counted none since then are left out; with a time zone.

        Examples
        --------
        >>> from datetime import UTC
        >>> InferenceLog("not/there").tally("churn", "1", datetime(2013, 2, 8, tzinfo=UTC))
        Tally(errors={}, violations={})
        """
        return read_tally(self.root / quote_name(model) / quote_name(version), since)

    def _list(self, folder: Path) -> dict[SegmentName, Path]:
        listed = list_segments(folder)
        for path in [path for path in self._files if path.parent == folder]:
            if SegmentName.parse(path.stem) not in listed:
                del self._files[path]  # deleted: a service runs for months
        return listed

    def _read_segment(self, cursor: Cursor, folder: Path, name: SegmentName, limit: int) -> list[pa.Table]:
        begin = cursor.consumed(folder.name, name)

        def read(file: _File) -> tuple[list[pa.Table], int, bool]:
            tables: list[pa.Table] = []
            past, left = begin, limit
            for piece, table in file.load([piece for piece in file.pieces if piece.past > begin]):  # type: ignore[misc]  # its own
                tables.append(table.slice(max(past - piece.first, 0), left))
                past = max(past, piece.first) + tables[-1].num_rows
                left -= tables[-1].num_rows
                if not left:
                    break
            last = max(begin, file.pieces[-1].past if file.pieces else 0)
            past = last if left else past  # a damaged piece at the end: noted in `damage`, and passed over
            return tables, past, isinstance(file, SealedFile) and past >= last

        outcome: tuple[list[pa.Table], int, bool] | None = self._with_file(folder, name, read)
        if outcome is None:
            return []
        tables, past, finished = outcome
        if finished or past > begin:
            cursor.consume(folder.name, name, past, finished=finished)
        return tables

    def _with_file(self, folder: Path, name: SegmentName, work: Callable[[_File], Any]) -> Any:
        """Return ``work(file)``; tried again when the segment is sealed meanwhile, None when it is gone."""
        for _ in range(3):
            path = _find(folder, str(name))
            if path is None:
                return None
            try:
                file = self._files.get(path)
                if file is None:
                    self._files.pop(path.with_suffix(OPEN), None)
                    file = self._files[path] = SealedFile(path) if path.suffix == SEALED else StreamFile(path)
                file.refresh()
                return work(file)
            except FileNotFoundError:
                self._files.pop(path, None)
        return None

    def scan(
        self,
        model: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the rows of all versions whose ``__time`` is in ``[start, end)``.

        Only the batches and row groups that can hold such a time are read.

        Parameters
        ----------
        model : str
            The name that the recorder was given.
        start, end : datetime, optional
            With a time zone; open without.
        columns : sequence of str, optional
            Names of the columns to return, in that order; all without. Segments that lack one give null.

        Raises
        ------
        InputError
            If a time has no zone, or no segment of the model has one of `columns`.
        """
        wanted = None if columns is None else [*dict.fromkeys([*columns, "__time"])]
        tables = []
        schemas = [pa.schema([(VERSION, pa.string())])]
        for version, schema, found in self._segments_within(model, start, end, wanted):
            schemas.append(schema)
            tables += [_with_version(table, version) for table in found]
        return _select(tables, common_schema(schemas), columns)

    def sample(
        self,
        model: str,
        version: str,
        most: int,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str],
        seed: int = 0,
    ) -> pa.Table:
        """Return rows of one version whose ``__time`` is in ``[start, end)``: all, or `most` of them by lot.

        No more than one segment's rows of that time are in memory at once, however long the time is.

        Parameters
        ----------
        model, version : str
            As the recorder was given them.
        most : int
            At most so many rows; each row of the time is as likely to be among them as any other.
        start, end : datetime, optional
            With a time zone; open without.
        columns : sequence of str
            Names of the columns to return, in that order. One that no segment has is left out.
        seed : int
            Of the lot: the same rows come again for the same seed while the files hold the same.

        Returns
        -------
        pyarrow.Table
            In the order of `scan`.

        Raises
        ------
        InputError
            If a time has no zone, or `most` is less than 1.

        Examples
        --------
        >>> InferenceLog("not/there").sample("churn", "1", 100, columns=["age"]).num_rows
        0
        """
        if most < 1:
            raise InputError(f"most is {most} and must be at least 1")
        wanted = [*dict.fromkeys([*columns, "__time"])]
        lots = np.random.default_rng(seed)
        drawn: list[tuple[NDArray[np.float64], pa.Table]] = []
        schemas = [pa.schema([(VERSION, pa.string())])]
        for _, schema, found in self._segments_within(model, start, end, wanted, only=version):
            schemas.append(schema)
            for table in found:
                drawn.append((lots.random(table.num_rows), table))
            drawn = _smallest(drawn, most)
        schema = common_schema(schemas)
        names = [name for name in columns if name in schema.names]
        return _select([table for _, table in drawn], schema, names)

    def _segments_within(
        self,
        model: str,
        start: datetime | None,
        end: datetime | None,
        columns: Sequence[str] | None,
        only: str | None = None,
    ) -> Iterator[tuple[str, pa.Schema, list[pa.Table]]]:
        """Yield version, schema and rows in ``[start, end)`` of each segment, of one version or of all."""
        low, high = _microseconds(start, _SMALLEST), _microseconds(end, _LARGEST)
        for version, folder in self._versions(model):
            if only is not None and version != only:
                continue
            for name in self._list(folder):
                found = self._with_file(
                    folder, name, lambda file: (file.schema, _within(file, low, high, columns))
                )
                if found is not None and found[0] is not None:
                    yield version, *found


def _smallest(
    drawn: list[tuple[NDArray[np.float64], pa.Table]], most: int
) -> list[tuple[NDArray[np.float64], pa.Table]]:
    """Keep the rows with the `most` smallest lots."""
    every = np.concatenate([lots for lots, _ in drawn]) if drawn else np.empty(0)
    if every.size <= most:
        return drawn
    limit = np.partition(every, most - 1)[most - 1]
    return [(lots[lots <= limit], table.filter(pa.array(lots <= limit))) for lots, table in drawn]


def _folders(parent: Path) -> Iterator[Path]:
    if parent.is_dir():
        yield from sorted(
            path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")
        )


def _find(folder: Path, stem: str) -> Path | None:
    """Return the file of a segment. The sealed one, which comes before the other goes, is asked for twice."""
    for suffix in (SEALED, OPEN, SEALED):
        path = folder / f"{stem}{suffix}"
        if path.exists():
            return path
    return None


def _with_version(table: pa.Table, version: str) -> pa.Table:
    text = version.encode("utf-8", "backslashreplace").decode("utf-8")
    return table.append_column(VERSION, pa.repeat(pa.scalar(text, pa.string()), table.num_rows))


def _within(file: _File, low: int, high: int, columns: Sequence[str] | None) -> list[pa.Table]:
    """Return the rows of a segment from `low` up to, not including, `high`, in microseconds."""

    def apart(piece: Piece) -> bool:
        return piece.latest < low or piece.earliest >= high

    tables = []
    for piece, table in file.load([piece for piece in file.pieces if not apart(piece)], columns):  # type: ignore[misc]  # its own
        if piece.earliest < low or piece.latest >= high:
            times = table["__time"].cast(pa.int64())
            table = table.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))  # noqa: PLW2901 - fewer rows
        tables.append(table)
    return tables


def _join(tables: Sequence[pa.Table]) -> pa.Table:
    schema = _ordered(common_schema(table.schema for table in tables))
    return pa.concat_tables([fit(table, schema) for table in tables])


def _ordered(schema: pa.Schema) -> pa.Schema:
    """Return `schema` with features first, the meta columns after them and the version last."""
    features = [field for field in schema if field.name not in META and field.name != VERSION]
    meta = [schema.field(name) for name in (*META, VERSION) if name in schema.names]
    return pa.schema([*features, *meta])


def _select(tables: Sequence[pa.Table], schema: pa.Schema, columns: Sequence[str] | None) -> pa.Table:
    if not len(schema) > 1:  # no segment at all
        schema = pa.schema([*META_TYPES.items(), (VERSION, pa.string())])
        columns = None if columns is None else [name for name in columns if name in schema.names]
    schema = _ordered(schema)
    if columns is not None:
        unknown = [name for name in columns if name not in schema.names]
        if unknown:
            raise InputError(f"no segment has the columns {unknown}; there are {schema.names}")
        schema = pa.schema([schema.field(name) for name in columns])
    tables = [fit(table, schema) for table in tables]
    return pa.concat_tables(tables) if tables else schema.empty_table()


def _microseconds(time: datetime | None, default: int) -> int:
    if time is None:
        return default
    if time.tzinfo is None:
        raise InputError(f"the time {time!r} has no time zone; give an aware datetime")
    seconds = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (seconds.days * 86_400 + seconds.seconds) * 1_000_000 + seconds.microseconds
