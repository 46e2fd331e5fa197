"""A model's input schema, held against what clients send: what is missing, extra, of another type."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import ne
from types import MappingProxyType
from typing import Any

from mirante.errors import MiranteWarning

__all__ = ["InputColumn", "Signature", "warn_of_unknown"]

_INTEGERS: Mapping[str, int] = MappingProxyType({"integer": 2**31, "long": 2**63})
_NUMBERS = frozenset({"integer", "long", "float", "double"})
_QUICK: Mapping[str, frozenset[type]] = MappingProxyType(
    {
        "boolean": frozenset({bool}),
        "float": frozenset({float, int}),
        "double": frozenset({float, int}),
        "string": frozenset({str}),
        "binary": frozenset({str, bytes}),
    }
)


@dataclass(frozen=True, slots=True)
class InputColumn:
    """One column that a model asks for.

    Parameters
    ----------
    name : str
        As the signature has it.
    kind : str
        MLflow's name of the type: ``boolean, integer, long, float, double, string, binary, datetime``; any
        other is not checked.
    required : bool
        Whether each row must have it.
    """

    name: str
    kind: str
    required: bool = True


class Signature:
    """What a model asks for.

    Parameters
    ----------
    columns : sequence of InputColumn
        In the model's order; empty where the model says nothing.

    Examples
    --------
    >>> signature = Signature([InputColumn("age", "double"), InputColumn("plan", "string")])
    >>> sorted(signature.violations({"age": [31, "n/a"], "plann": ["a", "b"]}, 2).items())
    [(('age', 'type'), 1), (('plan', 'missing'), 2), (('plann', 'extra'), 2)]
    """

    def __init__(self, columns: Sequence[InputColumn] = ()) -> None:
        self._columns = {column.name: column for column in columns}

    def __bool__(self) -> bool:
        return bool(self._columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(self._columns)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that are text."""
        return tuple(name for name, column in self._columns.items() if column.kind == "string")

    @classmethod
    def of(cls, schema: Any) -> Signature:
        """Return the signature of an MLflow schema.

        Parameters
        ----------
        schema : mlflow.types.Schema or None
            ``model.metadata.get_input_schema()``.

        Returns
        -------
        Signature
            Empty for a model without one, for tensors, and for columns without names.
        """
        if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
            return cls()
        return cls([InputColumn(spec.name, _kind(spec.type), bool(spec.required)) for spec in schema.inputs])

    def violations(self, columns: Mapping[str, Sequence[Any]], rows: int) -> Counter[tuple[str, str]]:
        """Return how many rows break the signature, by column and kind.

        Parameters
        ----------
        columns : mapping of str to sequence
            What a client sent.
        rows : int
            How many rows.

        Returns
        -------
        Counter
            By ``(column, kind)``: ``missing`` (a required column is not there), ``extra`` (one that the model
            does not know), ``type``, ``null`` (no value in a required column). Empty when all is well.
        """
        found: Counter[tuple[str, str]] = Counter()
        if not self._columns:
            return found
        for name, column in self._columns.items():
            values = columns.get(name)
            if values is None:
                if column.required:
                    found[name, "missing"] += rows
                continue
            if _plainly_right(values, column.kind):
                continue
            found[name, "null"] += sum(map(_is_null, values)) if column.required else 0
            found[name, "type"] += sum(not _is_null(v) and not _fits(v, column.kind) for v in values)
        for name in columns:
            if name not in self._columns:
                found[name, "extra"] += rows
        return +found if found else found

    def mend(self, columns: Mapping[str, list[Any]]) -> Mapping[str, list[Any]]:
        """Return columns in the signature's types, so that one odd value does not turn a column into text.

        Parameters
        ----------
        columns : mapping of str to list
            What a client sent and the model took.

        Returns
        -------
        mapping
            Numbers sent as text are numbers, times are datetimes; what is neither is missing.

        Examples
        --------
        >>> Signature([InputColumn("age", "double")]).mend({"age": [31, "42", "n/a"], "more": ["x", "y", 1]})
        {'age': [31.0, 42.0, None], 'more': ['x', 'y', 1]}
        """
        if not self._columns:
            return columns
        return {name: self._mended(name, values) for name, values in columns.items()}

    def _mended(self, name: str, values: list[Any]) -> list[Any]:
        column = self._columns.get(name)
        if column is None:
            return values
        if column.kind in _NUMBERS:
            whole = column.kind in _INTEGERS
            wanted = int if whole else float
            return values if set(map(type, values)) == {wanted} else [_number(v, whole) for v in values]
        if column.kind == "datetime":
            return [_time(value) for value in values]
        if column.kind == "string":
            return values if set(map(type, values)) == {str} else [_text(value) for value in values]
        return values


def _kind(given: Any) -> str:
    return str(getattr(given, "name", "any"))


def _plainly_right(values: Sequence[Any], kind: str) -> bool:
    """Return whether a look at all values at once finds nothing wrong: most columns of most requests."""
    types = set(map(type, values))
    if kind in _INTEGERS:
        return types == {int} and -_INTEGERS[kind] <= min(values) and max(values) < _INTEGERS[kind]
    quick = _QUICK.get(kind)
    return quick is not None and types <= quick and (float not in types or not any(map(ne, values, values)))


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # NaN


def _fits(value: Any, kind: str) -> bool:
    if kind in _INTEGERS:
        whole = (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
        return whole and -_INTEGERS[kind] <= value < _INTEGERS[kind]
    if kind == "datetime":
        return isinstance(value, datetime) or _time(value) is not None
    quick = _QUICK.get(kind)
    return quick is None or type(value) in quick


def _number(value: Any, whole: bool) -> float | int | None:
    if _is_null(value) or (whole and type(value) is int):
        return value if type(value) is int else None
    try:
        number = float(value)
        return int(number) if whole and number.is_integer() and abs(number) < 2**53 else number
    except (TypeError, ValueError, OverflowError):
        return None


def _time(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else _moment(value)
    except (ValueError, OverflowError, OSError):
        return None


def _moment(value: Any) -> datetime | None:
    """Return a time that was sent as a number: MLflow takes it as nanoseconds since 1970."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        return datetime.fromtimestamp(value / 1e9, UTC).replace(tzinfo=None)
    return None


def _text(value: Any) -> Any:
    return None if _is_null(value) else value if isinstance(value, (str, list, dict)) else str(value)


def warn_of_unknown(model: str, signature: Signature, columns: Collection[str]) -> None:
    """Warn of columns to be dropped or hashed that a model with a signature does not have: misspelt ones.

    Parameters
    ----------
    model : str
        The model's name.
    signature : Signature
        Of the model; one that says nothing warns of nothing.
    columns : collection of str
        To be dropped or hashed.
    """
    known = ", ".join(map(repr, sorted(signature.names)))
    for name in sorted(set(columns).difference(signature.names)) if signature else ():
        text = f"the signature of model {model!r} has no column {name!r}, which is to be dropped or hashed"
        warnings.warn(f"{text}; it has {known}", MiranteWarning, stacklevel=3)
