"""A real model, asked in a process of its own; and the parts of that process."""

import sys
import time

import numpy as np
import pandas as pd
import pytest

from mirante.app.baseline import child, predicting
from mirante.app.baseline.predicting import _are_probabilities, predict
from mirante.errors import InputError, TrackingError
from mirante.tracking.models import ModelName
from tests.app.trained import rows, trained


@pytest.fixture(scope="module")
def model(mlflow_server, tmp_path_factory):
    name, version, _ = trained(mlflow_server, folder=tmp_path_factory.mktemp("risk"))
    return ModelName(name, None, version)


@pytest.mark.server
def test_a_model_answers_in_batches_and_prints_what_it_likes(mlflow_server, model):
    frame, told = rows(250), []
    found = predict(
        model, frame, mlflow_server, batch=100, told=lambda done, every: told.append((done, every))
    )
    assert found.tolist() == pytest.approx((frame["age"] / 100).tolist())
    assert told == [(100, 250), (200, 250), (250, 250)]


@pytest.mark.server
def test_of_several_outputs_one_is_named(mlflow_server, model):
    frame = rows(20).assign(plan="several")
    assert predict(model, frame, mlflow_server, output="high").tolist() == pytest.approx(
        (frame["age"] / 100).tolist()
    )
    both = predict(model, frame, mlflow_server)  # they are the probabilities of two classes
    assert both.columns.tolist() == ["low", "high"]
    with pytest.raises(InputError, match="'middle' is none of them"):
        predict(model, frame, mlflow_server, output="middle")


@pytest.mark.server
@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("broken", r"RuntimeError: the model does not know this plan \(exit code 1\)"),
        ("short", "it was given 20 rows and answered 19"),
        ("dies", r"it ended before it had answered \(exit code 7\)"),
    ],
)
def test_a_model_that_fails_is_said(mlflow_server, model, plan, said):
    with pytest.raises(TrackingError, match=f"{said}.* or give its predictions in the data: --prediction"):
        predict(model, rows(20).assign(plan=plan), mlflow_server)


def test_a_child_that_is_left_is_stopped(monkeypatch, tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(
        "import sys, time, pathlib\n"
        "print('noise')\n"
        'print(\'{"done": 1, "rows": 2}\', flush=True)\n'
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(predicting, "_CHILD", "slow")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def stop(done, every):
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        predicting._run({"model": "m"}, "http://127.0.0.1:9", stop)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("answers", "columns"),
    [
        (np.array([0.1, 0.2]), ["0"]),
        ([1, 2], ["0"]),
        (pd.Series(["a", "b"], index=[7, 9]), ["0"]),
        (pd.DataFrame({"low": [1, 2], 5: [3, 4]}), ["low", "5"]),
        (np.zeros((2, 3)), ["0", "1", "2"]),
        (np.zeros((2, 2, 2)), ["0", "1", "2", "3"]),
    ],
)
def test_answers_of_any_form_are_columns(answers, columns):
    found = child.as_columns(answers, 2)
    assert found.columns.tolist() == columns
    assert found.index.tolist() == [0, 1]


def test_rows_come_in_the_models_types_where_that_loses_nothing():
    from mlflow.types import ColSpec, Schema

    inputs = Schema([ColSpec(kind, kind) for kind in ("long", "double", "string", "boolean", "integer")])
    frame = pd.DataFrame(
        {
            "other": [1, 2],
            "long": [1.0, 2.0],
            "double": [1, 2],
            "string": ["a", "b"],
            "boolean": [1, 0],
            "integer": [1.5, None],
        }
    )
    found = child.fitted(frame, inputs)
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        "long": "int64",
        "double": "float64",
        "string": "str",
        "boolean": "bool",
        "integer": "float64",
    }
    assert child.fitted(frame, None) is frame


def test_the_child_has_no_other_way_in():
    assert sys.modules[predicting._CHILD] is child


def test_only_probabilities_are_taken_together():
    assert _are_probabilities(pd.DataFrame({"low": [0.25, 1.0], "high": [0.75, 0.0]}))
    assert not _are_probabilities(pd.DataFrame({"low": [0.25, 1.0], "high": [0.75, 0.5]}))
    assert not _are_probabilities(pd.DataFrame({"low": [0.25], "high": ["0.75"]}))
