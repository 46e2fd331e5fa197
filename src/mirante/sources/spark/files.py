"""Parquet files that workers can read themselves, here or in object storage: no row passes through Java."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mirante.errors import InputError
from mirante.sources.rows.listing import bare, open_listing
from mirante.sources.spark.counting import ROW, Found, to_batch
from mirante.sources.spark.jobs import Batches, map_arrow, sample_size
from mirante.sources.tables.kinds import NOT_COMPARABLE
from mirante.sources.tables.parquet import ParquetBatches, parquet_files

__all__ = ["SparkFiles"]

_TASKS = 8  # for each processor: enough that a slow one does not hold up the rest
_ELSEWHERE = re.compile(r"(?!file:)[a-zA-Z][\w+.-]+:/")


class SparkFiles:
    """Parquet files that driver and workers read by the same names.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
        Of a classic session.
    paths : path, or sequence of paths
        A folder (folders ``month=1`` below it are columns), a file, or several files; or one address that
        Arrow knows, ``s3://bucket/folder``: workers open it for themselves, with their own credentials.

    Raises
    ------
    InputError
        If nothing is there, or it is no Parquet.
    """

    def __init__(self, spark: Any, paths: str | Path | Sequence[str | Path]) -> None:
        self.spark = spark
        several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        if not several:
            raise InputError("got no path; give a folder of Parquet files, or files")
        files, base, filesystem = _found(several)
        try:
            self._batches = ParquetBatches(files, base, filesystem)
            footers = [pq.read_metadata(str(file), filesystem=filesystem) for file in files]
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"a file cannot be read: {' '.join(str(error).split())[:300]}") from error
        self._rows = sum(footer.num_rows for footer in footers)
        self._counts = {file: footer.num_rows for file, footer in zip(files, footers, strict=True)}
        self._groups = _dealt(files, [footer.num_rows for footer in footers], self._tasks(len(files)))
        self.kinds = dict(self._batches.kinds)

    def _tasks(self, files: int) -> int:
        return int(min(files, _TASKS * self.spark.sparkContext.defaultParallelism))

    @property
    def types(self) -> dict[str, pa.DataType]:
        """What each column is in Arrow."""
        return self._batches.types

    @property
    def order(self) -> list[list[tuple[int, int]]]:
        """For each part, the places of its rows in the table, as first and number: files follow by name."""
        first, place = {}, 0
        for file, rows in self._counts.items():
            first[file] = place
            place += rows
        return [[(first[file], self._counts[file]) for file in group] for group in self._groups]

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
            Naming the column.
        """
        for name in columns:
            if self.kinds[name] == NOT_COMPARABLE:
                raise InputError(
                    f"column {name!r} holds lists, structs or the like; a profile needs one number or text "
                    "per row; leave the column out"
                )
        if time is not None and self.kinds.get(time) != "time":
            raise InputError(
                f"there is no column {time!r} of dates or timestamps; "
                f"it is {self.kinds.get(time, 'not there')}"
            )

    def sample(self, columns: Sequence[str]) -> pa.Table:
        """Return rows from everywhere in the files.

        Parameters
        ----------
        columns : sequence of str
            To take.

        Returns
        -------
        pyarrow.Table
            The same each time.
        """
        share = sample_size(self._rows, len(columns))
        batches, groups, names = self._batches, self._groups, list(columns)

        def draw(ids: Batches) -> Batches:
            for place in _places(ids):
                rng = np.random.default_rng([0, place])
                for batch in batches.only(groups[place]).read(names):
                    kept = (
                        batch if share == 1.0 else batch.filter(pa.array(rng.random(batch.num_rows) < share))
                    )
                    yield to_batch([(place, _to_bytes(kept), 0, None)])

        rows = map_arrow(self._tasks_frame(), draw, ROW).collect()
        parts = [
            pa.ipc.open_stream(bytes(row.profile)).read_all() for row in sorted(rows, key=lambda r: r.start)
        ]
        table = pa.concat_tables(parts) if parts else pa.table({name: pa.nulls(0) for name in names})
        for place, name in enumerate(names):
            if self.kinds[name] == "category":
                table = table.set_column(place, name, table.column(place).dictionary_encode())
        return table

    def _tasks_frame(self) -> Any:
        count = len(self._groups)
        return self.spark.range(0, count, 1, count)

    def each(self, columns: Sequence[str], work: Callable[[Batches], Batches]) -> Any:
        """Return what `work` makes of the rows of some files at a time.

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
        batches, groups = self._batches, self._groups
        names = list(columns) or batches.names[:1]  # with no column in common the rows are still counted

        def read(ids: Batches) -> Batches:
            for place in _places(ids):
                try:
                    yield from work(batches.only(groups[place]).read(names))
                except (OSError, pa.ArrowException) as error:
                    yield to_batch([_unread(groups[place], error)])

        return map_arrow(self._tasks_frame(), read, ROW)


def _unread(files: Sequence[PurePath], error: Exception) -> Found:
    reason = " ".join(str(error).split())[:300]
    where = str(files[0]) if len(files) == 1 else f"one of {files[0]} … {files[-1]}"
    if not isinstance(files[0], Path):
        return (
            None,
            None,
            0,
            f"a worker cannot read {where}: {reason}; workers open object storage for themselves, and need "
            "credentials: spark.executorEnv.AWS_ACCESS_KEY_ID and the like in Spark's settings",
        )
    return (
        None,
        None,
        0,
        f"a worker cannot read {where}: {reason}; the same paths must be there on each worker, else read the "
        "files with spark.read.parquet and use profile_spark",
    )


def _places(ids: Batches) -> list[int]:
    return [int(place) for batch in ids for place in batch.column(0).to_pylist()]


def _found(several: Sequence[str | Path]) -> tuple[list[PurePath], PurePath, Any]:
    """Return files, the folder around them, and the file system that has them; None for this machine's."""
    away = next((text for text in (os.fspath(one) for one in several) if _ELSEWHERE.match(text)), None)
    if away is not None:
        if len(several) > 1:
            raise InputError(f"got {len(several)} paths, and {bare(away)} is an address; give it alone")
        return _there(away)
    found = [_local(path) for path in several]
    base = found[0] if found[0].is_dir() and len(found) == 1 else Path(os.path.commonpath(found)).parent
    files = [file for path in found for file in (parquet_files(path) if path.is_dir() else [path])]
    return [*files], base, None


def _there(address: str) -> tuple[list[PurePath], PurePath, Any]:
    try:
        place = open_listing(address)
        names, _ = place.look()
    except (OSError, InputError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{bare(address)} cannot be read: {reason}; what Arrow does not know, spark.read.parquet and "
            "profile_spark may"
        ) from error
    if not names:
        raise InputError(f"{bare(address)} holds no Parquet file (*.parquet); give a folder that does")
    root = PurePosixPath(place.root)
    return (
        [PurePosixPath(place.path(name)) for name in names],
        root if names != [""] else root.parent,
        place.filesystem,
    )


def _local(path: str | Path) -> Path:
    text = os.fspath(path)
    found = Path(re.sub(r"^file:(//)?", "", text)).absolute()
    if not found.exists():
        raise InputError(f"{found} is not there")
    return found


def _dealt(files: Sequence[PurePath], rows: Sequence[int], tasks: int) -> list[list[PurePath]]:
    """Share files out so that tasks have about the same number of rows: each, largest first, to the least."""
    groups: list[list[PurePath]] = [[] for _ in range(tasks)]
    loads = [0] * tasks
    for place in sorted(range(len(files)), key=lambda one: -rows[one]):
        least = min(range(tasks), key=lambda one: (loads[one], len(groups[one])))
        groups[least].append(files[place])
        loads[least] += rows[place]
    return groups


def _to_bytes(batch: pa.RecordBatch) -> bytes:
    """Return rows as an Arrow stream; categories as their values, whose dictionary would come along whole."""
    arrays = [
        one.dictionary_decode() if isinstance(one, pa.DictionaryArray) else one for one in batch.columns
    ]
    sink = pa.BufferOutputStream()
    plain = pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
    with pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_batch(plain)
    return bytes(sink.getvalue())
