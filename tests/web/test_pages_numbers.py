"""Numbers, times and small lines as pages write them for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np

from mirante.web.pages import Query
from mirante.web.pages.query import TimeRange, parse_time
from mirante.web.pages.render import duration, number, percent, time_tag
from mirante.web.pages.sparkline import sparkline
from tests.web.conftest import NOW


def ask(**values: str) -> Query:
    return Query(values, now=NOW, path="/")


def test_time_ranges():
    first, last = datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 12, 31, tzinfo=UTC)
    week = TimeRange.of(ask(range="7d"), first, last, default="all")
    assert (week.name, week.until - week.since) == ("7d", timedelta(days=7))
    assert week.since < last < week.until
    assert TimeRange.of(ask(range="junk"), first, last, default="all").since == first
    custom = TimeRange.of(ask(since="2013-02-01", until="2013-02-28"), first, last, default="all")
    assert (custom.name, custom.until) == ("custom", datetime(2013, 3, 1, tzinfo=UTC))
    assert TimeRange.of(ask(until="9999-12-31"), first, last, default="all").until.year == 9999
    assert parse_time("0001-01-01T00:00:00+23:00") is None


def test_numbers_for_people():
    assert [number(v) for v in (0, 12.346, 0.00012, 1e20, float("nan"))] == [
        "0",
        "12.35",
        "0.00012",
        "1e+20",
        "–",
    ]
    assert number(1234.5, "pt_BR") == "1.234,5"
    assert percent(1.0) == "100 %"
    assert str(time_tag(None)) == "–"


def test_sparkline_gaps_and_scale():
    svg = sparkline([1.0, 2.0, np.nan, 3.0, 4.0], 'a "label"')
    assert svg.count("M") == 5
    assert 'aria-label="a &#34;label&#34;"' in svg
    assert sparkline([np.nan, np.inf, 1.0], "x") == ""
    flat = sparkline([0.01, 0.01], "x", top=1.0)
    assert re.search(r'spark-line" d="M3\.0 (40\.\d)', flat)


def test_short_times_have_a_fitting_unit():
    assert [duration(v) for v in (8e-6, 0.5e-3, 0.0042, 1.0, None)] == [
        "8.0 µs",
        "500.0 µs",
        "4.2 ms",
        "1.0 s",
        "–",
    ]
    assert duration(0.0042, "pt_BR") == "4,2 ms"
