from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.durations import format_duration, kept_too_short, long_enough, parse_duration
from mirante.errors import ConfigError


@given(st.integers(0, 10**12))
def test_what_is_written_is_read_back(milliseconds):
    length = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("1.5h", 5400), ("1w2d", 777_600), (" 250ms ", 0.25), ("1m30s", 90)]
)
def test_units(text, seconds):
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "1:30", "m5", "5 m", "-5m", "5y", "1e3s", "9" * 400 + "d"])
def test_anything_else_is_refused_with_the_text_in_the_message(text):
    with pytest.raises(ConfigError, match=r"such as 90s|longer than"):
        parse_duration(text)


def test_what_is_kept_is_kept_for_long_enough():
    day = timedelta(days=1)
    assert long_enough(day, day, "pages need") == day
    hour = timedelta(hours=1)
    assert long_enough(hour, day, "pages need") == hour
    with pytest.raises(ConfigError, match=r"^is 59m; pages need at least 1d \(m means minutes"):
        long_enough(hour - timedelta(minutes=1), day, "pages need")
    least = dict.fromkeys(("a", "b", "c"), (day, "pages need"))
    assert kept_too_short({"a": day, "b": hour, "c": None}, least) == ["b is 1h; pages need at least 1d"]
