"""Rows of a database's table or query, read in portions by a key that increases."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import structlog

from mirante.errors import InputError
from mirante.inference_log.kinds import column_of
from mirante.sources.rows.config import SqlConfig
from mirante.sources.rows.database import ReadOnlyDatabase
from mirante.sources.rows.drawing import within
from mirante.sources.rows.keycursor import KeyCursor
from mirante.sources.rows.mapping import ColumnMap, to_times
from mirante.sources.rows.selects import Selects, bound

if TYPE_CHECKING:
    from sqlalchemy import Select

__all__ = ["SqlTable"]

_log = structlog.get_logger("mirante.sources")
_ROWS, _CELLS, _FEWEST = 20_000, 400_000, 500  # of a portion: Python's objects take 50 to 100 bytes each
_CHUNK = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _now() -> datetime:
    return datetime.now(UTC)


class SqlTable:
    """Rows of one table, for monitors. Nothing is ever written to its database.

    With a ``cursor`` rows are read in its order; without, in the order of time and id, and rows whose time
    has not come yet wait. What was read within ``overlap`` is looked at again, since transactions may end in
    another order than they began; a row is known by its key and id, so none comes twice.

    Parameters
    ----------
    config : SqlConfig
        Where the rows are.
    columns : ColumnMap
        Which column is what.
    clock : callable
        Gives the present.
    environ : mapping, optional
        Where ``env:NAME`` is looked up; the process' environment by default.

    Raises
    ------
    ConfigError
        If the address is none, or the password cannot be read.
    """

    def __init__(
        self,
        config: SqlConfig,
        columns: ColumnMap,
        *,
        clock: Callable[[], datetime] = _now,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._config, self._columns = config, columns
        self._database = ReadOnlyDatabase(config, environ)
        self._selects = Selects(config)
        self._clock = clock
        self._untimed = False
        self._early = False

    @property
    def root(self) -> str:
        """The address without its password, and the table."""
        return f"{self._database.name} ({self._config.table or 'query'})"

    @property
    def versioned(self) -> bool:
        """Whether the rows themselves say which version they are of."""
        return self._columns.version is not None

    def names(self) -> list[str]:
        """Return the columns.

        Raises
        ------
        InputError
            If the database does not answer, or there is no such table; with the nearest.
        """
        with self._database.connect() as connection:
            try:
                found = list(connection.execute(self._selects.nothing()).keys())
            except Exception as error:
                hint = self._nearest(connection)
                if hint:
                    raise InputError(hint) from error
                raise
        twice = next((name for name in found if found.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"source.query gives the column {twice!r} more than once; name each differently")
        return found

    def features(self) -> list[str]:
        """Return the columns that are watched.

        Raises
        ------
        InputError
            If the config names a column that is not there.
        """
        names = self.names()
        self._columns.check(names, self.root)
        return self._columns.features(names)

    def _nearest(self, connection: Any) -> str:
        from difflib import get_close_matches

        from sqlalchemy import inspect

        wanted = self._config.table
        if wanted is None:
            return ""
        connection.rollback()
        there = inspect(connection)
        known = [*there.get_table_names(self._config.schema_), *there.get_view_names(self._config.schema_)]
        if wanted in known:
            return ""
        near = get_close_matches(wanted, known, n=1, cutoff=0.5)
        nearest = f"; the nearest is {near[0]!r}" if near else ""
        has = ", ".join(map(repr, known[:20])) or "none that this role sees"
        return f"source.table: {self._database.name} has no table {wanted!r}{nearest} (it has {has})"

    def _columns_there(self) -> list[str]:
        """Return the columns as they are now: SQLite takes a quoted name that is gone for a text."""
        names = self.names()
        self._columns.check_named(names, self.root)
        return names

    def read_new(
        self,
        model: str,  # noqa: ARG002  a table has the rows of one
        cursor: Mapping[str, Any] | None,
        *,
        limit_rows: int = _ROWS,
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return rows that `cursor` has not had, and the cursor for the next call.

        Parameters
        ----------
        model : str
            Whose rows; a table has those of one.
        cursor : mapping or None
            What the last call returned; None for everything.
        limit_rows : int
            At most so many rows; call again for more.

        Returns
        -------
        table : pyarrow.Table or None
            With the columns of the inference log; None when nothing is new.
        cursor : dict
            JSON-able.

        Raises
        ------
        InputError
            If the database does not answer, or a column that the config names is not there.
        """
        known = KeyCursor.of(cursor)
        keys = [str(self._selects.key), str(self._selects.id)]
        names = [*dict.fromkeys([*self._columns.raw(self._columns_there()), *keys])]
        most = min(limit_rows, _ROWS, max(_FEWEST, _CELLS // len(names)))
        rows = self._following(known, names, most)
        if rows is None and known.past is not None:
            rows = self._late(known, names, most)
        if rows is None:
            return None, dict(cursor or known.state)
        return self._mapped(rows, names), known.state

    def _following(self, known: KeyCursor, names: list[str], most: int) -> list[Any] | None:
        """Return the next rows in order, and note them."""
        query = self._selects.after(names, known.past, known.past_id, most)
        rows = self._fetch(query)
        at = self._micros(self._clock())
        if self._selects.by_time and rows:
            # a beginning of nothing but texts that are no times is passed over; at the end they are left, so
            # that the times of tomorrow, which sort before them, do not come too late
            garbage = known.past is None and len(rows) == most
            rows, at = self._until_now(rows, names, at, garbage=garbage)
        if not rows:
            if not self._selects.by_time:
                known.drop(at - self._overlap)
            return None
        known.take(self._keys(rows, names), at)
        known.drop(at - self._overlap)
        return rows

    @property
    def _overlap(self) -> int:
        return self._config.overlap // _MICROSECOND

    def _until_now(
        self, rows: list[Any], names: list[str], now: int, *, garbage: bool
    ) -> tuple[list[Any], int]:
        """Return the rows up to the last whose time has come, and that time."""
        place = names.index(str(self._config.time))
        times = to_times(column_of([row[place] for row in rows]), self._columns.timezone).to_pylist()
        micros = [None if time is None else self._micros(time) for time in times]
        early = next((str(times[i]) for i, time in enumerate(micros) if time is not None and time > now), "")
        if early and not self._early:
            self._early = True
            _log.warning("rows whose time has not come yet wait", source=self.root, first=early)
        come = [i for i, time in enumerate(micros) if time is not None and time <= now]
        if not come:
            return (rows, now) if garbage and not early else ([], now)
        return rows[: come[-1] + 1], max(time for time in micros if time is not None and time <= now)

    def _late(self, known: KeyCursor, names: list[str], most: int) -> list[Any] | None:
        """Return rows before the position that were not there when it was passed, and note them."""
        keys = self._fetch(self._selects.keys_between(known.floor, known.past, known.past_id))
        unseen = known.unseen([(row[0], row[1]) for row in keys])[:most]
        if not unseen:
            return None
        rows: list[Any] = []
        wanted = {id_ for _, id_ in unseen}
        ids = [id_ for _, id_ in unseen]
        for start in range(0, len(ids), _CHUNK):
            rows += self._fetch(self._selects.with_ids(names, ids[start : start + _CHUNK]))
        rows = [row for row in rows if row[names.index(str(self._selects.id))] in wanted]
        found = self._keys(rows, names)
        kept = dict(zip(found, rows, strict=True))
        fresh = known.unseen(list(kept))
        known.take_late(fresh, self._micros(self._clock()) if not self._selects.by_time else 0)
        return [kept[key] for key in fresh] or None

    def _keys(self, rows: Sequence[Any], names: list[str]) -> list[tuple[Any, Any]]:
        key, one = names.index(str(self._selects.key)), names.index(str(self._selects.id))
        return [(row[key], row[one]) for row in rows]

    def _fetch(self, query: Select[Any]) -> list[Any]:
        with self._database.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def _mapped(self, rows: Sequence[Any], names: Sequence[str]) -> pa.Table:
        values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        raw = pa.table({name: column_of(column) for name, column in zip(names, values, strict=True)})
        place = None if self._selects.id is None else self._selects.id
        if place in raw.column_names:
            ids = raw[place].cast(pa.string())
        else:
            ids = pa.nulls(raw.num_rows, pa.string())
        table, untimed = self._columns.rows(raw, ids)
        if untimed and not self._untimed:
            self._untimed = True
            _log.warning("rows without a time that can be read are left out", source=self.root, rows=untimed)
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
            Half-open, with a time zone.
        """
        there = self._columns_there()
        asked = columns if columns is None else [*columns, "__time"]  # those without one are left out
        ids = [self._selects.id] if self._selects.id is not None else []
        names = [*dict.fromkeys([*self._columns.raw(there, asked), *ids])] or there[:1]
        low, high = self._bound(start, upper=False), self._bound(end, upper=True)
        query = self._selects.between(names, str(self._config.time), low, high)
        most = min(_ROWS, max(_FEWEST, _CELLS // len(names)))
        for rows in self._stream(query, most):
            yield within(self._mapped(rows, names), start, end)

    def _stream(self, query: Select[Any], most: int) -> Generator[list[Any]]:
        with self._database.connect() as connection:
            options = {"stream_results": True, "max_row_buffer": most}
            with connection.execution_options(**options).execute(query) as result:
                for part in result.partitions(most):
                    yield [tuple(row) for row in part]

    def _bound(self, time: datetime | None, *, upper: bool) -> Any:
        if time is None or self._config.time is None:
            return None
        column = self._config.time
        query = self._selects.select([column]).where(self._selects.column(column).is_not(None)).limit(1)
        rows = self._fetch(query)
        return bound(time, rows[0][0], self._columns.timezone, upper=upper) if rows else None

    def earliest(self, since: datetime | None = None) -> datetime | None:
        """Return the first time of any row that is not before `since`; None where there is none.

        Parameters
        ----------
        since : datetime, optional
            With a time zone.
        """
        column = str(self._config.time)
        query = self._selects.between([column], column, self._bound(since, upper=False), None, ordered=True)
        with closing(self._stream(query, 1_000)) as portions:
            for rows in portions:
                times = to_times(column_of([row[0] for row in rows]), self._columns.timezone).to_pylist()
                known = [time for time in times if time is not None and (since is None or time >= since)]
                if known:
                    first: datetime = min(known)
                    return first.astimezone(UTC)
        return None

    def fingerprint(self) -> str:
        """Return an empty text: a database does not say whether a table changed."""
        return ""

    @staticmethod
    def _micros(time: datetime) -> int:
        return (time - _EPOCH) // _MICROSECOND
