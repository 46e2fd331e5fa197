"""Writing rows of a log as one file: Parquet, CSV or Arrow, in memory that does not grow with the rows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from mirante.errors import InputError

__all__ = ["Format", "escaped", "export_rows", "format_of"]

Format = Literal["parquet", "csv", "arrow"]

_SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".arrow": "arrow",
    ".feather": "arrow",
}
_GROUP_ROWS = 100_000
# what a spreadsheet takes for the beginning of a formula, also in its wide forms, and after blanks
_FORMULA = r"^[\s\x00]*[=+\-@\t\r\n＝＋－＠]"


def format_of(path: Path, given: str | None) -> Format:
    """Return the format of a file: the one that is given, else by the end of its name.

    Raises
    ------
    InputError
        If neither says it.

    Examples
    --------
    >>> format_of(Path("rows.csv"), None), format_of(Path("rows"), "arrow")
    ('csv', 'arrow')
    """
    found = given or _SUFFIXES.get(path.suffix.lower())
    if found not in ("parquet", "csv", "arrow"):
        raise InputError(
            f"{str(path)!r} does not say its format; name it .parquet, .csv or .arrow, or give format"
        )
    return found  # type: ignore[return-value]  # one of the three


def export_rows(
    tables: Iterable[pa.Table], schema: pa.Schema, path: Path, form: Format, *, force: bool
) -> int:
    """Write tables into one file, which is there whole or not at all, and readable by its owner alone.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        With the schema; one is in memory at a time.
    schema : pyarrow.Schema
        Of them.
    path : Path
        Where to.
    form : {"parquet", "csv", "arrow"}
        How.
    force : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    int
        Rows.

    Raises
    ------
    InputError
        If there is a file already, or it cannot be written.
    """
    if path.exists() and not force:
        raise InputError(f"{path} is there already; give another path, or force to replace it")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    rows = 0
    try:
        handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "wb") as file:
            with closing(_writer(file, schema, form)) as writer:
                for table in tables:
                    writer.write_table(escaped(table) if form == "csv" else table)
                    rows += table.num_rows
            file.flush()
            os.fsync(file.fileno())
        _place(beside, path, force=force)
    except FileExistsError:
        raise InputError(f"{path} is there already; give another path, or force to replace it") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}; give another path") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return rows


def _place(beside: Path, path: Path, *, force: bool) -> None:
    if not force:
        try:
            os.link(beside, path)  # unlike a rename it replaces nothing
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if path.exists():
                raise FileExistsError(path) from None
        else:
            return
    beside.replace(path)


def _writer(file: Any, schema: pa.Schema, form: Format) -> Any:
    if form == "parquet":
        import pyarrow.parquet as pq

        return pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True)
    if form == "csv":
        import pyarrow.csv as csv

        return csv.CSVWriter(file, _safe_names(schema))
    return pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(compression="zstd"))


def escaped(table: pa.Table) -> pa.Table:
    """Return a table whose texts no spreadsheet takes for formulas: an apostrophe comes before such ones.

    Examples
    --------
    >>> escaped(pa.table({"a": ["=1+1", "plain", None], "b": [-1, 2, 3]})).to_pydict()
    {'a': ["'=1+1", 'plain', None], 'b': [-1, 2, 3]}
    """
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(place)
            risky = pc.match_substring_regex(column, _FORMULA)
            safe = pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)
            table = table.set_column(place, field.name, safe)
    return table.rename_columns(_safe_names(table.schema).names)


def _safe_names(schema: pa.Schema) -> pa.Schema:
    names = pa.array(schema.names, pa.string())
    risky = pc.match_substring_regex(names, _FORMULA).to_pylist()
    said = [f"'{name}" if bad else name for name, bad in zip(schema.names, risky, strict=True)]
    return pa.schema([(name, field.type) for name, field in zip(said, schema, strict=True)])
