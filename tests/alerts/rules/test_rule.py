"""The rule."""

from __future__ import annotations

import dataclasses

import pytest

from mirante.alerts.rules import Rule
from mirante.errors import ConfigError


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": " "}, "name"),
        ({"when": "x >"}, "column"),
        ({"severity": "fatal"}, "info, warning, critical"),
        ({"summary": "{{ $x }}"}, "cannot be filled in"),
        ({"description": "{{ $x }}"}, "cannot be filled in"),
        ({"where": {"a b": "x"}}, "no label"),
        ({"where": {"a": "~("}}, "regular expression"),
        ({"labels": {"1a": "x"}}, "no label"),
    ],
)
def test_what_is_wrong_is_said(fields: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Rule(**{"name": "r", "when": "x > 1", **fields})


def test_it_is_frozen_and_compiled_once() -> None:
    rule = Rule("r", "x > 1", where={"host": "a"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.when = "x > 2"  # type: ignore[misc]  # that is the point
    with pytest.raises(TypeError):
        rule.where["host"] = "b"  # type: ignore[index]  # that is the point
    assert rule.expression is rule.expression
    assert rule == Rule("r", "x > 1", where={"host": "a"})
