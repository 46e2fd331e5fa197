"""Matchers in a line: what is written is read back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.alerts.matchers import Matchers
from mirante.alerts.people.matchertext import exactly, format_matchers, matchers_of, parse_matchers
from mirante.errors import InputError
from mirante.store import AlertRow

LABELS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)


@given(st.dictionaries(LABELS, st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_any_value_goes_through_a_form_and_comes_back(labels: dict[str, str]):
    matchers = {label: exactly(value) for label, value in labels.items()}
    lines = format_matchers(matchers)
    assert not any("\n" in line or "\r" in line for line in lines)
    read = parse_matchers(lines)
    assert Matchers.of(read) == Matchers.of(matchers) or Matchers.of(read).accept(labels)
    assert Matchers.of(read).accept(labels)


def test_the_matchers_of_an_alert_take_it_and_no_other_value():
    now = datetime(2013, 2, 8, tzinfo=UTC)
    labels = {"host": "~web", "feature": "!=x", "rule": "its own"}
    alert = AlertRow("a1", "busy", labels, "host/~web", "info", "firing", now)
    matchers = Matchers.of(matchers_of(alert))
    assert matchers.accept(labels)
    assert not any(matchers.accept({**labels, label: "web"}) for label in labels)


@pytest.mark.parametrize("operator", ["!=", "~", "!~"])
@pytest.mark.parametrize("value", ["x", "", "~y", " padded ", '"quoted"', "a=b", "id_.*"])
def test_each_operator_is_read_back(operator: str, value: str):
    matchers = {"feature": operator + value}
    assert parse_matchers(format_matchers(matchers)) == matchers


def test_both_spellings_of_a_pattern_and_blanks():
    assert parse_matchers(["a=~x.*", "  b ~ y ", "c != z", ""]) == {"a": "~x.*", "b": "~y", "c": "!=z"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["host"], "'host' is no matcher"),
        (["=x"], "is no matcher"),
        (['a="x'], "is no matcher"),
        (["a=1", "a=2"], "the label 'a' is there twice"),
    ],
)
def test_what_is_no_matcher_is_told(lines: list[str], said: str):
    with pytest.raises(InputError, match=said):
        parse_matchers(lines)
