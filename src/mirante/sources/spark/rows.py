"""Rows of a table that Spark knows by its name: counted by its workers, by a column that only increases."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mirante.errors import InputError, need
from mirante.sources.rows.config import SparkTableConfig
from mirante.sources.rows.drawing import within
from mirante.sources.rows.mapping import ColumnMap
from mirante.sources.spark.frames import SparkFrame, arrow_batches, named_table
from mirante.sources.spark.jobs import told

if TYPE_CHECKING:
    from mirante.sources.spark.session import SparkEngine

__all__ = ["SparkRows", "SparkShape"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _MICROSECOND = timedelta(days=1), timedelta(microseconds=1)
_MOMENT, _DATES = "TimestampType", ("DateType", "TimestampNTZType")
_FLOATING = ("DoubleType", "FloatType")


class SparkShape:
    """How a table's columns become those of the inference log, on any machine.

    Parameters
    ----------
    columns : ColumnMap
        Which column is what.
    """

    def __init__(self, columns: ColumnMap) -> None:
        self._columns = columns

    def shaped(self, raw: pa.Table) -> pa.Table:
        """Return rows with the columns of the inference log; those without a time are left out.

        Parameters
        ----------
        raw : pyarrow.Table
            With the table's own columns.
        """
        place = self._columns.id
        ids = (
            raw[place].cast(pa.string()) if place in raw.column_names else pa.nulls(raw.num_rows, pa.string())
        )
        return self._columns.rows(raw, ids)[0]


class SparkRows:
    """Rows of a table of Spark, for monitors.

    New rows are those whose cursor is over the last that was read, up to the largest there is: a row that
    comes later with a cursor that was passed is not read, nor one without, or with NaN or infinity.

    Parameters
    ----------
    config : SparkTableConfig
        Which table.
    columns : ColumnMap
        Which column is what.
    engine : SparkEngine
        Starts Spark when the table is first looked at.
    """

    def __init__(self, config: SparkTableConfig, columns: ColumnMap, engine: SparkEngine) -> None:
        self.root = config.spark
        self._config, self._columns, self._engine = config, columns, engine

    def __reduce__(self) -> tuple[Any, ...]:
        return SparkShape, (self._columns,)  # workers have no session

    @property
    def versioned(self) -> bool:
        """Whether the rows themselves say which version they are of."""
        return self._columns.version is not None

    def _frame(self) -> Any:
        return named_table(self._engine.session, self.root)

    def features(self) -> list[str]:
        """Return the columns that are watched.

        Raises
        ------
        InputError
            If there is no such table, the config names a column that is not there, or one cannot be counted.
        """
        frame = self._frame()
        self._columns.check(frame.columns, self.root)
        found = self._columns.features(frame.columns)
        SparkFrame(frame).check(found, None)
        return found

    def read_new(
        self,
        model: str,  # noqa: ARG002  a table has the rows of one
        cursor: Mapping[str, Any] | None,
    ) -> tuple[None, dict[str, Any]]:
        """Return nothing: new rows are counted where they are, and not brought here."""
        return None, dict(cursor or {})

    def new_frame(self, cursor: Mapping[str, Any] | None) -> tuple[Any, dict[str, Any]] | None:
        """Return the rows that `cursor` has not had, and the cursor after them; None when there are none.

        Parameters
        ----------
        cursor : mapping or None
            What the last call returned; None for everything.

        Returns
        -------
        (pyspark.sql.DataFrame, dict) or None
            With the columns that are needed.

        Raises
        ------
        InputError
            If the table or a column is not there, or Spark fails.
        """
        functions = need("pyspark.sql.functions", extra="spark")
        frame = self._frame()
        self._columns.check_named(frame.columns, self.root)
        place = self._place(frame, self._config.cursor)
        kind = frame.schema[self._config.cursor].dataType
        past = (cursor or {}).get("past")
        if past is not None:
            frame = frame.where(place > _value(past, kind))
        with told([self._config.cursor]):
            # NaN is over all else for Spark: once passed, nothing would be new any more, nor after infinity
            finite = functions.when(place < math.inf, place) if type(kind).__name__ in _FLOATING else place
            most = functions.max(finite)
            said = functions.unix_micros(most) if type(kind).__name__ == _MOMENT else most
            (last,) = frame.select(said.cast("string")).first()
        if last is None:
            return None
        names = self._columns.raw(frame.columns)
        taken = frame.where(place <= _value(last, kind)).select(*(self._place(frame, name) for name in names))
        return taken, {"past": last}

    def _place(self, frame: Any, name: str) -> Any:
        return frame["`" + name.replace("`", "``") + "`"]

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
        frame = self._frame()
        asked = columns if columns is None else [*columns, "__time", "__id"]
        names = self._columns.raw(frame.columns, asked)
        for condition in self._between(frame, start, end):
            frame = frame.where(condition)
        shape = SparkShape(self._columns)
        for batch in arrow_batches(frame.select(*(self._place(frame, name) for name in names))):
            yield within(shape.shaped(pa.Table.from_batches([batch])), start, end)

    def _between(self, frame: Any, start: datetime | None, end: datetime | None) -> Iterator[Any]:
        """Yield conditions that leave out what is surely outside; of texts none."""
        functions = need("pyspark.sql.functions", extra="spark")
        if self._columns.time is None:
            return
        place = self._place(frame, self._columns.time)
        kind = type(frame.schema[self._columns.time].dataType).__name__
        for time, upper in ((start, False), (end, True)):
            if time is None:
                continue
            if kind == _MOMENT:
                moment = functions.timestamp_micros(functions.lit((time - _EPOCH) // _MICROSECOND))
                yield place < moment if upper else place >= moment
            elif kind in _DATES:  # on a clock that is up to a day away
                day = functions.lit((time.astimezone(UTC) + (_DAY if upper else -_DAY)).date())
                yield place.cast("date") <= day if upper else place.cast("date") >= day

    def earliest(self, since: datetime | None = None) -> datetime | None:
        """Return the first time of any row that is not before `since`; None where there is none.

        Parameters
        ----------
        since : datetime, optional
            With a time zone.
        """
        functions = need("pyspark.sql.functions", extra="spark")
        frame = self._frame()
        time = str(self._columns.time)
        self._columns.check_named(frame.columns, self.root)
        if type(frame.schema[time].dataType).__name__ == _MOMENT:
            for condition in self._between(frame, since, None):
                frame = frame.where(condition)
            with told([time]):
                (first,) = frame.select(
                    functions.unix_micros(functions.min(self._place(frame, time)))
                ).first()
            return None if first is None else _EPOCH + first * _MICROSECOND
        found = [
            one for table in self.portions(["__time"], start=since) for one in table["__time"].to_pylist()
        ]
        return min(found).astimezone(UTC) if found else None

    def fingerprint(self) -> str:
        """Return an empty text: a table does not say whether it changed."""
        return ""


def _value(text: str, kind: Any) -> Any:
    functions = need("pyspark.sql.functions", extra="spark")
    name = type(kind).__name__
    if name == _MOMENT:
        return functions.timestamp_micros(functions.lit(int(text)))
    if name in ("ArrayType", "MapType", "StructType", "BinaryType", "BooleanType"):
        raise InputError(
            f"source.cursor holds {kind.simpleString()}; name a column of numbers, times or texts"
        )
    return functions.lit(text).cast(kind)
