"""Label matchers."""

from __future__ import annotations

import pytest

from mirante.alerts.matchers import LabelIndex, Matcher, Matchers
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


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"a": "x"},
        {"a": "=~x"},
        {"a": ""},
        {"a": "!=x"},
        {"a": "~x|y"},
        {"a": "x", "b": "y"},
        {"c": "x", "b": "!~y"},
    ],
)
def test_an_index_finds_what_asking_each_would_find(where: dict[str, str]) -> None:
    values = [None, "", "x", "y", "~x"]
    every = [
        {name: value for name, value in (("a", one), ("b", other)) if value is not None}
        for one in values
        for other in values
    ]
    asked: list[dict[str, str]] = []

    def labels(item: dict[str, str]) -> dict[str, str]:
        asked.append(item)
        return item

    index, matchers = LabelIndex(every, labels), Matchers.of(where)
    assert list(index.accepted(matchers)) == [item for item in every if matchers.may_accept(item)]
    asked.clear()
    list(index.accepted(matchers))
    assert where != {"a": "x"} or len(asked) == 2 * len(values), (
        "only those that have the value, or no such label"
    )
