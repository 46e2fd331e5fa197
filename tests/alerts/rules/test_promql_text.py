import math

import pytest

from mirante.alerts.matchers import Matcher
from mirante.alerts.rules.promql_text import matcher_text, number, quoted, selector
from mirante.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", '"plain"'),
        ('a"} or vector(1) #', '"a\\"} or vector(1) #"'),
        ("back\\slash\nline\r\t", '"back\\\\slash\\nline\\r\\t"'),
        ("\x00\x7f", '"\\x00\\x7f"'),
        ("\u202e\u00a0", '"\\u202e\\u00a0"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("ação {{ $value }}", '"ação {{ $value }}"'),
    ],
)
def test_texts_cannot_break_out(text, written):
    assert quoted(text) == written


def test_half_a_character_is_refused():
    with pytest.raises(ConfigError, match="half a character"):
        quoted("\ud800")


def test_numbers_read_back_as_they_were():
    for value in (90.0, -0.5, 0.1 + 0.2, 1e300, 5e-324, 123456789012345.0, 1e15):
        assert float(number(value)) == value
    assert (number(math.nan), number(-math.inf)) == ("NaN", "-Inf")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("x", 'l="x"'),
        ("=~x", 'l="~x"'),
        ("!=x", 'l!="x"'),
        ("~a|b.*", 'l=~"a|b.*"'),
        (r"!~id_\d+(?:a|b){2,3}?[^x\]]", r'l!~"id_\\d+(?:a|b){2,3}?[^x\\]]"'),
    ],
)
def test_matchers(text, written):
    assert matcher_text(Matcher("l", text)) == written


@pytest.mark.parametrize("pattern", [r"(?=a)", r"(a)\1", r"a++", r"\Z", r"(?<!a)b", r"\u00e9", "a{1000}"])
def test_patterns_that_prometheus_lacks_are_refused(pattern):
    with pytest.raises(ConfigError, match="lack or read otherwise"):
        matcher_text(Matcher("l", f"~{pattern}"))


def test_a_metric_named_like_a_word_of_promql():
    assert selector("sum", ['a="b"']) == '{__name__="sum", a="b"}'
    assert selector("Inf", []) == '{__name__="Inf"}'
