"""Any Spark DataFrame: its rows come to Python as Arrow batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from mirante.errors import InputError, need
from mirante.sources.spark.counting import ROW
from mirante.sources.spark.jobs import Batches, calm, map_arrow, sample_size, told

__all__ = ["SparkFrame", "arrow_batches", "arrow_types", "named_table"]

_COUNTED = {
    *("ByteType", "ShortType", "IntegerType", "LongType", "FloatType", "DoubleType", "DecimalType"),
    *("StringType", "CharType", "VarcharType", "BinaryType", "BooleanType", "NullType"),
    *("DateType", "TimestampType", "TimestampNTZType", "TimeType", "DayTimeIntervalType"),
}
_TIMES = {"DateType", "TimestampType", "TimestampNTZType"}
_SEED = 0  # the same table gives the same sample


class SparkFrame:
    """A Spark DataFrame.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        Of a classic session: Spark Connect has no broadcast.

    Raises
    ------
    InputError
        If it is none, or two columns have one name.
    MissingDependencyError
        If pyspark is not installed.
    """

    def __init__(self, frame: Any) -> None:
        sql = need("pyspark.sql", extra="spark")
        if not isinstance(frame, sql.DataFrame):
            raise InputError(f"got {type(frame).__name__}; give a DataFrame of pyspark.sql")
        if type(frame).__module__.startswith("pyspark.sql.connect."):
            raise InputError("this is a DataFrame of Spark Connect; give one of a classic session")
        self.spark = frame.sparkSession
        self._frame = frame
        self._fields = list(frame.schema.fields)
        names = [field.name for field in self._fields]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(
                f"the table has the column {twice!r} more than once; give each a name of its own"
            )
        self.kinds = {field.name: type(field.dataType).__name__ for field in self._fields}

    @property
    def types(self) -> dict[str, pa.DataType]:
        """What each column is in Arrow."""
        return arrow_types(self._frame)

    @property
    def order(self) -> None:
        """Nothing: which rows a part has is known when it is read."""
        return

    def check(self, columns: Sequence[str], time: str | None) -> None:
        """Raise where a column cannot be counted.

        Parameters
        ----------
        columns : sequence of str
            To count.
        time : str, optional
            The column of times.

        Raises
        ------
        InputError
            Naming column and type.
        """
        types = {field.name: field.dataType.simpleString() for field in self._fields}
        for name in columns:
            if self.kinds[name] not in _COUNTED:
                raise InputError(
                    f"column {name!r} holds {types[name]}; a profile needs one number or text per row; "
                    "leave the column out, or select a part of it"
                )
        if time is not None and time not in types:
            raise InputError(
                f"the table has no column {time!r} of times; it has {', '.join(map(repr, types))}"
            )
        if time is not None and self.kinds[time] not in _TIMES:
            raise InputError(
                f"the column of times, {time!r}, holds {types[time]}; make it a timestamp or date first: "
                "pyspark.sql.functions.to_timestamp"
            )

    def _selected(self, columns: Sequence[str]) -> Any:
        """Return some columns, named by their places: Spark takes points, ticks and cases in names apart."""
        functions = need("pyspark.sql.functions", extra="spark")
        numbered = self._frame.toDF(*(f"c{place}" for place in range(len(self._fields))))
        places = {field.name: place for place, field in enumerate(self._fields)}
        if not columns:
            return numbered.select(functions.lit(True).alias("row"))
        return numbered.select(*(f"c{places[name]}" for name in columns))

    def sample(self, columns: Sequence[str]) -> pa.Table:
        """Return rows from everywhere in the table.

        Parameters
        ----------
        columns : sequence of str
            To take.

        Returns
        -------
        pyarrow.Table
        """
        selected = self._selected(columns)
        share = sample_size(selected.count(), len(columns))
        with calm():
            rows = (selected if share == 1.0 else selected.sample(share, _SEED)).toArrow()
        return rows.rename_columns(list(columns))

    def each(self, columns: Sequence[str], work: Callable[[Batches], Batches]) -> Any:
        """Return what `work` makes of the rows of each partition.

        Parameters
        ----------
        columns : sequence of str
            To take.
        work : callable
            From batches to batches of the columns of ``counting.ROW``.

        Returns
        -------
        pyspark DataFrame
        """
        names = list(columns)

        def named(batches: Batches) -> Batches:
            return work(_named(batches, names))

        return map_arrow(self._selected(columns), named, ROW)


def named_table(spark: Any, name: str) -> Any:
    """Return a table that Spark knows, as a DataFrame.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
        Its session.
    name : str
        ``shop.orders``; or a format and a path, ``delta.`/lake/orders```.

    Raises
    ------
    InputError
        If there is none, or Spark lacks what reads it.
    """
    errors = need("pyspark.errors", extra="spark")
    try:
        if "`" not in name:
            spark.catalog.refreshTable(name)  # a service asks again and again, and files are added meanwhile
        return spark.table(name)
    except errors.PySparkException as error:
        reason = " ".join(str(error).split())[:300]
        if "[TABLE_OR_VIEW_NOT_FOUND]" in reason:  # of its words, only these speak of what was given
            reason = (
                "name it as SHOW TABLES does, with its schema; a path has to be there, here and on workers"
            )
        more = ""
        if name.startswith("delta."):
            more = (
                "; Delta tables need its package: spark.jars.packages: io.delta:delta-spark_2.13:4.0.0, "
                "and spark.sql.extensions, as its page says"
            )
        raise InputError(f"Spark has no table {name!r}: {reason}{more}") from error


def arrow_types(frame: Any) -> dict[str, pa.DataType]:
    """Return what the columns of a DataFrame are in Arrow.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        Of a classic session.
    """
    types = need("pyspark.sql.pandas.types", extra="spark")
    found = {}
    for field in frame.schema.fields:
        try:
            found[field.name] = types.to_arrow_type(field.dataType)
        except Exception:  # of a type that Arrow has not: it cannot be counted either
            found[field.name] = pa.struct([])
    return found


def arrow_batches(frame: Any) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a DataFrame, a part of it at a time in memory.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        Of a classic session.
    """

    def packed(batches: Batches) -> Batches:
        for batch in batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            yield pa.record_batch({"rows": pa.array([sink.getvalue().to_pybytes()], pa.binary())})

    with told(list(frame.columns)):
        for row in map_arrow(frame, packed, "rows binary").toLocalIterator():
            yield from pa.ipc.open_stream(bytes(row.rows))


def _named(batches: Batches, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        # with no column in common the rows are still counted
        yield batch.rename_columns(list(names) or ["\0row"])
