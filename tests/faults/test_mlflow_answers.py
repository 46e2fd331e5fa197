"""An MLflow server that answers 500, late, or not at all, and one that comes back with another database."""

from __future__ import annotations

import http.client
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mlflow import MlflowClient

from mirante.errors import TrackingError
from mirante.readings import Reading
from mirante.sinks.mlflow import MlflowSink
from mirante.store import Store
from mirante.tracking.client import connect
from mirante.tracking.runs import MonitoringRuns
from mirante.tracking.server import start_server

pytestmark = pytest.mark.server
AT = datetime(2013, 2, 8, tzinfo=UTC)
LABELS = {"model": "nyc", "alias": "champion", "version": "1"}
SUBJECT = "model/nyc@champion"
POINTS = 2_500  # three requests


class Proxy(ThreadingHTTPServer):
    """Stands between a client and a server; does as `kind` says with every `nth` request that writes."""

    daemon_threads = True

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.server = urlsplit(server)
        self.uri = f"http://127.0.0.1:{self.server_address[1]}"
        self.kind, self.nth, self.seen, self.spoilt = "", 1, 0, 0
        self.counting = threading.Lock()

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that have gone."""

    def spoils(self, writes: bool) -> str:
        """Return what to do with a request; an empty text to pass it on."""
        with self.counting:
            self.seen += writes
            hit = bool(self.kind) and writes and self.seen % self.nth == 0
            self.spoilt += hit
        return self.kind if hit else ""


class _Passing(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.server.spoils("log-batch" in self.path)
        if kind == "error":
            return self._answer(500, b"{}")
        if kind == "late":
            time.sleep(1.5)
        there = self.server.server
        connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=60)
        headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
        connection.request(self.command, self.path, body, headers | {"Host": there.netloc})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if kind == "lost":  # it was done, and nobody hears of it
            return self._answer(500, b"{}")
        if kind == "cut":
            self.close_connection = True
            return None
        return self._answer(answer.status, content)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _pass  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def proxied(server: str) -> Iterator[Proxy]:
    with Proxy(server) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join(10)


def readings(start: int, count: int) -> list[Reading]:
    return [
        Reading("drift_ks", float(n), AT + timedelta(minutes=n), LABELS | {"feature": f"f{n % 5}"})
        for n in range(start, start + count)
    ]


def held(client: MlflowClient, experiment: str) -> list[float]:
    """Return the values that the run holds, with those that it holds twice."""
    run = MonitoringRuns(client, experiment=experiment).run_for(SUBJECT, model_version="1")
    keys = [f"drift_ks/f{n}" for n in range(5)]
    return sorted(point.value for key in keys for point in client.get_metric_history(run, key))


@pytest.mark.parametrize(
    ("kind", "nth"), [("error", 1), ("error", 2), ("lost", 1), ("lost", 2), ("cut", 2), ("late", 2)]
)
def test_every_point_arrives_once_whatever_it_answers(
    kind: str, nth: int, mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    experiment, failures = f"answers-{uuid.uuid4().hex[:8]}", 0
    with proxied(mlflow_server) as proxy, Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        sink = MlflowSink(store, lambda: connect(proxy.uri), experiment=experiment)
        store.readings.write(readings(0, 100))
        sink.ship()
        proxy.kind, proxy.nth, proxy.seen = kind, nth, 0  # MLflow's client tries a second time
        store.readings.write(readings(100, POINTS))
        for _ in range(2):
            try:
                sink.ship()
            except TrackingError:
                failures += 1
        spoilt, proxy.kind = proxy.spoilt, ""
        store.readings.write(readings(100 + POINTS, 10))
        sink.ship()
        assert sink.ship() == 0
        values = held(connect(mlflow_server), experiment)
    print(f"\n{kind}: {spoilt} requests, {failures} calls failed; {len(values):,} points, each once")
    assert spoilt
    assert bool(failures) == (nth == 1)
    assert values == [float(n) for n in range(110 + POINTS)]


def test_another_database_behind_the_same_address_gets_everything(mlflow_server: str, tmp_path: Path) -> None:
    experiment = f"answers-{uuid.uuid4().hex[:8]}"
    with (
        start_server(tmp_path / "other") as other,
        proxied(mlflow_server) as proxy,
        Store(f"sqlite:///{tmp_path}/mirante.db") as store,
    ):
        sink = MlflowSink(store, lambda: connect(proxy.uri), experiment=experiment)
        written = 20
        store.readings.write(readings(0, written))
        assert sink.ship() == written
        for there in (other.uri, mlflow_server, other.uri):
            proxy.server = urlsplit(there)
            store.readings.write(readings(written, 5))
            written += 5
            with pytest.raises(TrackingError, match=r"(?i)run.*not found|does not exist"):
                sink.ship()  # the run is not in this one: all is looked up again
            sink.ship()
            assert held(connect(there), experiment) == [float(n) for n in range(written)]
