"""One row or many: what the inputs and the prediction that a recorder is given are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["answer_to", "first_of", "is_many", "is_one_row", "rows_in"]


def is_many(value: Any) -> bool:
    """Return whether a value is several: an array, a column or a list, but not a text or a mapping.

    Examples
    --------
    >>> is_many([1, 2]), is_many("ab"), is_many(np.array(1.0))
    (True, False, False)
    """
    return (
        hasattr(value, "__len__")
        and not isinstance(value, (str, bytes, Mapping))
        and getattr(value, "ndim", 1) > 0
    )


def answer_to(inputs: Any, prediction: Any) -> tuple[Any, bool]:
    """Return a prediction and whether it is one a row, and not all the numbers of one row.

    Examples
    --------
    >>> answer_to({"age": 31}, [0.1, 0.9]), answer_to({"age": [31, 32]}, [0.1, 0.9])
    (([0.1, 0.9], False), ([0.1, 0.9], True))
    """
    if isinstance(prediction, Mapping):
        columns = list(prediction.values())
        if is_one_row(inputs) or not columns or not all(map(is_many, columns)):
            return dict(prediction), False
        return [dict(zip(prediction, row, strict=True)) for row in zip(*columns, strict=True)], True
    if not is_many(prediction):
        return prediction, False
    if len(prediction) > 1 and is_one_row(inputs) and getattr(prediction, "ndim", 1) == 1:
        listed = prediction.tolist() if hasattr(prediction, "tolist") else list(prediction)
        if not any(map(is_many, listed)):
            return listed, False
    return prediction, True


def is_one_row(inputs: Any) -> bool:
    """Return whether inputs are one row; a mapping is a batch where each of its values is several.

    Examples
    --------
    >>> is_one_row({"age": 31}), is_one_row([31, 0.5]), is_one_row([{"age": 31}])
    (True, True, False)
    """
    if isinstance(inputs, Mapping):
        return not all(map(is_many, inputs.values()))
    if isinstance(inputs, np.ndarray):
        return inputs.ndim == 1
    return isinstance(inputs, (list, tuple)) and not any(
        is_many(one) or isinstance(one, Mapping) for one in inputs
    )


def rows_in(inputs: Any) -> int:
    """Return how many rows are lost with inputs that make no sense; 1 where that cannot be told.

    Examples
    --------
    >>> rows_in({"age": [31, 32], "plan": ["a"]}), rows_in(np.ones((3, 2, 2))), rows_in(object())
    (2, 3, 1)
    """
    try:
        if is_one_row(inputs):
            return 1
        if isinstance(inputs, Mapping):
            return max(map(len, inputs.values()), default=1)
        return len(inputs) if is_many(inputs) and getattr(inputs, "ndim", 2) > 1 else 1
    except Exception:  # the caller's own objects, which may be of any kind
        return 1


def first_of(prediction: Any) -> Any:
    """Return what was predicted for the only row of a batch: a value, or several by the names of a table.

    Examples
    --------
    >>> first_of([0.5]), first_of(np.array([[0.1, 0.9]])).tolist()
    (0.5, [0.1, 0.9])
    """
    if hasattr(prediction, "iloc"):
        row = prediction.iloc[0]
        row = row.to_dict() if prediction.ndim > 1 else row
    elif hasattr(prediction, "to_dicts"):  # Polars
        row = prediction.to_dicts()[0]
    elif hasattr(prediction, "to_pylist"):  # Arrow
        row = prediction.to_pylist()[0]
    else:
        return prediction[0]
    return next(iter(row.values())) if isinstance(row, Mapping) and len(row) == 1 else row
