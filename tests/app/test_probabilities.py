"""Two real models that answer with probabilities, from MLflow to the page: in an array, and in a table."""

from __future__ import annotations

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
import uuid
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mirante.app.baseline import make_baseline
from mirante.app.watch import ModelWatch
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.config import ModelConfig
from mirante.store import Store
from mirante.tracking.client import connect
from mirante.web.pages import model_page
from mirante.web.pages.query import Query

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX processes"),
    pytest.mark.timeout(900),  # five processes import MLflow
]

FRAME = """
import mlflow
import pandas as pd


class Named(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.model = mlflow.sklearn.load_model(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        said = self.model.predict_proba(model_input)
        return pd.DataFrame(said, columns=["setosa", "versicolor", "virginica"])


mlflow.models.set_model(Named())
"""
SPECIES = ["setosa", "versicolor", "virginica"]
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
ROWS = 600


def flowers(seed):
    """Rows like those of the data set, and which species each is of."""
    found = load_iris()
    rng = np.random.default_rng(seed)
    places = rng.integers(0, len(found.data), ROWS)
    values = found.data[places] + rng.normal(0.0, 0.6, (ROWS, 4))
    return pd.DataFrame(values, columns=COLUMNS), found.target[places]


@dataclass
class Served:
    name: str
    classes: list[str]
    folder: object
    process: subprocess.Popen
    lines: list[str] = field(default_factory=list)
    port: int = 0

    def listen(self):
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(r"at http://127.0.0.1:(\d+)", line):
                self.port = int(found[1])

    def ask(self, rows):
        body = json.dumps(
            {"dataframe_split": {"columns": COLUMNS, "data": rows.to_numpy().tolist()}}
        ).encode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.headers["x-prediction-id"], json.loads(answer.read())["predictions"]


@pytest.fixture(scope="module")
def logged(mlflow_server, tmp_path_factory):
    """The names of both models, registered, with the alias champion and a baseline."""
    import mlflow

    folder = tmp_path_factory.mktemp("models")
    (folder / "named.py").write_text(FRAME)
    rows, species = flowers(1)
    fitted = LogisticRegression(max_iter=500).fit(rows, species)
    signature = mlflow.models.infer_signature(rows, fitted.predict_proba(rows))
    named = mlflow.models.infer_signature(rows, pd.DataFrame([[0.5, 0.25, 0.25]], columns=SPECIES))
    names = [f"iris-{kind}-{uuid.uuid4().hex[:8]}" for kind in ("array", "frame")]
    mlflow.set_tracking_uri(mlflow_server)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what MLflow says to itself
        mlflow.set_experiment(f"iris-{uuid.uuid4().hex[:8]}")
        mlflow.sklearn.save_model(fitted, str(folder / "plain"))
        with mlflow.start_run():
            mlflow.sklearn.log_model(
                fitted, name="array", signature=signature, pyfunc_predict_fn="predict_proba",
                registered_model_name=names[0], pip_requirements=[],
            )  # fmt: skip
            mlflow.pyfunc.log_model(
                name="frame", python_model=str(folder / "named.py"),
                artifacts={"model": str(folder / "plain")}, signature=named,
                registered_model_name=names[1], pip_requirements=[],
            )  # fmt: skip
    client = mlflow.MlflowClient()
    rows, species = flowers(2)
    said = [f"p{number}" for number in range(3)]
    rows = rows.assign(at=pd.date_range("2026-01-01", periods=ROWS, freq="h").astype(str))
    rows[said] = fitted.predict_proba(rows[COLUMNS])
    ways = [
        {"prediction": said, "classes": ["0", "1", "2"]},  # what it said is in the data
        {"predict": True},  # it is asked, and names the classes
    ]
    for name, labels, way in zip(names, (species, np.array(SPECIES)[species]), ways, strict=True):
        client.set_registered_model_alias(name, "champion", "1")
        rows.assign(species=labels).to_parquet(folder / f"{name}.parquet")
        told = make_baseline(
            name, folder / f"{name}.parquet", label_column="species", time_column="at", window="1d",
            tracking_uri=mlflow_server, **way,
        )  # fmt: skip
        assert "4 features" in told
        assert "estimated before labels are in: accuracy, f1" in told
    mlflow.set_tracking_uri(None)
    return names


@pytest.fixture(scope="module")
def served(logged, mlflow_server, tmp_path_factory):
    """Both models behind `mirante serve`, started side by side."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW_"))},
        "MLFLOW_TRACKING_URI": mlflow_server, "PYTHONUNBUFFERED": "1", "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    found, threads = [], []
    for name, classes in zip(logged, (["0", "1", "2"], SPECIES), strict=True):
        folder = tmp_path_factory.mktemp("served")
        command = [sys.executable, "-m", "mirante", "serve", f"models:/{name}@champion", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--log", str(folder / "log"), "--flush-interval", "0.2"], cwd=folder, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        found.append(Served(name, classes, folder, process))
        threads.append(threading.Thread(target=found[-1].listen))
        threads[-1].start()
    try:
        deadline = time.monotonic() + 180
        while not all(one.port for one in found):
            assert all(one.process.poll() is None for one in found), [one.lines for one in found]
            assert time.monotonic() < deadline, [one.lines for one in found]
            time.sleep(0.05)
        yield found
    finally:
        for one in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(one.process.pid, signal.SIGTERM)
        for one, thread in zip(found, threads, strict=True):
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.process.wait(30)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(one.process.pid, signal.SIGKILL)
            thread.join(20)
            one.process.stdout.close()


@pytest.mark.parametrize("place", [0, 1], ids=["array", "frame"])
def test_a_model_that_answers_with_probabilities_is_watched_from_its_answers_to_its_labels(
    served, mlflow_server, place
):
    one = served[place]
    rows, species = flowers(3)
    first, answer = one.ask(rows.iloc[:1])
    batch, answers = one.ask(rows.iloc[1:])
    said = pd.DataFrame([*answer, *answers]).to_numpy()
    log = InferenceLog(one.folder / "log")
    deadline = time.monotonic() + 60
    while (table := log.scan(one.name)).num_rows < ROWS:
        assert time.monotonic() < deadline, one.lines
        time.sleep(0.05)
    assert not [line for line in one.lines if "values a row" in line]
    table = table.to_pandas().set_index("__id")
    ids = [first, *(f"{batch}.{number}" for number in range(ROWS - 1))]
    kept = table.loc[ids, [name for name in table if name.startswith("__probability_")]]
    assert kept.shape == (ROWS, 3)
    np.testing.assert_allclose(kept.to_numpy(), said)
    assert table.loc[ids, "__prediction"].tolist() == np.array(one.classes)[said.argmax(axis=1)].tolist()

    config = ModelConfig(model=one.name, log=log.root, window="1d", lateness="0s", label_delay="1h")
    now = datetime.now(UTC) + timedelta(days=2)
    with Store(f"sqlite:///{one.folder / 'mirante.db'}") as store:
        watch = ModelWatch(config, store, log, lambda: connect(mlflow_server))
        watch.advance(now)
        store.labels.write(one.name, ids, [one.classes[code] for code in species], now)
        watch.advance(now + timedelta(minutes=1))

        def last(name, **where):
            [found] = store.readings.series(name, where=where or None)
            return found.values[-1]

        truth = {
            "accuracy": metrics.accuracy_score(species, said.argmax(axis=1)),
            "f1": metrics.f1_score(species, said.argmax(axis=1), average="macro"),
            "roc_auc": metrics.roc_auc_score(species, said, multi_class="ovr"),
            "log_loss": metrics.log_loss(species, said),
        }
        for name, value in truth.items():
            assert last(f"performance_{name}") == pytest.approx(value, abs=1e-6)
            assert last(f"estimated_{name}_lower") < value < last(f"estimated_{name}_upper")
        assert last("invalid_probabilities_ratio") == 0.0
        features = ["prediction", *(f"prediction_{name}" for name in one.classes)]
        assert all(np.isfinite(last("drift_p_value", feature=name)) for name in features)
        page = model_page(store, config.subject, Query({"range": "all"}, path="/model", now=now))
        assert "ROC AUC: estimate and truth" in str(page)
        assert "Accuracy: estimate and truth" in str(page)
