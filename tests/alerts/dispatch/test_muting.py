"""Mute times: midnight, weekdays, summer time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mirante.alerts.dispatch.muting import (
    MuteTime,
    Span,
    day_numbers,
    month_numbers,
    parse_times,
    weekday_numbers,
)
from mirante.errors import ConfigError

SAO_PAULO, NEW_YORK = ZoneInfo("America/Sao_Paulo"), ZoneInfo("America/New_York")


def local(zone: ZoneInfo, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type,misc]  # year, month, day, …


@pytest.mark.parametrize(
    ("text", "span"),
    [("09:00-17:30", Span(540, 1050)), ("22:00-06:00", Span(1320, 1800)), ("0:00-24:00", Span(0, 1440))],
)
def test_spans(text: str, span: Span) -> None:
    assert parse_times([text]) == (span,)


@pytest.mark.parametrize(
    "text", ["", "9-17", "25:00-26:00", "09:60-10:00", "09:00-09:00", "24:00-02:00", "x"]
)
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ConfigError, match="no span of time"):
        parse_times([text])


@pytest.mark.parametrize(
    ("read", "text"), [(weekday_numbers, "m"), (month_numbers, "13"), (day_numbers, "0"), (day_numbers, "²")]
)
def test_what_is_no_day_or_month(read: object, text: str) -> None:
    with pytest.raises(ConfigError, match="such as"):
        read([text])  # type: ignore[operator]  # one of three readers


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    friday_night = MuteTime(parse_times(["22:00-06:00"]), weekday_numbers(["fri"]), zone=SAO_PAULO)
    held = [
        friday_night.holds(local(SAO_PAULO, 2026, 11, day, hour, minute))
        for day, hour, minute in [
            (27, 5, 0),  # Friday morning is Thursday's night
            (27, 21, 59),
            (27, 22, 0),
            (28, 5, 59),
            (28, 6, 0),
            (28, 23, 0),
        ]
    ]
    assert held == [False, False, True, True, False, False]


def test_days_and_months_without_times_are_whole_days() -> None:
    holidays = MuteTime(months=month_numbers(["dec"]), days=day_numbers(["24:26"]), zone=SAO_PAULO)
    assert not holidays.holds(local(SAO_PAULO, 2026, 12, 23, 23, 59))
    assert holidays.holds(local(SAO_PAULO, 2026, 12, 24))
    assert holidays.until(local(SAO_PAULO, 2026, 12, 24, 12)) == local(SAO_PAULO, 2026, 12, 27)
    assert not holidays.holds(local(SAO_PAULO, 2026, 11, 24))


def test_the_clock_of_the_zone_counts_when_summer_time_begins_and_ends() -> None:
    night = MuteTime(parse_times(["01:00-03:00"]), zone=NEW_YORK)
    begins = datetime(2026, 3, 8, 6, tzinfo=UTC)  # 01:00; at 02:00 it is 03:00
    assert [night.holds(begins + timedelta(minutes=m)) for m in (-1, 0, 59, 60)] == [False, True, True, False]
    assert night.until(begins) == begins + timedelta(hours=1)
    ends = datetime(2026, 11, 1, 5, tzinfo=UTC)  # 01:00, and 01:00 once more an hour later
    assert [night.holds(ends + timedelta(minutes=m)) for m in (-1, 0, 179, 180)] == [False, True, True, False]
    assert night.until(ends) == ends + timedelta(hours=3)


def test_no_end_within_a_week_is_no_end() -> None:
    assert MuteTime(months=month_numbers(["jul"])).until(datetime(2026, 7, 2, tzinfo=UTC)) is None
