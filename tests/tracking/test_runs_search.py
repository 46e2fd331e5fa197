"""Reading all runs of experiments, from a real server and behind TLS and a login."""

from __future__ import annotations

import http.server
import math
import ssl
import subprocess
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirante.errors import NotRegisteredError, TrackingError
from mirante.tracking.client import connect
from mirante.tracking.runs.search import find_experiment, read_runs

pytestmark = pytest.mark.server
T0 = datetime(2013, 2, 8, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def client(mlflow_server: str) -> Any:
    return connect(mlflow_server)


@pytest.fixture(scope="module")
def experiment(client: Any) -> str:
    """Seven runs, started a day apart from each other, the last of which runs."""
    made = client.create_experiment(f"search {uuid.uuid4().hex}")
    for day in range(7):
        add(client, made, T0 + timedelta(days=day), "RUNNING" if day == 6 else "FINISHED", loss=day / 10)
    return str(made)


def add(client: Any, experiment: str, started: datetime, status: str, **metrics: float) -> str:
    moment = round(started.timestamp() * 1000)
    run = client.create_run(experiment, start_time=moment, tags={"n": "1"}, run_name=f"day {started.day}")
    for key, value in metrics.items():
        client.log_metric(run.info.run_id, key, value, timestamp=moment + 60_000, step=7)
    client.log_param(run.info.run_id, "lr", "0.1")
    if status != "RUNNING":
        client.set_terminated(run.info.run_id, status, moment + 3_600_000)
    return str(run.info.run_id)


def test_pages_of_any_size_give_all_runs_once(client, experiment):
    told: list[int] = []
    found = [
        read_runs(client, [experiment], page=page, progress=told.append if page == 2 else None)
        for page in (1, 2, 7, 1_000)
    ]
    assert told == [2, 4, 6, 7]
    for one in found:
        assert one.run_ids.tolist() == found[0].run_ids.tolist()
        assert one.metrics["loss"].dense(7).tolist() == pytest.approx([day / 10 for day in range(7)])
    assert found[0].started.tolist() == sorted(found[0].started.tolist())
    assert set(found[0].last_steps.tolist()) == {7}
    assert found[0].names.tolist()[0] == "day 8"


def test_plain_json_and_mlflows_own_objects_say_the_same(client, experiment, monkeypatch):
    run = add(client, experiment, T0 - timedelta(days=9), "FAILED", nan=math.nan, inf=-math.inf, big=1e300)
    fast = read_runs(client, [experiment])
    monkeypatch.setattr("mirante.tracking.runs.search._speaks_rest", lambda _client: False)
    slow = read_runs(client, [experiment], page=3)
    client.delete_run(run)
    assert fast.frame().equals(slow.frame())
    assert fast.run_ids[0] == run
    for name in ("last_logged", "last_steps", "datasets"):
        assert getattr(fast, name).tolist() == getattr(slow, name).tolist()
    assert math.isnan(fast.metrics["nan"].values[0])
    assert fast.metrics["inf"].values.tolist() == [-math.inf]


def test_since_until_and_a_filter(client, experiment):
    found = read_runs(client, [experiment], since=T0 + timedelta(days=2), until=T0 + timedelta(days=5))
    assert found.names.tolist() == ["day 10", "day 11", "day 12"]
    found = read_runs(client, [experiment], since=T0 + timedelta(days=2), filter_string="metrics.loss < 0.35")
    assert found.names.tolist() == ["day 10", "day 11"]
    with pytest.raises(TrackingError, match="could not read the runs of experiments"):
        read_runs(client, [experiment], filter_string="nonsense ~ 3")


def test_an_experiment_that_is_not_there_is_told_from_a_server_that_is_away(client, tracking_off):
    with pytest.raises(NotRegisteredError, match="no experiment with the id or name 'nope'"):
        find_experiment(client, "nope")
    with pytest.raises(TrackingError) as caught:
        find_experiment(connect(tracking_off), "1")
    assert not isinstance(caught.value, NotRegisteredError)


def test_login_and_certificates_are_those_of_mlflows_settings(
    client, experiment, mlflow_server, tmp_path, monkeypatch
):
    with guarded(mlflow_server, "Bearer hunter2", tmp_path) as (address, certificate):
        behind = connect(address)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(TrackingError, match=r"(?i)certificate"):
            read_runs(behind, [experiment])
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
        with pytest.raises(TrackingError, match="wants a login, and none is known"):
            read_runs(behind, [experiment])
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hunter2")
        assert len(read_runs(behind, [experiment], page=2)) == len(read_runs(client, [experiment]))


@contextmanager
def guarded(server: str, login: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Put a server behind TLS with a certificate of its own, and a login."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    command += " -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)

    class Guard(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Authorization") != login:
                self.send_error(401)
                return
            asked = urllib.request.Request(server + self.path, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(asked) as answer:
                said = answer.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    door = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guard)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    door.socket = context.wrap_socket(door.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=door.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{door.server_address[1]}", certificate
    finally:
        door.shutdown()
        door.server_close()
        thread.join()
