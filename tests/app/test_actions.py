"""What people approve is carried out by the service, and the monitor goes on with the new normal."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mirante.alerts.actions.deciding import undo
from mirante.app.actions import carry_out_now, make_actions
from mirante.app.build import build
from mirante.app.settings import Settings
from mirante.app.work import Work
from mirante.capture.recorder import Recorder
from mirante.monitors.acceptance import ask_to_accept
from mirante.monitors.baseline import load_baseline, publish_baseline
from mirante.monitors.config import ModelConfig
from mirante.store import AlertRow
from mirante.tracking.client import connect
from mirante.tracking.registry import read_version_tag
from tests.monitors.conftest import START, baseline, make_rows  # noqa: F401 - the fixture of that room
from tests.monitors.registry import register
from tests.monitors.test_acceptance import DAY, WHO

pytestmark = pytest.mark.server


@pytest.fixture
def served(mlflow_server, tmp_path, baseline):  # noqa: F811 - the fixture that is imported
    client = connect(mlflow_server)
    name, _ = register(client)
    publish_baseline(client, name, "1", baseline)
    model = ModelConfig(model=name, log=tmp_path / "log", window="1d", lateness="0s", label_delay="0s")
    settings = Settings(
        store=f"sqlite:///{tmp_path / 'mirante.db'}",
        mlflow={"tracking_uri": mlflow_server},
        models=[model],
        alerts={"actions": [{"do": "tag", "dry_run": False, "value": "degraded"}]},
    )
    with build(settings) as parts:
        yield client, model, Work(parts)


def record(model, day, shift=15.0):
    features, predictions, times = make_rows(day, 150, shift=shift)
    with Recorder(model.model, model.log, version="1") as recorder:
        recorder.log(features, predictions, 0.001, time=times)


def verdicts(service, model):
    return [row.verdicts["drifted"] for row in service.parts.store.windows.list(model.subject) if row.closed]


def test_the_monitor_uses_the_accepted_baseline_at_its_next_window_and_the_former_after_undo(served):
    client, model, service = served
    (watch,), store, settings = service.watches, service.parts.store, service.settings
    for day in range(6):
        record(model, day)
    watch.advance(START + 6 * DAY)
    assert verdicts(service, model) == [True] * 6
    row = ask_to_accept(store, model.subject, START, START + 6 * DAY, now=START + 6 * DAY, **WHO)
    make_actions(service.parts).advance(START + 6 * DAY)
    assert load_baseline(client, model.model, "1").sample.num_rows == 6 * 150
    record(model, 6)
    watch.advance(START + 7 * DAY)
    assert verdicts(service, model)[6:] == [False]
    undone, problem = carry_out_now(
        store, settings, undo(store, row.id, now=START + 7 * DAY, **WHO), START + 7 * DAY
    )
    assert (undone.state, problem) == ("undone", "")
    record(model, 7)
    watch.advance(START + 8 * DAY)
    assert verdicts(service, model)[7:] == [True]
    told = [event for event in store.events.list(model.subject) if event.kind == "baseline_accepted"]
    assert [event.data["author"] for event in told] == ["Ana", "Ana"]  # and none of the watch besides


def test_it_is_a_task_of_the_service_and_the_config_says_what_is_done(served):
    client, model, service = served
    now = datetime.now(UTC)
    labels = {"model": model.model, "alias": "champion", "version": "1"}
    alert = AlertRow("a1", "low_auc", labels, model.subject, "critical", "firing", now)
    service.parts.store.alerts.save(alert)
    (task,) = [task for task in service._tasks() if task.name == "actions"]
    assert task.interval == service.settings.evaluation_interval
    task.run(now)
    assert read_version_tag(client, model.model, "1", "mirante.state") == "degraded"
    service.parts.store.alerts.save(replace(alert, state="resolved"))
    task.run(now)
    assert read_version_tag(client, model.model, "1", "mirante.state") is None


def test_while_mlflow_is_away_what_was_approved_waits_and_that_is_said(served, free_port):
    _, model, service = served
    (watch,), store = service.watches, service.parts.store
    record(model, 0)
    watch.advance(START + DAY)
    row = ask_to_accept(store, model.subject, START, START + DAY, now=START + DAY, **WHO)
    away = service.settings.mlflow.model_copy(update={"tracking_uri": f"http://127.0.0.1:{free_port}"})
    settings = service.settings.model_copy(update={"mlflow": away})
    after, problem = carry_out_now(store, settings, row, START + DAY)
    assert after == row
    assert problem == f"no MLflow server answers at http://127.0.0.1:{free_port}"
