"""The two tables of a check: what their columns hold, and who counts them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.errors import InputError
from mirante.profiles import TableProfile
from mirante.profiles.frames import raw_columns
from mirante.sources.tables import open_table, profile_file
from mirante.sources.tables.kinds import kind_of

if TYPE_CHECKING:
    from mirante.sources.spark.jobs import SparkTable

__all__ = ["Side", "side_of"]


@dataclass(frozen=True, slots=True)
class Side:
    """A table.

    Parameters
    ----------
    name : str
        What it is called.
    kinds : mapping of str to str
        What its columns hold, as `mirante.sources.tables.kinds.kind_of` names it.
    has_types : bool
        Whether it says so itself.
    count : callable
        Counts some columns at the edges of a baseline.
    """

    name: str
    kinds: Mapping[str, str]
    has_types: bool
    count: Callable[[Sequence[str], TableProfile | None], TableProfile]


def side_of(table: object, name: str, spark: Any = None) -> Side:
    """Return a table as one side of a check.

    Parameters
    ----------
    table : path, data frame, Arrow Table, mapping, or Spark DataFrame
        What was given.
    name : str
        What it is called where it has no name of its own.
    spark : pyspark.sql.SparkSession, optional
        Counts what is in files; a text that is no path is the name of one of its tables.

    Raises
    ------
    InputError
        If it is no table, or cannot be read.

    Examples
    --------
    >>> side_of({"age": [41.0, 38.0]}, "current").kinds
    {'age': 'number'}
    """
    if type(table).__module__.startswith("pyspark.sql."):
        return _on_frame(table, name)
    if isinstance(table, str | os.PathLike) and spark is not None:
        return _on_spark(os.fspath(table), spark)
    if isinstance(table, str | os.PathLike):
        file = open_table(os.fspath(table))
        return Side(
            file.name, file.kinds, file.has_types, lambda names, like: profile_file(file, like, names)
        )
    _, raws = raw_columns(table)
    if not raws:
        raise InputError(f"the {name} table has no columns; a table needs at least one")
    kinds = {
        column: "number" if isinstance(raw, np.ndarray) else kind_of(raw.type) for column, raw in raws.items()
    }
    return Side(
        name, kinds, True, lambda names, like: TableProfile.of({one: raws[one] for one in names}, like=like)
    )


def _on_spark(text: str, spark: Any) -> Side:
    from mirante.sources.rows.listing import bare
    from mirante.sources.spark.files import SparkFiles
    from mirante.sources.spark.frames import named_table
    from mirante.sources.spark.naming import is_table

    if is_table(text):
        return _on_frame(named_table(spark, text), text)
    files = SparkFiles(spark, text)
    return Side(PurePosixPath(bare(text)).name, files.kinds, True, _counting(files))


def _on_frame(frame: Any, name: str) -> Side:
    from mirante.sources.spark.frames import SparkFrame, arrow_types

    table = SparkFrame(frame)
    kinds = {column: kind_of(kind) for column, kind in arrow_types(frame).items()}
    return Side(name, kinds, True, _counting(table))


def _counting(table: SparkTable) -> Callable[[Sequence[str], TableProfile | None], TableProfile]:
    from mirante.sources.spark.jobs import profile_table

    return lambda names, like: profile_table(table, baseline=like, columns=names)[None]
