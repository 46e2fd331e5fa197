"""CSV: text in columns. What a column holds is read off the beginning of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mirante.errors import InputError
from mirante.profiles.columns import to_numbers

__all__ = ["CsvBatches", "to_kind"]

_BLOCK = 1 << 20
_HEAD = 1 << 16
_DELIMITERS = ",;\t|"
_MOSTLY = 0.95  # so many of a column's first values must be numbers, for the rest to be unreadable ones
_NULLS = [*csv.ConvertOptions().null_values, "None", "<NA>"]
_MOMENTS = tuple(pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in (None, "UTC"))
_LOOKS_LIKE_A_DATE = r"^\s*\d{4}-\d\d-\d\d([ T].*)?$"


class CsvBatches:
    """A CSV file as record batches of text.

    Parameters
    ----------
    path : Path
        Separated by commas, semicolons, tabs or ``|``, whichever the first line has most of; in UTF-8, with
        the names of the columns in the first line; may be compressed (``.csv.gz``).

    Attributes
    ----------
    kinds : dict of str to str
        As `mirante.sources.tables.kinds.kind_of` names them, from the first block (1 MiB): a number or a
        time where 19 of 20 values are; what is not is counted as unreadable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._delimiter = _delimiter(path)
        names = self._open(None).schema.names
        twice = next((name for name in names if names.count(name) > 1 and name), None)
        if twice is not None:
            raise InputError(f"{path} has the column {twice!r} more than once; give each a name of its own")
        self.names = [name for name in names if name]
        self.kinds = self._first_kinds()

    def _open(self, columns: Sequence[str] | None) -> Any:
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(columns or (), pa.string()),
            include_columns=list(columns or ()),
            strings_can_be_null=True,
            null_values=_NULLS,
        )
        return csv.open_csv(
            str(self._path),
            read_options=csv.ReadOptions(block_size=_BLOCK),
            parse_options=csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
            convert_options=convert,
        )

    def _first_kinds(self) -> dict[str, str]:
        kinds = dict.fromkeys(self.names, "nothing")
        open_ones = self.names
        for batch in self.read(open_ones) if open_ones else ():
            kinds |= {name: _kind(batch.column(name)) for name in open_ones if kinds[name] == "nothing"}
            if "nothing" not in kinds.values():
                break
        return kinds

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some columns, all of them text.

        Parameters
        ----------
        columns : sequence of str
            At least one.
        """
        yield from self._open(columns)


def _delimiter(path: Path) -> str:
    with pa.input_stream(str(path)) as stream:  # unpacks by the file's ending
        head: str = stream.read(_HEAD).decode("utf-8", "replace")
    line = re.sub(r'"[^"]*"', "", head).partition("\n")[0]
    return max(_DELIMITERS, key=line.count)  # of equals the first


def _kind(texts: Any) -> str:
    values = pc.drop_null(texts)
    if not len(values):
        return "nothing"
    numbers, unreadable = to_numbers("", to_kind(values, "number"))
    if unreadable <= (1 - _MOSTLY) * len(numbers):
        return "number"
    if pc.all(pc.is_in(pc.utf8_lower(values), pa.array(["true", "false"]))).as_py():
        return "boolean"
    dates = pc.sum(pc.match_substring_regex(values, _LOOKS_LIKE_A_DATE)).as_py()
    if dates >= _MOSTLY * len(values):
        _, unreadable = to_numbers("", to_kind(values, "time"))
        if unreadable <= (1 - _MOSTLY) * len(values):
            return "time"
    return "text"


def to_kind(texts: Any, kind: str) -> Any:
    """Return text as what it stands for.

    Parameters
    ----------
    texts : pyarrow array of text
        A column of a CSV file.
    kind : str
        ``number``, ``time``, ``boolean``; any other leaves the text alone.

    Returns
    -------
    pyarrow array
        Numbers, moments, or text: ``true`` and ``false``, however they are written. Where a value is none of
        the kind the whole column stays text, moments as seconds since 1970, so that
        `mirante.profiles.columns.to_numbers` can count what it cannot read.

    Examples
    --------
    >>> to_kind(pa.array(["1.5", None]), "number").to_pylist()
    [1.5, None]
    >>> to_kind(pa.array(["1970-01-02", "soon"]), "time").to_pylist()
    ['86400.0', 'soon']
    """
    if kind in ("number", "time"):
        found = _cast(texts, (pa.float64(),) if kind == "number" else _MOMENTS)
        if found is not None:
            return found
        return _seconds(texts) if kind == "time" else texts
    if kind == "boolean":
        lower = pc.utf8_lower(texts)
        return pc.if_else(pc.is_in(lower, pa.array(["true", "false"])), lower, texts)
    return texts


def _cast(texts: Any, wanted: Sequence[pa.DataType]) -> Any:
    for values in (texts, pc.utf8_trim_whitespace(texts)):
        for kind in wanted:
            try:
                return values.cast(kind)
            except pa.ArrowInvalid:
                continue
    return None


def _seconds(texts: Any) -> Any:
    import pandas as pd

    moments = pd.to_datetime(pd.Series(texts.to_pylist()), errors="coerce", format="ISO8601", utc=True)
    seconds = (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    read = [None if np.isnan(value) else repr(float(value)) for value in seconds]
    return pc.coalesce(pa.array(read, pa.string()), texts)
