import asyncio
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

import mirante
from mirante.errors import InputError
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.tallies import Tally

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def recorded(tmp_path):
    """Decorates a function, and gives the rows that it recorded."""
    made = []

    def decorate(function, **options):
        made.append(mirante.record(model="m", log=tmp_path, **options)(function))
        return made[-1]

    def rows():
        for one in made:
            one.close()
        table = InferenceLog(tmp_path).scan("m")
        return [] if table is None else table.to_pylist()

    yield decorate, rows
    for one in made:
        one.close()


def features(row):
    return {name: value for name, value in row.items() if not name.startswith("__")}


def test_all_arguments_are_one_row(recorded):
    decorate, rows = recorded

    @decorate
    def predict(age: float, plan: str = "basic", **more: float) -> float:
        """What it says."""
        return age / 100

    assert predict(31, more=1.5) == 0.31
    assert (predict.__name__, predict.__doc__) == ("predict", "What it says.")
    (row,) = rows()
    assert features(row) == {"age": 31, "plan": "basic", "more": 1.5}
    assert row["__prediction"] == 0.31
    assert row["__latency"] >= 0


@pytest.mark.parametrize(
    "given",
    [
        {"age": 31, "plan": "a"},
        pd.DataFrame({"age": [31], "plan": ["a"]}),
        [{"age": 31, "plan": "a"}],
    ],
)
def test_the_only_argument_is_the_row_where_it_is_a_table(recorded, given):
    decorate, rows = recorded
    predict = decorate(lambda row: [0.5] if not isinstance(row, dict) else 0.5)
    predict(given)
    (row,) = rows()
    assert features(row) == {"age": 31, "plan": "a"}


def test_a_batch_is_as_many_rows(recorded):
    decorate, rows = recorded
    predict = decorate(lambda frame: frame["x"].to_numpy() * 2)
    predict(pd.DataFrame({"x": [1.0, 2.0, 3.0]}))
    assert [row["__prediction"] for row in rows()] == [2.0, 4.0, 6.0]
    assert b'mlflow_model_predictions_total{model="m"} 3.0' in predict.metrics.render()
    assert b'mlflow_prediction_latency_seconds_count{model="m"} 1.0' in predict.metrics.render()


def test_methods_leave_out_who_they_belong_to(recorded):
    decorate, rows = recorded

    class Model:
        @decorate
        def predict(self, row):
            return 1

    assert Model().predict({"age": 31}) == 1
    assert features(rows()[0]) == {"age": 31}


def test_async_functions_stay_async_and_their_time_is_that_of_the_answer(recorded):
    decorate, rows = recorded

    @decorate
    async def predict(age):
        await asyncio.sleep(0.02)
        return 0.5

    async def both():
        return await asyncio.gather(predict(1), predict(2))

    assert asyncio.run(both()) == [0.5, 0.5]
    assert sorted(row["age"] for row in rows()) == [1, 2]
    assert all(row["__latency"] >= 0.02 for row in rows())


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_exceptions_go_on_and_are_counted_by_name(tmp_path, recorded, kind):
    decorate, rows = recorded

    def plain(age):
        raise KeyError("age")

    async def waiting(age):
        raise KeyError("age")

    predict = decorate(plain if kind == "plain" else waiting)
    with pytest.raises(KeyError, match="age"):
        asyncio.run(predict(1)) if kind == "async" else predict(1)
    with pytest.raises(TypeError, match="argument"):
        asyncio.run(predict()) if kind == "async" else predict()
    assert rows() == []
    assert b'prediction_errors_total{model="m",status="KeyError"} 1.0' in predict.metrics.render()
    predict.close()
    assert InferenceLog(tmp_path).tally("m", "1", ALWAYS) == Tally({"KeyError": 1, "TypeError": 1})


def test_features_prediction_and_id_can_be_said(recorded):
    decorate, rows = recorded
    by_name = decorate(
        lambda row, order, unused=None: {"p": 0.25},
        inputs="row",
        id="order",
        prediction=lambda said: said["p"],
    )
    by_name({"age": 31}, "order-7")
    by_function = decorate(lambda a, b: 1, inputs=lambda a, b: {"both": a + b})
    by_function(1, 2)
    first, second = sorted(rows(), key=lambda row: row["__prediction"])
    assert (features(first)["age"], first["__prediction"], first["__id"]) == (31, 0.25, "order-7")
    assert features(second)["both"] == 3


def test_what_must_not_be_recorded_is_not(recorded):
    decorate, rows = recorded
    privacy = mirante.Privacy(drop=["name"], hash=["mail"], key="correct horse battery")
    predict = decorate(lambda name, mail, age: 0.5, privacy=privacy)
    predict("ana", "a@b", 31)
    (row,) = rows()
    assert features(row) == {"mail": privacy.digest("a@b"), "age": 31}


def test_what_a_function_does_to_its_row_comes_after_it_was_recorded(recorded):
    decorate, rows = recorded
    decorate(lambda row: row.pop("age"))({"age": 31})
    assert features(rows()[0]) == {"age": 31}


@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")
@pytest.mark.parametrize(
    "options",
    [{"inputs": lambda row: 1 / 0}, {"prediction": lambda said: 1 / 0}, {"inputs": lambda row: object()}],
)
def test_what_cannot_be_told_is_counted_and_the_answer_is_given(recorded, options):
    decorate, rows = recorded
    predict = decorate(lambda row: 7, **options)
    assert predict({"age": 31}) == 7
    assert rows() == []
    assert predict.recorder.dropped == 1


@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")
def test_a_disk_that_fails_is_nothing_to_the_caller(tmp_path, recorded):
    decorate, _ = recorded
    (tmp_path / "m").write_text("in the way")
    predict = decorate(lambda row: np.float64(7))
    assert [predict({"age": n}) for n in range(100)] == [7] * 100
    predict.close()
    assert predict.recorder.dropped == 100


def test_wrong_uses_are_refused_at_once(tmp_path):
    with pytest.raises(InputError, match=r"write @mirante.record\(model="):

        @mirante.record
        def bare(age):
            return 1

    for options in ({"inputs": "nope"}, {"id": "nope"}):
        with pytest.raises(InputError, match="no argument 'nope'; it has: age"):
            mirante.record(model="m", log=tmp_path, **options)(lambda age: 1)

    def many(age):
        yield 1

    with pytest.raises(InputError, match="is a generator"):
        mirante.record(model="m", log=tmp_path)(many)


def _in_a_frame(given):
    given["age"] = given["age"] * 0
    given.loc[0, "age"] = -1.0
    return [0.5, 0.25]


def _in_an_array(given):
    given[:] = -1.0
    return [0.5, 0.25]


def _in_rows(given):
    for row in given:
        row["age"] = -1.0
    return [0.5, 0.25]


def _in_columns(given):
    given["age"][0] = -1.0
    given["age"][1] = -1.0
    return [0.5, 0.25]


@pytest.mark.parametrize(
    ("function", "given", "name"),
    [
        (_in_a_frame, pd.DataFrame({"age": [31.0, 32.0]}), "age"),
        (_in_an_array, np.array([[31.0], [32.0]]), "0"),
        (_in_rows, [{"age": 31.0}, {"age": 32.0}], "age"),
        (_in_columns, {"age": np.array([31.0, 32.0])}, "age"),
        (_in_columns, {"age": [31.0, 32.0]}, "age"),
    ],
)
def test_what_a_function_makes_of_its_input_is_not_its_input(recorded, function, given, name):
    decorate, rows = recorded
    decorate(function)(given)
    assert [row[name] for row in rows()] == [31.0, 32.0]


@pytest.mark.parametrize("value", [np.float64(31.0), np.int64(31), np.array(31.0)])
def test_a_numpy_number_alone_is_no_table(recorded, value):
    decorate, rows = recorded

    @decorate
    def predict(age):
        return 0.5

    predict(value)
    assert [features(row) for row in rows()] == [{"age": 31}]
    assert predict.recorder.dropped == 0
