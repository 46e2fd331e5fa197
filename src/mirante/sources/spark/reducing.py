"""What workers find in the parts of a table, brought together on workers too: little comes to the driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mirante import __version__
from mirante.errors import InputError
from mirante.sources.spark.counting import ROW, from_batch, other_version, to_batch
from mirante.sources.spark.jobs import Batches, SparkTable, map_arrow, told

__all__ = ["Merge", "Work", "reduce_parts"]

_HELD = 8  # findings of one key that are kept before they are merged

Work = Callable[[int, Batches, Any], Iterator[tuple[int, bytes]]]
Merge = Callable[[int, Sequence[bytes], Any, bool], tuple[int, bytes]]


def reduce_parts(
    table: SparkTable, columns: Sequence[str], work: Work, known: object, *merges: Merge
) -> list[tuple[int, bytes]]:
    """Have workers go through the parts of a table, and bring together what they find.

    Parameters
    ----------
    table : SparkTable
        Whose rows.
    columns : sequence of str
        Those that are read.
    work : callable
        Called on a worker with a part's number, its batches and `known`; yields keys and findings.
    known : object
        What each task needs; sent once to each worker, pickled.
    *merges : callable
        Called on a worker with a key, findings under it, `known`, and whether these are all that there are;
        returns a key and one finding. Each is applied to what the one before gave.

    Returns
    -------
    list of (int, bytes)
        One finding for each key after the last of the `merges`; without any, all of them, those of a part in
        their order.

    Raises
    ------
    InputError
        What a worker said, or why Spark failed.
    MissingDependencyError
        If a worker cannot import Mirante.
    """
    with told(columns):
        sent = table.spark.sparkContext.broadcast(known)
        try:
            rows = table.each(columns, _working(sent, work))
            for merge in merges:
                rows = map_arrow(rows.repartition("start"), _merging(sent, merge), ROW)
            found = rows.collect()
        finally:
            sent.destroy()
    for row in found:
        if row.error is not None:
            raise InputError(row.error)
    return [(row.start, bytes(row.profile)) for row in found]


# Functions inside functions travel to workers whole; what they call is imported there.


def _working(sent: Any, work: Work) -> Callable[[Batches], Batches]:
    version = __version__

    def each(batches: Batches) -> Batches:
        from pyspark import TaskContext

        if refused := other_version(version):
            yield to_batch([(None, None, 0, refused)])
            return
        context = TaskContext.get()
        try:
            for key, finding in work(0 if context is None else context.partitionId(), batches, sent.value):
                yield to_batch([(key, finding, 0, None)])
        except InputError as error:  # each further try would come to the same
            yield to_batch([(None, None, 0, str(error))])

    return each


def _merging(sent: Any, merge: Merge) -> Callable[[Batches], Batches]:
    def each(batches: Batches) -> Batches:
        held: dict[int | None, list[bytes]] = {}
        for batch in batches:
            for key, finding, _, error in from_batch(batch):
                if error is not None or key is None or finding is None:
                    yield to_batch([(None, None, 0, error)])
                    return
                mine = held.setdefault(key, [])
                mine.append(finding)
                if len(mine) >= _HELD:
                    held[key] = [merge(key, mine, sent.value, False)[1]]
        for key, mine in held.items():
            if key is not None:
                last, finding = merge(key, mine, sent.value, True)
                yield to_batch([(last, finding, 0, None)])

    return each
