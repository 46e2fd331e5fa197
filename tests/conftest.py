"""What all tests share: a clean environment, one real MLflow server, and a server that is away."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

# MLflow and GitPython read these when they are imported, by whichever test comes first.
for _name in [name for name in os.environ if name.startswith(("MLFLOW_", "_MLFLOW_"))]:
    del os.environ[_name]
os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true",
    GIT_PYTHON_REFRESH="quiet",
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
    NO_PROXY="127.0.0.1,localhost",
)

# SQLite waits for the disk at each commit, which takes half of the time of tests with a store.
_MEMORY = Path("/dev/shm")
if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 4_000_000_000:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

from mirante.tracking import server as _server  # noqa: E402 - the environment comes first
from tests import tools  # noqa: E402 - likewise
from tests.postgres import PostgresServer, start_postgres  # noqa: E402 - the same

_NOWHERE = "http://127.0.0.1:9"  # the discard port: closed on any machine that runs tests


@pytest.fixture(autouse=True)
def _hygiene(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees another's MLflow settings, runs, logs or warnings, or writes a mlflow.db by accident."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", _NOWHERE)
    structlog.reset_defaults()  # a command that another test ran here has set them up
    yield
    runs = sys.modules.get("mirante.tracking.runs")
    if runs is not None:
        runs.forget_connections()
    mlflow = sys.modules.get("mlflow")
    if hasattr(mlflow, "set_tracking_uri"):
        while mlflow.active_run() is not None:
            mlflow.end_run()
        mlflow.set_tracking_uri(None)
        os.environ.pop("MLFLOW_EXPERIMENT_ID", None)  # which set_experiment leaves, beside what it remembers
        vars(sys.modules["mlflow.tracking.fluent"])["_active_experiment_id"] = None


@pytest.fixture
def free_port() -> int:
    """A loopback port that nothing listens on."""
    return _server.free_port()


@pytest.fixture
def tracking_off(monkeypatch: pytest.MonkeyPatch, free_port: int) -> str:
    """MLFLOW_TRACKING_URI names a server that is not there."""
    uri = f"http://127.0.0.1:{free_port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


@pytest.fixture(scope="session")
def mlflow_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_server.ServerProcess]:
    """One real MLflow server for the whole session."""
    folder: Path = tmp_path_factory.mktemp("mlflow server")
    options = {  # webhooks to this machine, soon after they are made; versions that lie anywhere
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "1",
        "MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES": "http,https,ftp,sftp",
    }
    with _server.start_server(folder, options=options) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server(mlflow_process: _server.ServerProcess) -> str:
    """The URI of the session's MLflow server; tests that log set MLFLOW_TRACKING_URI to it."""
    return mlflow_process.uri


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One real Spark with two threads for the whole session; nothing of it stays."""
    tools.require_tool("java")
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        # what is tested here is what workers import, wherever the installed one lies
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "src"))
        options = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.memory": "512m",
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # short lives
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.execution.arrow.maxRecordsPerBatch": "700",  # so that a part has several batches
            "spark.sql.session.timeZone": "America/Sao_Paulo",  # not the one of any test
            "spark.local.dir": str(folder),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }
        session = SparkSession.builder.master("local[2]").appName("tests").config(map=options).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    gateway = SparkContext._gateway
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()  # the Java process ends with it
    gateway.proc.wait(30)
    SparkContext._gateway = SparkContext._jvm = None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One real PostgreSQL for the whole session."""
    with start_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a database of the test's own, with the store's tables and nothing in them."""
    name = postgres_server.create(postgres_server.migrated())
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database; a file that is not there yet, or one on a server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create()
    yield server.url(name)
    server.drop(name)
