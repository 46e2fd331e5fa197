"""Monitoring runs and the reference API's logging, on a real server."""

from __future__ import annotations

import math
import threading
import time
import uuid
import warnings
from pathlib import Path
from typing import Any

import pytest

from mirante.errors import MiranteWarning, TrackingError
from mirante.tracking.client import connect
from mirante.tracking.runs import (
    MonitoringRuns,
    current_run_id,
    host_subject,
    log_artifact,
    log_metrics,
    log_params_run,
    send_metrics,
)
from mirante.tracking.runs import log as module

HOSTILE = 'model/o\'hara "x" `y` {{7*7}} <script>é@champion'


@pytest.fixture
def client(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    return connect()


@pytest.fixture
def runs(client: Any) -> MonitoringRuns:
    return MonitoringRuns(client, experiment=f"mirante-{uuid.uuid4().hex[:8]}")


def _history(client: Any, run_id: str, key: str) -> list[tuple[int, float]]:
    return sorted((point.step, point.value) for point in client.get_metric_history(run_id, key))


@pytest.mark.server
class TestMonitoringRuns:
    def test_one_run_per_subject_and_version_found_again_by_a_new_process(self, runs: MonitoringRuns) -> None:
        names = [("host/a", None), ("host/b", None), ("model/m@c", "1"), ("model/m@c", "2"), (HOSTILE, "1")]
        made = [runs.run_for(subject, model_version=version) for subject, version in names]
        assert len(set(made)) == len(names)
        again = MonitoringRuns(runs.client, experiment=runs._experiment)
        assert [again.run_for(subject, model_version=version) for subject, version in names] == made
        assert len(runs.client.search_runs([runs.experiment_id()])) == len(names)

    def test_a_run_says_what_it_is(self, runs: MonitoringRuns) -> None:
        run = runs.client.get_run(runs.run_for(HOSTILE, model_version="7"))
        assert run.data.tags["mirante.subject"] == HOSTILE
        assert run.data.tags["mirante.model_version"] == "7"
        assert run.info.run_name == f"{HOSTILE} v7"

    def test_two_that_come_at_once_agree(self, runs: MonitoringRuns) -> None:
        both = [runs, MonitoringRuns(runs.client, experiment=runs._experiment)]
        found: list[str] = []
        threads = [threading.Thread(target=lambda r=r: found.append(r.run_for("host/a"))) for r in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        later = MonitoringRuns(runs.client, experiment=runs._experiment).run_for("host/a")
        assert len(found) == 2
        assert later in found
        runs.forget()
        assert runs.run_for("host/a") == later

    def test_a_deleted_run_is_made_anew_after_forget(self, runs: MonitoringRuns) -> None:
        first = runs.run_for("host/a")
        runs.client.delete_run(first)
        with pytest.raises(TrackingError, match=first):
            runs.log(first, [("k", 1.0, 1, 1)])
        runs.forget()
        assert runs.run_for("host/a") != first

    def test_a_deleted_experiment_is_named_with_the_way_back(self, runs: MonitoringRuns) -> None:
        experiment = runs.experiment_id()
        runs.client.delete_experiment(experiment)
        runs.forget()
        with pytest.raises(TrackingError, match=f"mlflow experiments restore --experiment-id {experiment}"):
            runs.run_for("host/a")

    def test_many_points_with_nan_and_infinity(self, runs: MonitoringRuns) -> None:
        run_id = runs.run_for("host/a")
        points = [("k", float(i), 1000 + i, i) for i in range(2500)]
        runs.log(
            run_id, [*points, ("odd", math.nan, 1, 1), ("odd", math.inf, 2, 2), ("odd", -math.inf, 3, 3)]
        )
        assert _history(runs.client, run_id, "k") == [(i, float(i)) for i in range(2500)]
        odd = dict(_history(runs.client, run_id, "odd"))
        assert math.isnan(odd[1])
        assert odd[2] > 1e308
        assert odd[3] < -1e308

    def test_a_refused_key_is_a_clear_error(self, runs: MonitoringRuns) -> None:
        with pytest.raises(TrackingError, match="could not log metrics to the run"):
            runs.log(runs.run_for("host/a"), [("price (R$)", 1.0, 1, 1)])


@pytest.mark.server
class TestLogging:
    def test_into_the_callers_active_run_in_steps_from_zero(self, client: Any) -> None:
        import mlflow

        with mlflow.start_run() as run:
            assert current_run_id() == run.info.run_id
            for value in (0.25, 0.5):
                log_metrics({"drift.p_value": value, "price (R$)": 1.0}, subject="host/x")
        assert current_run_id() is None
        assert _history(client, run.info.run_id, "drift.p_value") == [(0, 0.25), (1, 0.5)]
        assert "price _x28_R_x24__x29_" in client.get_run(run.info.run_id).data.metrics

    def test_without_one_into_the_subjects_monitoring_run(self, client: Any) -> None:
        subject = f"model/{uuid.uuid4().hex}@champion"
        before = int(time.time() * 1000)
        for value in (1.0, 2.0, 3.0):
            assert send_metrics({"k": value}, subject=subject, clock=lambda: before / 1000)
        run_id = MonitoringRuns(client).run_for(subject)
        assert _history(client, run_id, "k") == [(before + i, i + 1.0) for i in range(3)]  # no step twice

    def test_no_new_run_per_sample(self, client: Any) -> None:
        subject = f"host/{uuid.uuid4().hex}"
        for value in range(5):
            log_metrics({"system.cpu": float(value)}, subject=subject)
        runs = client.search_runs(
            [MonitoringRuns(client).experiment_id()], f"tags.`mirante.subject` = '{subject}'"
        )
        assert len(runs) == 1
        assert len(client.get_metric_history(runs[0].info.run_id, "system.cpu")) == 5

    def test_no_subject_means_this_host(self, client: Any) -> None:
        key = f"k{uuid.uuid4().hex}"
        log_metrics({key: 1.0})
        assert key in client.get_run(MonitoringRuns(client).run_for(host_subject())).data.metrics

    def test_a_deleted_monitoring_run_is_left_for_a_minute_and_then_made_anew(self, client: Any) -> None:
        subject = f"host/{uuid.uuid4().hex}"
        log_metrics({"k": 1.0}, subject=subject)
        first = MonitoringRuns(client).run_for(subject)
        client.delete_run(first)
        with pytest.warns(MiranteWarning, match="not logged to MLflow"):
            log_metrics({"k": 2.0}, subject=subject)
        module._reach._known.clear()  # the minute is over
        assert send_metrics({"k": 3.0}, subject=subject)
        assert MonitoringRuns(client).run_for(subject) != first

    def test_artifact(self, client: Any, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        page.write_text("<p>é</p>", encoding="utf-8")
        subject = f"host/{uuid.uuid4().hex}"
        log_artifact(page, subject=subject, artifact_path="reports")
        run_id = MonitoringRuns(client).run_for(subject)
        assert [found.path for found in client.list_artifacts(run_id, "reports")] == ["reports/page.html"]

    def test_one_small_finished_run_for_an_event(self, client: Any) -> None:
        subject = f"host/{uuid.uuid4().hex}"
        made = log_params_run(
            "high_cpu",
            {"alert.name": "high_cpu", "alert.severity": "critical", "long": "x" * 9000},
            metrics={"cpu_percent": 93.0},
            tags={"mirante.alert": "1"},
            subject=subject,
        )
        assert made is not None
        run = client.get_run(made)
        assert run.info.status == "FINISHED"
        assert run.data.params["alert.name"] == "high_cpu"
        assert run.data.params["alert.severity"] == "critical"
        assert run.data.metrics == {"cpu_percent": 93.0}
        assert run.data.tags["mirante.subject"] == subject
        assert run.data.tags["mlflow.parentRunId"] == MonitoringRuns(client).run_for(subject)

    def test_an_event_inside_an_active_run_is_its_child(self, client: Any) -> None:
        import mlflow

        with mlflow.start_run() as run:
            made = log_params_run("r", {"alert.name": "r"})
            assert current_run_id() == run.info.run_id
        assert made is not None
        child = client.get_run(made)
        assert child.data.tags["mlflow.parentRunId"] == run.info.run_id
        assert child.info.experiment_id == run.info.experiment_id


def test_no_server_one_warning_no_error_and_little_time(tracking_off: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        log_metrics({"k": 1.0})
        log_artifact(tmp_path / "none")
        assert log_params_run("r", {}) is None
        assert not send_metrics({"k": 2.0}, run_id="gone")
    assert [one.category for one in caught] == [MiranteWarning]
    assert f"not logged to MLflow at {tracking_off}: no server answers" in str(caught[0].message)
    first = time.monotonic() - began
    for _ in range(1000):
        log_metrics({"k": 1.0})
    assert first < 3
    assert time.monotonic() - began - first < 1


def test_no_server_configured_and_no_full_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "tracking_uri", lambda: None)
    with pytest.warns(MiranteWarning, match="set MLFLOW_TRACKING_URI"):
        log_metrics({"k": 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_metrics({"k": 1.0})


def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tracking_off: str) -> None:
    release = threading.Event()
    monkeypatch.setattr(module, "_reach", module.Reach(lambda uri: True))
    monkeypatch.setattr(module, "_DEADLINE", 0.1)
    with pytest.warns(MiranteWarning, match=r"no answer within 0\.1 s"):
        assert module._attempt(lambda runs: release.wait(20)) is None
    release.set()


def test_the_file_store_that_mlflow_refuses_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    with pytest.warns(MiranteWarning, match="not logged to MLflow"):
        log_metrics({"k": 1.0})


# MLflow 3.17 with SQLAlchemy 2.1: its own queries, which only a local store runs in our process
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")
def test_mlflows_own_default_store_is_used_when_nothing_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert send_metrics({"k": 1.0}, subject="host/a")
    assert (tmp_path / "mlflow.db").is_file()


def test_a_half_imported_mlflow_is_no_active_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    monkeypatch.setitem(sys.modules, "mlflow", types.ModuleType("mlflow"))
    assert current_run_id() is None
