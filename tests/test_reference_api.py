"""The ten names that users know, together, against a real server: what they log, and the quickstart."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mirante

ROOT = Path(__file__).parents[1]
TEN = (
    "SystemMetrics",
    "SystemMonitor",
    "MLflowMetrics",
    "DriftDetector",
    "OutlierDetector",
    "AlertSystem",
    "AlertRule",
    "AlertManager",
    "MLflowDashboard",
    "MLflowReport",
)


def test_all_ten_import_from_mirante():
    assert set(TEN) <= set(mirante.__all__)
    assert all(getattr(mirante, name).__name__ == name for name in TEN)


@pytest.mark.server
def test_inside_a_run_of_the_caller_everything_is_logged_there(mlflow_server, monkeypatch, tmp_path):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    mlflow.set_tracking_uri(mlflow_server)
    mlflow.set_experiment("reference-api")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 9, 300), "price (R$)": rng.lognormal(1, 1, 300)})
    moved = frame.assign(age=frame["age"] + 20)
    with mlflow.start_run() as run:
        mirante.SystemMonitor().log_metrics()
        mirante.DriftDetector(frame).detect_drift(moved)
        mirante.OutlierDetector().fit(frame).detect_outliers(moved)
        metrics = mirante.MLflowMetrics()
        metrics.log_prediction("churn", 0.25)
        metrics.flush()
        manager = mirante.AlertManager(mirante.AlertSystem({"recipients": ["ops@example.org"]}))
        manager.add_rule(mirante.AlertRule("high", "x > 1", "x is {x}", severity="critical"))
        manager.evaluate_rules({"x": 2.0})
        dashboard = mirante.MLflowDashboard()
        dashboard.add_drift_chart(frame["age"], moved["age"], "age")
        dashboard.save_dashboard(tmp_path / "dashboard.html")
    client = mlflow.MlflowClient(mlflow_server)
    logged = client.get_run(run.info.run_id).data.metrics
    wanted = {
        "system.cpu",
        "system.memory",
        "system.disk",
        "system.network.sent",
        "system.network.recv",
        "system.processes",
        "drift.ks_statistic",
        "drift.p_value",
        "drift.ks_statistic/age",
        "drift.p_value/age",
        "outliers.count",
        "outliers.ratio",
        "prediction_count",
        "prediction_latency",
    }
    assert wanted <= set(logged)
    assert logged["prediction_count"] == 1
    assert logged["prediction_latency"] == pytest.approx(0.25)
    assert any(
        key.startswith("drift.ks_statistic/price ") for key in logged
    )  # a name that MLflow refuses, encoded
    assert "dashboard.html" in [file.path for file in client.list_artifacts(run.info.run_id)]
    runs = client.search_runs([run.info.experiment_id])
    alerts = [one.data.params for one in runs if "alert.name" in one.data.params]
    assert [(one["alert.name"], one["alert.severity"]) for one in alerts] == [("high", "critical")]


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x,
        list,
        pd.Series,
        pd.DataFrame,
        lambda x: pd.DataFrame({"a": x}),
        lambda x: pl.DataFrame({"a": x}),
        lambda x: pl.Series("a", x),
        lambda x: pa.table({"a": x}),
        lambda x: pa.array(x),
        lambda x: x.reshape(-1, 1),
    ],
)
def test_every_kind_of_table_gives_the_same_answer(make):
    rng = np.random.default_rng(3)
    then, now = rng.normal(size=400), rng.normal(0.3, 1, size=200)
    expected = mirante.DriftDetector(then, log=False).detect_drift(now)["p_value"]
    assert mirante.DriftDetector(make(then), log=False).detect_drift(make(now))["p_value"] == pytest.approx(
        expected
    )
    found = mirante.OutlierDetector(log=False).fit(make(then)).detect_outliers(make(now))
    plain = mirante.OutlierDetector(log=False).fit(then).detect_outliers(now)
    assert list(found["outlier_indices"]) == list(plain["outlier_indices"])


@pytest.mark.server
@pytest.mark.parametrize("away", [False, True], ids=["server", "no-server"])
def test_the_quickstart_runs(tmp_path, mlflow_server, away, free_port):
    uri = f"http://127.0.0.1:{free_port}" if away else mlflow_server
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "quickstart.py")],
        cwd=tmp_path,
        env=environ | {"MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "drifted: ('age',)" in done.stdout
    assert "'total_predictions': 500" in done.stdout
    assert "no report:" in done.stdout  # this server has no demonstration
    assert [path.name for path in tmp_path.iterdir()] == ["quickstart_dashboard.html"]
    assert ("MiranteWarning" in done.stderr) is away
    assert done.stderr.count("MiranteWarning") <= 1
