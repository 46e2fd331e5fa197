"""Rows that Spark's workers read and count, and what a monitor gets of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from mirante.errors import InputError
from mirante.monitors.counting import ROW, Counted, WindowCounter, added
from mirante.monitors.rows import FrameRows, PlannedRows
from mirante.sources.spark.session import SparkEngine

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.inference_log.steps import Step
    from mirante.monitors.rows import RowSource

__all__ = ["SparkCounting"]

_log = structlog.get_logger("mirante.spark")
_STEPS = 4  # for each processor: what the driver has to hold of one job
_MOST_ODD = 3  # steps that were not as planned, from which on a look is taken here: each costs a job
_WIDE = 32  # parts of a table from which on workers add up what others counted
_HELD = 64  # windows that a worker holds of one part, before it hands the oldest on


class SparkCounting:
    """Has new rows counted where Spark's workers read them; what they count is added up by the monitor.

    The driver plans steps, each the rows of one look here, by names of files and numbers of rows. A worker
    reads the rows of a step and counts them by window. Where a worker finds other rows than were planned (a
    file was rewritten, a segment was cleared of rows), the step is taken here instead. So a row is counted
    once, and as it is without Spark.

    Parameters
    ----------
    engine : SparkEngine
        Starts Spark when it is first needed.
    """

    def __init__(self, engine: SparkEngine) -> None:
        self._engine = engine

    def new(
        self, rows: RowSource, model: str, cursor: Mapping[str, Any] | None, counter: WindowCounter
    ) -> Iterator[tuple[list[Counted] | pa.Table | None, dict[str, Any]]]:
        """Yield what was counted of the rows that `cursor` has not had, and the cursor after them.

        Parameters
        ----------
        rows : PlannedRows
            Where they are; of a source without plan there is nothing for Spark.
        model : str
            By what they are asked for.
        cursor : mapping or None
            What was had.
        counter : WindowCounter
            How they are counted.

        Yields
        ------
        (list of Counted, or pyarrow.Table or None, dict)
            A table of rows where they had to be read here; None where nothing came of that.

        Raises
        ------
        InputError
            If a worker cannot reach the files, or Spark fails.
        """
        if isinstance(rows, FrameRows) and (new := rows.new_frame(cursor)) is not None:
            frame, following = new
            yield self._count(frame, rows, counter), following
            return
        if not isinstance(rows, PlannedRows):
            return
        odd = 0
        while odd < _MOST_ODD and (first := rows.plan(model, cursor)):
            steps = self._planned(rows, model, first)
            for step, found in zip(steps, self._run(rows, model, counter, steps), strict=True):
                if found is None:
                    odd += 1
                    table, following = rows.read_new(model, cursor)
                    yield table, following
                    if table is None:  # it waits, or an archive does not answer
                        return
                    cursor = following
                    break
                cursor = step.cursor
                yield found, step.cursor

    def _count(self, frame: Any, rows: object, counter: WindowCounter) -> list[Counted]:
        """Return what was counted of a DataFrame's rows."""
        known, wide = (rows, counter), frame.rdd.getNumPartitions() > _WIDE
        merge = add_rows if wide else None
        found = self._engine.run_frame(frame, count_batches, known, ROW, merge=merge, by="start")
        return added(counter.from_row(row) for row in found)

    def _planned(self, rows: PlannedRows, model: str, first: Step) -> list[Step]:
        steps = [first]
        while len(steps) < _STEPS * self._engine.processors:
            step = rows.plan(model, steps[-1].cursor)
            if step is None:
                break
            steps.append(step)
        return steps

    def _run(
        self, rows: PlannedRows, model: str, counter: WindowCounter, steps: list[Step]
    ) -> list[list[Counted] | None]:
        """Return what was counted in each step; None of one that was not as planned."""
        plain = [(step.pieces, step.rows) for step in steps]

        def work(place: int, sent: Any) -> Iterator[tuple[Any, ...]]:
            yield from count_step(place, plain[place], model, *sent)

        found: list[list[Counted] | None] = [[] for _ in steps]
        for row in self._engine.run(work, (rows, counter), len(steps), ROW):
            place, error, counted = row[0], row[-1], found[row[0]]
            if error is not None:
                if error.startswith("FileNotFoundError"):
                    raise InputError(
                        f"a worker of Spark cannot read the rows of {model}: {error}; the same paths must be "
                        "there on each worker, or take engine: local"
                    )
                _log.warning("rows that a worker could not read as planned are read here", reason=error)
                found[place] = None
            elif row[1] is not None and counted is not None:
                counted.append(counter.from_row(tuple(row)))
        return found


def count_batches(
    batches: Iterator[pa.RecordBatch], known: tuple[Any, WindowCounter]
) -> Iterator[tuple[Any, ...]]:
    """Count the batches of a part of a table: what a worker does.

    Parameters
    ----------
    batches : iterator of pyarrow.RecordBatch
        With the table's own columns.
    known : tuple
        What shapes them, and what counts them.

    Yields
    ------
    tuple
        The values of a row of `mirante.monitors.counting.ROW` for each window; of one several times where
        there are many.
    """
    import pyarrow as pa

    shape, counter = known
    held: dict[Any, Counted] = {}
    for batch in batches:
        for counted in counter.count(shape.shaped(pa.Table.from_batches([batch]))):
            start = counted.window.start
            held[start] = added([held.pop(start), counted])[0] if start in held else counted
            if len(held) > _HELD:
                yield counter.to_row(0, held.pop(next(iter(held))))
    for counted in held.values():
        yield counter.to_row(0, counted)


def add_rows(
    batches: Iterator[pa.RecordBatch], known: tuple[Any, WindowCounter]
) -> Iterator[tuple[Any, ...]]:
    """Add up what workers counted of the same windows: what another worker does.

    Parameters
    ----------
    batches : iterator of pyarrow.RecordBatch
        With the columns of `mirante.monitors.counting.ROW`.
    known : tuple
        What shapes rows, and what counts them.

    Yields
    ------
    tuple
        The values of a row for each window.
    """
    _, counter = known
    held: dict[Any, Counted] = {}
    for batch in batches:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if row[-1] is not None:
                yield row
                return
            counted = counter.from_row(row)
            start = counted.window.start
            held[start] = added([held[start], counted])[0] if start in held else counted
    for counted in held.values():
        yield counter.to_row(0, counted)


def count_step(
    place: int, planned: tuple[Any, int], model: str, rows: PlannedRows, counter: WindowCounter
) -> Iterator[tuple[Any, ...]]:
    """Read the rows of a step and count them: what a worker does.

    Parameters
    ----------
    place : int
        Number of the step.
    planned : tuple
        Its pieces, and how many rows they have.
    model : str
        By what rows are asked for.
    rows : PlannedRows
        Reads them.
    counter : WindowCounter
        Counts them.

    Yields
    ------
    tuple
        The values of a row of `mirante.monitors.counting.ROW` for each window; or one that says what is
        wrong, since each further try would come to the same.
    """
    from mirante.inference_log.steps import Step

    nothing = (place, *[None] * 9)
    try:
        table = rows.read_step(model, Step(planned[0], planned[1], {}))
    except Exception as error:  # whatever it is, the driver tries for itself
        yield (*nothing, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        return
    for counted in counter.count(table):
        yield counter.to_row(place, counted)
