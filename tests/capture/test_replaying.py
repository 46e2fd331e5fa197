"""A model's answers in a process of its own: as if served, rows that it refuses told apart."""

import json
import warnings
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from mirante.capture.replaying import answer_all, main, replay
from mirante.errors import InputError
from tests.capture.test_serve import MODEL


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    folder = tmp_path_factory.mktemp("model")
    (folder / "model.py").write_text(MODEL)
    columns = [ColSpec("double", "age"), ColSpec("integer", "visits"), ColSpec("string", "plan")]
    with warnings.catch_warnings():  # MLflow warns of its own types
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            folder / "saved",
            python_model=str(folder / "model.py"),
            signature=ModelSignature(Schema(columns), Schema([ColSpec("double")])),
            pip_requirements=["mlflow"],
        )
    return str(folder / "saved")


def rows(*ages, **more):
    return pa.table(
        {"age": [float(a) for a in ages], "visits": list(range(len(ages))), "plan": ["é\x00<b>"] * len(ages)}
        | more
    )


def test_a_model_answers_as_if_it_were_served(model):
    found = replay(
        model, rows(31, 40, -1, 7, extra=["x"] * 4)
    )  # whole numbers fit its signature, more is left out
    assert found.predictions == [31.0, 40.0, None, 7.0]
    assert found.failed == 1
    assert "no such age" in found.reason


def test_what_keeps_a_model_from_answering_is_said(model, tmp_path):
    with pytest.raises(InputError, match=r"refuses the rows: .*missing inputs \['plan'\]"):
        replay(model, rows(31).drop_columns(["plan"]))
    with pytest.raises(InputError, match=r"cannot be loaded or ended: .*nothere"):
        replay(str(tmp_path / "nothere"), rows(31))
    with pytest.raises(InputError, match=r"did not answer 1 row in 0\.1 s; take fewer rows"):
        replay(model, rows(31), timeout=0.1)


def test_the_same_in_this_process(model, tmp_path):
    import pyarrow.parquet as pq

    asked, said = tmp_path / "rows.parquet", tmp_path / "said.json"
    pq.write_table(rows(31, -1), asked)
    main([model, str(asked), str(said), ""])
    assert json.loads(said.read_text())["predictions"] == [31.0, None]


def test_rows_that_are_refused_are_found_by_halves():
    calls = []

    def ask(body):
        data = json.loads(body)["dataframe_split"]["data"]
        calls.append(len(data))
        return [10 // row[0] for row in data]

    found = answer_all(pa.table({"x": [1] * 700 + [0] + [1] * 1_299}), ask)
    assert (found["failed"], found["predictions"].count(10)) == (1, 1_999)
    assert "division" in found["reason"]
    assert len(calls) < 40


def test_a_model_that_refuses_everything_is_given_up():
    calls = []

    def ask(body):
        calls.append(body)
        raise ValueError("no\nthanks")

    found = answer_all(pa.table({"x": [1] * 5_000}), ask)
    assert (found["failed"], len(found["predictions"]), found["reason"]) == (5_000, 5_000, "no thanks")
    assert len(calls) < 1_000


def test_a_wrong_number_of_answers_is_a_refusal():
    assert answer_all(pa.table({"x": [1, 2]}), lambda _: [1, 2, 3])["failed"] == 2


def test_values_go_as_json_has_them():
    seen = []

    def ask(body):
        seen.extend(json.loads(body)["dataframe_split"]["data"])
        return [0] * len(seen)

    table = pa.table(
        {"f": [float("nan"), float("inf")], "t": [datetime(2026, 1, 1, tzinfo=UTC), None], "b": [True, None]}
    )
    answer_all(table, ask)
    assert seen == [[None, "2026-01-01T00:00:00+00:00", True], [None, None, None]]


def test_no_rows_are_no_error():
    assert answer_all(pa.table({"x": pa.array([], pa.int64())}), lambda _: []) == {
        "predictions": [],
        "failed": 0,
        "reason": "",
    }
