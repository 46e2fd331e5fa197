"""The limits of data quality that a baseline sets: ranges, categories, copies, rows of a window, silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.durations import parse_duration
from mirante.monitors.limits.share import ShareLimit
from mirante.monitors.limits.volume import VolumeLimit
from mirante.profiles import CategoricalProfile, NumericProfile

if TYPE_CHECKING:
    from datetime import datetime

    from mirante.drift.monitor import DriftMonitor
    from mirante.profiles import TableProfile

__all__ = ["QualityLimits", "outside"]

_GAPS = 3  # a silence three times as long as any of the baseline's
_LEAST_SILENCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """What windows of normal times keep to.

    Parameters
    ----------
    ranges : mapping of str to ShareLimit
        Per numeric column: rows below the baseline's smallest value or above its largest.
    categories : mapping of str to ShareLimit
        Per categorical column: rows of a category that the baseline does not have.
    copies : ShareLimit or None
        Rows that are copies of another of the same window; None where the baseline does not know, or where
        most of its rows are copies by nature.
    volume : VolumeLimit or None
        Rows of a window; None where the baseline has no times, or fewer than nine windows.
    silence : timedelta or None
        How long no row comes at most; None where the baseline has no times.
    """

    ranges: Mapping[str, ShareLimit] = field(default_factory=dict)
    categories: Mapping[str, ShareLimit] = field(default_factory=dict)
    copies: ShareLimit | None = None
    volume: VolumeLimit | None = None
    silence: timedelta | None = None

    @classmethod
    def learn(cls, drift: DriftMonitor, about: Mapping[str, Any]) -> QualityLimits:
        """Learn all limits.

        How many rows to expect beyond the baseline is what each of its own windows has beyond all others;
        without own windows it is the share of what came only once (Good and Turing), which for a range is
        its two ends.

        Parameters
        ----------
        drift : DriftMonitor
            Has the baseline's profile and its own windows.
        about : mapping
            Of the baseline: ``copies`` and ``longest_gap_seconds``, where they are known.

        References
        ----------
        .. [1] I. J. Good, "The population frequencies of species and the estimation of population
           parameters", Biometrika 40, 1953.

        Examples
        --------
        >>> from mirante.drift.monitor import DriftMonitor
        >>> from mirante.profiles import TableProfile
        >>> table = {"age": [float(age) for age in range(18, 90)], "plan": ["basic", "pro"] * 36}
        >>> limits = QualityLimits.learn(DriftMonitor(TableProfile.of(table)), {})
        >>> limits.ranges["age"].hits, limits.categories["plan"].hits, limits.volume
        (2.0, 0.0, None)
        """
        whole, own = drift.baseline, [one for one in drift.own_windows if one.rows]
        ranges, categories = {}, {}
        for name, column in whole.columns.items():
            parts = [one.columns[name] for one in own]
            if isinstance(column, NumericProfile):
                ranges[name] = _range_limit(column, [one for one in parts if isinstance(one, NumericProfile)])
            else:
                found = [one for one in parts if isinstance(one, CategoricalProfile)]
                categories[name] = _category_limit(column, found)
        gap = about.get("longest_gap_seconds")
        return cls(
            MappingProxyType(ranges),
            MappingProxyType(categories),
            _copies_limit(about.get("copies")),
            _volume_limit(drift),
            None if gap is None else max(_LEAST_SILENCE, _GAPS * timedelta(seconds=gap)),
        )

    @property
    def tests(self) -> int:
        """How many numbers of a window are held against a limit; they share the false-alarm level."""
        single = (self.copies is not None) + (self.volume is not None)
        return len(self.ranges) + len(self.categories) + single


def outside(column: NumericProfile, low: float, high: float) -> int:
    """Return how many values lie below `low` or above `high`.

    Examples
    --------
    >>> base = NumericProfile.of("age", np.array([18.0, 40.0, 95.0]))
    >>> outside(NumericProfile.of("age", np.array([17.0, 18.0, 95.0, 99.0, 120.0]), like=base), 18.0, 95.0)
    3

    Notes
    -----
    Exact where both are edges, which the ends of a baseline are. Else it is too small by the values between
    them and the next edge outside.
    """
    below = int(np.searchsorted(column.edges, low, "right")) - 1
    above = int(np.searchsorted(column.edges, high, "left"))
    under = int(column.below[below]) if below >= 0 else 0
    over = column.n - int(column.upto[above]) if above < column.edges.size else 0
    return under + over


def _range_limit(column: NumericProfile, own: Sequence[NumericProfile]) -> ShareLimit:
    known = [one for one in own if one.n]
    if len(known) < 2:
        return ShareLimit.learn(min(2, column.n), column.n)
    lows = np.array([one.minimum for one in known])
    highs = np.array([one.maximum for one in known])
    windows = [
        (outside(one, np.delete(lows, place).min(), np.delete(highs, place).max()), one.n)
        if lows[place] == lows.min() or highs[place] == highs.max()
        else (0, one.n)
        for place, one in enumerate(known)
    ]
    return ShareLimit.learn(max(sum(hits for hits, _ in windows), 2), column.n, windows)


def _category_limit(column: CategoricalProfile, own: Sequence[CategoricalProfile]) -> ShareLimit:
    known = [one for one in own if one.n]
    if len(known) < 2:
        once = int((column.counts == 1).sum())
        return ShareLimit.learn(once + column.other, column.n)
    alone = np.zeros(len(known))
    for place, holders in _holders(known):
        alone[place] += holders
    windows = [(float(alone[place]) + one.other, one.n) for place, one in enumerate(known)]
    return ShareLimit.learn(sum(hits for hits, _ in windows), column.n, windows)


def _holders(own: Sequence[CategoricalProfile]) -> list[tuple[int, int]]:
    """Return, for each level that one window alone has, that window and its rows of the level."""
    windows = np.zeros(own[0].counts.size, np.int64)
    last = np.zeros(own[0].counts.size, np.int64)
    for place, one in enumerate(own):
        windows += one.counts > 0
        last[one.counts > 0] = place
    single = np.flatnonzero(windows == 1)
    return [(int(last[level]), int(own[last[level]].counts[level])) for level in single]


def _copies_limit(known: Mapping[str, Any] | None) -> ShareLimit | None:
    if known is None or 2 * known["copies"] > known["rows"]:
        return None
    return ShareLimit.learn(
        known["copies"], known["rows"], [(copies, rows) for copies, rows in known["windows"]]
    )


def _volume_limit(drift: DriftMonitor) -> VolumeLimit | None:
    if not drift.own_starts:
        return None
    rows, starts = _whole_row(drift.own_windows, drift.own_starts, parse_duration(drift.window))
    return VolumeLimit.learn(rows, starts)


def _whole_row(
    own: Sequence[TableProfile], starts: Sequence[datetime], length: timedelta
) -> tuple[list[int], list[datetime]]:
    """Return rows and starts with the windows between that have none."""
    filled: list[tuple[datetime, int]] = []
    for start, one in sorted(zip(starts, own, strict=True), key=lambda pair: pair[0]):
        while filled and start - filled[-1][0] >= 1.5 * length:  # an hour less or more is summer time
            filled.append((filled[-1][0] + length, 0))
        filled.append((start, one.rows))
    return [rows for _, rows in filled], [start for start, _ in filled]
