"""The state machine, held against Prometheus' own ``promtool test rules`` and a table of its own."""

from __future__ import annotations

import math
import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from mirante.alerts.expression import Expression
from mirante.alerts.expression.joining import Sample
from mirante.alerts.rules import AlertState, Rule, Timing, advance
from tests.tools import require_tool

T0 = datetime(1970, 1, 1, tzinfo=UTC)
LENGTH = 40
RULES = [(hold, keep) for hold in (0, 2, 5) for keep in (0, 3)]
Point = float | str
Machine = Callable[[AlertState, Timing, bool | None, datetime, float], tuple[AlertState, str | None]]


def rule(hold: int, keep: int) -> Rule:
    return Rule(
        f"R{hold}_{keep}",
        "m > 10",
        for_=timedelta(seconds=hold),
        keep_firing_for=timedelta(seconds=keep),
        on_missing="resolve",  # Prometheus' own way
    )


def series(dice: random.Random) -> list[Point]:
    """Random values with gaps (a gap keeps the last value for minutes) and stale marks (gone at once)."""
    points: list[Point] = []
    value = dice.choice([5, 15])
    for _ in range(LENGTH):
        chance = dice.random()
        if chance < 0.25:
            value = dice.choice([5, 15, 11, 9, 10])
        points.append("stale" if chance > 0.93 else "_" if chance > 0.88 else value)
    return points


def firing(points: Sequence[Point], of: Rule, machine: Machine) -> list[float | None]:
    """Return the value at each second in which the alert fires."""
    state, last, shown = AlertState(), None, []
    for second, point in enumerate(points):
        last = None if point == "stale" else last if point == "_" else float(point)
        (outcome,) = of.expression.evaluate({"m": [Sample({"s": "a"}, last)]})
        state, _change = machine(state, of, outcome.truth, T0 + timedelta(seconds=second), outcome.value)
        shown.append(state.value if state.phase == "firing" else None)
    return shown


def run_promtool(folder: Path, seed: int, groups: int, machine: Machine) -> tuple[int, int, str]:
    """Return checks, expected firings, and what promtool found wrong (nothing when it agrees)."""
    dice = random.Random(seed)
    rules = []
    for hold, keep in RULES:
        one = {"alert": f"R{hold}_{keep}", "expr": "m > 10", "annotations": {"v": "{{ $value }}"}}
        one |= {"for": f"{hold}s"} if hold else {}
        one |= {"keep_firing_for": f"{keep}s"} if keep else {}
        rules.append(one)
    groups_file = {"groups": [{"name": "g", "interval": "1s", "rules": rules}]}
    (folder / "rules.yml").write_text(yaml.safe_dump(groups_file))
    tests, checks, expected = [], 0, 0
    for group in range(groups):
        inputs = {f"a{index}": series(dice) for index in range(dice.choice([1, 2, 3]))}
        cases = []
        for hold, keep in RULES:
            fires = {name: firing(points, rule(hold, keep), machine) for name, points in inputs.items()}
            for second in range(LENGTH):
                alerts = [
                    {"exp_labels": {"s": name}, "exp_annotations": {"v": f"{values[second]:g}"}}
                    for name, values in fires.items()
                    if values[second] is not None
                ]
                cases.append(
                    {"eval_time": f"{second}s", "alertname": f"R{hold}_{keep}", "exp_alerts": alerts}
                )
                checks += 1
                expected += len(alerts)
        cells = [
            {"series": f'm{{s="{name}"}}', "values": " ".join(map(str, points))}
            for name, points in inputs.items()
        ]
        tests.append({"interval": "1s", "name": f"g{group}", "input_series": cells, "alert_rule_test": cases})
    whole = {"rule_files": ["rules.yml"], "evaluation_interval": "1s", "tests": tests}
    (folder / "tests.yml").write_text(yaml.dump(whole, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
    command = [require_tool("promtool"), "test", "rules", "tests.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return checks, expected, "" if done.returncode == 0 else done.stdout + done.stderr


def test_promtool_agrees_on_random_series_with_gaps(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    checks, expected, wrong = run_promtool(tmp_path, seed, 25, advance)
    assert checks >= 5_000
    assert expected > 1_000
    assert wrong == "", f"seed {seed}: {wrong[:2000]}"


def _early(
    state: AlertState, of: Timing, breached: bool | None, now: datetime, value: float
) -> tuple[AlertState, str | None]:
    """A mutant: ``for`` must be exceeded instead of reached."""
    late = replace(of, for_=of.for_ + timedelta(microseconds=1)) if of.for_ else of  # type: ignore[type-var]  # a Rule
    return advance(state, late, breached, now, value)


def _long(
    state: AlertState, of: Timing, breached: bool | None, now: datetime, value: float
) -> tuple[AlertState, str | None]:
    """A mutant: ``<=`` for ``<`` at the end of ``keep_firing_for``."""
    more = timedelta(microseconds=1) if of.keep_firing_for else timedelta()
    late = replace(of, keep_firing_for=of.keep_firing_for + more)  # type: ignore[type-var]  # a Rule
    return advance(state, late, breached, now, value)


@pytest.mark.parametrize("mutant", [_early, _long])
def test_promtool_catches_a_mutant(tmp_path: Path, mutant: Machine) -> None:
    assert run_promtool(tmp_path, 1, 2, mutant)[2] != ""


def machine(changes: Sequence[bool | None], **fields: object) -> list[str | None]:
    of = Rule("r", "x > 0", **fields)  # type: ignore[arg-type]  # fields are given by name
    state, result = AlertState(), []
    for minute, breached in enumerate(changes):
        state, change = advance(state, of, breached, T0 + timedelta(minutes=minute), float(minute))
        result.append(change)
    return result


@pytest.mark.parametrize(
    ("changes", "fields", "expected"),
    [
        ([True, False], {}, ["firing", "resolved"]),
        ([True, None, False], {}, ["firing", None, "resolved"]),
        ([True, None, True], {"on_missing": "resolve"}, ["firing", "resolved", "firing"]),
        ([None, None], {"on_missing": "alert"}, ["firing", None]),
        ([None, None], {}, [None, None]),
        ([True, None, True], {"for_": timedelta(minutes=2)}, ["pending", None, "firing"]),
        ([True, None, None], {"for_": timedelta(minutes=2)}, ["pending", None, None]),
        ([True, True], {"for_": timedelta(minutes=1)}, ["pending", "firing"]),
        (
            [True, False, None, False],
            {"keep_firing_for": timedelta(minutes=2)},
            ["firing", None, None, "resolved"],
        ),
    ],
)
def test_the_table(changes: list[bool | None], fields: dict, expected: list[str | None]) -> None:
    assert machine(changes, **fields) == expected


def test_values_are_kept() -> None:
    of = Rule("r", "x > 0", for_=timedelta(minutes=1), keep_firing_for=timedelta(hours=1))
    state = AlertState()
    for minute, (breached, value) in enumerate([(True, 1.0), (True, 2.0), (True, 3.0), (False, 0.0)]):
        state, _change = advance(state, of, breached, T0 + timedelta(minutes=minute), value)
    assert (state.active_at, state.fired_value, state.value) == (T0, 2.0, 3.0)
    assert math.isnan(AlertState().value)
    assert isinstance(of.expression, Expression)
