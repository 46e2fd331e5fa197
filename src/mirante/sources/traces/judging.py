"""One feature of a window of traces against earlier windows, with the monitor's own detector."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mirante.drift.monitor import DriftMonitor
from mirante.durations import format_duration
from mirante.profiles import TableProfile

if TYPE_CHECKING:
    from mirante.drift.verdicts import ColumnVerdict

__all__ = ["judge_feature", "rises"]

Column = NDArray[Any]


def judge_feature(
    name: str,
    values: Column,
    reference: Sequence[Column],
    *,
    window: timedelta,
    alarm_budget: str,
    effect_floor: float,
    share: float,
    locale: str = "en",
) -> ColumnVerdict:
    """Judge the values of a window against those of earlier ones.

    The reference is all earlier windows pooled; how these differ from each other is part of what is normal.

    Parameters
    ----------
    name : str
        Of the feature.
    values : ndarray
        Numbers or texts; at least one.
    reference : sequence of ndarray
        The same of earlier windows; each with at least one value.
    window : timedelta
        Length of a window.
    alarm_budget : str
        False alarms to put up with.
    effect_floor : float
        Least shift that matters.
    share : float
        Part of the budget that the feature may use.
    locale : str
        Of the sentence.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> earlier = [rng.exponential(1, 100) for _ in range(24)]
    >>> told = {"window": timedelta(hours=1), "alarm_budget": "1 per 30d", "effect_floor": 0.1, "share": 1.0}
    >>> judge_feature("latency", rng.exponential(1, 100), earlier, **told).drifted
    False
    >>> judge_feature("latency", rng.exponential(3, 100), earlier, **told).drifted
    True
    """
    baseline = TableProfile.of({name: np.concatenate(reference)})
    monitor = DriftMonitor(
        baseline,
        own_windows=[TableProfile.of({name: one}, like=baseline) for one in reference],
        alarm_budget=alarm_budget,
        window=format_duration(window),
        floor=effect_floor,
        pooled=False,
        share=share,
    )
    verdict = monitor.update(TableProfile.of({name: values}, like=baseline), locale=locale)
    return verdict.columns[name]


def rises(values: Column, reference: Sequence[Column]) -> bool:
    """Return whether values are larger than those of earlier windows in more pairs than they are smaller.

    Examples
    --------
    >>> rises(np.array([2.0, 3.0]), [np.array([1.0, 2.0])]), rises(np.array([1.0]), [np.array([1.0])])
    (True, False)
    """
    earlier = np.sort(np.concatenate(reference))
    below = np.searchsorted(earlier, values, "left").sum() + np.searchsorted(earlier, values, "right").sum()
    return bool(below > values.size * earlier.size)
