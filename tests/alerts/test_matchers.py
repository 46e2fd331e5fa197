"""Label matchers."""

from __future__ import annotations

import pytest

from mirante.alerts.matchers import Matcher, Matchers
from mirante.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value", "accepts"),
    [
        ("age", "age", True),
        ("=age", "age", True),
        ("age", "ages", False),
        ("!=age", "fare", True),
        ("!=age", "age", False),
        ("~a.*", "age", True),
        ("~a", "age", False),
        ("!~id_.*", "id_7", False),
        ("!~id_.*", "age", True),
        ("", "", True),
        ("", "x", False),
        ("!=", "x", True),
        ("~.+", "", False),
        ("=~x", "~x", True),
        ("~a.b", "a\nb", False),
    ],
)
def test_matchers(text: str, value: str, accepts: bool) -> None:
    assert Matcher("l", text).accepts(value) is accepts
    assert Matchers.of({"l": text}).accept({"l": value} if value else {}) is accepts


def test_a_wrong_pattern_is_named() -> None:
    with pytest.raises(ConfigError, match=r"feature.*regular expression"):
        Matcher("feature", "~(")


def test_labels_that_are_not_there_yet_may_still_come() -> None:
    where = Matchers.of({"a": "1", "b": "~x"})
    assert where.may_accept({"a": "1"})
    assert not where.may_accept({"a": "2"})
    assert not where.accept({"a": "1"})
    assert where.equalities == {"a": "1"}
