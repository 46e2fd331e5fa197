"""Champion and challenger of a real registry, compared on logged rows, on shared answers and on a table."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mirante.app.compare import Rows, compare_versions
from mirante.app.settings import Settings
from mirante.capture.recorder import Recorder
from mirante.cli import main
from mirante.errors import InputError, TrackingError
from mirante.inference_log.reader import InferenceLog
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
    assert found.ignored == ()
    few = Rows(data=place / "rows.csv", label="truth", most=20)
    drawn = compare_versions(settings_in(place), "versus/1", "versus/2", few)
    assert (drawn.rows, drawn.labelled) == (20, 20)
    with pytest.raises(InputError, match="no column 'nothing' for --label; it has 'age', 'plan', 'truth'"):
        compare_versions(
            settings_in(place), "versus/1", "versus/2", Rows(data=place / "rows.csv", label="nothing")
        )


def test_columns_that_no_model_takes_are_left_out_and_named(place):
    rows = frame(400).assign(
        truth=[0, 1] * 200, order=[f"o{n}" for n in range(400)], late=[True, False] * 200
    )
    rows["shadow"] = rows["plan"] + "!"  # it tells where the two differ, as the model's own column does
    rows.to_parquet(place / "rows.parquet")
    asked = Rows(data=place / "rows.parquet", label="truth")
    found = compare_versions(settings_in(place), "versus@champion", "versus@challenger", asked)
    assert found.ignored == ("order", "late", "shadow")
    assert {one.column for one in found.slices} == {"plan"}
    assert "Left out, since neither version takes them: order, late, shadow." in found.to_text()
    assert found.to_dict()["ignored"] == ["order", "late", "shadow"]
    rows[["order", "truth"]].to_parquet(place / "other.parquet")
    with pytest.raises(InputError, match="none of the columns that the models take, 'age', 'plan'"):
        compare_versions(
            settings_in(place), "versus/1", "versus/2", Rows(data=place / "other.parquet", label="truth")
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


@contextlib.contextmanager
def serving(place, *options):
    command = [sys.executable, "-m", "mirante", "serve", "models:/versus@champion", "--port", "0",
               "--flush-interval", "0.2", "-c", str(place / "mirante.yaml"), *options]  # fmt: skip
    environ = {**os.environ, "MLFLOW_TRACKING_URI": str(settings_in(place).mlflow.tracking_uri)}
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=place
    )
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if found := re.search(r"at http://127.0.0.1:(\d+)", line):
                break
        assert process.poll() is None, lines
        reader = threading.Thread(target=lambda: lines.extend(process.stdout))
        reader.start()
        yield int(found[1]), lines
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        reader.join(10)
        process.stdout.close()


def predict(port, **row):
    body = json.dumps({"dataframe_records": [row]}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), answer.headers["X-Prediction-Id"]


def logged(place):
    return InferenceLog(place / "log").scan("versus", columns=["__version", "__id", "__prediction"])


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX processes")
def test_a_shadow_is_asked_the_same_and_one_label_serves_both(place):
    ages = [float(age) for age in range(20, 60)]
    with serving(place, "--shadow", "models:/versus@challenger") as (port, lines):
        assert "version 2 is asked the same beside" in lines[-1]
        answers = [predict(port, age=age, plan="pro") for age in ages]
        assert all(
            json.loads(body) == {"predictions": [age / 100]}
            for (body, _), age in zip(answers, ages, strict=True)
        )
        deadline = time.monotonic() + 60  # the model beside may still be loading
        while len(logged(place)) < 2 * len(ages) and time.monotonic() < deadline:
            if len(logged(place)) <= len(ages):
                time.sleep(0.2)
                answers.append(predict(port, age=30.0, plan="pro"))
                ages.append(30.0)
            time.sleep(0.1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b'shadow_requests_total{model="versus",result="sent"}' in answer.read()
    rows = logged(place).to_pylist()
    of = {
        version: {one["__id"]: one["__prediction"] for one in rows if one["__version"] == version}
        for version in "12"
    }
    assert len(of["1"]) == len(ages)
    assert of["2"]
    assert of["2"].keys() <= of["1"].keys()
    assert all(said == pytest.approx(of["1"][id_] + 0.3) for id_, said in of["2"].items())


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX processes")
def test_a_shadow_that_is_the_same_version_is_refused(place):
    found = CliRunner().invoke(
        main,
        ["serve", "models:/versus@champion", "--shadow", "models:/versus/1", "--port", "0", "--tracking-uri",
         str(settings_in(place).mlflow.tracking_uri), "-c", str(place / "mirante.yaml")],
    )  # fmt: skip
    assert found.exit_code == 2
    assert "give another version of the same model" in found.output


def test_rows_that_are_archived_are_compared_and_a_batch_model_has_none(place):
    config = place / "mirante.yaml"
    archive = f"file://{place}/archive"
    config.write_text(config.read_text().replace("}]", f', archive: "{archive}"}}]'))
    for version in ("1", "2"):
        record(place, version, count=60)
    settings = settings_in(place)
    log = InferenceLog(place / "log", archive)
    assert log.move("versus", datetime.now(UTC) + timedelta(days=9)).segments
    assert InferenceLog(place / "log").newest("versus", 9).num_rows == 0
    assert compare_versions(settings, "versus@champion", "versus@challenger", Rows()).rows == 60
    batch = settings.models[0].model_copy(update={"source": object()})
    settings = settings.model_copy(update={"models": (batch,)})
    with pytest.raises(InputError, match="scored in batches"):
        compare_versions(settings, "versus@champion", "versus@challenger", Rows())
