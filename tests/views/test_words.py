from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from mirante.i18n import translator
from mirante.views.figures import Line
from mirante.views.words import caption_of, moment, number, table_of

EN, PT = translator("en"), translator("pt_BR")


def line(values, name="predictions"):
    times = np.datetime64("2013-02-01", "us") + np.arange(len(values)) * np.timedelta64(1, "D")
    return Line(name, times, np.asarray(values, dtype=float))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (336_776, "rows", "336,776"),
        (12.5, "seconds", "12.5 s"),
        (0.0000123, "seconds", "12.3 µs"),
        (0.0, "bytes", "0 B"),
        (1.2e6, "bytes/s", "1.2 MB/s"),
        (93.25, "percent", "93.2 %"),
        (0.123, "share", "12.3 %"),
        (-0.5, "nats", "-0.5"),
        (1e-9, "", "1e-09"),
        (1.7e300, "", "1.7e+300"),
        (math.inf, "rows", "–"),
    ],
)
def test_numbers(value, unit, text):
    assert number(value, unit) == text


def test_numbers_and_days_are_those_of_the_language():
    assert number(1234.5, "percent", "pt_BR") == "1.234,5 %"
    assert moment(datetime(2013, 2, 8, tzinfo=UTC), "UTC", "pt_BR").startswith("8 de fev")


def test_seconds_are_told_only_where_there_are_some():
    assert moment(datetime(2013, 2, 8, 5, 30, 7, tzinfo=UTC)) == "Feb 8, 2013, 5:30:07 AM"
    assert moment(datetime(2013, 2, 8, 5, 30, tzinfo=UTC)) == "Feb 8, 2013, 5:30 AM"
    assert "05:30:00" not in moment(datetime(2013, 2, 8, 5, 30, tzinfo=UTC), "UTC", "pt_BR")


def test_a_caption_tells_the_turning_points():
    text = caption_of([line([5, 1, 9, math.nan])], "rows", EN)
    assert text == "Latest 9 (Feb 3, 2013), lowest 1 (Feb 2, 2013), highest 9 (Feb 3, 2013)"


def test_a_caption_of_one_value_and_of_none():
    assert caption_of([line([7])], "rows", EN) == "7 on Feb 1, 2013"
    assert caption_of([line([math.nan])], "rows", EN) == ""
    assert table_of([line([])], "rows", EN) is None


def test_a_table_has_a_row_for_each_series():
    table = table_of([line([1, 3], "a_p50"), line([2, math.nan], "a_p95")], "rows", EN)
    assert table is not None
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["p50", "3", "2", "1", "3"],
        ["p95", "2", "2", "2", "2"],
    ]
    assert len(table.head) == 5


@pytest.mark.parametrize(("language", "said"), [(EN, "version 2"), (PT, "versão 2")])
def test_captions_and_tables_name_versions_in_the_readers_language(language, said):
    both = [
        Line(one.name, one.times, one.values, {"version": of})
        for one, of in ((line([1]), "2"), (line([3]), "1"))
    ]
    assert caption_of(both, "rows", language).startswith(f"{said}: ")
    assert table_of(both, "rows", language).rows[0][0].text == said
