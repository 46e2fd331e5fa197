"""Which server, and its errors in our words."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from mirante.errors import TrackingError
from mirante.tracking.client import (
    asking,
    brief_requests,
    connect,
    server_name,
    tracking_uri,
    unless_missing,
)


def test_the_environment_names_the_server(tracking_off: str) -> None:
    assert tracking_uri() == tracking_off
    assert connect().tracking_uri == tracking_off


def test_set_tracking_uri_comes_before_the_environment(tracking_off: str) -> None:
    import mlflow

    mlflow.set_tracking_uri("http://127.0.0.1:1")
    assert tracking_uri() == "http://127.0.0.1:1"
    assert connect("http://127.0.0.1:2").tracking_uri == "http://127.0.0.1:2"


def test_without_settings_it_is_mlflows_own_default(monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking_uri() == mlflow.get_tracking_uri()
    assert str(tracking_uri()).startswith("sqlite:///")


def test_with_skinny_alone_and_no_settings_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setattr(metadata, "version", missing)
    assert tracking_uri() is None
    with pytest.raises(TrackingError, match="set MLFLOW_TRACKING_URI"):
        connect()


def test_an_unknown_kind_of_uri_is_named_without_its_password() -> None:
    with pytest.raises(TrackingError, match="cannot use gopher") as caught:
        connect("gopher://ana:secret@host")
    assert "secret" not in str(caught.value)


def test_a_certificate_that_nobody_knows_is_no_server_that_is_away() -> None:
    import requests

    said = r"could not look: MLflow at http://127\.0\.0\.1:9: its certificate is signed by nobody"
    with pytest.raises(TrackingError, match=said), asking(connect("http://127.0.0.1:9"), "look"):
        raise requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED")


def test_a_server_that_is_away_is_one_sentence_without_its_password(free_port: int) -> None:
    away = f"http://127.0.0.1:{free_port}"
    client = connect(f"http://ana:secret@127.0.0.1:{free_port}")
    with (
        brief_requests(retries=0, timeout=2),
        pytest.raises(
            TrackingError, match=rf"^could not list experiments: no MLflow server answers at {away}$"
        ),
        asking(client, "list experiments"),
    ):
        client.search_experiments()


@pytest.mark.parametrize(
    ("code", "missing"),
    [("RESOURCE_DOES_NOT_EXIST", True), ("INVALID_PARAMETER_VALUE", True), ("PERMISSION_DENIED", False)],
)
def test_what_is_missing_is_none_and_any_other_answer_an_error(code: str, missing: bool) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode

    def get_run(run_id: str) -> str:
        raise MlflowException(f"no {run_id}", ErrorCode.Value(code))

    assert unless_missing(dict, a=1) == {"a": 1}
    if missing:
        assert unless_missing(get_run, "7") is None
    else:
        with pytest.raises(MlflowException, match="no 7"):
            unless_missing(get_run, "7")


def test_server_name() -> None:
    assert server_name("databricks") == "databricks"
    assert server_name("http://h:1/p@q") == "http://h:1/p@q"


@pytest.mark.usefixtures("no_limits")
def test_brief_requests_puts_the_environment_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    with brief_requests(retries=3, timeout=9):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"  # the user's own limit stands
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "3"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def limits() -> tuple[str | None, str | None]:
    retries, timeout = "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"
    return os.environ.get(retries), os.environ.get(timeout)


@pytest.mark.usefixtures("no_limits")
def test_brief_requests_of_several_threads_do_not_wait_for_each_other() -> None:
    entered, leave = threading.Event(), threading.Event()

    def look() -> None:
        with brief_requests(retries=0, timeout=40):
            entered.set()
            leave.wait(30)

    other = threading.Thread(target=look, daemon=True)
    with brief_requests(retries=2, timeout=20):
        other.start()
        assert entered.wait(10), "the second waits for the first"
        assert limits() == ("0", "20")  # the smaller of each
    assert limits() == ("0", "40")  # the first has left
    leave.set()
    other.join(10)
    assert limits() == (None, None)


@pytest.mark.usefixtures("no_limits")
def test_brief_requests_within_each_other_and_with_an_error() -> None:
    with brief_requests(retries=1, timeout=30):
        with pytest.raises(ZeroDivisionError), brief_requests(retries=1, timeout=30):
            raise ZeroDivisionError
        with brief_requests(retries=5, timeout=5):
            assert limits() == ("1", "5")
        assert limits() == ("1", "30")
    assert limits() == (None, None)


@pytest.mark.usefixtures("no_limits")
def test_a_limit_that_the_user_sets_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with brief_requests():
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
        with brief_requests(timeout=3):
            assert limits() == ("1", "7")
    assert limits() == (None, "7")


def test_importing_the_rooms_loads_neither_mlflow_nor_pandas() -> None:
    rooms = "tracking.runs, tracking.baselines, tracking.server, sinks.mlflow, sinks.prometheus, sources.host"
    code = (
        f"import sys; [__import__('mirante.' + name) for name in {rooms!r}.split(', ')]; "
        "print({'mlflow', 'pandas', 'requests'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


@pytest.mark.parametrize("uri", ["127.0.0.1:5000", "ana:hunter2@mlflow:5000/team"])
def test_an_address_without_http_is_no_folder(uri: str) -> None:
    with pytest.raises(TrackingError, match="the MLflow tracking URI needs http:// or https://") as caught:
        connect(uri)
    assert "hunter2" not in str(caught.value)
