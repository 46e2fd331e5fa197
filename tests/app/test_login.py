"""MLflow servers that want a login, before all that asks them: MLflow's own ``basic-auth``, TLS, tokens."""

import asyncio
import contextlib
import json
import os
import sqlite3
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs
from werkzeug.security import generate_password_hash

from mirante.app.build import build
from mirante.app.service import Service
from mirante.app.settings import load_settings
from mirante.app.watch import server_reading
from mirante.capture.serve.model import fetch_model, which_model
from mirante.cli import main
from mirante.errors import ConfigError, InputError, LoginRefusedError, TrackingError
from mirante.readings import Reading
from mirante.sources.runs import RunsSource
from mirante.store import Store
from mirante.tracking.client import connect
from mirante.tracking.reach import server_version
from tests.doubles.door import door
from tests.doubles.mlflow import PASSWORD, USER, AppServer, basic_auth, login
from tests.monitors.registry import register

pytestmark = pytest.mark.server
READER = ("bia", PASSWORD)
TOKEN = "a token that stands for ana"
LOGIN = ("USERNAME", "PASSWORD", "TOKEN", "SERVER_CERT_PATH")
CONFIG = """
evaluation_interval: 5s
host: {{enabled: false}}
web: {{port: 0}}
discover: true
experiments: {{interval: 1s}}
registry: {{interval: 1s}}
models: [{{model: churn, interval: 5s}}, {{model: fraud, interval: 5s}}]
mlflow: {{tracking_uri: "{uri}", interval: 1s, {login}}}
"""


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory):
    """One server with MLflow's login, for all tests here: it takes 9 s to start."""
    folder = tmp_path_factory.mktemp("auth")
    with AppServer(folder, "basic-auth", "--workers", "1", **basic_auth(folder)) as server:
        hurry(folder / "auth.db")
        yield server


def hurry(database):
    """Have passwords checked in no time: as MLflow keeps them each request takes it a tenth of a second."""
    with contextlib.closing(sqlite3.connect(database)) as users, users:
        users.execute(
            "UPDATE users SET password_hash = ?", [generate_password_hash(PASSWORD, method="pbkdf2:sha256:1")]
        )


@pytest.fixture(scope="module")
def entrance(mlflow, tmp_path_factory):
    with door(mlflow.server.uri, tmp_path_factory.mktemp("door"), tokens={TOKEN: login()}) as opened:
        yield opened


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in LOGIN:  # set first, so that what a config puts there is taken away again
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}")


def say(monkeypatch, **login):
    for name, value in login.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name.upper()}", str(value))


def settings_of(folder, uri, login):
    (folder / "mirante.yaml").write_text(CONFIG.format(uri=uri, login=login), encoding="utf-8")
    return load_settings(folder / "mirante.yaml", environ={})


async def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.05)


def run_service(settings, act):
    """Run the service while `act` looks at it and its store."""

    async def whole():
        with build(settings) as parts:
            service, stop = Service(settings, parts), asyncio.Event()
            running = asyncio.create_task(service.run(stop))
            try:
                await act(service)
            finally:
                stop.set()
                await running

    asyncio.run(whole())


def test_a_wrong_password_is_said_once_costs_one_try_and_the_right_one_holds_at_once(tmp_path, entrance):
    secret = tmp_path / "password"
    secret.write_text("not the password of ana\n")
    options = f"username: {USER}, password_file: password, ca_file: {entrance.ca}"
    settings = settings_of(tmp_path, entrance.uri, options)
    entrance.statuses.clear()

    async def act(service):
        await until(lambda: service.work is not None)
        states = service.work.scheduler.states
        asking = {"mlflow_server", "mlflow_sink", "experiments", "registry"}
        asking |= {f"model/{name}@champion" for name in ("churn", "fraud")}
        await until(
            lambda: all(states[name].runs >= (1 if name.startswith("model") else 2) for name in asking)
        )
        assert all("LoginRefusedError" in states[name].error for name in asking - {"mlflow_server"})
        assert entrance.statuses == [401]
        secret.write_text(PASSWORD)
        await until(lambda: not states["registry"].error)
        await until(lambda: readings(tmp_path, "mlflow_server_up")[-1].value == 1.0)

    with capture_logs() as told:
        run_service(settings, act)
    assert 401 not in entrance.statuses[1:]
    assert sum("refused the user or the password" in str(line) for line in told) == 1
    assert "not the password" not in str(told)
    assert readings(tmp_path, "mlflow_server_up")[0].value == 0.0


def readings(folder, name):
    with Store(f"sqlite:///{folder / 'mirante.db'}") as store:
        return [one for _, one in store.readings.after(0, limit=10_000) if one.name == name]


def test_a_token_from_a_file_and_a_ca_of_ones_own(tmp_path, entrance):
    (tmp_path / "token").write_text(TOKEN + "\n")
    settings = settings_of(tmp_path, entrance.uri, f"token_file: token, ca_file: {entrance.ca}")
    with build(settings) as parts:
        up = server_reading(parts.client, "main", datetime.now(UTC))
        assert (up.value, up.note) == (1.0, "")
        assert server_version(entrance.uri).startswith("3.")
        (tmp_path / "token").write_text("one that has run out")  # and was not renewed
        down = server_reading(parts.client, "main", datetime.now(UTC))
    assert down.value == 0.0
    assert down.note.startswith(f"MLflow at {entrance.uri} refused the token (401): mend mlflow.token_file")


def test_a_certificate_that_nobody_known_has_signed_is_said_with_the_way_out(entrance, monkeypatch):
    say(monkeypatch, username=USER, password=PASSWORD)
    done = CliRunner().invoke(main, ["report", "Default", "--tracking-uri", entrance.uri])
    assert done.exit_code == 1
    assert "its certificate is signed by nobody that this machine knows" in done.output
    assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in done.output


@pytest.mark.parametrize("ca", ["nowhere.pem", "mirante.yaml/there"])
def test_a_ca_file_that_is_not_there_stops_the_start(tmp_path, ca):
    settings = settings_of(tmp_path, "https://127.0.0.1:9", f"ca_file: {ca}")
    with pytest.raises(ConfigError, match=r"mirante.yaml, line 9: mlflow.ca_file .* is no file"):
        build(settings)


def test_each_command_goes_through_the_login_and_says_so_when_it_is_refused(tmp_path, entrance, monkeypatch):
    monkeypatch.chdir(tmp_path)
    say(monkeypatch, username=USER, password=PASSWORD, server_cert_path=entrance.ca)
    client = connect(entrance.uri)
    model, version = register(client, "churn")
    client.create_run("0")
    rng = np.random.default_rng(7)
    times = pd.date_range("2026-01-01", periods=2_000, freq="10min", tz="UTC")
    pd.DataFrame({"age": rng.normal(40, 9, 2_000), "p": rng.uniform(size=2_000), "at": times}).to_parquet(
        "normal.parquet"
    )
    create = ["baseline", "create", "churn", "--data", "normal.parquet", "--prediction", "p", "--time", "at"]
    serve = ["serve", "models:/churn@champion", "--port", "0"]
    commands = [[*create, "--window", "1d"], ["report", "Default", "-o", "report.json"]]
    for command in commands:
        done = CliRunner().invoke(main, [*command, "--tracking-uri", entrance.uri])
        assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "report.json").read_text())
    assert which_model(serve[1], lambda: client).version == version
    with pytest.raises(
        InputError, match="holds no MLmodel file"
    ):  # it was brought here, and is none to serve
        fetch_model(f"models:/{model}/{version}", tmp_path, entrance.uri)
    say(monkeypatch, password="wrong")
    for command in (*commands, serve):
        done = CliRunner().invoke(main, [*command, "--tracking-uri", entrance.uri])
        assert done.exit_code == 1, done.output
        assert f"mirante: MLflow at {entrance.uri} refused the user or the password (401)" in done.output
    with pytest.raises(LoginRefusedError):
        fetch_model(f"models:/{model}/{version}", tmp_path, entrance.uri)


def test_the_configs_login_serves_commands_too_but_no_other_server(tmp_path, entrance, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (tmp_path / "token").write_text(TOKEN)
    settings_of(tmp_path, entrance.uri, f"token_file: token, ca_file: {entrance.ca}")
    done = CliRunner().invoke(main, ["serve", "models:/nothing@champion", "-c", "mirante.yaml"])
    assert done.exit_code == 2
    assert f"there is no registered model 'nothing' in MLflow at {entrance.uri}" in done.output
    for name in LOGIN:
        os.environ.pop(f"MLFLOW_TRACKING_{name}", None)
    CliRunner().invoke(main, ["serve", "models:/nothing@champion", "--tracking-uri", "http://127.0.0.1:9"])
    assert "MLFLOW_TRACKING_TOKEN" not in os.environ


def test_who_may_not_write_the_monitoring_runs_is_told_so_and_what_may_be_read_is_watched(
    tmp_path, mlflow, monkeypatch
):
    say(monkeypatch, username=USER, password=PASSWORD)
    client = connect(mlflow.server.uri)
    with contextlib.suppress(Exception):
        client.create_experiment("mirante")
    closed = client.create_experiment("closed")
    client.create_run(closed)
    named = {"authorization": login(), "content_type": "application/json"}
    denied = {"resource_type": "experiment", "resource_id": closed, "permission": "DENY"}
    for path, fields in (
        ("/api/2.0/mlflow/users/create", {"username": READER[0], "password": READER[1]}),
        ("/api/3.0/mlflow/users/permissions/grant", {"username": READER[0], **denied}),
    ):
        assert mlflow.ask("POST", path, json.dumps(fields), **named).status == 200
    hurry(mlflow.server.folder / "auth.db")
    settings = settings_of(tmp_path, mlflow.server.uri, f"username: {READER[0]}, password: '{READER[1]}'")

    now = datetime.now(UTC)
    with build(settings) as parts:
        parts.store.readings.write([Reading("system_cpu_percent", 7.0, now, {"host": "web-1"})])
        with pytest.raises(TrackingError, match="Permission denied"):
            parts.mlflow_sink.ship()
        RunsSource(settings.watched_experiments, parts.store, parts.client).advance(now)
    watched = {one.labels.get("experiment") for one in readings(tmp_path, "mlflow_experiment_runs")}
    assert "Default" in watched
    assert "closed" not in watched
