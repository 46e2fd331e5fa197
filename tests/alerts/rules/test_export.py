"""Rule files for Prometheus: accepted by promtool, whatever stands in the rules."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from mirante.alerts.rules import Rule, default_rules
from mirante.alerts.rules.export import Export, export_rules
from tests.tools import require_tool

HOSTILE = (
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "{{ {{{ }} `",
    "{0.__class__}",
    "<!channel>",
    "a\r\nb\n- alert: x",
    "nul\x00",
    "\u202eRTL",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "é" * 300,
    "# comment",
    "key: value",
    "\U0001f600\u2028\ufeff",
)


def accepted(made: Export, folder: Path) -> str:
    file = folder / "rules.yml"
    file.write_text(made.text, encoding="utf-8")
    done = subprocess.run(
        [require_tool("promtool"), "check", "rules", str(file)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_rules_that_come_with_mirante(tmp_path: Path) -> None:
    made = export_rules(default_rules(), interval=timedelta(seconds=15))
    assert f"SUCCESS: {len(made.exported)} rules found" in accepted(made, tmp_path)
    unsaid = {"no_data", "alias_moved", "container_out_of_memory", "signature_broken", "predictions_failing"}
    unsaid |= {"agent_dropped", "agent_refused"}
    assert set(made.left_out) <= unsaid  # of what PromQL cannot say
    assert made.remarks == ()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(tmp_path: Path, text: str) -> None:
    plain = text.replace("{", "(")  # in a template our own check refuses them
    rule = Rule(
        text, "cpu > 90", where={"host": f"={text}"}, labels={"team": text}, summary=plain, description=plain
    )
    made = export_rules([rule, Rule("twin", "cpu > 1")])
    assert "SUCCESS: 2 rules found" in accepted(made, tmp_path)
    (first, _second) = yaml.safe_load(made.text)["groups"][0]["rules"]
    assert first["alert"] == text
    assert first["annotations"]["summary"] == plain


# promtool's own test file cannot say the two others
@pytest.mark.parametrize("text", [text for text in HOSTILE if not {"\x00", "\r"} & set(text)])
def test_hostile_texts_mean_the_same_in_prometheus(tmp_path: Path, text: str) -> None:
    rule = Rule("r", "cpu > 90", where={"host": f"={text}"}, labels={"team": text}, on_missing="resolve")
    (tmp_path / "rules.yml").write_text(export_rules([rule]).text)
    host = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    labels = {"host": text, "team": text, "severity": "warning"}
    test = {
        "interval": "1m",
        "input_series": [{"series": f'cpu{{host="{host}"}}', "values": "95"}],
        "alert_rule_test": [{"eval_time": "0m", "alertname": "r", "exp_alerts": [{"exp_labels": labels}]}],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}))
    command = [require_tool("promtool"), "test", "rules", "tests.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_cannot_be_said_is_left_out_with_a_comment(tmp_path: Path) -> None:
    made = export_rules(
        [
            Rule("fine", "cpu > 90", for_=timedelta(hours=36), keep_firing_for=timedelta(milliseconds=1500)),
            Rule("bad\nname", "cpu > 90", where={"host": "~(?=x)"}),
            Rule("pessimist", "cpu > 90", on_missing="alert"),
            Rule("half \ud800", "cpu > 90"),
        ]
    )
    assert made.exported == ("fine",)
    assert list(made.left_out) == ["bad\nname", "pessimist", "half \ud800"]
    assert "# left out: bad name: the pattern" in made.text
    assert "for: 1d12h\n    keep_firing_for: 1s500ms" in made.text
    accepted(made, tmp_path)


def test_a_dash_in_a_field_does_not_eat_spaces() -> None:
    made = export_rules([Rule("r", "cpu > 1", summary="at {{- $value -}} on {{$labels.host}}")])
    assert "summary: at {{ $value }} on {{ $labels.host }}" in made.text


def test_labels_that_are_prometheus_own_are_written_as_at_metrics() -> None:
    made = export_rules([Rule("r", "cpu > 1", where={"__x": "1"}, labels={"__name__": "y"})])
    assert 'expr: cpu{_x="1"} > 1' in made.text
    assert "_name__: y" in made.text


def test_assumed_labels_are_remarked() -> None:
    made = export_rules([Rule("r", "mine > 1 and yours > 1")])
    assert made.remarks == (
        "r: the labels of mine, yours are not known; they were taken to be those of the other metrics",
    )
    assert f"# {made.remarks[0]}" in made.text
