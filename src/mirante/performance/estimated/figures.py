"""A measure that is estimated, its band, and the threshold that normal windows keep to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from mirante.stats.spread import LEAST_WINDOWS, Spread, spread_of, student_limit

__all__ = ["BAND", "HIGHER_IS_BETTER", "Estimate", "Figure", "Normal", "judge"]

BAND = 0.95
"""Share of normal windows whose realised measure lies in the band."""

HIGHER_IS_BETTER = frozenset({"accuracy", "roc_auc", "f1", "precision", "recall"})

_OVER_ONE = frozenset({"log_loss", "mae", "rmse", "mape"})  # all others lie in [0, 1]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a measure of a window will be once its labels are in.

    Parameters
    ----------
    value : float
        The estimate; NaN where the rows do not say, such as a precision without a positive prediction.
    lower, upper : float
        Band in which the realised measure lies in 95 of 100 windows, as long as a prediction and its features
        say of the label what they said in the baseline.
    threshold : float
        The realised measure of a window of so many rows is not worse than this when all is as in the
        baseline, but for the false alarms that are accepted. A lower bound where higher is better, else an
        upper one.
    beyond : bool
        Whether the estimate is worse than the threshold.
    """

    value: float
    lower: float
    upper: float
    threshold: float
    beyond: bool


class Figure(NamedTuple):
    """A measure of some rows, the variance that their labels give it, and that of one row drawn anew."""

    value: float
    label_variance: float
    row_variance: float


@dataclass(frozen=True, slots=True)
class Normal:
    """One measure in the baseline.

    Parameters
    ----------
    value : float
        Over all labelled rows: realised, or as it would have been estimated, whichever is worse.
    row_variance : float
        Of the measure of one row; over n, that of n rows drawn from the baseline. Of labels or of estimates,
        whichever is larger.
    rows : int
        Labelled rows.
    windows : Spread
        How far the realised measure of own windows lies from that of all rows, beyond what the draw of rows
        explains.
    errors : Spread
        How far it lies from their estimates (made without their labels), beyond what labels explain.
    """

    value: float
    row_variance: float
    rows: int
    windows: Spread
    errors: Spread

    @classmethod
    def of(
        cls, whole: Figure, rows: int, sizes: Sequence[int], found: Sequence[Figure], told: Sequence[Figure]
    ) -> Normal:
        """Measure the spread between the baseline's own windows.

        Parameters
        ----------
        whole : Figure
            Realised, over all rows.
        rows : int
            How many.
        sizes : sequence of int
            Rows of each own window.
        found, told : sequence of Figure
            Each own window's realised measure, and its estimate.

        Returns
        -------
        Normal
            Without spread where fewer than seven own windows say something: from those it would be a guess.
        """
        n = np.asarray(sizes, np.float64)
        realised = np.array([one.value for one in found])
        drawn = whole.row_variance * np.maximum(1.0 / np.maximum(n, 1.0) - 1.0 / rows, 0.0)
        labelled = np.array([one.label_variance for one in told]) * (1.0 + n / rows)
        errors = realised - np.array([one.value for one in told])
        return cls(
            whole.value,
            whole.row_variance,
            rows,
            _spread(realised - whole.value, drawn),
            _spread(errors, labelled),
        )

    def no_better_than(self, told: Figure, *, higher_is_better: bool) -> Normal:
        """Return it such that windows whose labels are as estimated keep to the threshold as well.

        Curves and trees smooth: of a model that never errs they say that it is right in 99.9 % of rows, and
        the realised variance is 0, so that hardly any estimate would be as good as the baseline.

        Parameters
        ----------
        told : Figure
            The estimate of all rows, each made without its own label.
        higher_is_better : bool
            Of the measure.

        Returns
        -------
        Normal
            With the worse value and the larger variance of a row.

        Examples
        --------
        >>> normal = Normal(1.0, 0.0, 5_000, Spread.none(), Spread.none())
        >>> found = normal.no_better_than(Figure(0.998, 4e-7, 0.002), higher_is_better=True)
        >>> found.value, found.row_variance
        (0.998, 0.002)
        """
        worse = min if higher_is_better else max
        return replace(
            self,
            value=worse(self.value, told.value),
            row_variance=max(self.row_variance, told.row_variance),
        )

    def state(self) -> dict[str, Any]:
        """Return it as plain numbers."""
        spreads = [float(part) for one in (self.windows, self.errors) for part in (one.between, one.freedom)]
        return {
            "value": self.value,
            "row_variance": self.row_variance,
            "rows": self.rows,
            "spreads": np.array(spreads),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Normal:
        """Take up what `state` gave."""
        a, b, c, d = (float(part) for part in state["spreads"])
        windows, errors = Spread(np.asarray(a), b), Spread(np.asarray(c), d)
        return cls(float(state["value"]), float(state["row_variance"]), int(state["rows"]), windows, errors)


def _spread(differences: Any, sampling: Any) -> Spread:
    known = np.isfinite(differences) & np.isfinite(sampling)
    if np.count_nonzero(known) < LEAST_WINDOWS:
        return Spread.none()
    return spread_of(differences[known], sampling[known], float(np.count_nonzero(known) - 1))


def judge(measure: str, found: Figure, rows: float, normal: Normal, level: float) -> Estimate:
    """Give an estimate its band and its threshold.

    Parameters
    ----------
    measure : str
        Its name, which says whether higher is better.
    found : Figure
        The estimate of a window.
    rows : float
        Of the window, with a prediction.
    normal : Normal
        The baseline's.
    level : float
        Chance that a normal window's realised measure is worse than the threshold.

    Returns
    -------
    Estimate
        The band is ``value ± t · sqrt(V (1 + n / m) + B)``: V is the variance that the labels of the n rows
        give, V n / m what the m labels of the baseline leave uncertain, B what the baseline's own windows
        were off beyond that, and t Student's quantile with that spread's degrees of freedom. The threshold is
        ``baseline's value ± t' · sqrt(S (1 / n + 1 / m) + W)``: S is the variance of one row, W that between
        own windows beyond it, t' the quantile of `level`. Both are cut to the measure's range.

    Examples
    --------
    >>> normal = Normal(0.9, 0.09, 10_000, Spread.none(), Spread.none())
    >>> found = judge("accuracy", Figure(0.85, 0.0001, 0.0), 900, normal, 0.01)
    >>> round(found.lower, 3), round(found.upper, 3), round(found.threshold, 3), found.beyond
    (0.83, 0.87, 0.876, True)
    """
    if not rows or not math.isfinite(found.value):
        return Estimate(math.nan, math.nan, math.nan, math.nan, beyond=False)
    error, freedom = normal.errors.error(found.label_variance * (1.0 + rows / normal.rows))
    half = float(student_limit(1.0 - BAND, error, freedom))
    error, freedom = normal.windows.error(normal.row_variance * (1.0 / rows + 1.0 / normal.rows))
    far = float(student_limit(2.0 * level, error, freedom))
    better = measure in HIGHER_IS_BETTER
    threshold = _cut(measure, normal.value - far if better else normal.value + far)
    return Estimate(
        found.value,
        _cut(measure, found.value - half),
        _cut(measure, found.value + half),
        threshold,
        beyond=found.value < threshold if better else found.value > threshold,
    )


def _cut(measure: str, value: float) -> float:
    return min(max(value, 0.0), math.inf if measure in _OVER_ONE else 1.0)
