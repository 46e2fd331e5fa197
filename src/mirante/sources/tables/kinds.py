"""What kind of thing a column holds, as its Arrow type says."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.types as types

__all__ = ["NOT_COMPARABLE", "joint_type", "kind_of"]

NOT_COMPARABLE = "other"

_SHARED = {
    "number": pa.float64(),
    "text": pa.large_string(),
    "category": pa.large_string(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us"),
}


def kind_of(kind: pa.DataType) -> str:
    """Return the kind of a column.

    Parameters
    ----------
    kind : pyarrow.DataType
        Its Arrow type.

    Returns
    -------
    str
        ``number`` (decimals, times of day and durations too), ``text`` (bytes too), ``boolean``, ``time``
        (dates and moments), ``category`` (a dictionary), ``nothing`` (a column without any value or type),
        or ``other``, which cannot be compared: lists, structs and the like.

    Examples
    --------
    >>> kind_of(pa.int8()), kind_of(pa.date32()), kind_of(pa.list_(pa.int8()))
    ('number', 'time', 'other')
    """
    if isinstance(kind, pa.BaseExtensionType):
        return kind_of(kind.storage_type)
    found = {
        "nothing": types.is_null,
        "boolean": types.is_boolean,
        "category": types.is_dictionary,
        "time": lambda one: types.is_date(one) or types.is_timestamp(one),
        "number": _is_number,
        "text": _is_text,
    }
    return next((name for name, test in found.items() if test(kind)), NOT_COMPARABLE)


def _is_number(kind: pa.DataType) -> bool:
    tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_time, types.is_duration)
    return any(test(kind) for test in tests)


def _is_text(kind: pa.DataType) -> bool:
    tests = (
        types.is_string,
        types.is_large_string,
        types.is_string_view,
        types.is_binary,
        types.is_large_binary,
        types.is_binary_view,
        types.is_fixed_size_binary,
    )
    return any(test(kind) for test in tests)


def joint_type(found: set[pa.DataType]) -> pa.DataType | None:
    """Return the type that takes a column's values from several files.

    Parameters
    ----------
    found : set of pyarrow.DataType
        The column's type in each file.

    Returns
    -------
    pyarrow.DataType or None
        The one type, or a wider one of the same kind; None if they are of different kinds.

    Examples
    --------
    >>> joint_type({pa.int8(), pa.float32(), pa.null()})
    DataType(double)
    >>> joint_type({pa.int8(), pa.string()}) is None
    True
    """
    told = {kind for kind in found if not types.is_null(kind)} or found
    if len(told) == 1:
        return next(iter(told))
    shared = {_SHARED.get(kind_of(kind)) for kind in told}
    return shared.pop() if len(shared) == 1 else None
