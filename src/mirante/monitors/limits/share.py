"""The largest share of rows that is still normal, learnt from a baseline and its own windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mirante.stats.spread import (
    LEAST_WINDOWS,
    Spread,
    spread_of,
    student_limit,
    student_p,
    variance_stable_share,
)

__all__ = ["Judged", "ShareLimit"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A number of a window, held against what is normal.

    Parameters
    ----------
    value : float
        The window's; NaN without rows.
    lower, upper : float
        What normal windows keep to; minus or plus infinity where there is no limit on that side.
    p_value : float
        Chance of a window at least so far out, in normal times.
    beyond : bool
        Whether it is an alarm.
    """

    value: float
    lower: float
    upper: float
    p_value: float
    beyond: bool


@dataclass(frozen=True, slots=True)
class ShareLimit:
    """How large a share may be: its usual size, and how far windows of normal times lie around it.

    Parameters
    ----------
    hits : float
        Rows of the baseline with the property.
    rows : int
        Rows that these are of.
    between : float
        Variance between own windows of asin √share, beyond what sampling explains.
    freedom : float
        Degrees of freedom that it was measured with; infinite without own windows.
    """

    hits: float
    rows: int
    between: float = 0.0
    freedom: float = float("inf")

    @classmethod
    def learn(cls, hits: float, rows: int, windows: Sequence[tuple[float, int]] = ()) -> ShareLimit:
        """Learn the limit.

        Parameters
        ----------
        hits, rows : float, int
            Of the whole baseline.
        windows : sequence of (float, int)
            Hits and rows of its own windows; fewer than seven with rows say nothing about their spread.

        Examples
        --------
        >>> ShareLimit.learn(3, 1000).judge(30, 500, level=1e-4, floor=0.01).beyond
        True
        """
        known = [one for one in windows if one[1]]
        if len(known) < LEAST_WINDOWS:
            return cls(float(hits), rows)
        values, sampling = variance_stable_share([one[0] for one in known], [one[1] for one in known])
        centre, _ = variance_stable_share(sum(one[0] for one in known), sum(one[1] for one in known))
        spread = spread_of(values - centre, sampling, len(known) - 1)
        return cls(float(hits), rows, float(spread.between), spread.freedom)

    @property
    def usual(self) -> float:
        """The baseline's share, 0 to 1; NaN without rows."""
        return self.hits / self.rows if self.rows else float("nan")

    def judge(self, hits: float, rows: int, *, level: float, floor: float) -> Judged:
        """Hold a window's share against the limit; only a larger one is beyond it.

        Parameters
        ----------
        hits, rows : float, int
            Of the window.
        level : float
            False-alarm level of this one test.
        floor : float
            Least difference from the usual share that matters.

        Returns
        -------
        Judged
            Never beyond without rows on both sides. By Student's t on asin √share, as missing values are
            judged; one-sided.
        """
        if not rows or not self.rows:
            return Judged(float("nan"), float("-inf"), float("nan"), float("nan"), beyond=False)
        value, own = variance_stable_share(hits, rows)
        centre, shared = variance_stable_share(self.hits, self.rows)
        spread = Spread(np.asarray(self.between), self.freedom)
        error, freedom = spread.error(own + shared)
        p_value = float(student_p(value - centre, error, freedom)) / 2.0
        p_value = p_value if value > centre else 1.0 - p_value
        edge = float(student_limit(2.0 * level, error, freedom))
        upper = max(float(np.sin(min(float(centre) + edge, np.pi / 2)) ** 2), self.usual + floor)
        ratio = hits / rows
        beyond = p_value <= level and ratio > self.usual + floor
        return Judged(ratio, float("-inf"), min(upper, 1.0), p_value, beyond)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON takes; infinite freedom as None."""
        kept = asdict(self)
        return kept | {"freedom": None if np.isinf(self.freedom) else self.freedom}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> ShareLimit:
        """Read what `to_json` wrote."""
        freedom = kept["freedom"]
        return cls(**(kept | {"freedom": float("inf") if freedom is None else freedom}))
