"""The board: the newest reading of each series, and which of them are still fresh."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mirante.alerts.evaluation.rings import Rings
from mirante.alerts.expression.functions import NEVER
from mirante.alerts.expression.joining import Sample
from mirante.alerts.expression.tree import Column
from mirante.readings import SOURCE_UP, Reading, source_of
from mirante.store.types import from_micros, to_micros

__all__ = ["Board", "Series", "View", "in_steps", "length_in_micros"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
_Labels: TypeAlias = tuple[tuple[str, str], ...]
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 2**61  # microseconds: longer than any date, and two of them still add up
_NEVER = int(NEVER)
_READINGS, _SOURCE = 1, 2  # kinds of series; 0 is a place that is free
_CELL = np.dtype(
    [
        ("value", np.float64),
        ("heard", np.int64),
        ("stale_after", np.int64),
        ("quiet_until", np.int64),
        ("source", np.int64),
        ("kind", np.int8),
        ("is_member", np.bool_),
    ]
)


def length_in_micros(length: timedelta) -> int:
    """Return a length of time in whole microseconds, cut to what can be added to any time.

    Examples
    --------
    >>> length_in_micros(timedelta(seconds=1))
    1000000
    """
    return min(length // _MICROSECOND, _LONGEST)


def in_steps(readings: Iterable[tuple[int, Reading]]) -> Iterator[tuple[int, list[Reading]]]:
    """Cut readings so that no step has two of one series: each of them is then judged.

    Parameters
    ----------
    readings : iterable of (int, Reading)
        Sequence numbers and readings, in the order of arrival.

    Yields
    ------
    sequence : int
        The last number of the step.
    step : list of Reading
        One reading of each series at most, in the order of arrival.

    Examples
    --------
    >>> from datetime import UTC
    >>> t, day = datetime(2013, 2, 8, tzinfo=UTC), timedelta(days=1)
    >>> windows = [(1, Reading("x", 0.0, t)), (2, Reading("y", 0.0, t)), (3, Reading("x", 1.0, t + day))]
    >>> [(last, [one.name for one in step]) for last, step in in_steps(windows)]
    [(2, ['x', 'y']), (3, ['x'])]
    """
    step: list[Reading] = []
    keys: set[object] = set()
    last = 0
    for sequence, reading in readings:
        key = reading.key
        if key in keys:
            yield last, step
            step, keys = [], set()
        step.append(reading)
        keys.add(key)
        last = sequence
    if step:
        yield last, step


@dataclass(frozen=True, slots=True)
class Series:
    """One series on the board.

    Parameters
    ----------
    number : int
        Its place in the board's columns.
    name : str
        Of its readings.
    labels : mapping of str to str
        Its labels.
    key : tuple
        The labels, sorted.
    """

    number: int
    name: str
    labels: Mapping[str, str]
    key: _Labels


@dataclass(frozen=True, slots=True)
class View:
    """The board at one moment; columns have one place for each series, and place 0 for "no such series".

    Parameters
    ----------
    now : int
        The moment, in microseconds.
    values : array of float
        NaN where nothing fresh is there.
    present : array of bool
        Whether something fresh is there, be it NaN.
    windows : mapping of (str, timedelta) to array of float
        For each window function and length: its numbers.
    changed : sequence of Series
        Those that came onto the board since the last look, or went.
    """

    now: int
    values: Floats
    present: Bools
    windows: Mapping[tuple[str, timedelta], Floats]
    changed: tuple[Series, ...]


class Board:
    """Keeps the newest reading of each series, in columns.

    For each subject that is heard of it makes one series more, `source_up`: 1 while one of the subject's
    series is fresh, 0 when all are stale.

    Parameters
    ----------
    forget_after : timedelta
        A series without a reading for so long is no longer expected.

    Examples
    --------
    >>> from datetime import UTC
    >>> t, hour = datetime(2013, 2, 8, tzinfo=UTC), timedelta(hours=1)
    >>> board = Board(timedelta(days=7))
    >>> board.observe([Reading("cpu", 5.0, t, {"host": "a"})], stale_after=lambda _: hour)
    >>> [board.look(t + h * hour).values.tolist() for h in (1, 2)]
    [[nan, 1.0, 5.0], [nan, 0.0, nan]]
    """

    def __init__(self, forget_after: timedelta) -> None:
        self._forget_after = length_in_micros(forget_after)
        self._numbers: dict[tuple[str, _Labels], int] = {}
        self._series: list[Series | None] = [None]
        self._times: list[int] = [_NEVER]  # of the newest readings
        self._notes: list[str] = [""]
        self._spare: list[int] = []
        self._cells = np.zeros(64, dtype=_CELL)
        self._members: dict[str, dict[int, Series]] = {}
        self._rings: dict[str, Rings] = {}
        self._windows: tuple[Column, ...] = ()
        self._unfilled: set[str] = set()

    def observe(
        self,
        readings: Iterable[Reading],
        *,
        stale_after: Callable[[Reading], timedelta | None],
        heard: datetime | None = None,
        grace: timedelta | None = None,
    ) -> None:
        """Take readings; one that is older than what is known of its series is left out.

        Parameters
        ----------
        readings : iterable of Reading
            In any order.
        stale_after : callable
            Says of a reading for how long its series may be silent before it counts as missing; None for one
            that is no concern here.
        heard : datetime, optional
            When they were heard of, if that was after their own time: a window that is judged late is news.
        grace : timedelta, optional
            For so long after `heard`, or for as long as it may be silent if that is shorter, a series that is
            silent is left out rather than missing: its source may just have started.
        """
        latest = _LONGEST if heard is None else to_micros(heard)
        since = _NEVER if heard is None or grace is not None else to_micros(heard)
        quiet_from = _NEVER if heard is None or grace is None else to_micros(heard)
        rows: list[tuple[int, float, int, int, int]] = []
        moment, micros = None, 0
        for reading in readings:
            length = stale_after(reading)
            if length is None or reading.name == SOURCE_UP:
                continue
            if reading.time is not moment:
                # one from a clock that has been set back since is of now, so that the next one is newer
                moment, micros = reading.time, min(to_micros(reading.time), latest)
            number = self._numbers.get(reading.key) or self._enter(reading)
            if micros < self._times[number]:
                continue
            self._times[number], self._notes[number] = micros, reading.note
            silence = length_in_micros(length)
            quiet = _NEVER if grace is None else quiet_from + min(silence, length_in_micros(grace))
            rows.append((number, reading.value, max(micros, since), silence, quiet))
            if reading.name in self._rings:
                self._rings[reading.name].add(number, micros, reading.value)
        if rows:
            numbers, *columns = zip(*rows, strict=True)
            for name, column in zip(("value", "heard", "stale_after", "quiet_until"), columns, strict=True):
                self._cells[name][list(numbers)] = column

    def end(self, name: str, labels: Mapping[str, str]) -> None:
        """Let go of a series that is over: at the next look it is not there, and not missing.

        Parameters
        ----------
        name : str
            Of its readings.
        labels : mapping of str to str
            Its labels; a series that is not on the board stays so.
        """
        number = self._numbers.get((name, tuple(sorted(labels.items()))))
        if number is not None:
            self._cells[number]["heard"] = -_LONGEST
            self._cells[number]["quiet_until"] = _NEVER

    def clock_was_set(self, by: timedelta, now: datetime) -> None:
        """Go on by a clock that was set: what was fresh is, and what comes next is newer than what is known.

        Parameters
        ----------
        by : timedelta
            How far.
        now : datetime
            The present by the new clock.
        """
        step, latest = by // _MICROSECOND, to_micros(now)
        for name in ("heard", "quiet_until"):
            times = self._cells[name]
            times[times > 0] += step
        self._times = [min(time, latest) for time in self._times]
        for rings in self._rings.values():
            rings.clip(latest)

    def _enter(self, reading: Reading) -> int:
        """Give a series a number, and its source too."""
        of = source_of(reading.labels)
        key = (SOURCE_UP, tuple(sorted(of.items())))
        source = self._numbers.get(key) or self._number(key, of, 0)
        return self._number(reading.key, reading.labels, source)

    def _number(self, key: tuple[str, _Labels], labels: Mapping[str, str], source: int) -> int:
        number = self._spare.pop() if self._spare else len(self._series)
        if number == len(self._series):
            self._series.append(None)
            self._times.append(_NEVER)
            self._notes.append("")
            if number == len(self._cells):
                self._cells = np.concatenate([self._cells, np.zeros_like(self._cells)])
        self._numbers[key] = number
        if key[0] in self._rings:
            self._unfilled.add(key[0])
        self._series[number] = Series(number, key[0], labels, key[1])
        self._cells[number] = (np.nan, 0, 0, _NEVER, source, _READINGS if source else _SOURCE, False)
        return number

    def look(self, now: datetime) -> View:
        """Return what is there at a time, and let go of what is no longer expected.

        Parameters
        ----------
        now : datetime
            The time that freshness is held against.
        """
        moment = to_micros(now)
        cells = self._cells[: len(self._series)]
        there, age = cells["kind"] == _READINGS, moment - cells["heard"]
        fresh = there & (age <= cells["stale_after"])
        gone = there & (age > np.maximum(self._forget_after, cells["stale_after"]))
        waiting = there & ~fresh & ~gone & (moment <= cells["quiet_until"])
        exists = there & ~gone & ~waiting
        up, known, starting = (self._of_sources(cells, of) for of in (fresh, exists, waiting))
        sources = up | (known & ~starting)
        values = np.where(fresh, cells["value"], np.nan)
        values[sources] = up[sources]
        changed = self._note_members(cells, exists | sources)
        lost = gone | ((cells["kind"] == _SOURCE) & ~known & ~starting)
        for number in np.flatnonzero(lost).tolist():
            self._drop(number)
        return View(moment, values, fresh | sources, self._window_columns(moment), changed)

    @staticmethod
    def _of_sources(cells: NDArray[np.void], series: Bools) -> Bools:
        sources = np.zeros(len(cells), dtype=np.bool_)
        sources[cells["source"][series]] = True
        sources[0] = False
        return sources

    def _note_members(self, cells: NDArray[np.void], members: Bools) -> tuple[Series, ...]:
        found = np.flatnonzero(members != cells["is_member"]).tolist()
        changed = tuple(one for number in found if (one := self._series[number]) is not None)
        for one in changed:
            if members[one.number]:
                self._members.setdefault(one.name, {})[one.number] = one
            else:
                del self._members[one.name][one.number]
        cells["is_member"] = members
        return changed

    def _drop(self, number: int) -> None:
        series = self._series[number]
        if series is not None:
            del self._numbers[series.name, series.key]
            if series.name in self._rings:
                self._rings[series.name].forget(number)
        self._series[number], self._notes[number], self._times[number] = None, "", _NEVER
        self._cells["kind"][number] = 0
        self._spare.append(number)

    def members(self, name: str) -> Collection[Series]:
        """Return the series of a name that were there at the last look."""
        return self._members.get(name, {}).values()

    def series(self, number: int) -> Series | None:
        """Return the series that has a number; 0 has none."""
        return self._series[number]

    def sample(self, series: Series, view: View) -> Sample:
        """Return what a series says at the last look.

        Parameters
        ----------
        series : Series
            One of `members`.
        view : View
            What `look` returned.
        """
        number = series.number
        times = self._times[number]
        if series.name == SOURCE_UP:
            own = np.flatnonzero(self._cells["source"][: len(self._series)] == number)
            times = max((self._times[one] for one in own.tolist()), default=_NEVER)
        value = float(view.values[number]) if view.present[number] else None
        note = "" if value is None else self._notes[number]
        return Sample(series.labels, value, note, None if times == _NEVER else from_micros(times))

    def keep(self, windows: Iterable[Column]) -> None:
        """Keep recent readings for these window functions, and for no others.

        Parameters
        ----------
        windows : iterable of Column
            All that the rules ask for.
        """
        self._windows = tuple(dict.fromkeys(windows))
        reach: dict[str, int] = {}
        for column in self._windows:
            reach[column.metric] = max(reach.get(column.metric, 0), length_in_micros(column.window))
        kept = {name: old for name, old in self._rings.items() if reach.get(name) == old.reach}
        self._rings = {name: kept.get(name) or Rings(length) for name, length in reach.items()}
        self._unfilled = {name for name in self._rings if name not in kept}

    def take_unfilled(self) -> dict[str, timedelta]:
        """Return the metrics of which some past is not known yet, and how far back; each is told once."""
        found = {name: self._rings[name].reach * _MICROSECOND for name in self._unfilled}
        self._unfilled = set()
        return found

    def refill(
        self, name: str, labels: Mapping[str, str], times: Iterable[int], values: Iterable[float]
    ) -> None:
        """Take the past of one series; of one that is not on the board, nothing.

        Parameters
        ----------
        name : str
            One of `take_unfilled`.
        labels : mapping of str to str
            Of the series.
        times : iterable of int
            Microseconds, ascending.
        values : iterable of float
            The readings.
        """
        number = self._numbers.get((name, tuple(sorted(labels.items()))))
        if number is not None:
            self._rings[name].forget(number)
            for time, value in zip(times, values, strict=True):
                self._rings[name].add(number, time, value)

    def _window_columns(self, now: int) -> dict[tuple[str, timedelta], Floats]:
        columns: dict[tuple[str, timedelta], Floats] = {}
        for column in self._windows:
            kind = (column.function, column.window)
            into = columns.setdefault(kind, np.full(len(self._series), np.nan))
            self._rings[column.metric].fill(into, column.function, length_in_micros(column.window), now)
        return columns
