"""Rows that have both a label and a prediction."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError

__all__ = ["Pairs", "pairs"]

Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """Labels and predictions that are both there, and how many rows were left out."""

    labels: Floats
    predictions: Floats
    dropped: int


def pairs(labels: ArrayLike, predictions: ArrayLike) -> Pairs:
    """Return the rows that have both a label and a prediction.

    Parameters
    ----------
    labels, predictions : array_like, shape (n,)
        Numbers or booleans; NaN or None where there is none.

    Returns
    -------
    Pairs
        float64 arrays of one length, and the number of rows left out.

    Raises
    ------
    InputError
        If the lengths differ, or the values are no numbers.

    Examples
    --------
    >>> pairs([1, None, 0], [0.9, 0.5, float("nan")]).dropped
    2
    """
    truth, said = _numbers("labels", labels), _numbers("predictions", predictions)
    if truth.shape != said.shape:
        raise InputError(f"got {truth.size} labels and {said.size} predictions; give one of each per row")
    there = ~(np.isnan(truth) | np.isnan(said))
    return Pairs(truth[there], said[there], int(np.count_nonzero(~there)))


def _numbers(what: str, values: ArrayLike) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the {what} are no numbers: {error}; give numbers, NaN where there is none"
        ) from error
    if numbers.ndim != 1:
        raise InputError(f"the {what} have the shape {numbers.shape}; give one value per row")
    return numbers
