"""Long JSON values in a column of text: what is alike side by side, compressed, and told by a mark."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from mirante.store.wording import WORDS

__all__ = ["packed", "unpacked"]

_MARK, _FORMER = "^", "~"  # no JSON begins so; the second is what earlier versions wrote
_SHORT = 300  # characters; below, there is little to gain
_FEW = 4
_NAME = "~"  # stands for a row's name in its texts
_NUL = "\x80"  # stands for the character that PostgreSQL does not take
_ONE, _TABLE = "=", "#"
_SINGLE = (str, int, float, bool, type(None))
_CHARACTERS, _BYTES = 8, 7  # so many of the first hold so many of the second
_LOW = ((1, 0x007F_007F_007F_007F), (2, 0x0000_3FFF_0000_3FFF), (4, 0x0000_0000_0FFF_FFFF))
_HALVES = [
    (np.uint64(shift), np.uint64(low)) for shift, low in _LOW
]  # eight sevens become four fourteens, ...
_BITS = -15  # zlib without a head and a checksum: the database looks after its pages

_Table = list[Any]


def packed(value: Any, encode: Callable[[Any], str]) -> str:
    """Return a value as JSON as it is kept, compressed where it is long.

    Of objects that have the same keys, such as the verdicts of all columns, the keys are written once, and
    the values of each key side by side.

    Parameters
    ----------
    value : object
        That JSON takes.
    encode : callable
        Returns the JSON of a value, in ASCII.

    Examples
    --------
    >>> import json
    >>> columns = {f"x{n}": {"ks": 0.5, "sentence": f"x{n} is steady"} for n in range(500)}
    >>> len(json.dumps(columns)), len(packed({"columns": columns}, json.dumps)) < 2_000
    (25280, True)
    >>> packed([1], json.dumps)
    '[1]'
    """
    rest, tables = value, {}
    if isinstance(value, dict):
        tables = {name: _folded(part) for name, part in value.items() if _is_table(part)}
        rest = {name: None if name in tables else part for name, part in value.items()}
    text = encode([rest, tables])
    if len(text) < _SHORT:
        return encode(value)
    work = zlib.compressobj(9, zlib.DEFLATED, _BITS, 9, zlib.Z_DEFAULT_STRATEGY, WORDS)
    return _MARK + _to_text(work.compress(text.encode()) + work.flush())


def unpacked(kept: str, decode: Callable[[Any], Any]) -> Any:
    """Return the value that `packed` was given.

    Parameters
    ----------
    kept : str
        As `packed` returned it, or as an earlier version did.
    decode : callable
        Returns the value of JSON.

    Examples
    --------
    >>> import json
    >>> value = {"columns": {f"x{n}": {"sentence": f"x{n} is steady"} for n in range(500)}, "drifted": False}
    >>> unpacked(packed(value, json.dumps), json.loads) == value
    True
    """
    if kept[:1] == _FORMER:
        return decode(zlib.decompress(base64.b64decode(kept[1:])))
    if kept[:1] != _MARK:
        return decode(kept)
    work = zlib.decompressobj(_BITS, WORDS)
    value, tables = decode(work.decompress(_from_text(kept[1:])))
    for name, table in tables.items():
        value[name] = _unfolded(*table)
    return value


def _is_table(part: object) -> bool:
    """Return whether a value holds objects by name, and enough of them."""
    if not isinstance(part, dict) or len(part) < _FEW:
        return False
    return all(isinstance(name, str) and _is_object(row) for name, row in part.items())


def _is_object(row: object) -> bool:
    return isinstance(row, dict) and bool(row) and all(isinstance(key, str) for key in row)


def _folded(table: dict[str, dict[str, Any]]) -> _Table:
    """Return the names, which kind of keys each row has, and the rows of each kind as columns."""
    kinds: dict[Any, dict[str, dict[str, Any]]] = {}
    for name, row in table.items():
        kind = tuple((key, tuple(part)) if _is_object(part) else key for key, part in row.items())
        kinds.setdefault(kind, {})[name] = row
    place = {name: number for number, rows in enumerate(kinds.values()) for name in rows}
    folded = [_columns(list(rows.values()), list(rows)) for rows in kinds.values()]
    return [list(table), [place[name] for name in table], folded]


def _columns(rows: list[dict[str, Any]], names: list[str]) -> _Table:
    """Return the keys of rows that have the same, the values of each, and in which of them names are marked.

    Values that are all the same stand there once, and those that are objects with the same keys likewise.
    """
    columns: list[Any] = []
    marked: list[int] = []
    for number, key in enumerate(rows[0]):
        column = [row[key] for row in rows]
        texts = _marked(column, names)
        if texts is not None:
            marked.append(number)
            column = texts
        if _is_one(column):
            columns.append({_ONE: column[0]})
        elif all(map(_is_object, column)) and len({tuple(part) for part in column}) == 1:
            columns.append({_TABLE: _columns(column, names)})
        else:
            columns.append(column)
    return [list(rows[0]), columns, marked]


def _marked(column: list[Any], names: list[str]) -> list[Any] | None:
    """Return a column with a mark for the names of its rows; None where there is no name, or no way back."""
    if not any(type(part) is str for part in column):
        return None
    if any(type(part) is str and _NAME in part for part in column):
        return None
    pairs = zip(column, names, strict=True)
    texts = [part.replace(name, _NAME) if type(part) is str and name else part for part, name in pairs]
    return texts if texts != column else None


def _is_one(column: list[Any]) -> bool:
    """Return whether all values are the same number, text or nothing: 1 is not 1.0, nor 0.0 -0.0."""
    return type(column[0]) in _SINGLE and len({(type(part), repr(part)) for part in column}) == 1


def _unfolded(names: list[str], which: list[int], folded: list[_Table]) -> dict[str, dict[str, Any]]:
    """Return what `_folded` was given."""
    mine: list[list[str]] = [[] for _ in folded]
    for name, kind in zip(names, which, strict=True):
        mine[kind].append(name)
    rows = [iter(_rows(table, own)) for table, own in zip(folded, mine, strict=True)]
    return {name: next(rows[kind]) for name, kind in zip(names, which, strict=True)}


def _rows(table: _Table, names: list[str]) -> list[dict[str, Any]]:
    """Return what `_columns` was given."""
    keys, columns, marked = table
    same: dict[str, Any] = dict.fromkeys(keys)
    varied: dict[str, list[Any]] = {}
    for place, (key, column) in enumerate(zip(keys, columns, strict=True)):
        if place in marked:
            texts = [column[_ONE]] * len(names) if type(column) is dict else column
            pairs = zip(texts, names, strict=True)
            varied[key] = [part.replace(_NAME, name) if type(part) is str else part for part, name in pairs]
        elif type(column) is list:
            varied[key] = column
        elif _ONE in column:
            same[key] = column[_ONE]
        else:
            varied[key] = _rows(column[_TABLE], names)
    rows = [same.copy() for _ in names]
    for row, values in zip(rows, zip(*varied.values())):  # noqa: B905  `strict` would take a tenth of the time
        row.update(zip(varied, values))  # noqa: B905  likewise
    return rows


def _to_text(data: bytes) -> str:
    """Return bytes as characters below 128, seven bits in each: PostgreSQL keeps no others in one byte."""
    whole = data + b"\xff" * (-len(data) % _BYTES)
    words = np.zeros((len(whole) // _BYTES, _CHARACTERS), np.uint8)
    words[:, 1:] = np.frombuffer(whole, np.uint8).reshape(-1, _BYTES)
    word = words.view(">u8").astype(np.uint64)
    for shift, low in reversed(_HALVES):
        word = (word & ~low) << shift | word & low
    return word.astype(">u8").tobytes().decode("ascii").replace("\0", _NUL)


def _from_text(text: str) -> bytes:
    """Return the bytes that `_to_text` was given, and a few more."""
    word = np.frombuffer(text.replace(_NUL, "\0").encode("ascii"), ">u8").astype(np.uint64)
    for shift, low in _HALVES:
        word = (word & ~low) >> shift | word & low
    return word.astype(">u8").view(np.uint8).reshape(-1, _CHARACTERS)[:, 1:].tobytes()
