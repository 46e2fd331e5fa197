"""Champion and challenger of a real registry, compared on logged rows, on shared answers and on a table."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mirante.app.compare import Rows, compare_versions
from mirante.app.settings import Settings
from mirante.capture.recorder import Recorder
from mirante.cli import main
from mirante.errors import InputError, TrackingError
from mirante.store import Store
from tests.monitors.conftest import START

pytestmark = pytest.mark.server
MODEL = """
import mlflow


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return ({formula}).clip(0, 1).tolist()


mlflow.models.set_model(Model())
"""
FORMULAS = ("model_input['age'] / 100", "model_input['age'] / 100 + 0.3 * (model_input['plan'] == 'pro')")


@pytest.fixture(scope="module")
def registry(mlflow_server, tmp_path_factory):
    """Two versions of one model, the second with another opinion of some rows."""
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    folder = tmp_path_factory.mktemp("code")
    columns = Schema([ColSpec("double", "age"), ColSpec("string", "plan")])
    signature = ModelSignature(columns, Schema([ColSpec("double")]))
    mlflow.set_tracking_uri(mlflow_server)
    for number, formula in enumerate(FORMULAS):
        code = folder / f"model{number}.py"
        code.write_text(MODEL.format(formula=formula))
        with warnings.catch_warnings(), mlflow.start_run():
            warnings.simplefilter("ignore")
            mlflow.pyfunc.log_model(
                name="model", python_model=str(code), signature=signature, pip_requirements=["mlflow"],
                registered_model_name="versus",
            )  # fmt: skip
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("versus", "champion", "1")
    client.set_registered_model_alias("versus", "challenger", "2")
    return mlflow_server


@pytest.fixture
def place(registry, tmp_path):
    config = tmp_path / "mirante.yaml"
    config.write_text(
        f"store: sqlite:///{tmp_path / 'mirante.db'}\nmlflow: {{tracking_uri: '{registry}'}}\n"
        f"models: [{{model: versus, log: {tmp_path / 'log'}}}]\n"
    )
    return tmp_path


def settings_in(place):
    from mirante.app.settings import load_settings

    return load_settings(place / "mirante.yaml")


def frame(count=400):
    rng = np.random.default_rng(1)
    return pd.DataFrame({"age": rng.uniform(5, 65, count), "plan": rng.choice(["basic", "pro"], count)})


def record(place, version="1", ids=None, count=400):
    rows = frame(count)
    said = (rows["age"] / 100 + (0.3 * (rows["plan"] == "pro") if version == "2" else 0)).clip(0, 1)
    times = pd.Series(pd.date_range(START, periods=count, freq="min"))
    with Recorder("versus", place / "log", version=version) as recorder:
        recorder.log(rows, said.to_numpy(), 0.001, id=ids or [f"r{n}" for n in range(count)], time=times)
    return rows, said


def label(place, rows):
    truth = ((rows["age"] / 100 + 0.3 * (rows["plan"] == "pro")) > 0.5).astype(float)
    with Store(f"sqlite:///{place / 'mirante.db'}") as store:
        store.labels.write("versus", [f"r{n}" for n in range(len(rows))], truth.tolist(), START)


def test_the_challenger_answers_what_the_champion_was_asked(place):
    rows, _said = record(place)
    label(place, rows)
    result = CliRunner().invoke(
        main,
        ["compare", "versus@champion", "versus@challenger", "-c", str(place / "mirante.yaml"), "--json",
         "--html", str(place / "compare.html")],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["rows"], found["labelled"], found["task"]) == (400, 400, "probability")
    assert (found["first"]["version"], found["second"]["version"]) == ("1", "2")
    assert found["agreement"]["gap"] == pytest.approx(0.3 * np.mean(rows["plan"] == "pro"), abs=0.02)
    assert {one["name"]: one["verdict"] for one in found["measures"]}["roc_auc"] == "better"
    assert next((one["column"], one["where"]) for one in found["slices"]) == ("plan", "= pro")
    assert "was asked what versus@champion had been asked" in found["source"]
    assert "Version 2 is better" in (place / "compare.html").read_text()
    back = CliRunner().invoke(
        main, ["compare", "versus/2", "versus/1", "-c", str(place / "mirante.yaml")], catch_exceptions=False
    )
    assert back.exit_code == 2
    assert "has no rows of versus, version 2" in back.stderr


def test_what_both_have_answered_is_taken_and_no_model_is_loaded(place, monkeypatch):
    rows, _said = record(place)
    record(place, version="2")
    label(place, rows)

    def fail(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("mirante.app.compare.replay", fail)
    found = compare_versions(settings_in(place), "models:/versus@champion", "versus/2", Rows())
    assert (found.rows, found.labelled) == (400, 400)
    assert "both answered these requests" in found.source
    back = compare_versions(settings_in(place), "versus@challenger", "versus@champion", Rows(most=100))
    assert back.rows == 100
    assert any(measure.verdict == "worse" for measure in back.measures)


def test_a_table_is_answered_by_both(place):
    rows = frame(50).assign(truth=[0, 1] * 25)
    rows.to_csv(place / "rows.csv", index=False)
    found = compare_versions(
        settings_in(place),
        "versus@champion",
        "versus@challenger",
        Rows(data=place / "rows.csv", label="truth"),
    )
    assert (found.rows, found.labelled, found.source) == (50, 50, "rows.csv")
    with pytest.raises(InputError, match="no column 'nothing' for --label; it has 'age', 'plan', 'truth'"):
        compare_versions(
            settings_in(place), "versus/1", "versus/2", Rows(data=place / "rows.csv", label="nothing")
        )


def test_the_time_of_the_rows_is_kept_to_and_labels_may_be_absent(place):
    record(place)
    record(place, version="2")
    since = START.replace(hour=2)
    found = compare_versions(settings_in(place), "versus/1", "versus/2", Rows(since=since))
    assert (found.rows, found.labelled) == (280, 0)
    with pytest.raises(InputError, match="in this time; take another --since"):
        compare_versions(settings_in(place), "versus/1", "versus/2", Rows(until=START))


def test_hashed_columns_cannot_be_answered_and_it_is_said(place, monkeypatch):
    monkeypatch.setenv("KEY", "k" * 40)
    record(place)
    settings = Settings(
        mlflow={"tracking_uri": settings_in(place).mlflow.tracking_uri},
        models=[{"model": "versus", "log": place / "log",
                 "privacy": {"hash": ["plan"], "key": "env:KEY"}}],
    )  # fmt: skip
    with pytest.raises(InputError, match=r"keeps only hashes of 'plan'.*--data FILE"):
        compare_versions(settings, "versus/1", "versus/2", Rows())


def test_a_version_that_is_not_there_is_said(place):
    record(place)
    with pytest.raises(TrackingError, match="no alias 'nobody'"):
        compare_versions(settings_in(place), "versus@champion", "versus@nobody", Rows())
    result = CliRunner().invoke(
        main, ["compare", "versus@champion", "versus", "-c", str(place / "mirante.yaml")]
    )
    assert result.exit_code == 2
