"""From a path to a table that can be read in batches, whatever the file's format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from mirante.errors import InputError
from mirante.sources.tables.delimited import CsvBatches
from mirante.sources.tables.ipc import ArrowBatches
from mirante.sources.tables.parquet import ParquetBatches, parquet_files

__all__ = ["TableFile", "open_table"]

_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
_CSV = re.compile(r"\.(csv|tsv|tab|txt)(\.(gz|bz2|zst|lz4))?$", re.I)
_FORMATS = "Parquet, CSV, Arrow, or a folder of Parquet files"


class _Batches(Protocol):
    """What every format gives: the names of its columns, their kinds, and its rows."""

    names: list[str]
    kinds: dict[str, str]

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some columns."""
        ...


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table in a file or folder, ready to be read.

    Parameters
    ----------
    path : Path
        Where it is.
    kinds : mapping of str to str
        Kind of each column, see `mirante.sources.tables.kinds.kind_of`. The index that pandas wrote along and
        columns without a name are left out.
    has_types : bool
        Whether the kinds are the file's own; those of a CSV file are read off its beginning.
    """

    path: Path
    kinds: Mapping[str, str]
    has_types: bool
    _batches: _Batches

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.absolute().name

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some columns in batches.

        Parameters
        ----------
        columns : sequence of str
            At least one. Of a CSV file they come as text.

        Yields
        ------
        pyarrow.RecordBatch
            At most 65,536 rows; a column that one file of a folder lacks is missing in its rows.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        with _readable(self.path):
            yield from self._batches.read(columns)


def open_table(path: Path | str) -> TableFile:
    """Open a table in a file or folder; its rows are not read yet.

    Parameters
    ----------
    path : path
        Parquet, CSV, Arrow (IPC file, IPC stream, Feather), told apart by their first bytes, or a folder of
        Parquet files.

    Returns
    -------
    TableFile

    Raises
    ------
    InputError
        If it is not there, is empty, or cannot be read.

    Examples
    --------
    >>> open_table("nothere.parquet")
    Traceback (most recent call last):
    ...
    mirante.errors.InputError: nothere.parquet is not there
    """
    path = Path(path)
    with _readable(path):
        batches = _batches(path)
    twice = next((name for name in batches.names if batches.names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path} has the column {twice!r} more than once; give each a name of its own")
    kinds = {
        name: batches.kinds[name] for name in batches.names if name and not _PANDAS_INDEX.fullmatch(name)
    }
    if not kinds:
        raise InputError(f"{path} has no columns with names; a table needs at least one")
    return TableFile(path, kinds, not isinstance(batches, CsvBatches), batches)


def _batches(path: Path) -> _Batches:
    if path.is_dir():
        return ParquetBatches(parquet_files(path), path)
    if not path.exists():
        raise InputError(f"{path} is not there")
    if not path.is_file():
        raise InputError(
            f"{path} is neither a file nor a folder; what comes through a pipe is not read twice"
        )
    with path.open("rb") as file:
        head = file.read(6)
    if not head:
        raise InputError(f"{path} is empty")
    if head.startswith(b"PAR1"):
        return ParquetBatches([path], path.parent)
    if head == b"ARROW1" or head.startswith(b"\xff\xff\xff\xff"):
        return ArrowBatches(path, stream=head != b"ARROW1")
    if not _CSV.search(path.name):
        raise InputError(f"{path} is none of the formats that are read: {_FORMATS}")
    return CsvBatches(path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path} cannot be read: {reason}") from error
