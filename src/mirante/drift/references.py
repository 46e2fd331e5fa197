"""What a window is held against: the baseline, its weekdays, or the windows before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from mirante.drift.cells import Counts
from mirante.drift.kinds import BaselineKind, season_of
from mirante.durations import parse_duration
from mirante.profiles import TableProfile

__all__ = ["FixedReferences", "RollingReferences"]

_WEEKS = timedelta(weeks=4)
_DAY = timedelta(days=1)


class FixedReferences:
    """The baseline; each weekday its own where it spans at least four weeks and has every weekday twice.

    Parameters
    ----------
    baseline : TableProfile
        All its rows.
    own : sequence of TableProfile
        Its windows.
    starts : sequence of datetime
        Local time at which each begins; empty when it is not known.
    window : str
        Length of a window.
    """

    def __init__(
        self, baseline: TableProfile, own: Sequence[TableProfile], starts: Sequence[datetime], window: str
    ) -> None:
        self.baseline = baseline
        self._own = own
        self._window = window
        self.seasons: dict[int, TableProfile] = {}
        self._season = [0] * len(own)
        if starts and max(starts) - min(starts) + parse_duration(window) >= _WEEKS:
            season = [season_of(start, window) for start in starts]
            if all(season.count(one) > 1 for one in season):
                self._season = season
                self.seasons = {
                    one: _total([w for w, s in zip(own, season, strict=True) if s == one])
                    for one in set(season)
                }

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a spread that is measured on `pairs`."""
        return float(len(self._own) - max(len(self.seasons), 1))

    def of(self, start: datetime | None) -> TableProfile:
        """Return what a window is held against."""
        if start is None:
            return self.baseline
        return self.seasons.get(season_of(start, self._window), self.baseline)

    def pairs(self) -> Iterator[tuple[Counts, Counts]]:
        """Yield each own window, and what it is held against without it."""
        totals = {season: Counts.of(total) for season, total in self.seasons.items()}
        whole = Counts.of(self.baseline)
        for own, season in zip(self._own, self._season, strict=True):
            counts = Counts.of(own)
            yield counts, totals.get(season, whole) - counts

    def blocks(self, scale: int) -> Iterator[tuple[Counts, Counts]]:
        """Yield each run of own windows that do not overlap, pooled, and the rest of the baseline."""
        whole = Counts.of(self.baseline)
        for place in range(len(self._own) % scale, len(self._own), scale):
            pooled = Counts.of(_total(self._own[place : place + scale]))
            yield pooled, whole - pooled


class RollingReferences:
    """The windows before: the last ones, or the last ones of the same weekday.

    Parameters
    ----------
    baseline : TableProfile
        Serves until there are windows, and decides edges and levels.
    own : sequence of TableProfile
        Its windows, in order; they are the first that windows are held against.
    starts : sequence of datetime
        Local time at which each begins; seasonal references need them.
    window : str
        Length of a window.
    kind : BaselineKind
        How many, and whether by season.
    """

    def __init__(
        self,
        baseline: TableProfile,
        own: Sequence[TableProfile],
        starts: Sequence[datetime],
        window: str,
        kind: BaselineKind,
    ) -> None:
        self.baseline = baseline
        self.seasons: dict[int, TableProfile] = {}
        self._window, self._kind = window, kind
        self._last: dict[int, deque[TableProfile]] = {}
        self._pairs: list[tuple[Counts, Counts]] = []
        known = starts if len(starts) == len(own) else [None] * len(own)
        for one, start in zip(own, known, strict=True):
            if self._has(start):
                self._pairs.append((Counts.of(one), Counts.of(self.of(start))))
            self.remember(one, start)

    def _key(self, start: datetime | None) -> int:
        return season_of(start, self._window) if self._kind.name == "seasonal" and start is not None else 0

    def _has(self, start: datetime | None) -> bool:
        return len(self._last.get(self._key(start), ())) == self._kind.last

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a spread that is measured on `pairs`."""
        return float(len(self._pairs) - 1)

    @property
    def memory(self) -> int:
        """How many windows back the oldest lies that the next may be held against."""
        if self._kind.name != "seasonal":
            return self._kind.last
        length = parse_duration(self._window)
        return self._kind.last * (7 if length >= _DAY else 7 * int(_DAY / length))

    def of(self, start: datetime | None) -> TableProfile:
        """Return what a window is held against."""
        last = self._last.get(self._key(start))
        return _total(list(last)) if last else self.baseline

    def remember(self, window: TableProfile, start: datetime | None) -> None:
        """Take a window up, for those that follow it."""
        if window.rows:
            self._last.setdefault(self._key(start), deque(maxlen=self._kind.last)).append(window)

    def pairs(self) -> Iterator[tuple[Counts, Counts]]:
        """Yield each own window, and what it would have been held against."""
        return iter(self._pairs)

    def blocks(self, scale: int) -> Iterator[tuple[Counts, Counts]]:  # noqa: ARG002  windows before are not pooled
        """Yield nothing: a reference that moves with the windows is not held against pools of them."""
        return iter(())


def _total(profiles: Sequence[TableProfile]) -> TableProfile:
    total = profiles[0]
    for one in profiles[1:]:
        total = total + one
    return total
