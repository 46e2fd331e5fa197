"""The calls for Spark: what their arguments mean, without Spark."""

import datetime as dt

import pytest

from mirante.errors import ConfigError, InputError
from mirante.monitors.spark import _clock, _profile
from mirante.profiles import TableProfile


def test_time_and_window_belong_together():
    assert _clock(None, None, "UTC") is None
    with pytest.raises(InputError, match="got 'time' and no 'window'; windows need both"):
        _clock("at", None, "UTC")
    with pytest.raises(InputError, match="got 'window' and no 'time'"):
        _clock(None, "1d", "UTC")


def test_windows_and_zones_that_are_none():
    with pytest.raises(ConfigError, match="does not fit into days"):
        _clock("at", "7h", "UTC")
    with pytest.raises(ConfigError, match="the time zone 'Mars' is unknown"):
        _clock("at", "1h", "Mars")


def test_starts_are_on_the_clock_of_the_zone(monkeypatch):
    profile = TableProfile.of({"x": [1.0]})
    found = {None: profile, 0: profile, 3_600_000_000: profile}
    monkeypatch.setattr("mirante.sources.spark.jobs.profile_table", lambda table, **how: found)
    assert _profile(None, profile, None, None, None) is profile
    by_start = _profile(None, profile, None, "at", _clock("at", "1h", "America/Sao_Paulo"))
    assert [start.isoformat() for start in by_start] == [
        "1969-12-31T21:00:00-03:00",
        "1969-12-31T22:00:00-03:00",
    ]
    assert next(iter(by_start)) == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
