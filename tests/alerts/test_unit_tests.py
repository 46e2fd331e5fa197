"""promtool's test format run by our engine, beside promtool itself on the exported rules."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from mirante.alerts.rules import load_rules
from mirante.alerts.rules.export import export_rules
from mirante.alerts.unit_tests import run_unit_tests
from mirante.errors import ConfigError
from tests.tools import require_tool

RULES = """\
rules:
- name: busy
  when: cpu > 90
  for: 2m
  severity: critical
  on_missing: resolve
  summary: "CPU {{ $value }} on {{ $labels.host }}"
- name: kept
  when: cpu > 90
  keep_firing_for: 2m
  on_missing: resolve
  description: "{{ $value | humanize }} {{ $value | humanizePercentage }}"
- {name: both, when: cpu > 90 and mem / cpu > 0.5, on_missing: resolve, labels: {team: a}}
"""


def alert(host: str, annotations: dict[str, str] | None = None, **labels: str) -> dict[str, object]:
    return {"exp_labels": {"host": host, **labels}, "exp_annotations": annotations or {}}


CASES = {
    "fires in the evaluation in which it was true for long enough": (
        "1m", "1m", {"a": "95.123456x5"}, "busy",
        {"1m": [], "2m": [alert("a", {"summary": "CPU 95.123456 on a"}, severity="critical")]},
    ),
    "a gap holds the last value and a stale mark ends it": (
        "1m", "1m", {"a": "95 95 95 _ stale 95x9"}, "busy",
        {"3m": [alert("a", {"summary": "CPU 95 on a"}, severity="critical")], "4m": [], "6m": [],
         "7m": [alert("a", {"summary": "CPU 95 on a"}, severity="critical")]},
    ),
    "a value holds for five minutes": (
        "1m", "1m", {"a": "95"}, "kept",
        {"5m": [alert("a", {"description": "95 9500%"}, severity="warning")],
         "7m": [alert("a", {"description": "95 9500%"}, severity="warning")], "8m": []},
    ),
    "only the newest value at an evaluation counts": (
        "20s", "1m", {"a": "10 99 10 10 10 10 91+1x3"}, "kept",
        {"1m": [], "2m": [alert("a", {"description": "91 9100%"}, severity="warning")],
         "3m": [alert("a", {"description": "94 9400%"}, severity="warning")]},
    ),
    "samples rarer than evaluations": (
        "3m", "1m", {"a": "95 10 95"}, "kept",
        {"2m": [alert("a", {"description": "95 9500%"}, severity="warning")], "4m59s":
         [alert("a", {"description": "95 9500%"}, severity="warning")], "5m": []},
    ),
    "evaluations between the times that are asked for": (
        "1m", "1m", {"a": "95 10"}, "kept",
        {"30s": [alert("a", {"description": "95 9500%"}, severity="warning")], "3m": []},
    ),
    "two series, a wrong expectation": (
        "1m", "1m", {"a": "95", "b": "96"}, "kept", {"0m": [alert("a")]},
    ),
    "a missing expectation": ("1m", "1m", {"a": "95"}, "kept", {"0m": []}),
    "an alert that does not come": ("1m", "1m", {"a": "5"}, "kept", {"0m": [alert("a", severity="warning")]}),
    "joined": (
        "1m", "1m", {"a": "95x3", "b": "95x3"}, "both",
        {"1m": [alert("a", team="a", severity="warning"), alert("b", team="a", severity="warning")]},
    ),
}  # fmt: skip


def write(folder: Path, case: str) -> Path:
    interval, every, series, name, expected = CASES[case]
    test = {
        "interval": interval,
        "input_series": [{"series": f'cpu{{host="{host}"}}', "values": text} for host, text in series.items()]
        + [{"series": f'mem{{host="{host}"}}', "values": "60x9"} for host in series],
        "alert_rule_test": [
            {"eval_time": time, "alertname": name, "exp_alerts": alerts} for time, alerts in expected.items()
        ],
    }
    whole = {"rule_files": ["rules.y*ml"], "evaluation_interval": every, "tests": [test]}
    (folder / "tests.yaml").write_text(yaml.safe_dump(whole))
    (folder / "rules.yaml").write_text(RULES)
    return folder / "tests.yaml"


@pytest.mark.parametrize("case", CASES)
def test_the_answer_is_promtools_on_the_exported_rules(tmp_path: Path, case: str) -> None:
    promtool = require_tool("promtool")
    ours = run_unit_tests(write(tmp_path, case))
    (tmp_path / "rules.yaml").write_text(export_rules(load_rules(tmp_path / "rules.yaml")).text)
    command = [promtool, "test", "rules", "tests.yaml"]
    theirs = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    said = ours.text() + "\n" + theirs.stdout + theirs.stderr
    assert bool(ours.failures) == bool(theirs.returncode), said
    wrong = "wrong" in case or "missing" in case or "does not" in case
    assert bool(ours.failures) == wrong, said
    assert ours.text().splitlines()[0] == ("  FAILED:" if wrong else "  SUCCESS")
    assert ours.checks == len(CASES[case][4])


def test_a_failure_shows_both_sides(tmp_path: Path) -> None:
    (failure,) = run_unit_tests(write(tmp_path, "two series, a wrong expectation")).failures
    assert failure.expected == ('labels {alertname="kept", host="a"} annotations {}',)
    assert failure.got == (
        'labels {alertname="kept", host="a", severity="warning"} annotations {description="95 9500%"}',
        'labels {alertname="kept", host="b", severity="warning"} annotations {description="96 9600%"}',
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule_files: [nothere.yaml]", "there is no file 'nothere.yaml'"),
        ("tests: [{alert_rule_test: [{eval_time: 1m, alertname: x}]}]", "line 1: there is no rule 'x'"),
        ("tests: [{input_series: [{series: 'cpu{', values: 1}]}]", "is no series"),
        ("tests: [{input_series: [{series: cpu, values: 1+}]}]", "is no value"),
        ("rules: []", "is no known key"),
        ("evaluation_interval: 0\nrule_files: [rules.yaml]\n"
         "tests: [{alert_rule_test: [{eval_time: 1m, alertname: busy}]}]", "longer than 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "tests.yaml").write_text(text)
    (tmp_path / "rules.yaml").write_text(RULES)
    with pytest.raises(ConfigError) as caught:
        run_unit_tests(tmp_path / "tests.yaml")
    assert said in str(caught.value)


def test_a_rule_file_of_prometheus_is_not_taken_for_ours(tmp_path: Path) -> None:
    file = write(tmp_path, "joined")
    (tmp_path / "rules.yaml").write_text(export_rules(load_rules(RULES)).text)
    with pytest.raises(ConfigError, match=r"rules\.yaml, line \d+: .*groups"):
        run_unit_tests(file)


def test_expressions_of_promql_are_counted_and_not_run(tmp_path: Path) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text("tests: [{promql_expr_test: [{expr: cpu, eval_time: 1m}]}]")
    report = run_unit_tests(file)
    assert (report.checks, report.skipped) == (0, 1)
    assert "not run: 1 promql_expr_test" in report.text()
