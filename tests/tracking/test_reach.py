"""A server that is away costs little, once."""

from __future__ import annotations

import os
import socket
import threading
import time
import warnings

import pytest

from mirante.errors import MiranteWarning, TrackingError
from mirante.tracking.reach import Reach, reachable, server_version, within


@pytest.mark.server
def test_a_real_server_is_there(mlflow_server: str) -> None:
    assert reachable(mlflow_server)


def test_a_closed_port_is_away_at_once(tracking_off: str) -> None:
    began = time.monotonic()
    assert not reachable(tracking_off)
    assert time.monotonic() - began < 3


def test_a_server_that_takes_the_connection_and_says_nothing_is_away_within_three_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert not reachable(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - began < 3


def test_an_answer_that_is_no_tls_counts_as_there() -> None:
    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as plain:
        thread = threading.Thread(target=answer, args=(plain,))
        thread.start()
        assert reachable(f"https://127.0.0.1:{plain.getsockname()[1]}")
        thread.join()


@pytest.mark.server
def test_a_real_server_says_its_version(mlflow_server: str) -> None:
    from importlib.metadata import version

    assert server_version(mlflow_server) == version("mlflow")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n3.17.2", "3.17.2"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n<script>", ""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n404", ""),
        (b"HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ""),
        (b"nonsense", ""),
    ],
)
def test_only_a_version_counts_as_one(answer: bytes, said: str) -> None:
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as plain:
        thread = threading.Thread(target=serve, args=(plain,))
        thread.start()
        assert server_version(f"http://127.0.0.1:{plain.getsockname()[1]}") == said
        thread.join()


def test_no_server_has_no_version(tracking_off: str) -> None:
    assert server_version(tracking_off) == ""


@pytest.mark.parametrize("uri", ["sqlite:///x.db", "databricks", "file:///tmp/mlruns"])
def test_what_is_no_http_is_not_probed(uri: str) -> None:
    assert reachable(uri)


def test_reach_asks_again_only_after_a_while() -> None:
    asked: list[str] = []
    now = [0.0]
    answers = iter([False, True, False])

    def probe(uri: str) -> bool:
        asked.append(uri)
        return next(answers)

    reach = Reach(probe, lambda: now[0], pause=60, trust=10)
    assert not reach.ready("a")
    now[0] = 59.9
    assert not reach.ready("a")
    assert asked == ["a"]
    now[0] = 60.0
    assert reach.ready("a")
    now[0] = 69.9
    assert reach.ready("a")
    assert asked == ["a", "a"]
    now[0] = 70.0
    assert not reach.ready("a")


def test_a_failure_counts_as_away() -> None:
    now = [0.0]
    reach = Reach(lambda uri: True, lambda: now[0], pause=60)
    assert reach.ready("a")
    reach.failed("a")
    assert not reach.ready("a")
    now[0] = 61.0
    assert reach.ready("a")


def test_one_warning_and_no_password_in_it() -> None:
    reach = Reach(lambda uri: False)
    with pytest.warns(MiranteWarning, match="not logged to MLflow at http://h: gone") as caught:
        reach.warn("http://ana:secret@h", "gone")
    assert "secret" not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reach.warn("http://h", "gone again")


def test_within_gives_the_result_or_the_error_or_gives_up() -> None:
    assert within(5, lambda: None) is None

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        within(5, fail)
    release = threading.Event()
    began = time.monotonic()
    with pytest.raises(TrackingError, match=r"no answer within 0\.05 s"):
        within(0.05, lambda: release.wait(30))
    assert time.monotonic() - began < 5
    release.set()


@pytest.mark.usefixtures("no_limits")
def test_within_works_while_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert within(5, lambda: os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]) == "5"
