"""Templates: a number, a label, and nothing else."""

from __future__ import annotations

import math
import time

import pytest

from mirante.alerts.templates import (
    as_number,
    check_template,
    number_text,
    render,
    render_as_prometheus,
    render_names,
)
from mirante.errors import ConfigError


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ $value }}", "0.1235"),
        ("{{$value}}", "0.1235"),
        ("{{- $value -}}", "0.1235"),
        ("{{ $value | humanizePercentage }}", "12.35 %"),
        ("{{ $labels.host }} and {{ $labels.nobody }}.", "web-1 and ."),
        ("{x} { $value } %s {0}", "{x} { $value } %s {0}"),
    ],
)
def test_render(template: str, expected: str) -> None:
    assert render(check_template(template), {"host": "web-1"}, 0.123456) == expected


def test_humanize() -> None:
    assert [render("{{ $value | humanize }}", {}, v) for v in (12.0, 1234.5, 2.5e6, 3e9, 4e12, math.nan)] == [
        "12",
        "1.234k",
        "2.5M",
        "3G",
        "4T",
        "NaN",
    ]


def test_seconds_are_written_as_prometheus_writes_a_duration() -> None:
    values = (0.25, 59.96, 60.0, 30212.8, 433607.8, -90.0, math.nan, math.inf)
    said = ["250ms", "59.96s", "1m 0s", "8h 23m 32s", "5d 0h 26m 47s", "-1m 30s", "NaN", "+Inf"]
    for fill in (render, render_as_prometheus):
        assert [fill("{{ $value | humanizeDuration }}", {}, value) for value in values] == said


@pytest.mark.parametrize(
    "template",
    [
        "{{ $labels }}",
        "{{ value }}",
        "{{ $value.__class__ }}",
        "{{ range 1 }}",
        "{{ $value",
        "{{7*7}}",
        "{{ $labels.a.b }}",
    ],
)
def test_anything_else_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match=r"\{\{ \$value \}\}"):
        check_template(template)


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    assert render("{{ $labels.a }}", {"a": "{{ $value }}"}, 1.0) == "{{ $value }}"
    assert render_names("{a} {b}", {"a": "{b}", "b": "{{ $value }}"}, 1.0) == "{b} {{ $value }}"


@pytest.mark.parametrize(
    "evil",
    [
        "{m.__init__.__globals__}",
        "{m[0]}",
        "{m!r}",
        "{m:>999999999}",
        "{0}",
        "{}",
        "{m.x}",
        "{{m}",
        "%(m)s",
        "${m.x}",
    ],
)
def test_str_format_is_never_used(evil: str) -> None:
    class Leaky:
        x = "hunter2"

    start = time.monotonic()
    told = render_names(evil, {"m": Leaky()}, 1.0)
    assert told == evil
    assert time.monotonic() - start < 0.5


def test_bare_names() -> None:
    values = {"cpu": 93.456, "n": 7, "s": "web", "none": None, "nan": math.nan}
    assert render_names("{cpu} {n} {s} {none} {nan} {{ $value }}", values, 5.0) == "93.46 7 web {none} NaN 5"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.5, "-0.5"),
        (1e-7, "1e-07"),
        (1e20, "1e+20"),
        (1234567.0, "1234567"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number_text(value) == text


def test_as_number() -> None:
    import numpy as np

    assert as_number(np.float64(1.5)) == 1.5
    assert as_number(True) == 1.0
    assert as_number({"a": 1}) is None
    assert as_number(10**400) is None
