"""Batches as callers give them (frames, arrays, dicts, lists) as Arrow tables that nobody can change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from mirante.capture.privacy import MARK, Privacy, marks
from mirante.capture.times import arrow_of
from mirante.counted import counted
from mirante.errors import InputError
from mirante.inference_log.kinds import META, column_of, convert, plain_type, text_of
from mirante.inference_log.probabilities import Spread, is_probability, spread, spread_matrix

__all__ = [
    "feature_names",
    "features_of",
    "ids_of",
    "latencies_of",
    "numbers_of",
    "prediction_column",
    "predictions_of",
]

_TAKEN = (*META, "__version")


def feature_names(names: Iterable[Any]) -> list[str]:
    """Return column names that the log can hold: text, each once, none of its own.

    Examples
    --------
    >>> feature_names(["age", 1, "1", "__time"])
    ['age', '1', '1_', '__time_']
    """
    found: list[str] = []
    used = set(_TAKEN)
    for name in names:
        text = (text_of(name) or "").replace("\x00", "\\x00")
        while text in used or is_probability(text):
            text = f"_{text}" if is_probability(text) else f"{text}_"
        used.add(text)
        found.append(text)
    return found


def features_of(
    inputs: Any,
    columns: Sequence[str] | None,
    as_text: Callable[[str, int], None],
    privacy: Privacy | None = None,
) -> pa.Table:
    """Return the features of a batch as a table; what the caller changes later does not reach it.

    Parameters
    ----------
    inputs : pandas, Polars or Arrow table, mapping of arrays, list of mappings, or two-dimensional array
        The batch.
    columns : sequence of str, optional
        Names for the columns of an array; ``0, 1, …`` without.
    as_text : callable
        Told the name and the rows of each column that had to become text.
    privacy : Privacy, optional
        Columns that it drops are left out here; those that it hashes are marked, for `Privacy.hashed`.

    Raises
    ------
    InputError
        If it is none of these, or the columns differ in length.
    """
    given, arrays = _columns(inputs, columns)
    names, kept, fields = feature_names(given), [], []
    for name, array, action in zip(names, arrays, marks(given, privacy), strict=True):
        if action != "drop":
            kept.append(_column(array, partial(as_text, name)))
            fields.append(pa.field(name, kept[-1].type, metadata={MARK: b""} if action else None))
    if len({len(column) for column in kept}) > 1:
        there = {field.name: len(column) for field, column in zip(fields, kept, strict=True)}
        raise InputError(f"the columns differ in length: {there}")
    return pa.Table.from_arrays(kept, schema=pa.schema(fields))


def _columns(inputs: Any, columns: Sequence[str] | None) -> tuple[list[Any], list[Any]]:
    """Return the names and the columns of a batch."""
    if hasattr(inputs, "iloc") and hasattr(inputs, "columns"):  # pandas, whose names may repeat
        return list(inputs.columns), [column for _, column in inputs.items()]
    if hasattr(inputs, "to_arrow"):  # Polars
        inputs = inputs.to_arrow()
    elif hasattr(inputs, "__arrow_c_stream__") and not isinstance(inputs, (pa.Table, pa.RecordBatch)):
        inputs = pa.table(inputs)
    if isinstance(inputs, (pa.Table, pa.RecordBatch)):
        return list(inputs.schema.names), list(inputs.columns)
    if isinstance(inputs, Mapping):
        return list(inputs), list(inputs.values())
    if isinstance(inputs, (list, tuple)) and inputs and all(isinstance(row, Mapping) for row in inputs):
        keys = list(dict.fromkeys(key for row in inputs for key in row))
        return keys, [[row.get(key) for row in inputs] for key in keys]
    array = np.asarray(inputs, dtype=None if isinstance(inputs, np.ndarray) else object)
    if array.ndim != 2:
        raise InputError(
            f"got {type(inputs).__name__} with {array.ndim} dimensions; give a table, a mapping or 2-d data"
        )
    names = list(range(array.shape[1])) if columns is None else list(columns)
    if len(names) != array.shape[1]:
        raise InputError(
            f"got {counted(array.shape[1], 'value', 'values')} a row for "
            f"{counted(len(names), 'column', 'columns')}: {names}"
        )
    return names, [array[:, place] for place in range(array.shape[1])]


def _column(values: Any, as_text: Callable[[int], None]) -> Any:
    """Return one column as an Arrow array of its own memory."""
    dtype = getattr(values, "dtype", None)
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        array = arrow_of(values)
    elif isinstance(dtype, np.dtype) and dtype.kind != "O":
        array = pa.array(
            np.array(values, copy=True), from_pandas=True
        )  # Arrow would look into the caller's own
    elif dtype is None or isinstance(dtype, np.dtype):
        listed = [values] if isinstance(values, str) else list(values)
        array = column_of(listed)
        others = sum(not isinstance(value, str) for value in listed) if array.type == pa.string() else 0
        if others > array.null_count:
            as_text(len(listed))
    else:  # pandas' own types
        array = arrow_of(values)
    return convert(array, plain_type(array.type))


def prediction_column(array: Any) -> Any:
    """Return predictions as int64, float64 or text (or all null), the types the log keeps them in."""
    kind = plain_type(array.type)
    if pa.types.is_boolean(kind):
        kind = pa.int64()
    elif pa.types.is_temporal(kind):
        kind = pa.string()
    return convert(array, kind)


def predictions_of(
    prediction: Any, rows: int, beyond: Callable[[int], object] = lambda _: None
) -> dict[str, Any]:
    """Return the predictions of a batch, one a row, as columns of the log.

    Parameters
    ----------
    prediction : number, text, array, table or list
        One a row, or one value a row for each of several classes.
    rows : int
        How many there are.
    beyond : callable, optional
        Told of how many the probabilities are text, because the batch names more classes than have columns.

    Returns
    -------
    dict of str to pyarrow.Array
        ``__prediction``, and a column for each class where they are probabilities. Other values of which
        there are several a row become text such as ``[3.5, 0.9]``.

    Raises
    ------
    InputError
        If there are not as many as rows.

    Examples
    --------
    >>> found = predictions_of(pa.table({"no": [0.25], "yes": [0.75]}), 1)
    >>> {name: column.to_pylist() for name, column in found.items()}
    {'__prediction': ['yes'], '__probability_of_no': [0.25], '__probability_of_yes': [0.75]}
    """
    several = _several(prediction)
    found = _one_column(prediction) if several is None else _spread_columns(*several)
    said = prediction_column(_column(found.said, lambda _: None))
    if len(said) != rows:
        raise InputError(
            f"got {counted(len(said), 'prediction', 'predictions')} for {counted(rows, 'row', 'rows')}; "
            "give one a row"
        )
    if found.beyond:
        beyond(found.beyond)
    return {"__prediction": said, **found.arrow()}


def _one_column(prediction: Any) -> Spread:
    """Return predictions that are one column, of values or of lists and mappings."""
    arrow = isinstance(prediction, (pa.Array, pa.ChunkedArray))
    if hasattr(prediction, "iloc") or (hasattr(prediction, "to_numpy") and not arrow):
        prediction = prediction.to_numpy()
    if isinstance(prediction, np.ndarray) and prediction.ndim > 1:
        prediction = prediction.ravel() if prediction.size == len(prediction) else prediction.tolist()
    if not hasattr(prediction, "__len__") or isinstance(prediction, (str, bytes, Mapping)):
        prediction = [prediction]
    if arrow and not pa.types.is_nested(prediction.type):
        return Spread(prediction, {})
    if isinstance(prediction, np.ndarray) and prediction.dtype.kind != "O":
        return Spread(prediction, {})
    listed = prediction.to_pylist() if arrow else list(prediction)
    return spread([one.tolist() if isinstance(one, np.ndarray) else one for one in listed])


def _several(prediction: Any) -> tuple[list[Any] | None, list[Any]] | None:
    """Return the names and the columns of predictions that are a table; None of those that are one column."""
    if isinstance(prediction, np.ndarray) and prediction.ndim == 2 and prediction.shape[1] > 1:
        return None, [prediction[:, place] for place in range(prediction.shape[1])]
    if not (hasattr(prediction, "columns") or isinstance(prediction, pa.RecordBatch)):
        return None
    names, columns = _columns(prediction, None)
    return (names, columns) if len(columns) > 1 else None


def _spread_columns(names: list[Any] | None, columns: list[Any]) -> Spread:
    kept = [_column(column, lambda _: None) for column in columns]
    rows = [list(row) for row in zip(*(column.to_pylist() for column in kept), strict=True)]
    texts = None if names is None else [text_of(name) or "" for name in names]
    numbers = {pa.int64(), pa.float64(), pa.null()}
    kinds = {column.type for column in kept}
    # whole numbers alone are labels, of which a row may have several
    if kinds - numbers or pa.float64() not in kinds or len(set(texts or ())) < len(texts or ()):
        return Spread(rows, {})
    values = [column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) for column in kept]
    return spread_matrix(np.stack(values, axis=1), texts, rows)


def latencies_of(latency: Any, rows: int) -> Any:
    """Return latencies in seconds, one a row; one number is given to each row.

    Raises
    ------
    InputError
        If there are not as many as rows.
    """
    if latency is None or isinstance(latency, (int, float)) or not hasattr(latency, "__len__"):
        return pa.repeat(pa.scalar(None if latency is None else float(latency), pa.float64()), rows)
    column = numbers_of(latency)
    if len(column) != rows:
        raise InputError(
            f"got {counted(len(column), 'latency', 'latencies')} for {counted(rows, 'row', 'rows')}; "
            "give one number, or one a row"
        )
    return column


def numbers_of(values: Any) -> pa.Array:
    """Return values as float64; what is no number is null."""
    column = _column(values, lambda _: None)
    if plain_type(column.type) in {pa.bool_(), pa.int64(), pa.float64(), pa.null()}:
        return column.cast(pa.float64(), safe=False)
    return pa.array([_number(value) for value in column.to_pylist()], pa.float64())


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def ids_of(ids: Any, rows: int) -> list[str]:
    """Return the ids of a batch as text.

    Raises
    ------
    InputError
        If there are not as many as rows.
    """
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__len__"):
        ids = [ids]
    listed = (
        ids.to_pylist()
        if hasattr(ids, "to_pylist")
        else ids.tolist()
        if hasattr(ids, "tolist")
        else list(ids)
    )
    if len(listed) != rows:
        raise InputError(
            f"got {counted(len(listed), 'id', 'ids')} for {counted(rows, 'row', 'rows')}; give one a row"
        )
    try:
        "".join(listed).encode()  # at C speed: refuses what is no text, or no UTF-8
    except (TypeError, UnicodeEncodeError):
        return [text_of(value) or "" for value in listed]
    return listed
