"""Mute times: hours of the week, days and months in which a route tells nothing, on the clock of a zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from mirante.errors import ConfigError

__all__ = ["MuteTime", "Span", "day_numbers", "month_numbers", "parse_times", "weekday_numbers"]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)")
_DAY = 24 * 60
_LOOK_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes of a day, half-open; one that ends after midnight has an end above 1440.

    Examples
    --------
    >>> parse_times(["22:00-06:00"])
    (Span(start=1320, end=1800),)
    """

    start: int
    end: int


def parse_times(texts: Sequence[str]) -> tuple[Span, ...]:
    """Return the spans of texts such as ``22:00-06:00``; 24:00 is the end of a day.

    Examples
    --------
    >>> parse_times(["9-17"])
    Traceback (most recent call last):
    ...
    mirante.errors.ConfigError: '9-17' is no span of time; write hours and minutes, such as 22:00-06:00
    """
    spans = []
    for text in texts:
        match = _SPAN.fullmatch(text.strip())
        hours = [int(number) for number in match.groups()] if match else [99] * 4
        start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if max(hours[1], hours[3]) > 59 or start >= _DAY or end > _DAY or start == end:
            raise ConfigError(
                f"{text!r} is no span of time; write hours and minutes, such as 22:00-06:00"
            ) from None
        spans.append(Span(start, end if end > start else end + _DAY))
    return tuple(spans)


def weekday_numbers(texts: Sequence[str]) -> frozenset[int]:
    """Return the days of the week, Monday is 0, of names and spans of names.

    Examples
    --------
    >>> sorted(weekday_numbers(["sat:mon", "wednesday"]))
    [0, 2, 5, 6]
    """
    return _numbers(
        texts, lambda text: _named(text, _WEEKDAYS), 7, "a day of the week, such as mon or sat:sun"
    )


def month_numbers(texts: Sequence[str]) -> frozenset[int]:
    """Return the months, January is 1, of names and spans of names.

    Examples
    --------
    >>> sorted(month_numbers(["nov:jan"]))
    [1, 11, 12]
    """
    found = _numbers(texts, lambda text: _named(text, _MONTHS), 12, "a month, such as dec or nov:jan")
    return frozenset(number + 1 for number in found)


def day_numbers(texts: Sequence[str]) -> frozenset[int]:
    """Return the days of the month of numbers and spans of numbers.

    Examples
    --------
    >>> sorted(day_numbers(["1:3", "31"]))
    [1, 2, 3, 31]
    """

    def number(text: str) -> int | None:
        return int(text) - 1 if text.isascii() and text.isdigit() and 1 <= int(text) <= 31 else None

    found = _numbers(texts, number, 31, "a day of the month, such as 1 or 24:26")
    return frozenset(day + 1 for day in found)


def _named(text: str, names: Sequence[str]) -> int | None:
    """Return the place of a name that is written in full or by its first three letters."""
    wanted = text.lower()
    return next((i for i, name in enumerate(names) if wanted in (name, name[:3])), None)


def _numbers(texts: Sequence[str], read: Callable[[str], int | None], size: int, what: str) -> frozenset[int]:
    found: set[int] = set()
    for text in texts:
        first, colon, last = (part.strip() for part in text.partition(":"))
        start = read(first)
        end = read(last) if colon else start
        if start is None or end is None:
            raise ConfigError(f"{text!r} is not {what}")
        found.update((start + step) % size for step in range((end - start) % size + 1))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class MuteTime:
    """One recurring time; what is not given does not limit it.

    Parameters
    ----------
    spans : tuple of Span
        Times of the day; one that crosses midnight belongs to the day on which it begins.
    weekdays, months, days : set of int
        Monday is 0, January is 1, days of the month from 1.
    zone : ZoneInfo or timezone
        Whose clock counts, summer time included.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> nights = MuteTime(parse_times(["22:00-06:00"]), zone=ZoneInfo("America/Sao_Paulo"))
    >>> now = datetime(2026, 11, 25, 4, 30, tzinfo=UTC)
    >>> nights.holds(now), nights.until(now).isoformat()
    (True, '2026-11-25T09:00:00+00:00')
    """

    spans: tuple[Span, ...] = ()
    weekdays: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    zone: tzinfo = UTC

    def holds(self, now: datetime) -> bool:
        """Say whether it is such a time."""
        local = now.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if not self.spans:
            return self._on(local.date())
        yesterday = local.date() - timedelta(days=1)
        return any(
            (span.start <= minute < span.end and self._on(local.date()))
            or (minute + _DAY < span.end and self._on(yesterday))
            for span in self.spans
        )

    def until(self, now: datetime) -> datetime | None:
        """Return when a time that holds now will have ended; None when that is over a week away."""
        return next((moment for moment in self._ends(now) if not self.holds(moment)), None)

    def _on(self, day: date) -> bool:
        return (
            (not self.weekdays or day.weekday() in self.weekdays)
            and (not self.months or day.month in self.months)
            and (not self.days or day.day in self.days)
        )

    def _ends(self, now: datetime) -> Iterator[datetime]:
        """Give the moments after now at which it may end, in order: midnights and the ends of spans."""
        today = now.astimezone(self.zone).date()
        minutes = sorted({0, *(span.end % _DAY for span in self.spans)})
        for ahead in range(_LOOK_AHEAD + 1):
            for minute in minutes:
                at = time(minute // 60, minute % 60)
                moment = datetime.combine(today + timedelta(days=ahead), at, self.zone).astimezone(UTC)
                if moment > now:
                    yield moment
