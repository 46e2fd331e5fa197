"""Column types that give back exactly what was put in: UTC times, hostile text, NaN, JSON."""

# ruff: noqa: ARG002  SQLAlchemy fixes the signatures of its column types
from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, Float, Text, type_coerce
from sqlalchemy.types import TypeDecorator, TypeEngine

from mirante.errors import StoreError
from mirante.store.packing import packed, unpacked

__all__ = [
    "AnyText",
    "Json",
    "LongJson",
    "Number",
    "NumberOrNone",
    "UtcTime",
    "as_columns",
    "as_values",
    "from_json",
    "from_micros",
    "micros_of",
    "to_micros",
    "unescaped",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# PostgreSQL refuses NUL, UTF-8 has no lone surrogates; ESC marks what was replaced.
_UNSAFE = re.compile("[\x00\x1b\ud800-\udfff]")
_ESCAPED = re.compile("\x1b([0-9a-f]+);")


def to_micros(time: datetime) -> int:
    """Return a time as whole microseconds since 1970 in UTC, without rounding.

    Parameters
    ----------
    time : datetime
        A time with a time zone.

    Returns
    -------
    int
        Microseconds; negative before 1970.

    Raises
    ------
    StoreError
        If `time` has no time zone.

    Examples
    --------
    >>> to_micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    if time.tzinfo is None:
        raise StoreError(
            f"the time {time!r} has no time zone; give an aware datetime, such as datetime.now(UTC)"
        )
    return (time - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the UTC time of whole microseconds since 1970.

    Examples
    --------
    >>> from_micros(1_000_000)
    datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.timezone.utc)
    """
    return _EPOCH + timedelta(0, 0, micros)  # by place, which is quicker by a third


def micros_of(table: Any) -> ColumnElement[int]:
    """Return the time of a table of readings as it is kept: without a call for each row."""
    return type_coerce(table.c.time, BigInteger)


def as_values(row: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, not copied (`dataclasses.asdict` fails on read-only mappings)."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def as_columns(rows: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return the fields of many dataclasses of one kind, by column, not copied.

    Parameters
    ----------
    rows : sequence of dataclass
        At least one.
    """
    names = [field.name for field in fields(rows[0])]
    return dict(zip(names, zip(*map(attrgetter(*names), rows), strict=True), strict=True))


def _plain(value: object) -> Any:
    """Turn numpy's numbers into Python's for JSON, and refuse the rest with advice."""
    if isinstance(value, Mapping):  # a read-only view, such as a reading's labels
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not text, number, list or dict; convert it first")


_to_json = json.JSONEncoder(
    separators=(",", ":"), default=_plain
).encode  # `json.dumps` would make one for each value


def from_json(text: str | bytes) -> Any:
    r"""Return the value of JSON that `Json` has written, which may hold NaN and lone surrogates.

    The verdicts of a wide model are tens of kilobytes a window: pydantic's reader takes half of the time.

    Examples
    --------
    >>> from_json('{"a": [1, NaN]}'), from_json('"\\ud800"') == chr(0xD800)
    ({'a': [1, nan]}, True)
    """
    from pydantic_core import from_json as quickly

    try:
        return quickly(text)
    except ValueError:  # a lone surrogate, or very deep: what Python's own reader takes
        return json.loads(text)


def finite(value: Any) -> Any:
    """Return `value` with dataclasses as dicts, arrays as lists, NaN and infinity as None, as JSON wants it.

    Examples
    --------
    >>> finite({"a": float("nan"), "b": (1, 2.5)})
    {'a': None, 'b': [1, 2.5]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return finite(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if hasattr(value, "dtype"):
        return finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept as whole microseconds since 1970, so that order and equality are exact."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return the microseconds of a time."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return the time of microseconds."""
        return None if value is None else from_micros(value)


def unescaped(text: str) -> str:
    r"""Return text as it was before `AnyText` escaped it for a database.

    Examples
    --------
    >>> unescaped("a\x1b0;b")
    'a\x00b'
    """
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "\x1b" in text else text


def _text(dialect: Dialect) -> TypeEngine[Any]:
    """Return the type of text: on PostgreSQL with the order that SQLite has by itself."""
    return Text() if dialect.name == "sqlite" else Text(collation="C")


class AnyText(TypeDecorator[str]):
    """Text with any character in it, NUL and lone surrogates too; those are kept escaped.

    It is ordered by its characters' numbers on both databases, not by the language of a server.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Return the type of the column."""
        return _text(dialect)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what a database would refuse or cut."""
        if value is None or _UNSAFE.search(value) is None:
            return value
        return _UNSAFE.sub(lambda match: f"\x1b{ord(match[0]):x};", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Undo the escapes."""
        return None if value is None else unescaped(value)


class Number(TypeDecorator[float]):
    """A float; NaN is kept as NULL (SQLite would do so silently) and comes back as NaN."""

    impl = Float(53)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Return the float, or None for NaN."""
        return None if value is None or value != value else float(value)

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:
        """Return the float, or NaN for NULL."""
        return math.nan if value is None else value


class NumberOrNone(TypeDecorator[float]):
    """A float or None, where NaN and None differ; kept as text that gives the same float again."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the column."""
        return _text(dialect)

    def process_bind_param(self, value: float | None, dialect: Dialect) -> str | None:
        """Return the shortest text of the float."""
        return None if value is None else repr(float(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> float | None:
        """Return the float of the text."""
        return None if value is None else float(value)


class Json(TypeDecorator[Any]):
    """A JSON value as ASCII text; NaN and infinities survive, tuples come back as lists."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the column."""
        return _text(dialect)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text of the value."""
        if value is None:
            return None
        try:
            return _to_json(value)
        except (TypeError, ValueError) as error:
            raise StoreError(f"a value cannot be kept as JSON: {error}") from error

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the value of the text."""
        return None if value is None else from_json(value)


class LongJson(Json):
    """A JSON value that may be long, such as the verdicts of a wide model: kept compressed then."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text of the value, packed."""
        encode = super().process_bind_param
        return None if value is None else packed(value, lambda part: str(encode(part, dialect)))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the value of the text."""
        return None if value is None else unpacked(value, from_json)
