"""A real standalone cluster: what Spark counts there is what is counted here, byte for byte.

Rows are in object storage, a server on the loopback: a table, and what is archived of an inference log.
Workers open them for themselves, with credentials of their own.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import fs

from mirante.capture.recorder import Recorder
from mirante.inference_log import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.windows import WindowClock
from mirante.profiles import TableProfile
from mirante.sources.tables import open_table
from mirante.sources.tables.frames import read_frame
from tests.inference_log.archive.s3 import Moto
from tests.monitors.conftest import make_rows
from tests.standalone import cluster
from tests.tools import require_tool

pytestmark = pytest.mark.xdist_group("spark")  # its machine takes more than a gigabyte

CONFIG = """
store: sqlite:///{name}.db
host: {{enabled: false}}
models:
  - {{model: churn, log: log, archive: "{archive}", window: 1d, lateness: 0s, engine: {engine}}}
tables:
  - table: orders
    source: {{parquet: "{orders}", time: at}}
    window: 1d
    lateness: 0s
    baseline: first 2 windows
    engine: {engine}
spark:
  master: {master}
  python: {python}
  config:
    spark.driver.host: 127.0.0.1
    spark.driver.memory: 512m
    spark.executor.memory: 512m
    spark.driver.extraJavaOptions: -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
    spark.executor.extraJavaOptions: -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
    spark.sql.shuffle.partitions: 2
    spark.executorEnv.AWS_ACCESS_KEY_ID: {keys[0]}
    spark.executorEnv.AWS_SECRET_ACCESS_KEY: {keys[1]}
"""
# as the command does it, without MLflow
FIT = """
import sys
from pathlib import Path
from mirante.app.baseline.brought import spark_data
from mirante.app.settings import load_settings
from mirante.monitors.baseline.on_spark import fit_on_spark
from mirante.monitors.baseline.shape import BaselineShape
from mirante.monitors.windows import WindowClock
from mirante.profiles import TableProfile
from mirante.sources.spark.session import SparkEngine
with SparkEngine(load_settings(Path(sys.argv[1])).spark) as engine:
    shape = BaselineShape(("plan", "part"), ("amount",), "at")
    rows = spark_data(engine.session, sys.argv[2])
    how = {"clock": WindowClock("1d"), "alarm_budget": "1 per 30d", "sample_rows": 300}
    found = fit_on_spark(rows.spark, shape, **how)
Path("fitted").mkdir()
for name, content in found.to_files().items():
    (Path("fitted") / name).write_bytes(content)
print(rows.source)
"""
# as the service does it, without its page
ADVANCE = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from mirante.app.build import build
from mirante.app.work import Work
from mirante.app.settings import load_settings
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.model import ModelMonitor
settings = load_settings(Path(sys.argv[1]))
now = datetime(2026, 1, 20, tzinfo=UTC)
with build(settings) as parts:
    config, = settings.models
    baseline = ModelBaseline.from_files({file.name: file.read_bytes() for file in Path("baseline").iterdir()})
    spark, log = parts.spark_for(config), parts.log_of(config)
    monitor = ModelMonitor(config, "1", baseline, parts.store, log, spark=spark)
    print(monitor.advance(now - timedelta(days=18)).rows, monitor.advance(now).rows)
    for watch in Work(parts).tables:
        print(watch.advance(now).rows)
"""


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    require_tool("java")
    with cluster(tmp_path_factory.mktemp("cluster")) as url:
        yield url


@pytest.fixture(scope="module")
def server():
    found = Moto()
    found.bucket("lake")
    yield found
    found.stop()


def address(server, path):
    """Return where something is, without the keys to it."""
    return server.url(f"lake/{path}").replace("key:hunter2secret@", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, server):
    """Six days, a folder for each, so that steps and windows do not coincide; as they are in the storage."""
    found = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(3)
    for part in range(6):
        at = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.random(2_000) * 6 * 86_400, unit="s")
        rows = pd.DataFrame(
            {"at": at, "amount": rng.normal(40, 10, 2_000), "plan": rng.choice(list("abc"), 2_000)}
        )
        (found / "orders" / f"part={part}").mkdir(parents=True)
        rows.to_parquet(found / "orders" / f"part={part}" / "rows.parquet")
    fs.copy_files(str(found / "orders"), "lake/orders", destination_filesystem=server.system())
    base, said, times = make_rows(-1, 1_500)
    baseline = ModelBaseline.fit(base, said, times, clock=WindowClock("1d"), slices=["plan", "age >= 50"])
    (found / "baseline").mkdir()
    for name, content in baseline.to_files().items():
        (found / "baseline" / name).write_bytes(content)
    for day in range(3):
        features, said, times = make_rows(day, 700, shift=3.0 * day)
        with Recorder("churn", found / "log", version="1") as recorder:
            recorder.log(features, said, 0.01, id=[f"{day}-{one}" for one in range(700)], time=times)
        if day == 1:  # the last stays here
            log = InferenceLog(found / "log", server.url("lake/log"))
            assert log.move("churn", datetime(2100, 1, 1, tzinfo=UTC)).rows == 1_400
    return found


@pytest.fixture(scope="module")
def keys(server, folder):
    return server.locked()


def run(*command, folder, keys):
    environ = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "PYSPARK_PYTHON": sys.executable,
    }
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-3000:]
    return done.stdout


def kept(file):
    with closing(sqlite3.connect(file)) as store:
        return [
            store.execute(f"SELECT * FROM mirante_{name}").fetchall()
            for name in ("windows", "slice_windows", "readings", "series", "alerts")
        ]


def config_of(engine, master, server, folder, keys):
    config = folder / f"{engine}.yaml"
    config.write_text(
        CONFIG.format(
            name=engine,
            engine=engine,
            master=master,
            python=sys.executable,
            keys=keys,
            archive=address(server, "log"),
            orders=address(server, "orders"),
        )
    )
    return str(config)


def test_a_model_and_a_table_of_the_service(master, server, folder, keys):
    said = {}
    for engine in ("local", "spark"):
        config = config_of(engine, master, server, folder, keys)
        said[engine] = run("-c", ADVANCE, config, folder=folder, keys=keys)
    assert said["spark"].split()[-1] == said["local"].split()[-1] == "8017"
    assert any(line == "2100 0" for line in said["spark"].splitlines())
    local = kept(folder / "local.db")
    assert len(local[0]) > 6
    assert len(local[1]) > 6
    assert kept(folder / "spark.db") == local


def test_a_baseline_is_fitted_by_workers_from_object_storage(master, server, folder, keys):
    config = config_of("spark", master, server, folder, keys)
    said = run("-c", FIT, config, address(server, "orders"), folder=folder, keys=keys)
    assert said.splitlines()[-1] == "Spark, s3://lake/orders"
    rows = read_frame(open_table(folder / "orders"), ["plan", "part", "amount", "at"])
    how = {"clock": WindowClock("1d"), "sample_rows": 300}
    mine = ModelBaseline.fit(rows[["plan", "part"]], rows["amount"].to_numpy(), rows["at"], **how)
    files = {file.name: file.read_bytes() for file in (folder / "fitted").iterdir()}
    found = ModelBaseline.from_files(files)
    assert found.profile == mine.profile
    assert list(found.drift.own_windows) == [
        TableProfile.from_bytes(one.to_bytes(like=mine.profile), like=mine.profile)
        for one in mine.drift.own_windows
    ]
    assert files["baseline.json"] == mine.to_files()["baseline.json"]
    assert files["sample.parquet"] == mine.to_files()["sample.parquet"]
    features = rows[["plan", "part"]]
    assert found.outliers.score(features).tolist() == mine.outliers.score(features).tolist()
