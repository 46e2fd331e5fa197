"""What the driver does: it starts the job, adds up what workers send, and says what went wrong."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa

from mirante import __version__
from mirante.errors import InputError, MiranteWarning, MissingDependencyError, need
from mirante.profiles import TableProfile
from mirante.sources.spark.counting import (
    ROW,
    Cutting,
    Found,
    added,
    count,
    from_batch,
    layout_from,
    other_version,
    to_batch,
)

__all__ = ["Cutting", "SparkTable", "calm", "map_arrow", "profile_table", "sample_size", "told"]

_SAMPLE_ROWS, _SAMPLE_CELLS = 200_000, 4_000_000
_MISSING = re.compile(r"(?:ModuleNotFoundError|ImportError): No module named '([\w.]+)'")

Batches = Iterator[pa.RecordBatch]


class SparkTable(Protocol):
    """A table that Spark's workers can reach: a DataFrame, or files."""

    spark: Any
    kinds: dict[str, str]

    @property
    def types(self) -> dict[str, pa.DataType]:
        """What each column is in Arrow."""
        ...

    @property
    def order(self) -> list[list[tuple[int, int]]] | None:
        """For each part, the places of its rows in the table, as first and number; None where not known."""
        ...

    def check(self, columns: Sequence[str], time: str | None) -> None:
        """Raise InputError where a column cannot be counted, or `time` is no column of times."""
        ...

    def sample(self, columns: Sequence[str]) -> pa.Table:
        """Return rows from everywhere in the table, each as likely as any other; of a small one all."""
        ...

    def each(self, columns: Sequence[str], work: Callable[[Batches], Batches]) -> Any:
        """Return the DataFrame of what `work` makes of the batches of each part."""
        ...


def profile_table(
    table: SparkTable,
    *,
    baseline: TableProfile | None = None,
    columns: Sequence[str] | None = None,
    cutting: Cutting | None = None,
) -> dict[int | None, TableProfile]:
    """Count a table on Spark's workers.

    Parameters
    ----------
    table : SparkTable
        The table.
    baseline : TableProfile, optional
        Decides columns, kinds, edges and levels; without it a sample does.
    columns : sequence of str, optional
        Only these.
    cutting : Cutting, optional
        By window; without it all rows are one.

    Returns
    -------
    dict of int or None to TableProfile
        By start of the window, in microseconds since 1970, in order; under None where nothing is cut.

    Raises
    ------
    InputError
        If a column is not there, cannot be counted, or Spark fails.
    MissingDependencyError
        If a worker cannot import Mirante.
    """
    time = cutting.time if cutting else None
    like = _like(table, baseline, columns, time)
    names = [name for name in like.columns if name in table.kinds]
    table.check(names, time)
    read = list(dict.fromkeys([*names, *([time] if time else [])]))
    data = TableProfile.empty(like).to_bytes()
    with told(read):
        sent = table.spark.sparkContext.broadcast(data)  # once to each worker, not once to each task
        try:
            rows = table.each(read, _counting(sent, cutting))
            if cutting:  # a profile of each window from each part would be too much for one driver
                rows = map_arrow(rows.repartition("start"), _adding(sent), ROW)
            answers = [tuple(row) for row in rows.collect()]
        finally:
            sent.destroy()
    found, untimed = added(_checked(answers), like)
    if untimed:
        warnings.warn(
            f"{untimed:,} rows have no time in {time!r} and are in no window", MiranteWarning, stacklevel=3
        )
    if not cutting:
        return {None: found.get(None, TableProfile.empty(like))}
    return {start: found[start] for start in sorted(found, key=lambda one: one or 0)}


def _like(
    table: SparkTable, baseline: TableProfile | None, columns: Sequence[str] | None, time: str | None
) -> TableProfile:
    if baseline is not None:
        return baseline if columns is None else baseline.only(set(columns))
    names = list(dict.fromkeys(columns)) if columns is not None else [n for n in table.kinds if n != time]
    absent = next((name for name in names if name not in table.kinds), None)
    if absent is not None or not names:
        has = ", ".join(map(repr, list(table.kinds)[:20])) or "none"
        raise InputError(
            f"the table has no column {absent!r}; it has {has}" if names else "no column to count"
        )
    table.check(names, None)
    with told(names):
        sample = table.sample(names)
    if not sample.num_rows:
        raise InputError("the table has no rows; edges are chosen from one at least")
    return TableProfile.of(sample)


def sample_size(rows: int, columns: int) -> float:
    """Return the share of rows from which edges are chosen: 200,000 rows, of wide tables fewer.

    Parameters
    ----------
    rows, columns : int
        Of the table.

    Returns
    -------
    float
        Over 0, at most 1.

    Examples
    --------
    >>> sample_size(1_000, 5), sample_size(1_000_000, 5), sample_size(1_000_000, 200)
    (1.0, 0.2, 0.02)
    """
    most = min(_SAMPLE_ROWS, max(1_000, _SAMPLE_CELLS // max(columns, 1)))
    return min(1.0, most / max(rows, 1))


# Functions inside functions travel to workers whole; what they call is imported there.


def _counting(sent: Any, cutting: Cutting | None) -> Callable[[Batches], Batches]:
    version = __version__

    def work(batches: Batches) -> Batches:
        refused = other_version(version)
        if refused:
            yield to_batch([(None, None, 0, refused)])
            return
        for row in count(batches, layout_from(sent.value), cutting):
            yield to_batch([row])

    return work


def _adding(sent: Any) -> Callable[[Batches], Batches]:
    def work(batches: Batches) -> Batches:
        like, untimed = layout_from(sent.value), 0
        total: dict[int | None, TableProfile] = {}
        for batch in batches:
            rows = from_batch(batch)
            if any(error for *_, error in rows):
                yield to_batch([row for row in rows if row[3]])
                return
            found, more = added(rows, like)
            untimed += more
            for start, profile in found.items():
                total[start] = total[start] + profile if start in total else profile
        yield to_batch(
            [(start, one.to_bytes(like=like, exact=True), 0, None) for start, one in total.items()]
        )
        yield to_batch([(None, None, untimed, None)])

    return work


def _checked(rows: list[Any]) -> Iterator[Found]:
    for start, data, untimed, error in rows:
        yield start, None if data is None else bytes(data), untimed or 0, error


def map_arrow(frame: Any, work: Callable[[Batches], Batches], schema: str) -> Any:
    """Call ``frame.mapInArrow``.

    Parameters
    ----------
    frame : pyspark DataFrame
        Its batches come.
    work : callable
        From batches to batches.
    schema : str
        Of what it gives.

    Returns
    -------
    pyspark DataFrame
    """
    with calm():
        return frame.mapInArrow(work, schema)


@contextmanager
def calm() -> Iterator[None]:
    """Keep PySpark's warning of pandas 3 back: Arrow goes in and out here, and pandas is not asked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield


@contextmanager
def told(columns: Sequence[str]) -> Iterator[None]:
    """Turn what Spark raises into one sentence that names the columns.

    Parameters
    ----------
    columns : sequence of str
        That are counted.

    Raises
    ------
    MissingDependencyError
        If a worker lacks a module.
    InputError
        Otherwise.
    """
    errors = need("pyspark.errors", extra="spark"), need("py4j.protocol", extra="spark")
    try:
        yield
    except (errors[0].PySparkException, errors[1].Py4JError) as error:
        text = str(error)
        lacking = _MISSING.search(text)
        if lacking:
            raise MissingDependencyError(
                f"Spark's workers cannot import {lacking[1]!r}; install Mirante, in the driver's version, "
                "on each of them, and let PYSPARK_PYTHON name the Python that has it"
            ) from error
        shown = ", ".join(map(repr, columns[:10])) + (", …" if len(columns) > 10 else "")
        raise InputError(f"Spark failed while it counted {shown}: {_reason(text)}") from error


def _reason(text: str) -> str:
    """Return the line that says why: of a traceback the last, of Java's the first."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    traced = "Traceback (most recent call last):" in text
    known = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    picked = known[-1] if traced and known else lines[0] if lines else "it gave no reason"
    return picked[:400]
