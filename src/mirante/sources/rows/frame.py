"""Rows of a data frame in memory: pandas, Polars, Arrow, or whatever else narwhals knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from mirante.errors import InputError
from mirante.inference_log.kinds import column_of
from mirante.sources.rows.config import FrameConfig
from mirante.sources.rows.drawing import within
from mirante.sources.rows.keycursor import KeyCursor
from mirante.sources.rows.mapping import ColumnMap, to_times

__all__ = ["FrameRows", "frame_table"]

_log = structlog.get_logger("mirante.sources")
_ROWS = 500_000  # of what one call returns
_REMEMBERED, _BUCKET = 20_000, 1_000  # rows that are known one by one, and as many are forgotten at once
_KEY = "\x00key"


def frame_table(frame: object) -> pa.Table:
    """Return a data frame as an Arrow table; times keep their zones.

    Parameters
    ----------
    frame : pandas or Polars DataFrame, Polars LazyFrame, Arrow Table, mapping of names to arrays
        Or anything that narwhals knows, or that has ``__arrow_c_stream__``.

    Returns
    -------
    pyarrow.Table
        Values of mixed type become text, unless all are numbers.

    Raises
    ------
    InputError
        If it is no table, or a name comes twice.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.to_datetime(["2026-01-31"]).tz_localize("Asia/Tokyo")
    >>> frame_table(pd.DataFrame({"at": at, "age": ["old"]}))["at"].to_pylist()[0].hour
    15
    """
    import narwhals as nw
    from narwhals.exceptions import NarwhalsError

    if isinstance(frame, Mapping):
        import pandas as pd

        frame = pd.DataFrame({str(name): values for name, values in frame.items()})
    native: Any = frame
    if hasattr(native, "iloc") and hasattr(native, "columns"):  # narwhals refuses names that come twice
        native = native.set_axis([str(name) for name in native.columns], axis="columns")
        _check_names(list(native.columns))
    try:
        known: Any = nw.from_native(native)
    except (TypeError, NarwhalsError) as error:
        if not hasattr(frame, "__arrow_c_stream__"):
            raise InputError(
                f"got {type(frame).__name__}; give a table: pandas, Polars, Arrow or a mapping of arrays"
            ) from error
        known = nw.from_native(pa.table(native))
    if isinstance(known, nw.LazyFrame):
        known = known.collect()
    _check_names(known.columns)
    return pa.table({name: _arrow(known[name]) for name in known.columns})


def _check_names(names: Sequence[str]) -> None:
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise InputError(f"the table has the column {twice!r} more than once; give each a name of its own")


def _arrow(column: Any) -> Any:
    native = column.to_native()
    if type(getattr(native, "dtype", None)).__name__ == "DatetimeTZDtype":  # Arrow's own way warns
        return pc.assume_timezone(pa.array(native.dt.tz_convert(None).to_numpy()), "UTC")
    try:
        found = column.to_arrow()
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return column_of(column.to_list())
    if isinstance(found.type, pa.BaseExtensionType):  # periods and intervals
        return column_of([None if value is None else str(value) for value in column.to_list()])
    return found


class FrameRows:
    """Rows of a data frame, for monitors.

    They are read in the order of `cursor`, where the config names such a column, else in that of time, in
    whatever order the frame has them. A later frame may hold all rows, or those that were added alone: with
    a `cursor` those after the last are read, and so by time where rows have no `id`. By time and `id`,
    the last 20,000 rows are known one by one, so rows that come late among these are read too. Rows of one
    call are never taken for each other: two that are the same count twice.

    Parameters
    ----------
    frame : pandas or Polars DataFrame, Arrow Table, mapping of names to arrays
        See `frame_table`.
    config : FrameConfig
        Which column is what, and what the frame is called.
    columns : ColumnMap
        From ``config.columns()``.

    Raises
    ------
    InputError
        If it is no table, or a column that the config names is not there or of no use.

    Examples
    --------
    >>> import pandas as pd
    >>> config = FrameConfig(time="at")
    >>> frame = pd.DataFrame({"at": ["2026-02-01", "2026-01-31"], "age": [38, 41]})
    >>> table, cursor = FrameRows(frame, config, config.columns()).read_new("people", None)
    >>> table["age"].to_pylist()
    [41, 38]
    >>> longer = pd.concat([frame, pd.DataFrame({"at": ["2026-02-02"], "age": [52]})])
    >>> FrameRows(longer, config, config.columns()).read_new("people", cursor)[0]["age"].to_pylist()
    [52]
    """

    def __init__(self, frame: object, config: FrameConfig, columns: ColumnMap) -> None:
        raw = frame_table(frame)
        self.root = config.name
        self._columns, self._names = columns, list(raw.column_names)
        columns.check(self._names, self.root)
        mapped = self._mapped(raw, config)
        self._keys: Any = mapped[_KEY]
        self._table = mapped.drop_columns([_KEY])
        self._by_time = config.cursor is None

    def _mapped(self, raw: pa.Table, config: FrameConfig) -> pa.Table:
        """Return the rows with the log's columns, and their keys, in the order of these."""
        table, untimed = self._columns.rows(raw, pa.nulls(raw.num_rows, pa.string()))
        if untimed:
            _log.warning("rows without a time that can be read are left out", source=self.root, rows=untimed)
        if config.cursor is None:
            key = table["__time"].cast(pa.int64())
        else:
            key = _ordered(raw, config.cursor)
            if untimed:
                key = key.filter(pc.is_valid(to_times(raw[config.time], config.timezone)))
        table = table.append_column(_KEY, key)
        if config.cursor is not None:
            kept = table.filter(pc.is_valid(table[_KEY]))
            if kept.num_rows < table.num_rows:
                lost = table.num_rows - kept.num_rows
                _log.warning("rows without a cursor are left out", source=self.root, rows=lost)
            table = kept
        if config.time is None:
            return table
        table = table.take(pc.sort_indices(table, sort_keys=[(_KEY, "ascending")]))
        if self._columns.id is None:
            # the last row of a call is never one of the next, so a key and a number name a row for good
            keys = table[_KEY].to_pylist()
            ids = [f"{keys[row]}#{number}" for row, number in enumerate(_numbers(keys))]
            table = table.set_column(table.column_names.index("__id"), "__id", pa.array(ids, pa.string()))
        return table

    @property
    def versioned(self) -> bool:
        """Whether the rows themselves say which version they are of."""
        return self._columns.version is not None

    def features(self) -> list[str]:
        """Return the columns that are watched."""
        return self._columns.features(self._names)

    def read_new(
        self,
        model: str,  # noqa: ARG002  a frame has the rows of one
        cursor: Mapping[str, Any] | None,
        *,
        limit_rows: int = _ROWS,
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return rows that `cursor` has not had, and the cursor for the next call.

        Parameters
        ----------
        model : str
            Whose rows; a frame has those of one.
        cursor : mapping or None
            What the last call returned; None for everything.
        limit_rows : int
            About so many rows; call again for more.

        Returns
        -------
        table : pyarrow.Table or None
            With the columns of the inference log; None when nothing is new.
        cursor : dict
            JSON-able.

        Raises
        ------
        InputError
            If the cursor's column held numbers and holds text now, or the other way round.
        """
        known = KeyCursor.of(cursor)
        first = self._place(known.past)
        late = self._late(known, first) if first and self._by_identity else {}
        last = min(first + limit_rows, len(self._keys))
        if last < len(self._keys):  # rows of one key come together
            last = self._place(self._keys[last - 1].as_py())
        if first == last and not late:
            return None, dict(cursor or known.state)
        if late:
            known.take_late(list(late), at=0)
        if last > first:
            known = self._took(known, first, last)
        known.drop(0)
        places = pa.array([*late.values(), *range(first, last)], pa.int64())
        return self._table.take(places), known.state

    @property
    def _by_identity(self) -> bool:
        return self._by_time and self._columns.id is not None

    def _place(self, key: Any) -> int:
        """Return the place of the first row after a key."""
        if key is None:
            return 0
        if isinstance(key, str) != (self._keys.type == pa.string()):
            raise InputError(
                f"{self.root} was read by {key!r}, and its cursor holds {self._keys.type} now; a cursor "
                "stays of one kind"
            )
        return int(pc.sum(pc.less_equal(self._keys, key)).as_py() or 0)

    def _took(self, known: KeyCursor, first: int, last: int) -> KeyCursor:
        """Return the cursor after the rows between two places, of which the last are known one by one."""
        if not self._by_identity:
            return KeyCursor(past=self._keys[last - 1].as_py())
        begin = max(first, last - _REMEMBERED)
        if begin > first:  # what is known of those before is not asked for again
            known = KeyCursor(floor=self._keys[begin - 1].as_py())
        rows = iter(self._identities(range(begin, last)))
        while some := list(islice(rows, _BUCKET)):
            known.take(some, at=0)
        return known

    def _late(self, known: KeyCursor, until: int) -> dict[tuple[Any, Any], int]:
        """Return the places of rows up to the position that were not there when it was passed."""
        places = range(self._place(known.floor), until)
        named = dict(zip(self._identities(places), places, strict=True))
        return {one: named[one] for one in known.unseen(list(named))}

    def _identities(self, places: Sequence[int]) -> list[tuple[Any, Any]]:
        """Return key and id of rows; of some with the same of both, the number of each too."""
        taken = (
            self._table.select(["__id"]).append_column(_KEY, self._keys).take(pa.array(places, pa.int64()))
        )
        pairs = list(zip(taken[_KEY].to_pylist(), taken["__id"].to_pylist(), strict=True))
        return [(key, f"{number} {name}") for (key, name), number in zip(pairs, _numbers(pairs), strict=True)]

    def portions(
        self,
        columns: Sequence[str] | None = None,  # noqa: ARG002  all are in memory
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[pa.Table]:
        """Yield all rows, or those of a time, with the columns of the inference log.

        Parameters
        ----------
        columns : sequence of str, optional
            Not asked for: all are in memory.
        start, end : datetime, optional
            Half-open, with a time zone.
        """
        yield within(self._table, start, end)

    def earliest(self, since: datetime | None = None) -> datetime | None:
        """Return the first time of any row that is not before `since`; None where there is none.

        Parameters
        ----------
        since : datetime, optional
            With a time zone.
        """
        first: datetime | None = pc.min(within(self._table, since, None)["__time"]).as_py()
        return None if first is None else first.astimezone(UTC)

    def latest(self) -> datetime | None:
        """Return the last time of any row; None where there is none."""
        last: datetime | None = pc.max(self._table["__time"]).as_py()
        return None if last is None else last.astimezone(UTC)

    def fingerprint(self) -> str:
        """Return an empty text: a frame does not say whether it changed."""
        return ""


def _numbers(keys: Sequence[Any]) -> Iterator[int]:
    """Yield how often each key came before."""
    seen: Counter[Any] = Counter()
    for key in keys:
        yield seen[key]
        seen[key] += 1


def _ordered(raw: pa.Table, name: str) -> Any:
    """Return a column as whole numbers or text, which have an order that JSON keeps."""
    column = raw[name]
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return to_times(column, "UTC").cast(pa.int64())
    try:
        if pa.types.is_integer(kind):
            return column.cast(pa.int64())
        if pa.types.is_floating(kind):  # pandas makes 7.0 of 7 where one is missing
            return pc.if_else(pc.is_nan(column), None, column).cast(pa.int64())
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            return column.cast(pa.string())
    except pa.ArrowInvalid:
        pass
    raise InputError(
        f"source.cursor: the column {name!r} holds {kind}, in whose order rows cannot be read; give one with "
        "whole numbers, text or times that only increase"
    )
