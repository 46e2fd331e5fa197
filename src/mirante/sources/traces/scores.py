"""What feedback of one name says in a window: numbers, yes and no, or categories."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.tracking.traces import GRID

__all__ = ["Scores", "from_percentiles"]

_MOST_VALUES = 200
_MOST_LEVELS = 100
_LONGEST = 200
_YES = {"yes": 1.0, "no": 0.0}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """The values of one assessment in one window.

    Of more than 200 different numbers the percentiles are kept, of more than 100 different texts the most
    frequent: what is kept of a window is small, however many traces it has.

    Parameters
    ----------
    count : int
        Feedback in all, with those that failed.
    failed : int
        Without a value, as when a judge raised, or with one that is no number (NaN, infinity), a list or an
        object.
    numbers : mapping of float to int
        Numbers, and how often each came.
    percentiles : tuple of float
        Of the numbers, in place of these where they are many.
    many : int
        How many numbers `percentiles` stand for.
    levels : mapping of str to int
        Texts, and ``true`` and ``false``, the most frequent first.
    mean : float
        Of numbers, and of yes and no (true and false) as 1 and 0; NaN when there is neither.

    Examples
    --------
    >>> scores = Scores.of({"0.5": 3, "1": 1, "null": 1})
    >>> scores.mean, scores.count, scores.failed
    (0.625, 5, 1)
    >>> Scores.of({"true": 3, '"no"': 1}).mean
    0.75
    """

    count: int = 0
    failed: int = 0
    numbers: Mapping[float, int] = field(default_factory=dict)
    percentiles: tuple[float, ...] = ()
    many: int = 0
    levels: Mapping[str, int] = field(default_factory=dict)
    mean: float = math.nan

    @classmethod
    def of(cls, values: Mapping[str, int]) -> Scores:
        """Read what `TraceWindow.assessments` has of a name.

        Parameters
        ----------
        values : mapping of str to int
            How often each value came, by its JSON.
        """
        numbers: Counter[float] = Counter()
        levels: Counter[str] = Counter()
        failed, means = 0, Counter[float]()
        for text, times in values.items():
            value = _read(text)
            if isinstance(value, str):
                levels[value] += times
                number = {"true": 1.0, "false": 0.0}.get(value, _YES.get(value.strip().lower()))
            elif value is not None:
                numbers[value] += times
                number = value
            else:
                failed += times
                continue
            if number is not None:
                means[number] += times
        return cls(
            sum(values.values()),
            failed,
            dict(numbers) if len(numbers) <= _MOST_VALUES else {},
            _percentiles(numbers) if len(numbers) > _MOST_VALUES else (),
            numbers.total() if len(numbers) > _MOST_VALUES else 0,
            dict(levels.most_common(_MOST_LEVELS)),
            _mean(means),
        )

    @property
    def is_numeric(self) -> bool:
        """Whether most of the values are numbers."""
        return sum(self.numbers.values()) + self.many > sum(self.levels.values())

    def column(self, *, numeric: bool) -> NDArray[Any]:
        """Return the values as a column of a table: numbers, or texts; those of the other kind are left out.

        Parameters
        ----------
        numeric : bool
            Which.

        Examples
        --------
        >>> Scores.of({"1": 2, '"good"': 1}).column(numeric=True)
        array([1., 1.])
        """
        if not numeric:
            return np.repeat(np.array(list(self.levels), object), list(self.levels.values()))
        if self.percentiles:
            return from_percentiles(self.percentiles, self.many)
        values = np.array(list(self.numbers), np.float64)
        return np.repeat(values, list(self.numbers.values()))

    def to_json(self) -> dict[str, Any]:
        """Return it for a cursor of the store."""
        return {
            "count": self.count,
            "failed": self.failed,
            "numbers": [[value, times] for value, times in self.numbers.items()],
            "percentiles": list(self.percentiles),
            "many": self.many,
            "levels": dict(self.levels),
            "mean": None if math.isnan(self.mean) else self.mean,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Scores:
        """Return what `to_json` gave."""
        return cls(
            kept["count"],
            kept["failed"],
            {float(value): times for value, times in kept["numbers"]},
            tuple(kept["percentiles"]),
            kept["many"],
            dict(kept["levels"]),
            math.nan if kept["mean"] is None else kept["mean"],
        )


def from_percentiles(percentiles: tuple[float, ...], count: int) -> Floats:
    """Return so many numbers that have these percentiles, in order.

    Parameters
    ----------
    percentiles : tuple of float, length 101
        0 to 100.
    count : int
        How many numbers to return.

    Examples
    --------
    >>> from_percentiles(tuple(range(101)), 5)
    array([  0.,  25.,  50.,  75., 100.])
    """
    if not percentiles or not count:
        return np.empty(0)
    places = np.linspace(0.0, 100.0, count) if count > 1 else np.array([50.0])
    return np.asarray(4 * np.interp(places, GRID, np.array(percentiles) / 4), np.float64)


def _read(text: str) -> float | str | None:
    """Return a number, a text, or None for what is neither."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _percentiles(numbers: Mapping[float, int]) -> tuple[float, ...]:
    # quarters: the way from -1e308 to 1e308 is no number
    values = np.repeat(np.array(list(numbers), np.float64) / 4, list(numbers.values()))
    return tuple(float(one) for one in 4 * np.percentile(values, GRID))


def _mean(numbers: Mapping[float, int]) -> float:
    """Return the mean of finite numbers, which is one as well; NaN when there are none.

    Examples
    --------
    >>> _mean({1.5e308: 2, -1.5e308: 1}), _mean({})
    (5e+307, nan)
    """
    weight = sum(numbers.values())
    if not weight:
        return math.nan
    total = sum(value * times for value, times in numbers.items())
    if math.isfinite(total):
        return total / weight
    largest = max(map(abs, numbers))
    shares = math.fsum(value / largest * times for value, times in numbers.items()) / weight
    return max(-1.0, min(shares, 1.0)) * largest
