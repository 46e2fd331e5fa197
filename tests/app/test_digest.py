"""The weekly digest: a real MLflow server, a real mail server."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mirante.alerts.channels.config import build_channels
from mirante.alerts.outbox import deliver
from mirante.app.digest import Digest, last_due
from mirante.app.sections import DigestConfig
from mirante.app.settings import load_settings
from mirante.errors import ConfigError, TrackingError
from mirante.sources.runs import ExperimentsConfig
from mirante.store import Store
from mirante.tracking.client import connect
from tests.doubles.mlflow import PASSWORD, USER, AppServer, basic_auth, login
from tests.doubles.smtp import mail_server

DUE = datetime(2013, 2, 11, 13, tzinfo=UTC)  # Monday, 8 in the morning in New York
CONFIG = """
mlflow: {{tracking_uri: "{server}"}}
host: {{enabled: false}}
alerts: {{channels: {{mail: {{type: email, smtp_server: "127.0.0.1:{port}", smtp_tls: none,
  sender: m@example.org, recipients: [o@example.org]}}, note: {{type: console}}}}}}
digest: {{experiments: ["{name}", not there], channels: [mail, note], timezone: America/New_York}}
"""


def settings_of(folder: Path, **given: Any) -> Any:
    file = folder / "mirante.yaml"
    file.write_text(CONFIG.format(**{"port": 25, "name": "x", "server": "http://127.0.0.1:9"} | given))
    return load_settings(file, environ={})


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        yield store


def fill(server: str) -> str:
    """Make an experiment with runs of the week, of the one before, and of later."""
    client = connect(server)
    name = f"digest {uuid.uuid4().hex[:8]}"
    experiment = client.create_experiment(name)
    for days, status, loss in (
        (1, "FINISHED", 0.5),
        (2, "FAILED", 0.75),
        (9, "FINISHED", 0.6),
        (-1, "FAILED", 0.1),
    ):
        moment = round((DUE - timedelta(days=days)).timestamp() * 1000)
        run = client.create_run(experiment, start_time=moment)
        client.log_metric(run.info.run_id, "loss", loss)
        client.set_terminated(run.info.run_id, status, moment + 1000)
    return name


@pytest.mark.server
def test_once_a_week_by_mail(tmp_path, store, mlflow_server):
    name = fill(mlflow_server)
    with mail_server() as mail:
        settings = settings_of(tmp_path, server=mlflow_server, port=mail.port, name=name)
        client = connect(mlflow_server)
        for _restart in range(2):
            digest = Digest(settings, store, lambda: client)
            for minutes in (0, 5, 600):
                digest.advance(DUE + timedelta(minutes=minutes))
        owed = store.outbox.list()
        assert sorted(row.channel for row in owed) == ["mail", "note"]
        channels = build_channels(settings.alerts.channels, base=tmp_path)
        row = next(row for row in owed if row.channel == "mail")
        asyncio.run(deliver(channels, "mail", row.payload, 10))
        (message,) = mail.messages
        text = message.get_body(("plain",)).get_content()
        digest.advance(DUE + timedelta(days=7))
        assert len(store.outbox.list()) == 4
    assert message["Subject"] == "Experiments of the week to Feb 11, 2013, 8:00 AM (America/New_York)"
    assert f"Experiment {name}" in text
    assert "2 runs, of which 1 failed (50 %); in the week before 1, of which 0 failed." in text
    assert "loss: best 0.5, median 0.625; in the week before 0.6 and 0.6." in text
    assert "no experiment with the id or name 'not there'" in text
    assert f"{mlflow_server}/#/experiments/" in text


@pytest.mark.server
def test_directions_are_those_of_the_config_and_each_experiment_has_its_link(tmp_path, store, mlflow_server):
    first, client = fill(mlflow_server), connect(mlflow_server)
    second = f"digest {uuid.uuid4().hex[:8]}"
    experiment = client.create_experiment(second)
    for seconds, loss in ((9, 0.25), (8, 0.75)):
        moment = round((DUE - timedelta(seconds=seconds)).timestamp() * 1000)
        run = client.create_run(experiment, start_time=moment)
        client.log_metric(run.info.run_id, "loss", loss)
        client.log_metric(run.info.run_id, "always", 7)
        client.set_terminated(run.info.run_id, "FINISHED", moment + 1000)
    settings = settings_of(tmp_path, server=mlflow_server, name=f'{first}", "{second}').model_copy(
        update={"experiments": ExperimentsConfig(directions={"loss": "higher"})}
    )
    Digest(settings, store, lambda: client).advance(DUE)
    row = store.outbox.list()[0]
    texts = [one["summary"] for one in row.payload["alerts"]]
    assert "loss: best 0.75, median 0.625; in the week before 0.6 and 0.6." in texts[0]
    assert texts[1].splitlines()[1:] == [
        "2 runs, of which 0 failed (0 %); none in the week before.",
        "loss: best 0.75, median 0.5.",
    ]
    assert list(row.payload["links"]) == [f"Experiment {first}", f"Experiment {second}"]


def test_a_server_that_is_away_is_tried_again_for_a_day(tmp_path, store, tracking_off):
    client = connect(tracking_off)
    digest = Digest(settings_of(tmp_path), store, lambda: client)
    with pytest.raises(TrackingError):
        digest.advance(DUE)
    with capture_logs() as told:
        for minutes in (1, 6):  # too late: nothing is asked any more
            digest.advance(DUE + timedelta(days=1, minutes=minutes))
    assert store.outbox.list() == []
    (line,) = told
    assert (line["event"], line["log_level"]) == ("digest given up", "warning")
    assert tracking_off in line["reason"]


def test_what_was_due_before_the_service_began_is_not_given_up(tmp_path, store):
    digest = Digest(settings_of(tmp_path), store, lambda: pytest.fail("nothing is asked"))
    with capture_logs() as told:
        digest.advance(DUE + timedelta(days=3))
    assert told == []


@pytest.mark.server
def test_an_experiment_that_may_not_be_read_does_not_keep_the_others(tmp_path, store, monkeypatch):
    with AppServer(tmp_path, "basic-auth", "--workers", "1", **basic_auth(tmp_path)) as server:
        uri, reader = server.server.uri, ("bia", "a long password of bia")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
        open_, closed = fill(uri), connect(uri).create_experiment("closed")
        denied = {"resource_type": "experiment", "resource_id": closed, "permission": "DENY"}
        for path, fields in (
            ("/api/2.0/mlflow/users/create", {"username": reader[0], "password": reader[1]}),
            ("/api/3.0/mlflow/users/permissions/grant", {"username": reader[0], **denied}),
        ):
            named = {"authorization": login(), "content_type": "application/json"}
            made = server.ask("POST", path, json.dumps(fields), **named)
            assert made.status == 200, made.text
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", reader[0])
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", reader[1])
        settings = settings_of(tmp_path, server=uri, name=f'closed", "{open_}')
        client = connect(uri)
        Digest(settings, store, lambda: client).advance(DUE)
    (row, _) = store.outbox.list()
    texts = [one["summary"] for one in row.payload["alerts"]]
    assert "could not report on the experiment 'closed'" in texts[0]
    assert "Permission denied" in texts[0]
    assert texts[1].startswith(f"Experiment {open_}")
    assert len(texts) == 3


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_when_it_is_due(zone):
    config = DigestConfig(experiments=["a"], channels=["b"], weekday="sunday", at="02:30", timezone=zone)
    moments = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(24 * 40)]
    due = [last_due(config, one) for one in moments]
    assert all(
        timedelta(0) <= now - one < timedelta(days=7, hours=2) for now, one in zip(moments, due, strict=True)
    )
    assert due == sorted(due)
    assert 6 <= len(set(due)) <= 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digest: {experiments: [a], channels: [mail]}", "'mail', which is not in alerts.channels"),
        ("digest: {experiments: [a], channels: []}", "channels"),
        (
            "mlflow: {enabled: false}\n"
            "alerts: {channels: {m: {type: console}}}\n"
            "digest: {experiments: [a], channels: [m]}",
            "mlflow.enabled is false",
        ),
        ("digest: {experiments: [a], channels: [m], at: '25:00'}", "such as 08:00"),
        ("digest: {experiments: [a], channels: [m], weekday: someday}", "weekday"),
    ],
)
def test_a_wrong_entry_is_said(tmp_path, text, said):
    file = tmp_path / "mirante.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_settings(file, environ={})


def test_times_that_yaml_takes_for_numbers():
    assert DigestConfig(experiments=["a"], channels=["b"], at=20 * 60 + 30).at == "20:30"
