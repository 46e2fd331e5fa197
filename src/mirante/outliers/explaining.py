"""The strangest rows, and the columns that make them so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.outliers.result import OutlierReason, OutlierRow
from mirante.outliers.rows import Rows

if TYPE_CHECKING:
    from mirante.outliers.models import Model

__all__ = ["explain_rows", "strangest"]

Floats = NDArray[np.float64]


def strangest(scores: Floats, flagged: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """Return the positions of the flagged rows with the lowest scores, lowest first.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Lower is stranger.
    flagged : ndarray of bool, shape (n,)
        Which rows count.
    most : int
        How many at most; of equal scores the first.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> strangest(np.array([-0.4, -0.7, -0.6]), np.array([True, True, True]), 2).tolist()
    [1, 2]
    """
    places = np.flatnonzero(flagged)
    return places[np.argsort(scores[places], kind="stable")[: max(most, 0)]]


def explain_rows(
    model: Model, rows: Rows, positions: NDArray[np.intp], columns: int
) -> tuple[OutlierRow, ...]:
    """Return what makes each of some rows strange.

    Parameters
    ----------
    model : Forest, RobustZ or Both
        Fitted.
    rows : Rows
        With the baseline's columns.
    positions : ndarray of int
        Which.
    columns : int
        Reasons for each row, at most.

    Returns
    -------
    tuple of OutlierRow
        In the order of `positions`.

    Raises
    ------
    InputError
        If there is no such row.
    """
    if not len(positions):
        return ()
    outside = positions[(positions < 0) | (positions >= rows.count)]
    if len(outside):
        raise InputError(f"there is no row {outside[0]}; the data has rows 0 to {rows.count - 1}")
    few = rows.at(positions)
    scores, parts, methods = model.reasons(few)
    names = list(few.columns)
    found = []
    for row, position in enumerate(positions.tolist()):
        best = [place for place in np.argsort(-parts[row], kind="stable")[:columns] if parts[row, place] > 0]
        reasons = tuple(
            OutlierReason(names[place], few.value(names[place], row), float(parts[row, place]))
            for place in best
        )
        found.append(OutlierRow(position, float(scores[row]), reasons, methods[row]))
    return tuple(found)
