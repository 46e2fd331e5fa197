"""AlertRule: conditions on one mapping."""

from __future__ import annotations

import math

import pytest

from mirante.alerts.rules import AlertRule
from mirante.errors import ConfigError

METRICS = {"cpu": 95.0, "nan": math.nan, "none": None, "text": "x", "network_io": {"bytes_sent": 7}}


@pytest.mark.parametrize(
    ("condition", "truth", "missing", "error"),
    [
        ("cpu > 90", True, (), ""),
        ("nan > 90", None, ("nan",), ""),
        ("none > 90", None, ("none",), ""),
        ("text > 90", None, ("text",), ""),
        ("network_io_bytes_sent == 7", True, (), ""),
        (lambda m: m["cpu"] > 90, True, (), ""),
        (lambda m: m["network_io"]["bytes_sent"] == 7, True, (), ""),
        (lambda m: m["gone"] > 90, None, ("gone",), ""),
        (lambda m: m["nan"] > 90, None, ("nan",), ""),
        (lambda m: math.isnan(m["nan"]), True, (), ""),
        (lambda m: m.get("cpu", 0) > 99, False, (), ""),
        (lambda m: m.get("gone", 0) > 99, False, (), ""),
        (lambda m: m.get("gone") is None, True, (), ""),
        (lambda m: {}["other"], None, (), "KeyError: 'other'"),
        (lambda m: 1 / 0, None, (), "ZeroDivisionError: division by zero"),
        (lambda m: list(m)[99], None, (), "IndexError: list index out of range"),
        (lambda m: "cpu" in m, True, (), ""),
    ],
)
def test_conditions(condition: object, truth: bool | None, missing: tuple[str, ...], error: str) -> None:
    found = AlertRule("r", condition, "x").find(METRICS)  # type: ignore[arg-type]  # str or callable
    assert (found.truth, found.missing, found.error) == (truth, missing, error)


def test_the_message() -> None:
    rule = AlertRule(
        "r", lambda m: m["cpu"] > 90, "CPU {cpu}% {{ $value }} {cpu.__class__} {network_io_bytes_sent}"
    )
    assert rule.message(METRICS) == "CPU 95% 95 {cpu.__class__} 7"
    assert AlertRule("r", "cpu > 90", "{{ $value }}").message(METRICS) == "95"


@pytest.mark.parametrize(
    "fields",
    [{"severity": "fatal"}, {"condition": "x >"}, {"condition": 7}, {"message_template": "{{ x }}"}],
)
def test_what_is_wrong_is_said(fields: dict) -> None:
    with pytest.raises(ConfigError):
        AlertRule(**{"name": "r", "condition": "x > 1", "message_template": "m", **fields})


@pytest.mark.parametrize("wrong", [(None, "x > 1", "text"), ("a", "x > 1", None), (3, "x > 1", "text")])
def test_name_and_message_are_texts(wrong: tuple[object, str, object]) -> None:
    with pytest.raises(ConfigError, match=r"is a (NoneType|int); give a text"):
        AlertRule(*wrong)  # type: ignore[arg-type]  # what a caller may do


def test_a_window_needs_a_past() -> None:
    with pytest.raises(ConfigError, match=r'avg_over\("x", "5m"\), and one mapping has no past'):
        AlertRule("r", "avg_over(x, '300s') > 1", "m")
