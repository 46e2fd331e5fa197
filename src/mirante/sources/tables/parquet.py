"""Parquet: one file, or a folder of them as Spark, Dask and others write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from mirante.errors import InputError
from mirante.sources.tables.kinds import joint_type, kind_of

__all__ = ["ParquetBatches", "folder_values", "parquet_files"]

_BUFFER = 1 << 18  # without one, a column's part of a row group comes into memory as a whole
_ROWS, _BYTES = 65_536, 8 << 20  # of a batch, at most
_NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files below a folder, sorted; hidden ones and those with ``_`` in front left out.

    Parameters
    ----------
    folder : Path
        May hold folders, ``month=1`` too.

    Raises
    ------
    InputError
        If there are none, or it is a Delta table, whose folder holds deleted rows as well.
    """
    if (folder / "_delta_log").is_dir():
        raise InputError(
            f"{folder} is a Delta table, whose files hold deleted rows too; export it to plain Parquet first"
        )
    found = [
        path
        for path in sorted([*folder.rglob("*.parquet"), *folder.rglob("*.pq")])
        if path.is_file() and not any(part[0] in "._" for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise InputError(f"the folder {folder} holds no Parquet file (*.parquet); give one that does")
    return found


class ParquetBatches:
    """Parquet files as record batches.

    Parameters
    ----------
    files : sequence of Path
        At least one. A column that is not in all of them is missing in the others.
    base : Path
        Names of folders below it are columns where they read ``name=value``.
    filesystem : pyarrow.fs.FileSystem, optional
        Has the files, where it is not this machine's.

    Raises
    ------
    InputError
        If a column is of different kinds in two files.
    """

    def __init__(self, files: Sequence[PurePath], base: PurePath, filesystem: Any = None) -> None:
        self._files, self._filesystem = files, filesystem
        self._folders = {file: folder_values(file, base) for file in files}
        found: dict[str, dict[pa.DataType, PurePath]] = {}
        schemas = {}
        for file in files:
            schema = schemas[file] = pq.read_schema(str(file), filesystem=filesystem)
            for name, kind in zip(schema.names, schema.types, strict=True):
                found.setdefault(name, {}).setdefault(kind, file)
        self.names = list(found) if len(files) > 1 else list(schemas[files[0]].names)
        self.types = {name: _one_type(name, places) for name, places in found.items()}
        self._add_folders()
        self.kinds = {name: kind_of(kind) for name, kind in self.types.items()}

    def _add_folders(self) -> None:
        values: dict[str, list[str | None]] = {}
        for named in self._folders.values():
            for name, value in named.items():
                values.setdefault(name, []).append(value)
        for name, every in values.items():
            if name not in self.types:
                numeric = all(value is None or _is_number(value) for value in every)
                self.types[name] = pa.float64() if numeric else pa.string()
                self.names.append(name)

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some columns.

        Parameters
        ----------
        columns : sequence of str
            At least one.
        """
        for path in self._files:
            with self._open(path) as file:
                inside = [name for name in columns if name in file.schema_arrow.names]
                size = _batch_size(file.metadata, inside)
                for batch in file.iter_batches(size, columns=inside, use_threads=False):
                    yield self._whole(batch, columns, self._folders[path])

    def _open(self, path: PurePath) -> pq.ParquetFile:
        place = str(path)
        if self._filesystem is not None:  # one that is far is asked for more at once
            return pq.ParquetFile(place, filesystem=self._filesystem, pre_buffer=True)
        return pq.ParquetFile(place, pre_buffer=False, buffer_size=_BUFFER)

    def only(self, files: Sequence[PurePath]) -> ParquetBatches:
        """Return some of the files, whose columns keep the types that they have in all.

        Parameters
        ----------
        files : sequence of Path
            Of these.

        Returns
        -------
        ParquetBatches
        """
        part = copy(self)
        part._files = list(files)
        return part

    def _whole(
        self, batch: pa.RecordBatch, columns: Sequence[str], folders: Mapping[str, str | None]
    ) -> pa.RecordBatch:
        arrays: dict[str, Any] = {}
        for name in columns:
            if name in batch.schema.names:
                arrays[name] = self._as_in_all(name, batch.column(name))
            else:
                constant = pa.scalar(folders.get(name), pa.string()).cast(self.types[name])
                arrays[name] = pa.repeat(constant, batch.num_rows)
        return pa.RecordBatch.from_pydict(arrays)

    def _as_in_all(self, name: str, array: Any) -> Any:
        wanted = self.types[name]
        if array.type == wanted:
            return array
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        return array.cast(wanted, safe=False)


def _one_type(name: str, places: Mapping[pa.DataType, PurePath]) -> pa.DataType:
    joint = joint_type(set(places))
    if joint is None:
        (first, one), (second, other) = list(places.items())[:2]
        raise InputError(
            f"the column {name!r} is {first} in {one} and {second} in {other}; write all files with one type"
        )
    return joint


def folder_values(file: PurePath, base: PurePath) -> dict[str, str | None]:
    """Return the columns that the names of folders are.

    Parameters
    ----------
    file : PurePath
        A file.
    base : PurePath
        The folder around it from which on names count.

    Examples
    --------
    >>> folder_values(Path("x/day=2026-01-31/a.parquet"), Path("x"))
    {'day': '2026-01-31'}
    """
    found: dict[str, str | None] = {}
    for part in file.relative_to(base).parts[:-1]:
        name, equals, value = part.partition("=")
        if equals:
            found[unquote(name)] = None if value == _NULL_FOLDER else unquote(value)
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _batch_size(metadata: Any, columns: Sequence[str]) -> int:
    """Return how many rows to read at once, so that wide tables and long texts take no more memory."""
    size = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        for place in range(metadata.num_columns):
            column = rows.column(place)
            if column.path_in_schema.partition(".")[0] in columns or column.path_in_schema in columns:
                size += column.total_uncompressed_size
    rows_in_file = max(metadata.num_rows, 1)
    row = max(size / rows_in_file, 8.0 * len(columns), 1.0)
    return int(min(_ROWS, max(256, _BYTES / row)))
