"""The unit of an alert's value, and how notices write it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mirante.alerts.channels.base import NoticeAlert
from mirante.alerts.channels.texts import alert_text
from mirante.alerts.rules.loading import default_rules
from mirante.alerts.units import measure_text, unit_of_condition, value_text


@pytest.mark.parametrize(
    ("condition", "unit"),
    [
        ("missing_ratio > 0.3 and missing_detected == 1", "share"),
        ("0.3 < missing_ratio", "share"),
        ('max_over("drift_share", "1d") > 0.5', "share"),
        ("my_own_ratio > 2", "share"),
        ("system_cpu_percent > 90", "percent"),
        ('delta("system_disk_percent", "1h") > 5', "percent"),
        ('count("missing_ratio", "1d") < 3', ""),
        ('sum_over("missing_ratio", "1d") > 3', ""),
        ("drift_effect > 0.1 and missing_ratio > 0.3", ""),
        ("performance_roc_auc < 0.6", ""),
        ("prediction_latency_seconds_p99 > 1", ""),
        ("", ""),
        ("missing_ratio > ", ""),
        ("__import__('os')", ""),
    ],
)
def test_the_leftmost_reading_gives_the_unit(condition: str, unit: str):
    assert unit_of_condition(condition) == unit


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5075, "50.75 % (0.5075)"), (0.0, "0 % (0)"), (1.0, "100 % (1)"), (float("nan"), "NaN"),
     (float("inf"), "+Inf"), (0.00012, "0.012 % (0.00012)")],
)  # fmt: skip
def test_a_share_is_told_in_per_cent_beside_the_number_of_the_rule(value: float, text: str):
    assert value_text(value, "missing_ratio > 0.3") == text


def test_a_notice_says_the_same_as_its_title():
    alert = NoticeAlert("resolved", "x", {}, 0.0142, 0.5075, "missing_ratio > 0.3 and missing_detected == 1")
    facts = dict(alert_text(alert, "en").facts)
    assert facts["Value when it fired"] == "50.75 % (0.5075)"
    assert facts["Value now"] == "1.42 % (0.0142)"
    assert facts["Condition"] == "missing_ratio > 0.3 and missing_detected == 1"


def test_every_rule_that_comes_along_has_a_condition_that_can_be_read():
    units = {rule.name: unit_of_condition(rule.when) for rule in default_rules()}
    assert units["many_outliers"] == "share"
    assert units["high_cpu"] == "percent"


def test_measures_of_performance():
    assert measure_text("performance_accuracy", 0.5, "pt_BR") == "50 %"
    assert measure_text("performance_rmse", 0.5, "pt_BR") == "0,5"


def test_a_plain_message_needs_no_numpy():
    code = (
        "import sys, mirante; mirante.AlertSystem; from mirante.alerts.channels.texts import alert_text; "
        "from mirante.alerts.channels.base import NoticeAlert as A; alert_text(A('message', 'x'), 'en'); "
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
