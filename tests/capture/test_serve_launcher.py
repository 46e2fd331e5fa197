"""The parts of `mirante serve` that need no MLflow server: which model, which socket, workers that die."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from mirante.capture.intake import Exchange
from mirante.capture.serve.launcher import ServeSettings, Supervisor, listen, serve
from mirante.capture.serve.model import ServedModel, check_server, which_model
from mirante.capture.serve.worker import Orders, _Reader
from mirante.capture.signature import Signature
from mirante.errors import ConfigError, InputError, ServeError, TrackingError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX processes")


class Registry:
    tracking_uri = "http://127.0.0.1:9"

    def get_model_version_by_alias(self, model, alias):
        return SimpleNamespace(version="7")

    def get_registered_model(self, model):
        latest = [SimpleNamespace(version=number) for number in ("9", "10")]
        return SimpleNamespace(latest_versions=latest, aliases={"live": 9})


@pytest.mark.parametrize(
    ("uri", "options", "expected"),
    [
        ("models:/churn/3", {}, ("models:/churn/3", "churn", "3")),
        ("models:/churn@champion", {}, ("models:/churn/7", "churn", "7")),
        ("models:/churn/latest", {}, ("models:/churn/10", "churn", "10")),
        ("models:/churn/3/", {"name": "x"}, ("models:/churn/3", "x", "3")),
        ("runs:/1/m", {"name": "x", "version": "2"}, ("runs:/1/m", "x", "2")),
        ("/srv/model", {"name": "x", "version": "2"}, ("/srv/model", "x", "2")),
        (
            "models:/m-0123456789abcdef",
            {"name": "x", "version": "2"},
            ("models:/m-0123456789abcdef", "x", "2"),
        ),
        ("models:/tarifa é@champion", {}, ("models:/tarifa é/7", "tarifa é", "7")),
    ],
)
def test_which_model_it_is(uri, options, expected):
    assert which_model(uri, Registry, **options) == ServedModel(*expected)


@pytest.mark.parametrize(
    "uri", ["runs:/1/m", "/srv/model", "models:/m-0123456789abcdef", "models:/churn/Staging"]
)
def test_what_does_not_say_which_model_it_is_is_refused(uri):
    with pytest.raises(InputError):
        which_model(uri, Registry)


def test_an_alias_that_is_not_there_is_said(monkeypatch):
    def ask(self, model, alias):
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

        raise MlflowException("no", RESOURCE_DOES_NOT_EXIST)

    monkeypatch.setattr(Registry, "get_model_version_by_alias", ask)
    with pytest.raises(TrackingError, match=r"has no alias 'champion' .*; it has 'live' \(version 9\)"):
        which_model("models:/churn@champion", Registry)


def test_a_log_that_cannot_be_written_is_said_before_the_model_is_fetched(tmp_path, monkeypatch):
    def fetch(*_given):
        raise InputError("far enough")

    monkeypatch.setattr("mirante.capture.serve.launcher.fetch_model", fetch)
    (tmp_path / "file").write_text("")
    said = []
    for log in (tmp_path / "file" / "log", tmp_path / "new" / "log"):
        with pytest.raises(InputError, match="far enough"):
            serve(ServeSettings(str(tmp_path), log, port=0, model="m", version="1"), said.append)
    (line,) = said
    assert line.startswith(
        f"warning: the inference log {tmp_path}/file/log cannot be written ({tmp_path}/file is no"
    )
    assert not (tmp_path / "new").exists()


def test_a_port_that_is_taken_is_said():
    with listen("127.0.0.1", 0) as first, pytest.raises(ConfigError, match="give another --port"):
        listen("127.0.0.1", first.getsockname()[1])


def test_orders_survive_the_way_to_the_worker():
    orders = Orders("é\n", "3", "/l o g", "1", {"drop": ["a", "é"], "key": None}, 0.5, 1, 2, 3.0, 4, 5, 6)
    assert Orders.of(orders.environ()) == orders


def supervise(script, workers, until):
    """Supervise workers that are little scripts, until something holds."""
    said, ready = [], []
    with listen("127.0.0.1", 0) as listener:
        orders = Orders("m", "1", "log", grace=0.2)
        supervisor = Supervisor(
            [sys.executable, "-c", script], os.environ, orders, listener, workers, said.append
        )
        watcher = threading.Thread(
            target=lambda: (_wait(lambda: until(said, ready)), os.kill(os.getpid(), signal.SIGTERM))
        )
        watcher.start()
        try:
            supervisor.run(lambda: ready.append(True))
        finally:
            watcher.join()
    return said, ready


def _wait(holds, seconds=30):
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)


READY = "import json, os, time; os.write(json.loads(os.environ['MIRANTE_SERVE'])['ready'], b'1');"


def test_all_workers_are_there_before_it_is_said():
    said, ready = supervise(f"{READY} time.sleep(60)", 3, lambda said, ready: ready)
    assert (said, ready) == ([], [True])


def test_a_worker_that_dies_again_and_again_is_replaced_ever_more_slowly():
    said, ready = supervise(f"{READY} time.sleep(0.3); os._exit(7)", 1, lambda said, ready: len(said) >= 2)
    assert ready == [True]
    assert all("ended with code 7; another takes its place" in line for line in said)


def test_a_worker_that_does_not_end_in_time_is_ended(monkeypatch):
    monkeypatch.setattr("mirante.capture.serve.launcher._MARGIN", 0.1)
    script = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {READY} time.sleep(60)"
    said, _ = supervise(script, 1, lambda said, ready: ready)
    assert "did not end in time" in said[-1]


@pytest.mark.parametrize(("second", "seconds"), [(signal.SIGTERM, 0.8), (signal.SIGINT, 0.0)])
def test_a_second_ctrl_c_lets_go_of_requests_and_a_second_sigterm_does_not(second, seconds):
    script = f"""
import signal, sys
{READY}
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
signal.signal(signal.SIGTERM, lambda *_: (time.sleep({seconds}), os._exit(0)) if {seconds} else None)
time.sleep(60)
"""
    told = []

    def until(said, ready):
        if ready and not told:
            told.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)
            os.kill(os.getpid(), second)
        return bool(told)

    said, _ = supervise(script, 1, until)
    assert said == [], "it ended by itself"


def test_a_model_that_cannot_be_loaded_is_said():
    with listen("127.0.0.1", 0) as listener:
        command = [sys.executable, "-c", "raise SystemExit(3)"]
        supervisor = Supervisor(command, os.environ, Orders("m", "1", "log"), listener, 2, print)
        with pytest.raises(ServeError, match="ended with code 3 before it could answer"):
            supervisor.run(lambda: None)


def test_a_server_that_is_away_is_said_before_mlflow_tries_for_minutes(tmp_path):
    with listen("127.0.0.1", 0) as listener:
        away = f"http://127.0.0.1:{listener.getsockname()[1]}"
    check_server(str(tmp_path), away)  # a folder needs no server
    with pytest.raises(TrackingError, match=r"no MLflow server answers at http://127.0.0.1:.*--tracking-uri"):
        check_server("models:/churn@champion", away)


def test_several_values_a_row_are_told_once_and_a_class_in_brackets_is_none_of_that(caplog):
    def asked(answer):
        kind, body = "application/json", b'{"instances": [[1]]}'
        return read(Exchange("r", 0.0, 0.1, 200, kind, [body], [answer])).predictions

    read = _Reader(Signature(), None, frozenset())
    assert asked(b'{"predictions": ["[none]"]}') == ["[none]"]
    assert caplog.records == []
    for _ in range(2):
        assert asked(b'{"predictions": [[3.1, 0.9]]}') == [[3.1, 0.9]]
    (told,) = caplog.messages
    assert told.startswith("the model answers 2 values a row")
    assert "0.9" not in told  # what a model says of a person is for the log alone
    read = _Reader(Signature(), None, frozenset())
    assert asked(b'{"predictions": [[0.1, 0.9]]}') == [[0.1, 0.9]]  # probabilities have columns
    assert len(caplog.messages) == 1
