"""One row of a rule over a stretch of the past, in columns: what the condition said, and when it changed.

The board answers for one moment at a time; a preview of ninety days asks for a hundred thousand of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mirante.alerts.evaluation.board import length_in_micros
from mirante.alerts.expression.columns import Bools, Floats, Table, truths
from mirante.alerts.expression.functions import WINDOW_FUNCTIONS
from mirante.alerts.expression.tree import Column, Tree
from mirante.store import Series
from mirante.store.types import to_micros

__all__ = ["Clock", "History", "row_history"]

Ints: TypeAlias = NDArray[np.int64]
_RANKS = 1 << 20  # readings of one series between two evaluations
_CELLS = 2_000_000  # of one piece of a window function's work
_LONG_AGO = -(2**61)


@dataclass(frozen=True, slots=True)
class Clock:
    """When the past is looked at.

    Parameters
    ----------
    since, until : datetime
        The stretch.
    interval : timedelta
        From one evaluation to the next; they fall on whole multiples of it since 1970.
    forget_after : timedelta
        A series without a reading for so long is no longer expected.
    """

    since: datetime
    until: datetime
    interval: timedelta
    forget_after: timedelta = timedelta(days=7)

    @property
    def step(self) -> int:
        """The interval in microseconds."""
        return max(1, length_in_micros(self.interval))

    def tick(self, micros: int) -> int:
        """Return the first evaluation at or after a moment, both in microseconds.

        Examples
        --------
        >>> from datetime import UTC
        >>> day = datetime(2013, 2, 8, tzinfo=UTC)
        >>> Clock(day, day, timedelta(seconds=15)).tick(31_000_000)
        45000000
        """
        return -(-micros // self.step) * self.step


@dataclass(frozen=True, slots=True)
class History:
    """What a condition said of one row, at each evaluation at which anything was new.

    Parameters
    ----------
    times : array of int
        Microseconds, ascending; several readings of one series between two evaluations share a time.
    true, false : array of bool
        Whether it was known to be so; where neither holds, it was unknown.
    exists : array of bool
        Whether any series of the row was there, be it silent for a while.
    values : array of float
        Of the leftmost column.
    """

    times: Ints
    true: Bools
    false: Bools
    exists: Bools
    values: Floats


@dataclass(frozen=True, slots=True)
class _Line:
    """One series, with the place of each reading in the order of evaluations."""

    keys: Ints
    heard: Ints
    times: Ints
    values: Floats
    silence: int


def row_history(
    tree: Tree, samples: Mapping[str, Series], silences: Mapping[str, timedelta], clock: Clock
) -> History:
    """Hold a condition against the past of one row.

    Parameters
    ----------
    tree : Tree
        The condition.
    samples : mapping of str to Series
        By metric; a metric without a series is absent throughout.
    silences : mapping of str to timedelta
        By metric, for how long its series may be silent before it counts as missing.
    clock : Clock
        The stretch. Readings from before it count for windows, and for what is known at its beginning.

    Examples
    --------
    >>> from datetime import UTC
    >>> from mirante.alerts.expression import Expression
    >>> day, minute = datetime(2013, 2, 8, tzinfo=UTC), timedelta(minutes=1)
    >>> times = np.datetime64("2013-02-08", "us") + np.arange(3) * np.timedelta64(1, "m")
    >>> cpu = Series("cpu", {}, "", times, np.array([5.0, 95.0, 5.0]), ("",) * 3)
    >>> clock = Clock(day, day + 9 * minute, minute)
    >>> found = row_history(Expression("cpu > 90").tree, {"cpu": cpu}, {"cpu": 3 * minute}, clock)
    >>> found.true.tolist(), found.false.tolist()  # silent from the sixth minute on
    ([False, True, False, False], [True, False, True, False])
    """
    lines = {name: _line(one, silences[name], clock) for name, one in samples.items()}
    keys = _moments(tree, lines, clock)
    now = keys // _RANKS * clock.step
    forget = length_in_micros(clock.forget_after)
    exists = np.full(len(keys), not lines)
    fresh: dict[str, tuple[Floats, Bools]] = {}
    for name, line in lines.items():
        place = np.searchsorted(line.keys, keys, side="right") - 1
        age = now - np.where(place >= 0, line.heard[place], _LONG_AGO)
        there = age <= line.silence
        fresh[name] = np.where(there, line.values[place], np.nan), there
        exists |= age <= max(forget, line.silence)
    nothing = np.full(len(keys), np.nan), np.zeros(len(keys), dtype=np.bool_)
    values, present = [], []
    for column in tree.columns:
        value, there = fresh.get(column.metric, nothing)
        windowed = column.function and column.metric in lines
        values.append(_over(column, lines[column.metric], keys, now) if windowed else value)
        present.append(there)
    constants = [np.full(len(keys), constant) for constant in tree.constants]
    true, false = truths(tree.skeleton, Table(values, present, constants))
    return History(now, true & exists, false & exists, exists, values[0])


def _line(series: Series, silence: timedelta, clock: Clock) -> _Line:
    times = series.times.astype(np.int64)
    ticks = -(-times // clock.step)
    rank = np.arange(len(ticks)) - np.searchsorted(ticks, ticks, side="left")
    keys = ticks * _RANKS + np.minimum(rank, _RANKS - 1)
    return _Line(keys, ticks * clock.step, times, series.values, length_in_micros(silence))


def _moments(tree: Tree, lines: Mapping[str, _Line], clock: Clock) -> Ints:
    """Return when something can change: a reading comes, falls silent, is forgotten, or leaves a window."""
    step, forget = clock.step, length_in_micros(clock.forget_after)
    first, last = clock.tick(to_micros(clock.since)), to_micros(clock.until)
    moments = [np.array([first // step * _RANKS])]
    for line in lines.values():
        moments.append(line.keys)
        nexts = np.append(line.keys[1:], np.iinfo(np.int64).max)
        for length in {line.silence, max(forget, line.silence)}:
            over = ((line.heard + length) // step + 1) * _RANKS
            moments.append(over[over < nexts])
    for column in tree.columns:
        if column.function and column.metric in lines:
            ends = lines[column.metric].times + length_in_micros(column.window)
            moments.append(-(-ends // step) * _RANKS)
    keys = np.unique(np.concatenate(moments))
    return keys[(keys >= first // step * _RANKS) & (keys // _RANKS * step <= last)]


def _over(column: Column, line: _Line, keys: Ints, now: Ints) -> Floats:
    """Return a window function at each moment, over the readings that had come by then."""
    start = now - length_in_micros(column.window)
    ends = np.searchsorted(line.keys, keys, side="right")
    begins = np.minimum(np.searchsorted(line.times, start, side="right"), ends)
    found = np.full(len(keys), np.nan)
    for part in _pieces(ends - begins):
        width = int((ends[part] - begins[part]).max(initial=0))
        if width == 0:
            continue
        places = begins[part, None] + np.arange(width)
        inside = places < ends[part, None]
        places = np.minimum(places, len(line.times) - 1)
        values = line.values[places]
        inside &= ~np.isnan(values)
        with np.errstate(all="ignore"):
            numbers = WINDOW_FUNCTIONS[column.function](values, line.times[places], inside)
        found[part] = np.where(inside.any(axis=1), numbers, np.nan)
    return found


def _pieces(widths: Ints) -> Iterator[slice]:
    """Cut the moments so that none of the tables for a window function becomes large."""
    rows = max(1, _CELLS // max(1, int(widths.max(initial=1))))
    return (slice(begin, begin + rows) for begin in range(0, len(widths), rows))
