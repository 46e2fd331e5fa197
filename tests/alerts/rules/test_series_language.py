import math

import pytest

from mirante.alerts.rules.series_language import parse_series, parse_values
from mirante.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("", []),
        ("1 2.5 -3e2", [1, 2.5, -300]),
        ("1+2x3", [1, 3, 5, 7]),
        ("10-5x2", [10, 5, 0]),
        ("-1-1x1", [-1, -2]),
        ("5x2", [5, 5, 5]),
        ("_ _x3 4", [None, None, None, None, 4]),
        ("1 stale 1", [1, "stale", 1]),
        ("Inf -inf", [math.inf, -math.inf]),
        ("0+0.1x3", [0, 0.1, 0.2, 0.1 + 0.1 + 0.1]),
    ],
)
def test_values(text, points):
    assert parse_values(text) == points


def test_nan_is_a_value():
    assert math.isnan(parse_values("NaN")[0])


@pytest.mark.parametrize("text", ["1+x3", "x", "1x", "stalex2", "1+2x3.5", "0x", "--1", "1,2"])
def test_what_is_no_value_is_named(text):
    with pytest.raises(ConfigError, match="is no value"):
        parse_values(text)


def test_a_bomb_is_refused():
    with pytest.raises(ConfigError, match="more than 1000000 values"):
        parse_values("1x999999999999")


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ("cpu", ("cpu", {})),
        ("cpu{}", ("cpu", {})),
        (" cpu { a = \"1\" , b='2', } ", ("cpu", {"a": "1", "b": "2"})),
        (r'cpu{a="\"}\\\n\x41\u00e9"}', ("cpu", {"a": '"}\\\nAé'})),
        ('{__name__="sum", a="1"}', ("sum", {"a": "1"})),
    ],
)
def test_series(text, series):
    assert parse_series(text) == series


@pytest.mark.parametrize(
    "text", ["", "{}", "9cpu", 'cpu{a="1"', "cpu{a=1}", 'cpu{a="1" b="2"}', 'cpu{a!="1"}']
)
def test_what_is_no_series_is_named(text):
    with pytest.raises(ConfigError, match="is no series"):
        parse_series(text)
