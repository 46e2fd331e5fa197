"""Models on a real MLflow server, and alerts about them in a store."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mirante.readings import model_subject
from mirante.store import AlertRow, Store
from mirante.tracking.client import connect
from mirante.tracking.registry import move_alias, read_version_tag, write_version_tag

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


class Model:
    """A registered model, its versions, and the alerts about it."""

    def __init__(self, uri, store):
        self.client, self.store, self.asked = connect(uri), store, 0
        self.name, self.alias = f"m-{uuid.uuid4().hex[:8]} é'\"", "live"
        self.subject = model_subject(self.name, self.alias)
        self.client.create_registered_model(self.name)

    def add(self, *, status="FINISHED", alias=True):
        """Register one more version, made by a run that ended so."""
        run = self.client.create_run("0")
        self.client.set_terminated(run.info.run_id, status)
        made = self.client.create_model_version(
            self.name, source=f"runs:/{run.info.run_id}/model", run_id=run.info.run_id
        )
        if alias:
            self.point(str(made.version))
        return str(made.version)

    def point(self, version):
        move_alias(self.client, self.name, self.alias, version)

    @property
    def version(self):
        return str(self.client.get_model_version_by_alias(self.name, self.alias).version)

    def tag(self, version="1"):
        return read_version_tag(self.client, self.name, version, "mirante.state")

    def set_tag(self, value, version="1"):
        write_version_tag(self.client, self.name, version, "mirante.state", value)

    def fire(self, rule="feature_drift", severity="warning", **labels):
        named = {"model": self.name, "alias": self.alias, **labels}
        row = AlertRow(uuid.uuid4().hex, rule, named, self.subject, severity, "firing", NOW, fired_at=NOW)
        self.store.alerts.save(row)
        return row

    def resolve(self, alert):
        self.store.alerts.save(replace(alert, state="resolved", resolved_at=NOW))

    def firing(self):
        return [row for row in self.store.alerts.open() if row.state == "firing"]

    def give(self):
        """The client, counted."""
        self.asked += 1
        return self.client

    def events(self, *kinds):
        return self.store.events.list(self.subject, kinds=kinds or None)


@pytest.fixture
def model(mlflow_server, store):
    return Model(mlflow_server, store)
