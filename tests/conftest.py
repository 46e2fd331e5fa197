"""What all tests share: a clean environment, one real MLflow server, and a server that is away."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
from tests.postgres import PostgresServer, start_postgres  # noqa: E402 - the same

_NOWHERE = "http://127.0.0.1:9"  # the discard port: closed on any machine that runs tests


@pytest.fixture(autouse=True)
def _hygiene(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees another's MLflow settings, runs or warnings, or writes a mlflow.db by accident."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", _NOWHERE)
    yield
    runs = sys.modules.get("mirante.tracking.runs")
    if runs is not None:
        runs.forget_connections()
    mlflow = sys.modules.get("mlflow")
    if hasattr(mlflow, "set_tracking_uri"):
        while mlflow.active_run() is not None:
            mlflow.end_run()
        mlflow.set_tracking_uri(None)


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
    with _server.start_server(folder) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server(mlflow_process: _server.ServerProcess) -> str:
    """The URI of the session's MLflow server; tests that log set MLFLOW_TRACKING_URI to it."""
    return mlflow_process.uri


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
