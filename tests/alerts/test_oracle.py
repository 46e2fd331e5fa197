"""The whole engine, columns and all, held against Prometheus' own ``promtool test rules``."""

from __future__ import annotations

import random
import subprocess
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from mirante.alerts.engine import AlertEngine
from mirante.alerts.evaluation import batches
from mirante.alerts.routing import Route
from mirante.readings import Reading
from mirante.store import Store
from tests.alerts.rules.test_states import LENGTH, RULES, T0, Point, rule, series
from tests.tools import require_tool

SECOND = timedelta(seconds=1)
Inputs = list[dict[str, list[Point]]]
Firing = dict[tuple[int, str, int], set[str]]  # group, rule, second: the series that fire


def engine_says(store: Store, inputs: Inputs) -> Firing:
    """Run all groups at once, second by second; a stale mark is a NaN, a gap nothing at all."""
    engine = AlertEngine(store, [rule(*of) for of in RULES], Route(()), clock=lambda: T0)
    now_firing: set[tuple[str, str, str]] = set()
    said: Firing = defaultdict(set)
    for second in range(LENGTH):
        now = T0 + second * SECOND
        store.readings.write(
            Reading("m", float("nan" if point == "stale" else point), now, {"g": str(group), "s": name})
            for group, named in enumerate(inputs)
            for name, points in named.items()
            if (point := points[second]) != "_"
        )
        for each in engine.advance(now, lambda _: timedelta(minutes=5)):
            key = (each.alert.rule, each.alert.labels["g"], each.alert.labels["s"])
            if each.change == "firing":
                now_firing.add(key)
            elif each.change == "resolved":
                now_firing.remove(key)
        for name, group, of in now_firing:
            said[int(group), name, second].add(of)
    return said


def promtool_finds(folder: Path, inputs: Inputs, said: Firing) -> tuple[int, str]:
    """Return how much promtool checked, and what it found wrong."""
    rules = [
        {"alert": f"R{hold}_{keep}", "expr": "m > 10"}
        | ({"for": f"{hold}s"} if hold else {})
        | ({"keep_firing_for": f"{keep}s"} if keep else {})
        for hold, keep in RULES
    ]
    tests, checks = [], 0
    for group, named in enumerate(inputs):
        cells = [
            {"series": f'm{{s="{name}"}}', "values": " ".join(map(str, points))}
            for name, points in named.items()
        ]
        cases = [
            {
                "eval_time": f"{second}s",
                "alertname": one["alert"],
                "exp_alerts": [{"exp_labels": {"s": s}} for s in sorted(said[group, one["alert"], second])],
            }
            for one in rules
            for second in range(LENGTH)
        ]
        checks += len(cases)
        tests.append({"interval": "1s", "name": f"g{group}", "input_series": cells, "alert_rule_test": cases})
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    files = {
        "rules.yml": {"groups": [{"name": "g", "interval": "1s", "rules": rules}]},
        "tests.yml": {"rule_files": ["rules.yml"], "evaluation_interval": "1s", "tests": tests},
    }
    for name, content in files.items():
        (folder / name).write_text(yaml.dump(content, Dumper=dumper))
    command = [require_tool("promtool"), "test", "rules", "tests.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    return checks, "" if done.returncode == 0 else done.stdout + done.stderr


def random_inputs(seed: int, groups: int) -> Inputs:
    dice = random.Random(seed)
    return [{f"a{n}": series(dice) for n in range(dice.choice([1, 2, 3]))} for _ in range(groups)]


@pytest.mark.timeout(300)
def test_promtool_agrees_with_the_engine(store: Store, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    inputs = random_inputs(seed, 210)
    said = engine_says(store, inputs)
    checks, wrong = promtool_finds(tmp_path, inputs, said)
    assert checks >= 50_000
    assert sum(map(len, said.values())) > 20_000
    assert wrong == "", f"seed {seed}: {wrong[:2000]}"


def test_promtool_catches_a_mutant_of_the_columns(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``<=`` for ``<``: a row is passed over in the moment in which it is due."""
    right = batches.length_in_micros
    monkeypatch.setattr(batches, "length_in_micros", lambda length: right(length) + 1)
    inputs = random_inputs(1, 2)
    assert promtool_finds(tmp_path, inputs, engine_says(store, inputs))[1] != ""
