"""The judge of missing values: whether their share is still the baseline's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.numeric import NumericProfile
from mirante.stats.spread import (
    LEAST_WINDOWS,
    Spread,
    spread_of,
    student_limit,
    student_p,
    variance_stable_share,
)

__all__ = ["MissingFinding", "MissingJudge"]


@dataclass(frozen=True, slots=True)
class MissingFinding:
    """What a window's missing values say.

    Parameters
    ----------
    ratio, usual : float
        Share of missing values in the window and in the baseline; NaN without rows.
    threshold : float
        The share from which it alarms; on the side on which it left the range, else the upper one.
    p_value : float
        Two-sided.
    detected : bool
        Whether the share left the baseline's range.
    """

    ratio: float
    usual: float
    threshold: float
    p_value: float
    detected: bool


class MissingJudge:
    """Holds a window's share of missing values against the baseline's, and its own windows'.

    asin √share against its spread between the own windows by Student's t; with fewer than 7 of them, against
    sampling alone. Both sides count: values that were often missing and now never are have changed too.

    Parameters
    ----------
    baseline : NumericProfile or CategoricalProfile
        The column.
    own : sequence of the same
        The baseline's own windows; may be empty.
    """

    def __init__(
        self,
        baseline: NumericProfile | CategoricalProfile,
        own: Sequence[NumericProfile] | Sequence[CategoricalProfile],
    ) -> None:
        self._rows = baseline.n + baseline.missing
        self._usual = baseline.missing / self._rows if self._rows else float("nan")
        usable = [one for one in own if one.n + one.missing]
        value, _ = variance_stable_share(baseline.missing, self._rows)
        self._centre, self._spread = float(value), Spread(0, np.zeros(()))
        if len(usable) >= LEAST_WINDOWS:
            rows = np.array([one.n + one.missing for one in usable])
            values, sampling = variance_stable_share(np.array([one.missing for one in usable]), rows)
            self._centre, self._spread = float(values.mean()), spread_of(values, sampling)

    def judge(
        self, window: NumericProfile | CategoricalProfile, level: float, floor: float
    ) -> MissingFinding:
        """Return what a window's missing values say.

        Parameters
        ----------
        window : NumericProfile or CategoricalProfile
            Counted with the baseline.
        level : float
            False-alarm level.
        floor : float
            Least change of the share that matters.

        Returns
        -------
        MissingFinding
            Nothing is detected without rows on both sides.
        """
        rows = window.n + window.missing
        if not (rows and self._rows):
            return MissingFinding(float("nan"), self._usual, float("nan"), float("nan"), False)
        ratio = window.missing / rows
        value, sampling = variance_stable_share(window.missing, min(rows, self._rows))
        if rows > self._rows:
            value, _ = variance_stable_share(window.missing, rows)
        error, freedom = self._spread.error(sampling, 1.0 / (4.0 * self._rows + 2.0))
        moved = float(value) - self._centre
        p_value = float(student_p(moved, error, freedom))
        edge = float(student_limit(level, error, freedom))
        detected = p_value <= level and abs(ratio - self._usual) > floor
        upper = max(float(np.sin(min(self._centre + edge, np.pi / 2)) ** 2), self._usual + floor)
        lower = min(float(np.sin(max(self._centre - edge, 0.0)) ** 2), self._usual - floor)
        return MissingFinding(
            ratio, self._usual, lower if detected and moved < 0 else upper, p_value, detected
        )
