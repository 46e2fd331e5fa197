"""The methods by name: how each is fitted, and how rows are scored with any of them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.outliers.blocks import in_blocks
from mirante.outliers.both import Both
from mirante.outliers.calibration import MOST_SCORES
from mirante.outliers.forest import Forest
from mirante.outliers.robust import RobustZ
from mirante.outliers.rows import Rows
from mirante.profiles import TableProfile

__all__ = ["METHODS", "Method", "Model", "fit_model", "measure_rows"]

Floats = NDArray[np.float64]
Method = Literal["isolation_forest", "robust_z", "both"]
Model: TypeAlias = Forest | RobustZ | Both

METHODS: dict[str, type[Model]] = {"isolation_forest": Forest, "robust_z": RobustZ, "both": Both}


def fit_model(method: Method, data: object, random_state: int) -> tuple[Model, Floats]:
    """Fit one of the methods.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    data : table, array or TableProfile
        The baseline; a profile is enough for robust z.
    random_state : int
        Seed of a forest.

    Returns
    -------
    model : Forest, RobustZ or Both
    scores : ndarray of float64
        Of the baseline's rows, or such that stand for them.

    Raises
    ------
    InputError
        If the baseline says nothing, or a forest is given a profile.
    """
    if isinstance(data, TableProfile):
        if method != "robust_z":
            raise InputError(
                f"method {method!r} needs rows and got a profile; give the rows, "
                "or OutlierDetector(method='robust_z')"
            )
        counted = RobustZ.of(data)
        return counted, counted.scores_of(data, MOST_SCORES)
    rows = Rows.of(data)
    if method == "isolation_forest":
        return Forest.fit(rows, random_state)
    robust = RobustZ.of(TableProfile.of(rows.columns), named=rows.named)
    robust_scores, _ = measure_rows(robust, rows)
    if method == "robust_z":
        return robust, robust_scores
    forest, forest_scores = Forest.fit(rows, random_state)
    both = Both.of(forest, robust, forest_scores, robust_scores)
    return both, both.joined(forest_scores, robust_scores)


def measure_rows(model: Model, rows: Rows) -> tuple[Floats, int]:
    """Score rows, block by block on all cores.

    Parameters
    ----------
    model : Forest, RobustZ or Both
        Fitted.
    rows : Rows
        With the baseline's columns; none is fine.

    Returns
    -------
    scores : ndarray of float64, shape (n,)
    missing_rows : int
        How many rows lack a value.
    """
    known = model.prepare(rows)
    scores, lacking = np.empty(rows.count), np.empty(rows.count, np.bool_)

    def measure(begin: int, end: int) -> None:
        scores[begin:end], lacking[begin:end] = model.measure(known.part(begin, end))

    in_blocks(rows.count, measure)
    return scores, int(lacking.sum())
