"""Reading the inference log: what is new since a cursor, a range of time, or the last rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mirante.errors import ArchiveError, InputError
from mirante.inference_log.cursor import Cursor
from mirante.inference_log.export import Format, export_rows, format_of
from mirante.inference_log.gathering import (
    VERSION,
    join,
    microseconds,
    select,
    selected_schema,
    smallest,
    with_version,
)
from mirante.inference_log.kinds import common_schema, fit
from mirante.inference_log.names import quote_name
from mirante.inference_log.places import last_rows, new_rows
from mirante.inference_log.probabilities import is_probability
from mirante.inference_log.segments import SegmentName
from mirante.inference_log.steps import Step, sealed_rows
from mirante.inference_log.upkeep import Upkeep

__all__ = ["InferenceLog"]

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_LOOKED_AT = 1_000  # rows, for the columns that there are


class InferenceLog(Upkeep):
    """The predictions that recorders wrote below one folder. Reads while they write.

    Parameters
    ----------
    root : path
        The folder that the recorders were given. It may not be there yet.
    archive : str or Archive, optional
        Where its sealed segments are moved to: the URL of a folder, ``s3://bucket/log`` say. What is there
        is part of the log, for everything that reads, deletes or removes.

    Notes
    -----
    Tables have the features under their own names, then ``__id`` (text), ``__time`` (microseconds, UTC),
    ``__latency`` (seconds, may be null), ``__prediction`` (float64, int64 or text) and ``__version`` (text);
    of predictions that are probabilities also one of float64 for each class, see
    `mirante.inference_log.probabilities`.
    Segments may differ: a column that one lacks is null there, whole numbers and fractions become float64,
    and a column that is number in one and text in another becomes text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     InferenceLog(root).read_new("nobody", None)
    (None, {})
    """

    @property
    def damage(self) -> tuple[str, ...]:
        """What was left out of the answers so far because its checksum was wrong, one sentence each."""
        return self._places.damage

    def models(self) -> list[tuple[str, str]]:
        """Return each model and version that has a segment, sorted."""
        folders = self._folders()
        return sorted((model, version) for model, version, folder in folders if self._places.segments(folder))

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
        versions = self._places.versions(model)
        certain = True
        for version, folder in versions:
            listed = self._places.segments(folder)
            for name in listed:
                if left and not following.finished(folder.name, name):
                    got = self._read_segment(following, folder, name, left)
                    tables += [with_version(table, version) for table in got]
                    left -= sum(table.num_rows for table in got)
            if certain := certain and self._places.certain(model):
                following.forget(folder.name, listed, partial(self._places.holds, folder))
        if certain and self._places.certain(model):
            present = {folder.name for _, folder in [*versions, *self._places.versions(model)]}
            for gone in [each for each in following.state if each not in present]:
                del following.state[gone]
        self._places.flush()
        return (join(tables) if tables else None), following.state

    def plan(self, model: str, cursor: Mapping[str, Any] | None, *, limit_rows: int = 500_000) -> Step | None:
        """Return which rows of sealed segments `read_new` would give next, without reading them.

        Parameters
        ----------
        model : str
            The name that the recorder was given.
        cursor : mapping or None
            As for `read_new`.
        limit_rows : int
            At most so many rows.

        Returns
        -------
        Step or None
            For `read_step`, here or on another machine that has the log; None when there are none. What is
            still written is left to `read_new`.
        """
        following, left = Cursor(cursor), limit_rows
        pieces: list[tuple[Any, ...]] = []
        for version, folder in self._places.versions(model):
            for name in self._places.segments(folder) if left else ():
                if not left or following.finished(folder.name, name):
                    continue
                begin, most = following.consumed(folder.name, name), left
                look = partial(sealed_rows, begin=begin, limit=most)
                try:
                    found = self._places.with_file(folder, name, look)
                except ArchiveError:  # as `read_new` has it
                    continue
                if found is None or not found[0]:
                    continue
                rows, past, finished = found
                following.consume(folder.name, name, past, finished=finished)
                pieces.append((version, folder.name, str(name), begin, rows))
                left -= rows
        return Step(tuple(pieces), limit_rows - left, following.state) if pieces else None

    def read_step(self, model: str, step: Step) -> pa.Table:
        """Return the rows that `plan` named.

        Parameters
        ----------
        model : str
            Whose they are.
        step : Step
            From `plan`, also of another process.

        Raises
        ------
        InputError
            If they are not all there any more, or not to be read here.
        ArchiveError
            If they are in an archive that does not answer.
        """
        tables: list[pa.Table] = []
        for version, below, stem, begin, rows in step.pieces:
            folder, name = self.root / quote_name(model) / below, SegmentName.parse(stem)
            look = partial(new_rows, begin=begin, limit=rows)
            found = None if name is None else self._places.with_file(folder, name, look)
            there = [] if found is None else found[0]
            if sum(table.num_rows for table in there) != rows:
                raise InputError(f"{folder / stem} has no longer the {rows:,} rows that it had")
            tables += [with_version(table, version) for table in there]
        return join(tables)

    def __reduce__(self) -> tuple[Any, ...]:
        return InferenceLog, (self.root, self.archive)  # what is open here is not elsewhere

    def _read_segment(self, cursor: Cursor, folder: Path, name: SegmentName, limit: int) -> list[pa.Table]:
        begin = cursor.consumed(folder.name, name)
        try:
            found = self._places.with_file(folder, name, lambda file: new_rows(file, begin, limit))
        except ArchiveError:  # `archive_trouble` says it; the rows come when it answers again
            return []
        if found is None:
            return []
        tables, past, finished = found
        if finished or past > begin:
            cursor.consume(folder.name, name, past, finished=finished)
        return list(tables)

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
        ArchiveError
            If rows are in an archive that cannot be reached.
        """
        wanted = None if columns is None else [*dict.fromkeys([*columns, "__time"])]
        tables = []
        schemas = [pa.schema([(VERSION, pa.string())])]
        for version, schema, found in self._within(model, start, end, wanted):
            schemas.append(schema)
            tables += [with_version(table, version) for table in found]
        return select(tables, common_schema(schemas), columns)

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
        for _, schema, found in self._within(model, start, end, wanted, only=version):
            schemas.append(schema)
            for table in found:
                drawn.append((lots.random(table.num_rows), table))
            drawn = smallest(drawn, most)
        schema = common_schema(schemas)
        names = [name for name in columns if name in schema.names]
        return select([table for _, table in drawn], schema, names)

    def newest(self, model: str, most: int, *, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of all versions that were recorded last, oldest first.

        Parameters
        ----------
        model : str
            The name that the recorder was given.
        most : int
            At most so many, of the segments that were begun last.
        columns : sequence of str, optional
            As for `scan`.

        Examples
        --------
        >>> InferenceLog("not/there").newest("churn", 10).num_rows
        0
        """
        wanted = None if columns is None else [*dict.fromkeys([*columns, "__time"])]
        places = [
            (name, version, folder)
            for version, folder in self._places.versions(model)
            for name in self._places.segments(folder)
        ]
        tables: list[pa.Table] = []
        schemas = [pa.schema([(VERSION, pa.string())])]
        left = most
        for name, version, folder in sorted(places, reverse=True):
            if left <= 0:
                break
            found = self._places.with_file(
                folder,
                name,
                lambda file: (file.schema, last_rows(file, left, wanted)),  # noqa: B023 - called at once
            )
            if found is not None and found[0] is not None:
                schemas.append(found[0])
                tables += [with_version(table, version) for table in reversed(found[1])]
                left = most - sum(table.num_rows for table in tables)
        found = select(tables, common_schema(schemas), wanted).sort_by("__time")
        return (
            found
            if columns is None
            else found.select([name for name in columns if name in found.column_names])
        )

    def prediction_columns(self, model: str) -> list[str]:
        """Return the columns that say what was predicted, by the newest rows.

        Parameters
        ----------
        model : str
            The name that the recorder was given.

        Returns
        -------
        list of str
            ``__prediction``, and a column for each class where predictions are probabilities.

        Examples
        --------
        >>> InferenceLog("not/there").prediction_columns("churn")
        ['__prediction']
        """
        names = self.newest(model, _LOOKED_AT).column_names
        return ["__prediction", *filter(is_probability, names)]

    def present(self, model: str) -> dict[str, Any]:
        """Return the cursor of one who has read all that is there: `read_new` goes on from it.

        Parameters
        ----------
        model : str
            The name that the recorder was given.
        """
        cursor = Cursor(None)
        for _, folder in self._places.versions(model):
            for name, where in self._places.segments(folder).items():
                if (found := self._places.extent(folder, name, where)) is not None:
                    cursor.consume(folder.name, name, found[0], finished=found[1])
        self._places.flush()
        return cursor.state

    def batches(
        self,
        model: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        version: str | None = None,
    ) -> tuple[pa.Schema, Iterator[pa.Table]]:
        """Return the schema of what `scan` would return, and its rows in portions.

        No more than one segment's rows are in memory at once.

        Parameters
        ----------
        model, start, end, columns
            As for `scan`.
        version : str, optional
            Only this one.

        Raises
        ------
        InputError
            As for `scan`.
        """
        low, high = microseconds(start, _SMALLEST), microseconds(end, _LARGEST)
        schemas = [pa.schema([(VERSION, pa.string())]), *self._places.schemas(model, version)]
        schema = selected_schema(common_schema(schemas), columns)
        wanted = None if columns is None else [*dict.fromkeys([*columns, "__time"])]

        def portions() -> Iterator[pa.Table]:
            for said, _, tables in self._places.within(model, low, high, wanted, version):
                for table in tables:
                    yield fit(with_version(table, said), schema)

        return schema, portions()

    def export(
        self,
        model: str,
        path: str | Path,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        version: str | None = None,
        format: Format | None = None,  # noqa: A002 - the word that callers know
        force: bool = False,
    ) -> int:
        """Write rows as one file of Parquet, CSV or Arrow, in memory that does not grow with their number.

        In CSV an apostrophe comes before texts that a spreadsheet would take for formulas. The file is there
        whole or not at all, and only its owner can read it. What is deleted from the log later stays in it.

        Parameters
        ----------
        model, start, end, columns, version
            As for `batches`.
        path : path
            The file.
        format : {"parquet", "csv", "arrow"}, optional
            By the end of the file's name when not given.
        force : bool, default False
            Whether a file that is there may be replaced.

        Returns
        -------
        int
            Rows.

        Raises
        ------
        InputError
            As for `scan`; if there is no such version, `start` is not before `end`, or the file is there
            already or cannot be written.
        """
        target = Path(path)
        form = format_of(target, format)
        if microseconds(start, _SMALLEST) >= microseconds(end, _LARGEST):
            raise InputError(f"the time begins at {start} and ends at {end}; the end has to be later")
        known = [said for said, _ in self._places.versions(model)]
        if version is not None and version not in known:
            there = ", ".join(map(repr, known)) or "none"
            raise InputError(f"{self.root} has no version {version!r} of {model!r}; there are {there}")
        schema, tables = self.batches(model, start=start, end=end, columns=columns, version=version)
        return export_rows(tables, schema, target, form, force=force)

    def _within(
        self,
        model: str,
        start: datetime | None,
        end: datetime | None,
        columns: Sequence[str] | None,
        only: str | None = None,
    ) -> Iterator[tuple[str, pa.Schema, list[pa.Table]]]:
        """Yield version, schema and rows in ``[start, end)`` of each segment, of one version or of all."""
        return self._places.within(
            model, microseconds(start, _SMALLEST), microseconds(end, _LARGEST), columns, only
        )
