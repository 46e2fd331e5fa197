"""The export of conditions, held against Prometheus' own ``promtool test rules`` on random ones."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from mirante.alerts.expression import Expression
from mirante.alerts.expression.functions import WINDOW_FUNCTIONS
from mirante.alerts.matchers import Matchers
from mirante.alerts.replay import Replay
from mirante.alerts.rules import Rule
from mirante.alerts.rules.export import Export, export_rules
from mirante.alerts.rules.promql import to_promql
from mirante.alerts.templates import render_as_prometheus
from mirante.errors import ConfigError
from mirante.readings import Reading
from tests.tools import require_tool

T0 = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS = 12
GROUPS = 4
LABELS = {
    "wide": frozenset({"host", "disk"}),
    "narrow": frozenset({"host"}),
    "other": frozenset({"rack"}),
}
Point = float | str
Key = tuple[str, tuple[tuple[str, str], ...]]


def said(text: str, **where: str) -> str:
    return to_promql(Expression(text, Matchers.of(where)), labels_of=LABELS.get).text


@pytest.mark.parametrize(
    ("condition", "promql"),
    [
        ("wide > 1", "wide > 1"),
        ("1 < wide", "wide > 1"),
        ("not wide > 1", "wide <= 1"),
        ("not (wide > 1 and wide < 5)", "(wide <= 1) or (wide >= 5)"),
        ("wide != 1", "(wide < 1) or (wide > 1)"),
        ("not wide == 1", "(wide < 1) or (wide > 1)"),
        ("1 < wide <= 2 * 4", "(wide > 1) and (wide <= 8)"),
        ("is_nan(wide)", "wide != wide"),
        ("not is_nan(wide)", "wide == wide"),
        ("not absent(wide)", "wide"),
        ("wide > 1 and narrow > 2", "(wide > 1) and on(host) (narrow > 2)"),
        ("wide > narrow", "wide > on(host) group_left() narrow"),
        ("-wide / narrow > 3", "wide and (((-wide) / on(host) group_left() (narrow != 0)) > 3)"),
        (
            "narrow > 2 and wide > 1",
            "narrow * on(host) group_right() (count without () ((wide > 1) and on(host) (narrow > 2)))",
        ),
        ("absent(wide)", "(last_over_time(wide[7d]) unless wide) or (absent_over_time(wide[7d]))"),
    ],
)
def test_conditions_that_can_be_said(condition: str, promql: str) -> None:
    shown = to_promql(Expression(condition), labels_of=LABELS.get, shows_value="absent" not in condition)
    assert shown.text == promql


def test_matchers_stand_where_the_label_can_be() -> None:
    assert said("wide > 1 and narrow > 2", host="a", disk="!~sd.", team="") == (
        '(wide{host="a", disk!~"sd.", team=""} > 1) and on(host) (narrow{host="a"} > 2)'
    )


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("narrow > 1 and other > 1", "different labels"),
        ("wide > 1 or narrow > 1", "'or'"),
        ("not (wide > 1 and narrow > 1)", "'or'"),
        ("1 > 2 or wide > 1", "compares 1 with 2"),
        ("wide / 0 > 1", "divides by 0"),
        ("1e300 * 1e300 * wide > 1", "too large"),
        ("absent(wide) and narrow > 1", "absent() beside"),
        ("source_up == 0", "made by the engine"),
    ],
)
def test_conditions_that_cannot_be_said(condition: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        said(condition)
    assert why in str(caught.value)


@pytest.mark.parametrize("function", WINDOW_FUNCTIONS)
def test_a_window_is_said_or_the_reason_why_not(function: str) -> None:
    condition = f'{function}("wide", "90m") > 1'
    if function in ("avg_over", "min_over", "max_over"):
        assert said(condition, host="a") == f'{function}_time(wide{{host="a"}}[1h30m]) > 1'
    else:
        with pytest.raises(ConfigError, match=f"{function}: PromQL"):
            said(condition)


def test_metrics_with_unknown_labels_are_named() -> None:
    assert to_promql(Expression("wide > 1 and mine > 2"), labels_of=LABELS.get).assumed == ("mine",)
    assert to_promql(Expression("mine > 2"), labels_of=LABELS.get).assumed == ()


def condition(dice: random.Random, depth: int) -> str:
    kind = dice.random()
    if depth and kind < 0.35:
        word = dice.choice(["and", "or"])
        return f"({condition(dice, depth - 1)} {word} {condition(dice, depth - 1)})"
    if depth and kind < 0.5:
        return f"not {condition(dice, depth - 1)}"
    if kind < 0.6:
        return f"is_nan({dice.choice('ab')})"
    left, right = number(dice, 2), number(dice, 1) if dice.random() < 0.4 else str(dice.choice([0, 1, 2, 5]))
    if not {"a", "b"} & set(left + right):
        left = "a"
    return f"{left} {dice.choice(['<', '<=', '>', '>=', '==', '!='])} {right}"


def number(dice: random.Random, depth: int) -> str:
    kind = dice.random()
    if depth and kind < 0.3:
        return f"({number(dice, depth - 1)} {dice.choice('+-*/')} {number(dice, depth - 1)})"
    if depth and kind < 0.35:
        return f"-{number(dice, depth - 1)}"
    return dice.choice(["a", "a", "b", "b", "2"])


def points(dice: random.Random) -> list[Point]:
    """Random values with NaN and with stale marks, which end a series at once."""
    return [
        "stale" if (chance := dice.random()) > 0.9 else "NaN" if chance > 0.8 else dice.choice([0, 1, 2, 5])
        for _ in range(SECONDS)
    ]


def expected(rules: Sequence[Rule], inputs: Mapping[Key, list[Point]]) -> list[dict[str, object]]:
    """Return the alerts that our engine has firing at each second."""
    cases: list[dict[str, object]] = []
    ended = timedelta(microseconds=-1)
    with Replay(rules) as replay:
        for second in range(SECONDS):
            now = T0 + timedelta(seconds=second)
            news = []
            for (name, labels), row in inputs.items():
                value = float("nan") if row[second] == "stale" else float(row[second])
                news.append(Reading(name, value, now, dict(labels), str(row[second])))
            replay.step(now, news, lambda r: ended if r.note == "stale" else timedelta(minutes=5))
            alerts: dict[str, list[dict[str, object]]] = {rule.name: [] for rule in rules}
            for alert, state in replay.standing():
                if state.phase == "firing":
                    text = render_as_prometheus("{{ $value }}", alert.labels, state.value)
                    labels = {**alert.labels, "severity": alert.severity}
                    alerts[alert.rule].append({"exp_labels": labels, "exp_annotations": {"summary": text}})
            cases += [
                {"eval_time": f"{second}s", "alertname": name, "exp_alerts": found}
                for name, found in alerts.items()
            ]
    return cases


def written(folder: Path, rules: Sequence[Rule], seed: int, inputs: Sequence[Key], export: Export) -> int:
    """Write rules and tests of random series for promtool; return how many alerts are to fire."""
    dice = random.Random(seed)
    (folder / "rules.yaml").write_text(export.text)
    tests, firing = [], 0
    for _ in range(GROUPS):
        values = {key: points(dice) for key in inputs}
        series = [
            {
                "series": name + "{" + ",".join(f'{k}="{v}"' for k, v in labels) + "}",
                "values": " ".join(map(str, row)),
            }
            for (name, labels), row in values.items()
        ]
        cases = expected(rules, values)
        firing += sum(len(case["exp_alerts"]) for case in cases)  # type: ignore[arg-type, misc]  # plain data
        tests.append({"interval": "1s", "input_series": series, "alert_rule_test": cases})
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "1s", "tests": tests}
    (folder / "tests.yaml").write_text(yaml.safe_dump(whole))
    return firing


def differences(folder: Path, rules: Sequence[Rule]) -> str:
    """Return what promtool found otherwise; nothing when it agrees."""
    command = [require_tool("promtool"), "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    text = done.stdout + done.stderr
    wrong = [f"{rule.name}: {rule.when}" for rule in rules if f"alertname: {rule.name}," in text]
    return f"{wrong}\n{text[:3000]}" if done.returncode else ""


def key(name: str, **labels: str) -> Key:
    return name, tuple(labels.items())


def test_promtool_says_the_same_of_random_conditions(tmp_path: Path) -> None:
    require_tool("promtool")
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    rules: list[Rule] = []
    while len(rules) < 60:
        rule = Rule(f"r{len(rules)}", condition(dice, 3), on_missing="resolve", summary="{{ $value }}")
        if not export_rules([rule]).left_out:
            rules.append(rule)
    inputs = [key("a", s="x"), key("a", s="y"), key("b", s="x"), key("b", s="z")]
    assert written(tmp_path, rules, seed, inputs, export_rules(rules)) > 300
    assert (seed, differences(tmp_path, rules)) == (seed, "")


JOINED = (
    "w > 1 and a > 1", "a > 1 and w > 1", "w > a", "a < w", "w / a > 1", "a / w > 0", "not w > 1 and a > 0",
    "is_nan(a) and w > 0", "1 < w < 5 and a != 2", "a - w != 1", "w == 2 and not (a > 2 or is_nan(a))",
)  # fmt: skip


def test_promtool_says_the_same_of_joins(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    rules = [
        Rule(f"j{i}", text, on_missing="resolve", summary="{{ $value }}") for i, text in enumerate(JOINED)
    ]
    labels = {"a": frozenset("s"), "w": frozenset("sd")}
    made = export_rules(rules, labels_of=labels.get)
    assert made.left_out == {}
    inputs = [
        key("a", s="x"),
        key("a", s="y"),
        key("w", s="x", d="1"),
        key("w", s="x", d="2"),
        key("w", s="z", d="1"),
    ]
    assert written(tmp_path, rules, seed, inputs, made) > 50
    assert (seed, differences(tmp_path, rules)) == (seed, "")


def test_promtool_catches_a_translation_that_forgets_nan(tmp_path: Path) -> None:
    rules = [Rule("r", "a != 1", on_missing="resolve", summary="{{ $value }}")]
    made = export_rules(rules)
    careless = replace(made, text=made.text.replace("(a < 1) or (a > 1)", "a != 1"))
    assert careless != made
    written(tmp_path, rules, 1, [key("a", s="x"), key("a", s="y")], careless)
    assert "r: a != 1" in differences(tmp_path, rules)
