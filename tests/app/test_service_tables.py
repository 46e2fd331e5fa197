"""Tables through the whole service: config, windows, a default rule that fires, pages, Prometheus, MLflow."""

import json
import sqlite3
import urllib.parse
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mirante.app.dashboard import make_dashboard
from mirante.app.settings import load_settings
from mirante.store import Store
from mirante.tracking.client import connect
from tests.app.test_service import get, register, service, until

CONFIG = """
host: {{enabled: false}}
evaluation_interval: 200ms
web: {{port: 0}}
mlflow: {{tracking_uri: "{server}", interval: 500ms}}
tables:
  - table: {name}
    source: {{parquet: orders, time: at, id: key}}
    interval: 300ms
    columns: {{exclude: [note]}}
  - table: broken
    source: {{parquet: orders, time: aat}}
    interval: 300ms
  - table: asleep
    paused: true
    source: {{parquet: nowhere, time: at}}
"""


def write_orders(folder, days=18):
    rng = np.random.default_rng(0)
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
    for day in range(days):
        moved = 15 if day == days - 1 else 0
        frame = pd.DataFrame(
            {
                "key": [f"{day}-{n}" for n in range(200)],
                "at": pd.Timestamp(first)
                + pd.to_timedelta(day * 1_440 + rng.permutation(1_440)[:200], unit="m"),
                "amount": rng.normal(40 + moved, 10, 200),
                "country": rng.choice(["BR", "PT"], 200),
                "note": [f"{day} {n}" for n in range(200)],
            }
        )
        place = folder / "orders" / f"day={(first + timedelta(days=day)):%Y-%m-%d}"
        place.mkdir(parents=True)
        frame.to_parquet(place / "part-0.parquet")


@pytest.mark.server
def test_a_folder_of_files_is_watched_from_config_to_alert(tmp_path, mlflow_server):
    name = f"orders <b>{tmp_path.name[-6:]}"
    write_orders(tmp_path)
    config = CONFIG.format(server=mlflow_server, name=json.dumps(name))
    with service(tmp_path, config) as (address, process, _):
        found = until(lambda: (said := firing(address)).get("feature_drift") and said, 120)
        assert found["feature_drift"]["subject"] == f"table/{name}"
        assert found["feature_drift"]["summary"] == f"amount of {name} moved"
        assert found["feature_drift"]["labels"] == {"table": name, "feature": "amount"}
        page = get(address, f"table?{urllib.parse.urlencode({'subject': f'table/{name}'})}")[1]
        assert "amount moved: KS distance" in page
        assert "&lt;b&gt;" in page
        assert "Latency" not in page
        overview = get(address)[1]
        assert "/table?subject=table/orders" in overview
        assert "has no column &#39;aat&#39;; the nearest is &#39;at&#39;" in overview
        broken = get(address, "table?subject=table/broken")[1]
        assert "No window has been judged" in broken
        metrics = get(address, "metrics")[1]
        assert 'drift_detected{feature="amount",table="orders' in metrics
        windows = until(
            lambda: json.loads(
                get(address, f"api/v1/windows?{urllib.parse.urlencode({'subject': f'table/{name}'})}")[1]
            )
        )
        assert [row["rows"] for row in windows if row["closed"]] == [200, 200, 200, 200]
        runs = until(lambda: table_runs(mlflow_server, name), 60)
        assert runs[0].data.metrics["drift_detected/amount"] == 1.0
        process.kill()
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
        file = make_dashboard(load_settings(tmp_path / "mirante.yaml"), store, tmp_path / "page.html")
        assert "amount" in file.read_text(encoding="utf-8")
        asleep = {alert.subject for alert in store.alerts.list()} & {"table/asleep"}
        assert asleep == set()


def firing(address):
    return {alert["rule"]: alert for alert in json.loads(get(address, "api/v1/alerts?state=firing")[1])}


def table_runs(server, name):
    client = connect(server)
    experiment = client.get_experiment_by_name("mirante")
    if experiment is None:
        return []
    runs = client.search_runs([experiment.experiment_id], max_results=500)
    found = [run for run in runs if f"table/{name}" in (*run.data.tags.values(), run.info.run_name)]
    return [run for run in found if "drift_detected/amount" in run.data.metrics]


@pytest.mark.server
def test_a_model_that_is_scored_in_batches_is_watched_with_its_labels(tmp_path, mlflow_server):
    _, name, _ = register(mlflow_server)
    end, rng = datetime.now(UTC).replace(second=0, microsecond=0), np.random.default_rng(2)
    with sqlite3.connect(tmp_path / "scores.db") as database:
        for minute in (3, 2, 1):
            times = pd.date_range(end - timedelta(minutes=minute), periods=300, freq="100ms")
            score = rng.random(300)
            rows = pd.DataFrame({"age": rng.normal(60, 10, 300), "plan": rng.choice(["basic", "pro"], 300)})
            rows = rows.assign(
                at=times.astype(str), score=score, churned=(rng.random(300) < score).astype(int)
            )
            rows.to_sql("scores", database, index_label="row", if_exists="append")
        database.execute("CREATE TABLE numbered AS SELECT rowid AS id, * FROM scores")
    database.close()
    config = f"""
host: {{enabled: false}}
evaluation_interval: 200ms
web: {{port: 0}}
mlflow: {{tracking_uri: "{mlflow_server}", interval: 500ms}}
models:
  - model: {name}
    window: 1m
    lateness: 0s
    label_delay: 0s
    interval: 300ms
    columns: {{exclude: [plan]}}
    source:
      {{sql: "sqlite:///scores.db", table: numbered, cursor: id, time: at, prediction: score, label: churned}}
"""
    with service(tmp_path, config) as (address, _, _):
        found = until(lambda: (said := firing(address)).get("feature_drift") and said, 120)
        assert found["feature_drift"]["labels"]["model"] == name
        page = get(address, f"model?subject=model/{name}@champion")[1]
        assert "age moved" in page
        assert (
            f'performance_labels{{alias="champion",model="{name}",version="1"}} 300'
            in get(address, "metrics")[1]
        )
        assert "plan" not in {one["labels"].get("feature") for one in readings(address, name)}


def readings(address, name):
    asked = urllib.parse.urlencode({"subject": f"model/{name}@champion", "name": "drift_effect"})
    return json.loads(get(address, f"api/v1/readings?{asked}")[1])
