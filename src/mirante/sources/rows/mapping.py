"""From a table's own columns to those of the inference log, which monitors read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mirante.errors import InputError
from mirante.inference_log.kinds import (
    META,
    META_TYPES,
    ROWS,
    TIME_TYPE,
    column_of,
    convert,
    plain_type,
)
from mirante.inference_log.probabilities import (
    Spread,
    is_probability,
    named_column,
    spread,
    spread_matrix,
)

__all__ = ["LABEL", "ColumnMap", "to_times"]

LABEL = "__label"
"""What turned out to be true, where the table itself says it."""
_VERSION = "__version"
_OWN = (*META, ROWS, LABEL, _VERSION)
_KEYS = {
    "__id": "id",
    "__time": "time",
    "__latency": "latency",
    "__prediction": "prediction",
    _VERSION: "version",
    LABEL: "label",
}
_NAIVE = pa.timestamp("us")
_ZONED = r"(?:[Zz]|[+-]\d{2}:?\d{2})$"
_FIRST, _LAST = (
    -2_208_988_800_000_000,
    9_214_646_400_000_000,
)  # the years 1900 to 2261, which pandas knows too


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Which column is what.

    Parameters
    ----------
    time, id, prediction, version, label, latency : str, optional
        Names of columns of the table.
    timezone : str
        What times without zone are in.
    include : tuple of str, optional
        The other columns that are watched; all of them when None.
    exclude : tuple of str
        Columns that are not.
    aside : tuple of str
        More columns that are not: a cursor's, folders'.
    probabilities : tuple of (str, str)
        Instead of one prediction: each class and the column with its probability.

    Examples
    --------
    >>> raw = pa.table({"at": ["2026-01-31T14:00:00"], "age": [41]})
    >>> rows, untimed = ColumnMap(time="at").rows(raw, pa.array(["a"]))
    >>> rows.column_names, untimed
    (['age', '__id', '__time', '__latency', '__prediction'], 0)
    """

    time: str | None = None
    id: str | None = None
    prediction: str | None = None
    version: str | None = None
    label: str | None = None
    latency: str | None = None
    timezone: str = "UTC"
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    probabilities: tuple[tuple[str, str], ...] = ()

    @property
    def named(self) -> dict[str, str]:
        """The columns that have a meaning of their own, by the log's names."""
        pairs = {
            "__id": self.id,
            "__time": self.time,
            "__latency": self.latency,
            "__prediction": self.prediction,
            _VERSION: self.version,
            LABEL: self.label,
            **{named_column(name): column for name, column in self.probabilities},
        }
        return {own: name for own, name in pairs.items() if name is not None}

    def untimed(self) -> ColumnMap:
        """Return the same without a column of times."""
        return replace(self, time=None)

    def check(self, names: Sequence[str], where: str) -> None:
        """Say what is named and not there.

        Parameters
        ----------
        names : sequence of str
            The table's columns.
        where : str
            What has them, for the message.

        Raises
        ------
        InputError
            With the key, the column, the nearest one and those that are there.
        """
        self.check_named(names, where)
        for key, asked in (("include", self.include or ()), ("exclude", self.exclude)):
            for name in asked:
                if name not in names:
                    raise InputError(absent(f"columns.{key}", name, names, where))
        if not self.features(names):
            raise InputError(f"columns: {where} has no column that is watched; it has {_listed(names)}")

    def check_named(self, names: Sequence[str], where: str) -> None:
        """Say which of the columns with a meaning of their own is not there.

        Parameters
        ----------
        names : sequence of str
            The table's columns.
        where : str
            What has them, for the message.

        Raises
        ------
        InputError
            As `check`.
        """
        asked = [(f"source.{_KEYS.get(own, 'prediction')}", name) for own, name in self.named.items()]
        for key, name in [*asked, *(("source.cursor", name) for name in self.aside)]:
            if name not in names:
                raise InputError(absent(key, name, names, where))

    def features(self, names: Sequence[str]) -> list[str]:
        """Return the columns that are watched, in the table's order, but for `said`.

        Parameters
        ----------
        names : sequence of str
            The table's columns.
        """
        said = self.said(names)
        return [name for name in self._chosen(names) if name != said or self.prediction is not None]

    def _chosen(self, names: Sequence[str]) -> list[str]:
        taken = {*self.named.values(), *self.aside, *_OWN} - set(self.include or ()) | set(self.exclude)
        wanted = [name for name in names if name not in taken and not is_probability(name)]
        return wanted if self.include is None else [name for name in wanted if name in self.include]

    def said(self, names: Sequence[str]) -> str | None:
        """Return the column of predictions: the one that is named, else a watched one of that very name.

        Parameters
        ----------
        names : sequence of str
            The table's columns.
        """
        if self.probabilities:
            return None
        if self.prediction is None and "prediction" in self._chosen(names):
            return "prediction"
        return self.prediction

    def raw(self, names: Sequence[str], columns: Sequence[str] | None = None) -> list[str]:
        """Return the table's columns that are needed for some of the log's.

        Parameters
        ----------
        names : sequence of str
            The table's columns.
        columns : sequence of str, optional
            Features and names of the log's; all that are watched when None.
        """
        if columns is None:
            needed = [*self.features(names), *self.named.values(), self.said(names) or ""]
        else:
            features = set(self.features(names))
            named = {**self.named, "__prediction": self.said(names)}
            needed = [named.get(name, name if name in features else None) or "" for name in columns]
            if "__prediction" in columns:  # the likeliest class follows from all of them
                needed += [column for _, column in self.probabilities]
        return [name for name in dict.fromkeys(needed) if name in names]

    def rows(self, raw: pa.Table, ids: Any) -> tuple[pa.Table, int]:
        """Return rows with the log's columns, and how many were left out for want of a time.

        Parameters
        ----------
        raw : pyarrow.Table
            Rows with the table's own columns.
        ids : pyarrow.Array of str
            Of the rows, where the table has none.
        """
        arrays: dict[str, Any] = {name: plain(raw[name]) for name in self.features(raw.column_names)}
        arrays["__id"] = self._texts(raw, self.id, ids)
        arrays["__time"] = self._times(raw)
        arrays["__latency"] = self._latency(raw)
        arrays |= self._predictions(raw)
        if self.version is not None:
            arrays[_VERSION] = self._texts(raw, self.version, pa.nulls(raw.num_rows, pa.string()))
        if self.label is not None:
            there = self.label in raw.column_names
            arrays[LABEL] = plain(raw[self.label]) if there else pa.nulls(raw.num_rows)
        table = pa.table(arrays)
        if self.time is None:
            return table, 0
        known = table.filter(pc.is_valid(table["__time"]))
        return known, table.num_rows - known.num_rows

    def _predictions(self, raw: pa.Table) -> dict[str, Any]:
        there = [(name, column) for name, column in self.probabilities if column in raw.column_names]
        if there:
            found = _spread(raw, there)
        else:
            said = self.said(raw.column_names)
            if said not in raw.column_names:
                return {"__prediction": pa.nulls(raw.num_rows, META_TYPES["__prediction"])}
            if not pa.types.is_nested(raw[said].type):
                return {"__prediction": plain(raw[said])}
            found = spread(raw[said].to_pylist())
        return {"__prediction": column_of(found.said), **found.arrow()}

    def _times(self, raw: pa.Table) -> Any:
        if self.time is None or self.time not in raw.column_names:
            return pa.nulls(raw.num_rows, TIME_TYPE)
        try:
            return to_times(raw[self.time], self.timezone)
        except InputError as error:
            raise InputError(f"source.time: the column {self.time!r} {error}") from None

    def _latency(self, raw: pa.Table) -> Any:
        if self.latency is None or self.latency not in raw.column_names:
            return pa.nulls(raw.num_rows, pa.float64())
        column = plain(raw[self.latency])
        if column.type == pa.string():
            raise InputError(f"source.latency: the column {self.latency!r} holds text; give one with seconds")
        return column.cast(pa.float64(), safe=False)

    def _texts(self, raw: pa.Table, name: str | None, otherwise: Any) -> Any:
        if name is None or name not in raw.column_names:
            return otherwise
        column = plain(raw[name])
        if column.type == pa.float64():  # pandas makes 7.0 of 7 where one is missing
            whole = column.cast(pa.int64(), safe=False)
            same = pc.fill_null(pc.equal(whole.cast(pa.float64()), column), True)
            return pc.if_else(same, whole.cast(pa.string()), column.cast(pa.string()))
        return column.cast(pa.string())


def _spread(raw: pa.Table, columns: Sequence[tuple[str, str]]) -> Spread:
    """Return the probabilities that a table has in columns of its own."""
    arrays = []
    for _, column in columns:
        array = plain(raw[column])
        if array.type == pa.string():
            raise InputError(
                f"source.prediction: the column {column!r} holds text; give one with probabilities"
            )
        arrays.append(array.cast(pa.float64(), safe=False).to_numpy())
    matrix = np.stack(arrays, axis=1)
    rows = [None if all(one != one for one in row) else row for row in matrix.tolist()]
    return spread_matrix(matrix, [name for name, _ in columns], rows)


def absent(key: str, name: str, names: Sequence[str], where: str) -> str:
    """Return the sentence about a column that is not there, with the nearest.

    Examples
    --------
    >>> absent("source.time", "create_at", ["created_at", "age"], "orders")
    "source.time: orders has no column 'create_at'; the nearest is 'created_at' (it has 'created_at', 'age')"
    """
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    nearest = f"; the nearest is {near[0]!r}" if near else ""
    return f"{key}: {where} has no column {name!r}{nearest} (it has {_listed(names)})"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, list(names)[:20])) or "none"


def plain(column: Any) -> Any:
    """Return a column as one of the log's types; what cannot be cast becomes text."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return convert(column, plain_type(column.type))


def to_times(column: Any, timezone: str) -> Any:
    """Return times in UTC; what cannot be read, or lies before 1900 or after 2261, is missing.

    Parameters
    ----------
    column : pyarrow.Array or ChunkedArray
        Timestamps, dates, or text such as ``2026-01-31T14:00:00Z``.
    timezone : str
        What those without zone are in. Of an hour that comes twice it is the first, and what clocks skip is
        the hour before.

    Raises
    ------
    InputError
        If it holds anything else: numbers could be of any unit.

    Examples
    --------
    >>> found = to_times(pa.array(["2026-07-01 12:00", "2026-07-01T12:00:00Z", "soon"]), "America/New_York")
    >>> [None if time is None else time.hour for time in found.to_pylist()]
    [16, 12, None]
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_null(kind):
        return pa.nulls(len(column), TIME_TYPE)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        found = column.cast(TIME_TYPE, safe=False)
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        found = _in_zone(column.cast(_NAIVE, safe=False), timezone)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        found = _read(column.cast(pa.string()), timezone)
    else:
        raise InputError(
            f"holds {kind}, which could be of any unit; give dates and times such as 2026-01-31T14:00:00Z"
        )
    micros = found.cast(pa.int64())
    sane = pc.and_(pc.greater_equal(micros, _FIRST), pc.less(micros, _LAST))
    return pc.if_else(sane, found, pa.scalar(None, TIME_TYPE))


def _in_zone(naive: Any, timezone: str) -> Any:
    aware = pc.assume_timezone(naive, timezone, ambiguous="earliest", nonexistent="earliest")
    return aware.cast(TIME_TYPE)


def _read(texts: Any, timezone: str) -> Any:
    import pandas as pd

    stripped = pc.utf8_trim_whitespace(texts)
    zoned = pc.fill_null(pc.match_substring_regex(stripped, _ZONED), False)
    said = pd.to_datetime(
        pd.Series(stripped.to_pylist(), dtype=object), utc=True, format="ISO8601", errors="coerce"
    )
    there = pa.array(said.dt.tz_convert(None).dt.as_unit("us").to_numpy())  # digits, where no zone stands
    found = there.cast(pa.int64()).cast(TIME_TYPE)
    if timezone == "UTC":
        return found
    if isinstance(zoned, pa.ChunkedArray):
        zoned = zoned.combine_chunks()
    return pc.if_else(zoned, found, _in_zone(there, timezone))
