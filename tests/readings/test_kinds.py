"""The reading, its identity, and the table of names."""

import ast
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mirante.alerts.rules.loading import default_rules
from mirante.capture.recorder import Recorder
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.config import ModelConfig
from mirante.monitors.estimates import estimate_readings
from mirante.monitors.model import ModelMonitor
from mirante.monitors.openwindow import OpenWindow
from mirante.monitors.performance import Measurement, performance_of
from mirante.monitors.windows import Window
from mirante.performance.estimated import PerformanceEstimator
from mirante.readings import READINGS, SOURCE_UP
from mirante.sources.traces.scores import Scores
from mirante.sources.traces.source import score_readings, window_readings
from mirante.store import Store
from mirante.store.types import finite
from mirante.tracking.traces import TraceWindow
from tests.house.source import PACKAGE, python_files, tree
from tests.monitors.conftest import START, make_rows

NOON = datetime(2013, 2, 8, 12, tzinfo=UTC)


def test_names_are_those_that_prometheus_takes():
    assert [name for name in READINGS if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


def test_every_name_has_unit_and_meaning():
    assert [name for name, kind in READINGS.items() if not kind.unit or not kind.help] == []


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError, match="does not support item assignment"):
        READINGS["mine"] = READINGS["drift_ks"]


def _written_out():
    """Names that stand in calls of `Reading`, and in the tables of the two sources that keep one."""
    names = set()
    for path in python_files(PACKAGE):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reading":
                names |= {each.value for each in node.args[:1] if isinstance(each, ast.Constant)}
        if path.parent.name in ("host", "prometheus") or path.name in (
            "quality.py",
            "served.py",
            "agreement.py",
        ):
            names |= {each.value for each in ast.walk(tree(path)) if isinstance(each, ast.Constant)}
    return names


def _measured(folder):
    """Names that a monitor writes of one window of numbers and categories."""
    config = ModelConfig(model="m", log=folder / "log", window="1d", lateness="0s")
    parts = [make_rows(-day, 100) for day in range(10, 0, -1)]
    features, times = (pd.concat([part[place] for part in parts], ignore_index=True) for place in (0, 2))
    predictions = np.concatenate([part[1] for part in parts])
    baseline = ModelBaseline.fit(features, predictions, times, clock=config.clock())
    with Recorder("m", config.log, version="1") as recorder:
        recorder.log(parts[0][0], parts[0][1], 0.001, time=parts[0][2] + timedelta(days=10))
    with Store(f"sqlite:///{folder / 'mirante.db'}") as store:
        monitor = ModelMonitor(config, "1", baseline, store, InferenceLog(config.log))
        return {reading.name for reading in monitor.advance(START + timedelta(days=1)).readings}


@pytest.fixture(scope="module")
def produced(tmp_path_factory):
    figures = {name for task in ("probability", "class", "regression") for name in _realised(task)}
    measured = _measured(tmp_path_factory.mktemp("produced"))
    return (
        _written_out()
        | {SOURCE_UP}
        | {f"system_load{minutes}" for minutes in (1, 5, 15)}
        | measured
        | {f"performance_{name}" for name in figures}
        | {name for task in ("probability", "regression") for name in _estimated(task)}
        | {name for start in ("", "logged_model_") for name in _of_traces(start)}
    )


def _of_traces(start):
    """Names that are written of a window of traces."""
    scores = {"a": Scores.of({"true": 1})}
    window = TraceWindow(START, {"ok": 1}, (1.0,) * 101, {"total": 1.0}, 1.0, left_out=not start)
    found = [*window_readings(window, {}, start), *score_readings(START, scores, {}, start)]
    return [one.name for one in found]


def _realised(task):
    """Names that are written of labels for a task."""
    rng = np.random.default_rng(1)
    said = rng.integers(0, 3, 100) if task == "class" else rng.uniform(0.1, 0.9, 100)
    labels = rng.integers(0, 3, 100) if task == "class" else rng.integers(0, 2, 100)
    found = Measurement(100, 100, performance_of(task, labels + (task == "regression"), said))
    ends = [f"{name}_{end}" for name in found.ends for end in ("lower", "upper")]
    return [*found.figures, *ends]


def _estimated(task):
    """Names that are written of estimates for a task."""
    rng = np.random.default_rng(1)
    said, features = rng.uniform(0.1, 0.9, 200), pd.DataFrame({"x": rng.random(200)})
    labels = (rng.random(200) < said) if task == "probability" else said + rng.normal(0, 0.1, 200)
    estimator = PerformanceEstimator.fit(labels, said, features, task=task)
    found = {"measures": finite(estimator.estimate(said, features)), "sentence": ""}
    window = OpenWindow(Window(START, START), None, None)
    return [one.name for one in estimate_readings(found, window, {})]


def test_every_name_of_the_table_is_produced(produced):
    assert sorted(set(READINGS) - produced) == []


def test_every_rule_that_comes_along_asks_for_readings_that_are_produced(produced):
    asked = {name for rule in default_rules() for name in rule.expression.metrics}
    assert sorted(asked - produced) == []
