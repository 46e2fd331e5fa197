"""How many rows a window normally has: by hour and weekday where the baseline is long enough to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from mirante.monitors.limits.share import Judged
from mirante.stats.spread import LEAST_WINDOWS, student_limit, student_p

__all__ = ["VolumeLimit"]

_LEAST_EACH = 4  # windows of a weekday or an hour, for a usual number of its own
_MATTERS = 0.2  # a fifth more or fewer rows than usual is the least that is told
_Key = Callable[[datetime], str]
_GROUPINGS: Mapping[str, _Key] = {
    "weekday and hour": lambda start: f"{start.weekday()} {start:%H:%M}",
    "hour": lambda start: f"{start:%H:%M}",
    "weekday": lambda start: str(start.weekday()),
    "all": lambda start: "",  # noqa: ARG005  all windows are of one kind
}


@dataclass(frozen=True, slots=True)
class VolumeLimit:
    """The number of rows of normal windows.

    Numbers are judged as ``2 sqrt(n + 3/8)``, whose variance is 1 for rows that come independently, by
    Student's t with the spread of the baseline's own windows.

    Parameters
    ----------
    grouping : str
        What windows are told apart by: ``weekday and hour``, ``hour``, ``weekday`` or ``all``.
    usual : mapping of str to (float, int)
        Mean of ``2 sqrt(n + 3/8)``, and windows that it is of, by weekday or hour.
    variance : float
        Around those means, at least 1.
    freedom : int
        Degrees of freedom that it was measured with.

    References
    ----------
    .. [1] F. J. Anscombe, "The transformation of Poisson, binomial and negative-binomial data", 1948.
    """

    grouping: str
    usual: Mapping[str, tuple[float, int]]
    variance: float
    freedom: int

    @classmethod
    def learn(cls, rows: Sequence[int], starts: Sequence[datetime]) -> VolumeLimit | None:
        """Learn from the baseline's own windows.

        Parameters
        ----------
        rows : sequence of int
            Of each window in order, 0 for those between without rows. The first and the last are left out:
            the data may begin and end within them.
        starts : sequence of datetime
            When each began, on the monitor's clock.

        Returns
        -------
        VolumeLimit or None
            None for fewer than seven whole windows.

        Examples
        --------
        >>> from datetime import datetime, timedelta
        >>> days = [datetime(2013, 1, 1) + timedelta(days=day) for day in range(12)]
        >>> limit = VolumeLimit.learn([700, 910, 880, 905, 899, 903, 920, 890, 896, 911, 903, 12], days)
        >>> limit.grouping, limit.judge(450, datetime(2013, 2, 9), level=0.001).beyond
        ('all', True)
        """
        values = 2.0 * np.sqrt(np.asarray(rows[1:-1], np.float64) + 0.375)
        inner = starts[1:-1]
        if values.size < LEAST_WINDOWS:
            return None
        for grouping, key in _GROUPINGS.items():
            groups: dict[str, list[float]] = {}
            for start, value in zip(inner, values, strict=True):
                groups.setdefault(key(start), []).append(float(value))
            # as long as each has enough, and knowing the groups leaves enough to measure the spread with
            if grouping == "all" or (len(groups) > 1 and min(map(len, groups.values())) >= _LEAST_EACH):
                break
        squares = sum(float(np.square(np.subtract(one, np.mean(one))).sum()) for one in groups.values())
        freedom = values.size - len(groups)
        usual = {name: (float(np.mean(one)), len(one)) for name, one in groups.items()}
        return cls(grouping, usual, max(squares / freedom, 1.0), freedom)

    def judge(self, rows: int, start: datetime, *, level: float) -> Judged:
        """Hold a window's number of rows against the usual one.

        Parameters
        ----------
        rows : int
            Of the window; 0 is a number like any other.
        start : datetime
            When it began, on the monitor's clock.
        level : float
            False-alarm level of this one test, of both sides together.

        Returns
        -------
        Judged
            Beyond only where it also differs by more than a fifth from the usual number. Never beyond for a
            weekday or an hour that the baseline does not have.
        """
        known = self.usual.get(_GROUPINGS[self.grouping](start))
        if known is None:
            return Judged(float(rows), float("-inf"), float("inf"), float("nan"), beyond=False)
        centre, windows = known
        error = np.sqrt(self.variance * (1.0 + 1.0 / windows))
        p_value = float(student_p(2.0 * np.sqrt(rows + 0.375) - centre, error, self.freedom))
        edge = float(student_limit(level, error, self.freedom))
        middle = _rows(centre)
        lower = min(_rows(max(centre - edge, 0.0)), middle * (1.0 - _MATTERS))
        upper = max(_rows(centre + edge), middle * (1.0 + _MATTERS))
        return Judged(float(rows), lower, upper, p_value, beyond=not lower <= rows <= upper)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON takes."""
        usual = {name: list(one) for name, one in self.usual.items()}
        return {
            "grouping": self.grouping,
            "usual": usual,
            "variance": self.variance,
            "freedom": self.freedom,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> VolumeLimit:
        """Read what `to_json` wrote."""
        usual = {name: (float(mean), int(windows)) for name, (mean, windows) in kept["usual"].items()}
        return cls(kept["grouping"], usual, kept["variance"], kept["freedom"])


def _rows(value: float) -> float:
    """Return the number of rows whose ``2 sqrt(n + 3/8)`` is `value`."""
    return float(max((value / 2.0) ** 2 - 0.375, 0.0))
