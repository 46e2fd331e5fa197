"""Rows of a normal time that Spark knows: counted there, and few of them brought here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante.app.baseline.data import Data
from mirante.sources.tables import TableFile
from mirante.sources.tables.kinds import kind_of

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.sources.spark.jobs import SparkTable

__all__ = ["spark_data"]

_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
_LONGEST = 300


class _Drawn:
    """Some rows of a table of Spark, for what needs rows: `mirante.sources.tables.TableFile` reads them.

    Parameters
    ----------
    table : SparkTable
        Has them.
    """

    def __init__(self, table: SparkTable) -> None:
        found = {name: kind_of(kind) for name, kind in table.types.items()}
        self.kinds = {name: kind for name, kind in found.items() if not _PANDAS_INDEX.fullmatch(name)}
        self.names = list(self.kinds)
        self._table = table

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns of at most 200,000 rows from everywhere in the table."""
        from mirante.monitors.baseline.on_spark import drawn_on_spark

        yield from drawn_on_spark(self._table, columns).to_batches()


def spark_data(spark: Any, data: str | Path | None) -> Data:
    """Return a table that Spark's workers read.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
        Its session.
    data : str or Path, optional
        Name of a table of Spark, a format and a path (``delta.`/lake/orders```), or a path of Parquet files
        that is the same on driver and workers.

    Returns
    -------
    Data
        Whose table gives at most 200,000 rows, drawn from everywhere in it, where rows are needed here.

    Raises
    ------
    InputError
        If nothing is named, or there is no such table.
    """
    from mirante.sources.rows.listing import bare
    from mirante.sources.spark.files import SparkFiles
    from mirante.sources.spark.frames import SparkFrame, named_table
    from mirante.sources.spark.naming import is_table

    text = str(data or "")
    named, name = is_table(text), bare(text)
    table: SparkTable = SparkFrame(named_table(spark, text)) if named else SparkFiles(spark, text)
    rows = _Drawn(table)
    return Data(TableFile(Path(name), rows.kinds, True, rows), f"Spark, {name}"[:_LONGEST], spark=table)
