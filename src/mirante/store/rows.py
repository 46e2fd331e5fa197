"""Rows of a table by the thousand as dataclasses: converted column by column, not value by value.

A column type's own conversion is a chain of calls for each value, which costs more than the query.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Select, type_coerce

from mirante.store.packing import unpacked
from mirante.store.types import (
    AnyText,
    Json,
    LongJson,
    Number,
    NumberOrNone,
    UtcTime,
    from_json,
    from_micros,
    unescaped,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["read_rows"]

_Row = TypeVar("_Row", bound="DataclassInstance")
_Values = Iterable[Any]


def _times(values: _Values) -> list[Any]:
    return [None if value is None else from_micros(value) for value in values]


def _texts(values: _Values) -> list[Any]:
    return [unescaped(value) if value else value for value in values]


def _numbers(values: _Values) -> list[Any]:
    return [math.nan if value is None else value for value in values]


def _floats(values: _Values) -> list[Any]:
    return [None if value is None else float(value) for value in values]


def _jsons(values: _Values) -> list[Any]:
    return [None if value is None else from_json(value) for value in values]


def _long_jsons(values: _Values) -> list[Any]:
    return [None if value is None else unpacked(value, from_json) for value in values]


_CONVERTERS: Mapping[type, Callable[[_Values], list[Any]]] = {
    UtcTime: _times,
    AnyText: _texts,
    Number: _numbers,
    NumberOrNone: _floats,
    Json: _jsons,
    LongJson: _long_jsons,
}


def read_rows(connection: Connection, query: Select[Any], kind: type[_Row]) -> list[_Row]:
    """Return the rows of a query as dataclasses whose fields are named as its columns.

    Parameters
    ----------
    connection : Connection
        Where to read.
    query : Select
        Of columns, each with a name of its own.
    kind : type
        A dataclass; a field without a column has its default.

    Returns
    -------
    list
        In the order of the query; with the values that the column types give one by one.
    """
    columns = list(query.selected_columns)
    plain = query.with_only_columns(*map(_as_kept, columns), maintain_column_froms=True)
    rows = connection.execute(plain).all()
    if not rows:
        return []
    values = {
        column.key: _CONVERTERS[type(column.type)](part) if type(column.type) in _CONVERTERS else part
        for column, part in zip(columns, zip(*rows, strict=True), strict=True)
    }
    # by place: keywords would cost more than all the rest
    given = [values.get(field.name) or _defaults(field, len(rows)) for field in fields(kind)]
    return list(map(kind, *given))


def _as_kept(column: Any) -> Any:
    """Return a column without its conversion; those of the database's own types stay as they are."""
    if type(column.type) not in _CONVERTERS:
        return column
    return type_coerce(column, column.type.impl_instance).label(column.key)


def _defaults(field: Field[Any], count: int) -> list[Any]:
    if field.default_factory is not MISSING:
        return [field.default_factory() for _ in range(count)]
    return [field.default] * count
