"""The server that the demonstration and the tests use."""

from __future__ import annotations

import os
import socket
import time
import urllib.request
from pathlib import Path

import pytest

from mirante.errors import MissingDependencyError, TrackingError
from mirante.tracking import server as module
from mirante.tracking.server import ServerProcess, free_port, start_server


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


@pytest.mark.server
def test_it_answers_and_keeps_its_files_in_the_folder(mlflow_process: ServerProcess) -> None:
    assert mlflow_process.running
    assert _get(f"{mlflow_process.uri}/health") == b"OK"
    assert (mlflow_process.folder / "mlflow.db").is_file()
    assert mlflow_process.log_path.is_file()


@pytest.mark.server
def test_stop_ends_the_whole_group_and_a_second_start_gives_the_runs_back(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    folder = tmp_path / "a b 100%41 é"
    with start_server(folder) as first:
        run_id = MlflowClient(first.uri).create_run("0").info.run_id
        pid = first.process.pid
        began = time.monotonic()
    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    first.stop()  # a second time is fine
    with start_server(folder, port=first.port) as second:
        assert MlflowClient(second.uri).get_run(run_id).info.run_id == run_id
        second.kill()
        assert not second.running


def test_a_taken_port_is_said_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TrackingError, match=f"port {port} on 127.0.0.1 cannot be used.*give another"):
            start_server(tmp_path / "never", port=port)


@pytest.mark.server
def test_a_server_that_ends_by_itself_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database, " * 100)
    with pytest.raises(TrackingError, match=r"(?s)ended with exit code \d+ .*file is not a database"):
        start_server(tmp_path)


def test_a_server_that_is_too_slow_is_ended(tmp_path: Path) -> None:
    with pytest.raises(
        TrackingError, match=r"did not answer at http://127\.0\.0\.1:\d+/health within 0\.2 s"
    ):
        start_server(tmp_path, timeout=0.2)


def test_with_skinny_alone_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mirante\[mlflow\]'"):
        start_server(tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_the_callers_mlflow_settings_are_not_handed_on() -> None:
    given = {"PATH": "/bin", "MLFLOW_TRACKING_URI": "http://x", "MLFLOW_TRACKING_PASSWORD": "secret"}
    handed = module._environment(given)
    assert "secret" not in handed.values()
    assert "MLFLOW_TRACKING_URI" not in handed
    assert handed["PATH"] == "/bin"
    assert handed["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_free_ports_are_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free_port()))
