"""Rule files: every error at once, each with its line."""

from __future__ import annotations

import contextlib
import json
import math
import random
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.alerts.engine import AlertEngine
from mirante.alerts.expression import Expression
from mirante.alerts.expression.joining import Sample
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule, default_rules, load_rules
from mirante.errors import ConfigError
from mirante.readings import READINGS, Reading
from mirante.store import Store

GOOD = """
rules:
  - name: high_cpu
    when: system_cpu_percent > 90
    for: 5m
    keep_firing_for: 1d
    severity: critical
    summary: "CPU at {{ $value }}% on {{ $labels.host }}"
    labels: {team: ops}
  - name: feature_drift
    metric: drift_effect
    op: ">"
    value: 0.1
    where: {model: nyc-flight-delay, feature: "!~id_.*"}
    on_missing: resolve
"""


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    first, second = load_rules(path)
    assert first == Rule(
        "high_cpu",
        "system_cpu_percent > 90",
        for_=timedelta(minutes=5),
        keep_firing_for=timedelta(days=1),
        severity="critical",
        summary="CPU at {{ $value }}% on {{ $labels.host }}",
        labels={"team": "ops"},
    )
    assert (second.when, second.on_missing) == ("drift_effect > 0.10000000000000001", "resolve")
    assert load_rules(str(path)) == load_rules(GOOD)


def test_all_errors_at_once_each_with_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load_rules(
            "rules:\n"
            "  - name: a\n"
            "    when: x >\n"
            "    for: 1:30\n"
            "    severity: fatal\n"
            "  - name: b\n"
            "    wenn: x > 1\n"
            "  - metric: x\n"
            "    op: '=>'\n"
            "    value: many\n"
            "    where: {a: '~('}\n"
            "    summary: '{{ x }}'\n"
            "    keep_firing_for: 30\n"
        )
    lines = str(caught.value).split("\n<text>, ")
    told = "\n".join(lines)
    for line, key, says in [
        (3, "rules[0].when", "column"),
        (4, "rules[0].for", "1:30"),
        (5, "rules[0].severity", "'info', 'warning' or 'critical'"),
        (7, "rules[1].wenn", "no known key"),
        (8, "rules[2].name", "is missing"),
        (9, "rules[2].op", "=>"),
        (10, "rules[2].value", '"many"'),
        (11, "rules[2].where", "regular expression"),
        (12, "rules[2].summary", "cannot be filled in"),
        (13, "rules[2].keep_firing_for", "got 30; needs a number and a unit"),
    ]:
        assert any(f"line {line}: {key}: " in each and says in each for each in lines), (line, key, told)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules:\n- {name: a, when: x > 1, metric: x}", "line 2: rules[0]: has both 'when' and 'metric'"),
        ("rules:\n- {name: a}", "line 2: rules[0]: has no condition"),
        ("rules:\n- {name: a, metric: x, op: '>'}", "add 'value'"),
        ("rules:\n- name: a\n  when: x > 1\n- name: a\n  when: x > 2", "line 4: rules[1].name: 'a'"),
        ("rules:\n- name: a\n  name: b", "line 3: the key 'name' is there twice"),
        ("rules: &x\n- *x", "anchors"),
        ("rules: !!python/object:os.system x\n", "tag"),
        ("rules:\n- name: [", "cannot be read as YAML"),
        ("rules: 7\n", "line 1: rules: got 7; needs a list"),
        ("[]\n", "got a list"),
        ("\n", "got nothing; needs keys and values"),
        ("rules: []\nroles: []", "line 2: roles: is no known key"),
    ],
)
def test_broken_files(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_rules(text)
    assert says in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_rules(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"UTF-8|YAML"):
        load_rules(tmp_path / "bytes.yaml")


def test_a_thousand_rules_load_quickly() -> None:
    text = "rules:\n" + "".join(f"- {{name: r{i}, when: x > {i}, for: 5m}}\n" for i in range(1000))
    start = time.monotonic()
    assert len(load_rules(text)) == 1000
    assert time.monotonic() - start < 3


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="rules:-{}[]namewhn &*!|>'\"\n\t #x19%@`\x00é", max_size=60))
def test_any_text_is_a_config_error_at_worst(text: str) -> None:
    with contextlib.suppress(ConfigError):
        load_rules(f"{text}\n")


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_value_under_any_key_is_a_config_error_at_worst(value: object) -> None:
    for key in ("name", "when", "for", "where", "summary", "labels", "value", "severity"):
        rule = {"name": "a", "when": "x > 1", key: value}
        told = "line 1"
        try:
            load_rules(json.dumps({"rules": [rule]}) + "\n")
        except ConfigError as error:
            told = str(error)
        assert "line 1" in told


BITS = (
    *(
        "rules",
        "name",
        "when",
        "for",
        "where",
        "labels",
        "severity",
        "value",
        "metric",
        "op",
        ":",
        ": ",
        "\n",
    ),
    *(
        "  ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "&a ",
        "*a",
        "!x ",
        "|",
        ">",
        "'",
        '"',
        "#",
        "1:30",
        "5m",
        "x > 1",
    ),
    *("critical", "~(", "1e3", "null", "\t", "%", "@", "\x00", "é", "rules:\n- ", "{name: a, when: x > 1}"),
)


def test_ten_thousand_files_are_config_errors_at_worst_each_with_its_place() -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(10_000):
        text = dice.choice(["", "rules:\n- ", GOOD]) + "".join(dice.choices(BITS, k=dice.randrange(12)))
        told = "<text>"
        try:
            load_rules(f"{text}\n")
        except ConfigError as error:
            told = str(error)
        assert told.startswith("<text>"), (seed, text, told)


def test_the_default_rules_show_the_same_values_in_every_language() -> None:
    for english, other in zip(default_rules(), default_rules("pt_BR"), strict=True):
        assert english.name == other.name
        for said, told in ((english.summary, other.summary), (english.description, other.description)):
            assert bool(said) == bool(told)
            assert said != told or not said, english.name
            shown = [sorted(re.findall(r"\{\{.*?\}\}", text)) for text in (said, told)]
            assert shown[0] == shown[1], english.name


def test_the_default_rules_speak_of_readings_that_exist() -> None:
    rules = default_rules()
    assert len({rule.name for rule in rules}) == len(rules) > 15
    for rule in rules:
        for name in rule.expression.metrics:
            assert name in READINGS, (rule.name, name)
        assert rule.summary


FIRE = {
    "monitor_series_left_out": 5.0,
    "version_baseline_missing": 1.0,
    "version_signature_missing": 1.0,
    "run_failed": 1.0,
    "run_metric": math.nan,
    "run_idle_seconds": 7200.0,
    "trace_errors_detected": 1.0,
    "trace_latency_detected": 1.0,
    "assessment_failed_share": 0.9,
    "assessments": 100.0,
    "system_cpu_percent": 99.0,
    "system_memory_percent": 99.0,
    "system_disk_percent": 99.0,
    "drift_detected": 1.0,
    "drift_share": 0.6,
    "missing_detected": 1.0,
    "missing_ratio": 0.5,
    "new_category_ratio": 0.5,
    "new_category_detected": 1.0,
    "out_of_range_ratio": 0.5,
    "out_of_range_detected": 1.0,
    "duplicate_ratio": 0.5,
    "duplicates_detected": 1.0,
    "row_count_detected": 1.0,
    "freshness_detected": 1.0,
    "outlier_ratio": 0.5,
    "estimated_performance_dropped": 1.0,
    "performance_roc_auc": 0.5,
    "performance_accuracy": 0.4,
    "performance_roc_auc_upper": 0.55,
    "performance_accuracy_upper": 0.45,
    "performance_calibration_error_lower": 0.2,
    "performance_labels_unmatched": 5000.0,
    "performance_labels": 1000.0,
    "performance_log_loss": float("nan"),
    "prediction_latency_seconds_p95": 5.0,
    "monitor_task_failing": 1.0,
    "mlflow_server_up": 0.0,
    "monitor_dropped_total": 1.0,
    "monitor_queue_length": 5000.0,
    "monitor_rules_valid": 0.0,
    "source_up": 0.0,
    "system_mount_percent": 99.0,
    "system_container_memory_percent": 99.0,
    "agent_clock_skew_seconds": 40.0,
    "agent_counting_failing": 1.0,
    "agent_outdated": 1.0,
    "monitor_agents_behind": 1.0,
}
# they look back: see test_what_is_counted_is_told_when_it_grows
OVER_TIME = {
    "agent_dropped": ("agent_dropped_total", {"host": "a", "kind": "windows"}),
    "agent_refused": ("agent_refused_total", {"host": "a"}),
    "container_out_of_memory": ("system_container_oom_kills_total", {"host": "a"}),
    "signature_broken": ("signature_violations_total", {"model": "m", "feature": "age", "kind": "type"}),
    "predictions_failing": ("prediction_errors_total", {"model": "m", "status": "500"}),
    "alias_moved": ("alias_moves_total", {"model": "m", "alias": "champion"}),
}


CALM = {
    "mlflow_server_up": 1.0,
    "monitor_rules_valid": 1.0,
    "source_up": 1.0,
    "performance_calibration_error_lower": 0.0,
}


@pytest.mark.parametrize("name", OVER_TIME)
def test_what_is_counted_is_told_when_it_grows(store: Store, name: str) -> None:
    (rule,) = [rule for rule in default_rules() if rule.name == name]
    reading, labels = OVER_TIME[name]
    engine = AlertEngine(store, [rule], Route(()))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for minute, kills in enumerate((3.0, 3.0, 4.0)):
        now = start + timedelta(minutes=minute)
        store.readings.write([Reading(reading, kills, now, labels)])
        engine.advance(now, lambda _: timedelta(minutes=5))
        assert [alert.state for alert in store.alerts.open()] == ["firing"] * (kills > 3)


@pytest.mark.parametrize(
    ("name", "label", "value"),
    [("signature_broken", "kind", "extra"), ("predictions_failing", "status", "400")],
)
def test_what_a_model_ignores_and_what_clients_get_wrong_is_not_told(
    store: Store, name: str, label: str, value: str
) -> None:
    (rule,) = [rule for rule in default_rules() if rule.name == name]
    engine = AlertEngine(store, [rule], Route(()))
    reading, labels = OVER_TIME[name]
    for minute, count in enumerate((3.0, 4.0)):
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
        store.readings.write([Reading(reading, count, now, {**labels, label: value})])
        engine.advance(now, lambda _: timedelta(minutes=5))
    assert store.alerts.open() == []


@pytest.mark.parametrize(
    "rule", [r for r in default_rules() if r.name not in OVER_TIME], ids=lambda rule: rule.name
)
def test_each_default_rule_can_fire_and_is_quiet_without_data(rule: Rule) -> None:
    labels = {name: text.lstrip("~!=") for name, text in rule.where.items()}
    some = {
        "feature_drift": {"feature": "age"},
        "mount_full": {"mount": "/srv"},
        "assessment_moved": {"experiment": "a", "feature": "assessment/safe"},
    }
    labels |= some.get(rule.name, {})
    values = {**FIRE, "system_disk_percent": 90.0} if rule.name == "disk_filling" else FIRE
    bad = {name: [Sample(labels, v)] for name, v in values.items()}
    assert [outcome.truth for outcome in rule.expression.evaluate(bad)] == [True]
    assert rule.expression.evaluate({}) == []
    calm = {name: [Sample(labels, CALM.get(name, 0.55 if "performance" in name else 0.0))] for name in FIRE}
    if rule.name != "low_auc":
        assert [outcome.truth for outcome in rule.expression.evaluate(calm)] == [False]
    assert isinstance(rule.expression, Expression)
