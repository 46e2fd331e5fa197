"""Experiments of a real MLflow: what is said of their runs, and what a look at them asks for."""

import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from mlflow import MlflowClient

from mirante.alerts.config import default_rules
from mirante.alerts.engine import AlertEngine
from mirante.alerts.evidence import alert_links
from mirante.alerts.routing import Route
from mirante.errors import TrackingError
from mirante.readings import Reading
from mirante.sources.runs import ExperimentsConfig, RunsSource
from mirante.store import Store
from mirante.tracking.runs import changes

pytestmark = pytest.mark.server
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class World:
    """An experiment on the session's server, and a source that watches it alone."""

    def __init__(self, uri, store, **config):
        self.client = MlflowClient(uri)
        self.name = f"training {uuid.uuid4().hex[:8]}"
        self.id = self.client.create_experiment(self.name)
        self.store = store
        self.config = ExperimentsConfig(include=[self.name], **config)
        self.now = datetime.now(UTC)
        self.asked = []
        self.restart()

    def restart(self):
        self.source = RunsSource(self.config, self.store, lambda: self.client)

    def run(self, name="a", **metrics):
        made = self.client.create_run(self.id, run_name=name).info.run_id
        for key, value in metrics.items():
            self.client.log_metric(made, key, value, step=1)
        return made

    def look(self, after=MINUTE):
        self.now = max(self.now + after, datetime.now(UTC))
        return self.source.advance(self.now)

    def said(self, reading, **labels):
        """Return the latest values of a reading by the labels that it has beside the experiment's."""
        found = {}
        for one in self.store.readings.latest():
            if one.name == reading and one.labels["experiment"] == self.name:
                own = {k: v for k, v in one.labels.items() if k not in ("experiment", "experiment_id")}
                if labels.items() <= own.items():
                    found[tuple(v for k, v in sorted(own.items()) if k != "run_id" and k not in labels)] = (
                        one.value
                    )
        return found

    def counts(self):
        return {status[0]: n for status, n in self.said("mlflow_experiment_runs").items() if n}


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


@pytest.fixture
def world(mlflow_server, store):
    return World(mlflow_server, store)


def test_runs_are_counted_by_status_whenever_they_began(world):
    old = [world.run() for _ in range(3)]
    world.client.set_terminated(old[0], "FAILED", end_time=1_000_000)
    world.client.set_terminated(old[1], "FINISHED")
    world.look()
    assert world.counts() == {"running": 1, "failed": 1, "finished": 1}
    world.client.set_terminated(old[2], "KILLED")
    world.client.set_terminated(world.run(), "FINISHED")
    world.look()
    assert world.counts() == {"killed": 1, "failed": 1, "finished": 2}
    world.look()  # what ended is asked for again for a while, and counted once
    world.restart()
    world.look()
    assert world.counts() == {"killed": 1, "failed": 1, "finished": 2}


def test_a_run_that_ends_in_the_past_is_not_missed(world):
    run = world.run()
    world.look()
    world.client.set_terminated(run, "FINISHED", end_time=1_000_000)
    world.look()
    assert world.counts() == {"finished": 1}


def test_a_deleted_run_is_neither_running_nor_ended_and_a_count_of_all_forgets_it(world):
    running, done = world.run(), world.run()
    world.client.set_terminated(done)
    world.look()
    world.client.delete_run(running)
    world.client.delete_run(done)
    world.look()
    assert world.counts() == {"finished": 1}
    world.look(after=DAY)
    assert world.counts() == {}


def test_a_look_reads_what_changed_and_not_all_runs(world, monkeypatch):
    for _ in range(12):
        world.client.set_terminated(world.run(), end_time=1_000_000)
    world.look()
    seen = []
    real = MlflowClient.search_runs

    def search_runs(self, *given, **named):
        page = real(self, *given, **named)
        seen.extend(run.info.run_id for run in page)
        return page

    monkeypatch.setattr(MlflowClient, "search_runs", search_runs)
    run = world.run()
    world.look()
    world.client.set_terminated(run)
    world.look()
    assert set(seen) == {run}


def test_counting_all_runs_goes_on_where_it_stopped(mlflow_server, store, monkeypatch):
    from mirante.sources.runs import source

    monkeypatch.setattr(source, "_SCAN_PAGE", 2)
    world = World(mlflow_server, store)
    for _ in range(5):
        world.client.set_terminated(world.run())
    world.now += HOUR  # they ended before the look, or the look itself would see them
    clock = iter(range(10_000))
    world.source = RunsSource(world.config, store, lambda: world.client, monotonic=lambda: next(clock))
    looks = 0
    while not world.counts() and looks < 10:
        world.look()
        looks += 1
        if looks == 1:  # kept over a restart
            world.source = RunsSource(
                world.config, store, lambda: world.client, monotonic=lambda: next(clock)
            )
    assert looks > 1
    assert world.counts() == {"finished": 5}


def test_metrics_of_running_runs_are_followed(world):
    run = world.run("first", val_loss=2.0)
    world.look()
    assert world.said("run_metric") == {("val_loss", "first"): 2.0}
    world.client.log_metric(run, "val_loss", 1.0, step=2)
    world.look()
    assert world.said("run_metric_worsening") == {("val_loss", "first"): 0.0}
    world.client.log_metric(run, "val_loss", 4.0, step=3)
    world.look(after=10 * MINUTE)
    assert world.said("run_metric") == {("val_loss", "first"): 4.0}
    assert world.said("run_metric_step") == {("val_loss", "first"): 3.0}
    assert world.said("run_metric_worsening") == {("val_loss", "first"): 3.0}
    assert world.said("run_metric_stagnant_seconds")[("val_loss", "first")] >= 600
    assert world.said("experiment_best_metric") == {("val_loss",): 1.0}
    assert world.said("run_idle_seconds") == {("first",): 0.0}
    world.look(after=HOUR)
    assert world.said("run_idle_seconds")[("first",)] >= 3600


def test_a_metric_that_is_better_when_greater(mlflow_server, store):
    world = World(mlflow_server, store, directions={"profit": "higher"})
    run = world.run("r", profit=-2.0, accuracy=0.5)
    world.look()
    world.client.log_metric(run, "profit", -3.0, step=2)
    world.client.log_metric(run, "accuracy", 0.75, step=2)
    world.look()
    assert world.said("run_metric_worsening") == {("accuracy", "r"): 0.0, ("profit", "r"): 0.5}
    assert world.said("experiment_best_metric") == {("accuracy",): 0.75, ("profit",): -2.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_said_and_is_never_the_best(world, value):
    run = world.run("r", val_loss=1.0)
    world.look()
    world.client.log_metric(run, "val_loss", value, step=2)
    world.look()
    got = world.said("run_metric")[("val_loss", "r")]
    assert got == value or (math.isnan(got) and math.isnan(value))
    assert world.said("experiment_best_metric") == {("val_loss",): 1.0}
    world.restart()
    world.look()
    assert world.said("experiment_best_metric") == {("val_loss",): 1.0}


def test_only_so_many_runs_and_metrics_are_followed(mlflow_server, store):
    world = World(mlflow_server, store, most_runs=2, most_metrics=3, metrics=["val_*", "*"])
    for number in range(4):
        world.run(f"run {number}", **{f"m{place:03}": 1.0 for place in range(9)}, val_loss=2.0, val_acc=1.0)
    world.look()
    told = world.said("run_metric")
    assert {run for _, run in told} == {"run 2", "run 3"}
    assert {key for key, _ in told} == {"val_acc", "val_loss", "m000"}
    assert world.said("experiment_runs_left_out") == {(): 2.0}
    assert world.counts() == {"running": 4}


def test_what_did_not_change_is_not_written_again_at_once(world):
    world.run("r", val_loss=1.0)
    world.look()
    second = world.look(after=timedelta(seconds=10))
    assert second == 3  # its age, how long it is idle, how long the metric stands still


def test_durations_and_failures_of_a_day(world):
    began = int(datetime.now(UTC).timestamp() * 1000) - 7_200_000
    for seconds, status in ((60, "FINISHED"), (120, "FINISHED"), (600, "FAILED"), (180, "FINISHED")):
        run = world.client.create_run(world.id, start_time=began).info.run_id
        world.client.set_terminated(run, status, end_time=began + seconds * 1000)
    world.look()
    assert world.said("experiment_failed_share") == {(): 0.25}
    assert world.said("experiment_run_seconds_p50") == {(): 120.0}
    world.look(after=2 * DAY)
    assert math.isnan(world.said("experiment_failed_share")[()])


def test_a_failed_run_and_a_loss_that_is_nan_are_told_within_two_looks_and_end_with_the_run(world):
    rules = [rule for rule in default_rules() if rule.name.startswith("run_")]
    engine = AlertEngine(world.store, rules, Route(()), clock=lambda: world.now)

    def judge():
        world.look(after=timedelta(seconds=30))
        engine.advance(world.now, lambda _: timedelta(minutes=15))
        return {alert.rule: alert for alert in world.store.alerts.open()}

    good, bad, lost = world.run("good", val_loss=1.0), world.run("bad", val_loss=1.0), world.run("lost")
    assert judge() == {}
    world.client.log_metric(bad, "val_loss", math.nan, step=17)
    world.client.set_terminated(lost, "FAILED")
    open_ = judge()
    assert set(open_) == {"run_failed", "run_metric_nan"}
    nan, failed = open_["run_metric_nan"], open_["run_failed"]
    assert (nan.labels["run"], nan.labels["key"], nan.subject) == (
        "bad",
        "val_loss",
        f"experiment/{world.name}",
    )
    assert "step 17" in (nan.note or "")
    assert alert_links(nan, mlflow="http://m")["run"] == f"http://m/#/experiments/{world.id}/runs/{bad}"
    assert failed.labels["run_id"] == lost
    world.client.set_terminated(bad, "KILLED")
    assert set(judge()) == {"run_failed"}
    world.now += HOUR
    assert {rule: alert.labels["run_id"] for rule, alert in judge().items()} == {"run_idle": good}


def test_failures_from_before_the_watch_began_are_counted_and_not_told(world):
    world.client.set_terminated(world.run(), "FAILED")
    world.look()
    assert world.counts() == {"failed": 1}
    assert world.said("run_failed") == {}


def test_experiments_come_and_go(mlflow_server, store):
    world = World(mlflow_server, store)
    world.config = ExperimentsConfig(include=[f"{world.name}*"])
    world.restart()
    world.look()
    other = world.client.create_experiment(f"{world.name} two")
    world.look()
    assert world.source.experiments == [world.name]
    world.look(after=5 * MINUTE)
    assert world.source.experiments == [world.name, f"{world.name} two"]
    world.client.delete_experiment(other)
    world.look(after=5 * MINUTE)
    assert world.source.experiments == [world.name]
    assert {one.labels["experiment"] for one in store.readings.latest()} == {world.name}


def test_the_experiment_of_the_monitoring_runs_is_left_out(mlflow_server, store):
    world = World(mlflow_server, store)
    source = RunsSource(world.config, store, lambda: world.client, own=world.name)
    assert source.advance(world.now) == 0


def test_nothing_is_lost_while_mlflow_is_away(world, free_port):
    run = world.run()
    world.look()
    there, world.client = world.client, MlflowClient(f"http://127.0.0.1:{free_port}")
    there.set_terminated(run, "FAILED")
    with pytest.raises(TrackingError, match="no MLflow server answers"):
        world.look(after=DAY)
    world.client = there
    world.look()
    assert world.counts() == {"failed": 1}


def test_hostile_names_are_names(mlflow_server, store):
    world = World(mlflow_server, store)
    evil = "<script>alert(1)</script> [x] {{ 7*7 }} \u202e"
    world.client.rename_experiment(world.id, f"{world.name} {evil}")
    world.name = f"{world.name} {evil}"
    world.config = ExperimentsConfig(include=[world.name])
    world.restart()
    world.run(evil, val_loss=1.0)
    world.look()
    assert world.said("run_metric") == {("val_loss", evil): 1.0}


def test_times_that_no_calendar_has(world):
    made = world.client.create_run(world.id, start_time=2**62)
    world.client.log_metric(made.info.run_id, "loss", 1.0, timestamp=2**62)
    found, _ = changes.runs_page(world.client, world.id, None, 10)
    assert found[0].started is None
    world.look()
    assert world.counts() == {"running": 1}


def test_what_was_said_of_an_experiment_ends_when_it_is_renamed_or_no_longer_watched(mlflow_server, store):
    world = World(mlflow_server, store)
    world.run("r", val_loss=1.0)
    world.look()
    old = world.name
    world.client.rename_experiment(world.id, f"{old} renamed")
    world.name, world.config = f"{old} renamed", ExperimentsConfig(include=[f"{old}*"])
    world.restart()
    world.look()
    assert {one.labels["experiment"] for one in store.readings.latest()} == {world.name}
    world.config = ExperimentsConfig(include=["another"])
    world.restart()  # nothing is known of what was watched before
    world.source.advance(world.now)
    assert store.readings.latest() == []


def test_readings_of_others_about_an_experiment_are_left_alone(world):
    reading = Reading(
        "trace_error_share", 0.1, world.now, {"experiment": world.name, "experiment_id": world.id}
    )
    world.store.readings.write([reading])
    world.run()
    world.look()
    world.config = ExperimentsConfig(include=["another"])
    world.restart()
    world.source.advance(world.now)
    assert [one.name for one in world.store.readings.latest()] == ["trace_error_share"]


def test_a_count_that_fails_does_not_keep_what_changed(world, monkeypatch):
    from mirante.sources.runs import source

    sizes = []

    def runs_page(client, experiment, token, size):
        sizes.append(size)
        if size > 100:
            raise TrackingError("too many")
        return changes.runs_page(client, experiment, token, size)

    monkeypatch.setattr(source, "runs_page", runs_page)
    world.client.set_terminated(world.run(), end_time=1_000_000)
    run = world.run("r", val_loss=1.0)
    for _ in range(3):
        with pytest.raises(TrackingError, match="too many"):
            world.look()
    assert world.said("run_metric") == {("val_loss", "r"): 1.0}
    world.look()
    assert sizes == [500, 250, 125, 62]
    assert world.counts() == {"running": 1, "finished": 1}
    assert run
