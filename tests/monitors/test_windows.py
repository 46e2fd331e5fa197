import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.errors import ConfigError
from mirante.monitors.windows import WindowClock

ZONES = st.sampled_from(
    ["UTC", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
)
LENGTHS = st.sampled_from(["1s", "15m", "30m", "1h", "6h", "12h", "1d", "7d", "30d"])
TIMES = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@given(TIMES, ZONES, LENGTHS)
def test_a_time_lies_in_its_own_window_and_windows_touch(time, zone, length):
    clock = WindowClock(length, zone)
    window = clock.of(time)
    assert window.start <= time < window.end
    assert clock.of(window.start) == window
    assert clock.of(window.end - timedelta(microseconds=1)) == window
    assert clock.after(window).start == window.end


def test_new_yorks_day_is_not_utcs():
    clock = WindowClock("1d", "America/New_York")
    evening = datetime(2013, 2, 9, 3, 0, tzinfo=UTC)
    window = clock.of(evening)
    assert window.start == datetime(2013, 2, 8, 5, tzinfo=UTC)
    assert WindowClock("1d").of(evening).start == datetime(2013, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hours"), [((2013, 3, 10), 23), ((2013, 11, 3), 25), ((2013, 7, 1), 24)])
def test_days_are_as_long_as_the_clock_makes_them(day, hours):
    window = WindowClock("1d", "America/New_York").of(datetime(*day, 17, tzinfo=UTC))
    assert (window.end - window.start) == timedelta(hours=hours)


def test_a_skipped_hour_has_no_window_and_a_repeated_one_has_one():
    clock = WindowClock("1h", "America/New_York")
    spring = clock.between(datetime(2013, 3, 10, 5, tzinfo=UTC), datetime(2013, 3, 11, 4, tzinfo=UTC))
    autumn = clock.between(datetime(2013, 11, 3, 4, tzinfo=UTC), datetime(2013, 11, 4, 5, tzinfo=UTC))
    assert len(spring) == 23
    assert len(autumn) == 24
    assert max(w.end - w.start for w in autumn) == timedelta(hours=2)
    assert all(a.end == b.start for a, b in itertools.pairwise(spring))


def test_weeks_start_on_mondays():
    assert WindowClock("7d").of(datetime(2026, 11, 22, tzinfo=UTC)).start.weekday() == 0


def test_assign_groups_each_time_once_and_leaves_nat_out():
    clock = WindowClock("1d", "America/New_York")
    times = np.array(
        ["2013-02-09T03:00", "2013-02-07T12:00", "NaT", "2013-02-08T05:00"], dtype="datetime64[ns]"
    )
    groups = clock.assign(times)
    assert [w.start.day for w, _ in groups] == [7, 8]
    assert [list(p) for _, p in groups] == [[1], [3, 0]]
    assert clock.assign(np.array([], dtype="datetime64[us]")) == []


@given(st.lists(TIMES, max_size=50), ZONES, LENGTHS)
def test_assign_agrees_with_of(times, zone, length):
    clock = WindowClock(length, zone)
    array = np.array([t.replace(tzinfo=None) for t in times], dtype="datetime64[us]")
    found = {int(p): w for w, positions in clock.assign(array) for p in positions}
    assert found == {i: clock.of(t) for i, t in enumerate(times)}


@pytest.mark.parametrize(
    ("length", "zone", "text"),
    [
        ("7h", "UTC", "divisor of a day"),
        ("36h", "UTC", "whole days"),
        ("0s", "UTC", "too short"),
        ("1d", "Mars/Olympus", "IANA"),
        ("1d", "../etc/passwd", "IANA"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(length, zone, text):
    with pytest.raises(ConfigError, match=text):
        WindowClock(length, zone)
