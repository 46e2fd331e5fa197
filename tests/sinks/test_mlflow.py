"""The sink to MLflow, against real servers: nothing lost, nothing twice, whatever dies when."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirante.errors import LeaseLostError, TrackingError
from mirante.readings import Reading
from mirante.sinks.mlflow import MlflowSink
from mirante.store import Store
from mirante.tracking.baselines import logged_model_id
from mirante.tracking.client import connect
from mirante.tracking.names import decode_key
from mirante.tracking.reach import reachable
from mirante.tracking.runs import MonitoringRuns
from mirante.tracking.server import ServerProcess, start_server
from tests.monitors.registry import register

AT = datetime(2013, 2, 8, 5, tzinfo=UTC)
LABELS = {"model": "nyc", "alias": "champion", "version": "1"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


@pytest.fixture
def experiment() -> str:
    return f"sink-{uuid.uuid4().hex[:8]}"


def _drift(windows: int, features: int, *, start: datetime = AT, name: str = "drift_ks") -> list[Reading]:
    return [
        Reading(name, w + f / 1000, start + timedelta(days=w), LABELS | {"feature": f"f{f}"})
        for w in range(windows)
        for f in range(features)
    ]


def _points(client: Any, run_id: str, key: str) -> dict[int, float]:
    points = client.get_metric_history(run_id, key)
    assert len({point.step for point in points}) == len(points), f"{key} holds a step twice"
    return {point.step: point.value for point in points}


def _rows(server: ServerProcess) -> tuple[int, int]:
    with sqlite3.connect(server.folder / "mlflow.db") as database:
        (counts,) = database.execute(
            "select count(*), count(distinct run_uuid || ' ' || key || ' ' || step) from metrics"
        )
    database.close()
    return int(counts[0]), int(counts[1])


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


@pytest.mark.server
class TestShipping:
    def test_what_labels_still_change_waits_until_it_is_final(
        self, store: Store, mlflow_server: str, experiment: str
    ) -> None:
        client = connect(mlflow_server)
        provisional = Reading("performance_mae", 9.0, AT, LABELS, "provisional: 3 % of the labels are in")
        store.readings.write([provisional, Reading("predictions", 100.0, AT, LABELS)])
        sink = MlflowSink(store, lambda: client, experiment=experiment)
        assert sink.ship() == 1
        store.readings.write([Reading("performance_mae", 3.0, AT, LABELS)])
        assert sink.ship() == 1
        run = MonitoringRuns(client, experiment=experiment).run_for("model/nyc@champion", model_version="1")
        assert list(_points(client, run, "performance_mae").values()) == [3.0]

    def test_a_logged_models_own_page_gets_the_newest_of_each_day(
        self, store: Store, mlflow_server: str, experiment: str
    ) -> None:
        client = connect(mlflow_server)
        name, version = register(client)
        labels = {"model": name, "alias": "champion", "version": version}
        hours = [AT + timedelta(hours=hour) for hour in range(30)]

        def write(times: list[datetime]) -> None:
            named = ("drift_share", "performance_mae", "performance_mae_lower", "drift_psi")
            own = [labels | ({"feature": "age"} if name == "drift_psi" else {}) for name in named]
            store.readings.write(
                Reading(name, (time - AT) / timedelta(hours=1), time, each)
                for time in times
                for name, each in zip(named, own, strict=True)
            )

        def shown() -> dict[str, float]:
            found = client.get_logged_model(logged_model_id(client.get_model_version(name, version)) or "")
            return {metric.key: metric.value for metric in found.metrics or ()}

        def sink() -> MlflowSink:
            return MlflowSink(store, lambda: client, experiment=experiment)

        write(hours[:3])
        assert sink().ship() == 12  # the series are in the run, and count
        assert shown() == {"monitoring/drift_share": 2.0, "monitoring/performance_mae": 2.0}
        write(hours[3:26])
        assert sink().ship() == 92
        assert shown()["monitoring/drift_share"] == 2.0  # 23 hours later: the day is not over
        write(hours[26:])
        sink().ship()
        sink().ship()
        assert shown() == {"monitoring/drift_share": 29.0, "monitoring/performance_mae": 29.0}
        run = MonitoringRuns(client, experiment=experiment).run_for(
            f"model/{name}@champion", model_version=version
        )
        assert len(_points(client, run, "drift_share")) == 30
        assert len(_points(client, run, "monitoring/drift_share")) == 2
        client.delete_logged_model(logged_model_id(client.get_model_version(name, version)) or "")
        write([AT + timedelta(days=9)])
        assert sink().ship() == 4  # a model that is gone holds nothing up

    def test_nothing_is_sent_once_another_service_does_the_work(
        self, store: Store, mlflow_server: str, experiment: str
    ) -> None:
        client, lost = connect(mlflow_server), [LeaseLostError("another has it")]

        def check() -> None:
            if lost:
                raise lost.pop()

        store.readings.write(_drift(1, 2))
        sink = MlflowSink(store, lambda: client, experiment=experiment, check=check)
        with pytest.raises(LeaseLostError):
            sink.ship()
        assert sink.sent == 0
        assert sink.ship() == 2

    def test_each_subject_and_version_in_its_run_under_its_keys(
        self, store: Store, mlflow_server: str, experiment: str
    ) -> None:
        store.readings.write(
            [
                Reading("drift_ks", 0.5, AT, LABELS | {"feature": "price (R$)"}),
                Reading("drift_share", 0.25, AT, LABELS),
                Reading("drift_share", 0.75, AT, LABELS | {"version": "2"}),
                Reading("system_cpu_percent", 93.0, AT, {"host": "web-1"}),
                Reading("monitor_queue_length", 3.0, AT, {"queue": "outbox"}),
            ]
        )
        sink = MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment)
        assert sink.ship() == 5
        client = connect(mlflow_server)
        runs = MonitoringRuns(client, experiment=experiment)
        first = client.get_run(runs.run_for("model/nyc@champion", model_version="1"))
        assert {decode_key(key): value for key, value in first.data.metrics.items()} == {
            "drift_ks/price (R$)": 0.5,
            "drift_share": 0.25,
        }
        second = client.get_run(runs.run_for("model/nyc@champion", model_version="2"))
        assert second.data.metrics == {"drift_share": 0.75}
        assert client.get_run(runs.run_for("host/web-1")).data.metrics == {"system/cpu_percent": 93.0}
        assert client.get_run(runs.run_for("monitor")).data.metrics == {"monitor_queue_length/outbox": 3.0}
        assert len(client.search_runs([runs.experiment_id()])) == 4  # and not a run more
        (point,) = client.get_metric_history(first.info.run_id, "drift_share")
        assert point.step == point.timestamp == _milliseconds(AT)

    def test_nan_and_infinity_arrive(self, store: Store, mlflow_server: str, experiment: str) -> None:
        values = [math.nan, math.inf, -math.inf]
        store.readings.write(
            Reading("drift_share", value, AT + timedelta(days=day), LABELS)
            for day, value in enumerate(values)
        )
        assert MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment).ship() == 3
        client = connect(mlflow_server)
        run_id = MonitoringRuns(client, experiment=experiment).run_for(
            "model/nyc@champion", model_version="1"
        )
        found = [value for _, value in sorted(_points(client, run_id, "drift_share").items())]
        assert math.isnan(found[0])
        assert found[1] > 1e308
        assert found[2] < -1e308

    def test_late_and_revised_readings(self, store: Store, mlflow_server: str, experiment: str) -> None:
        sink = MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment)
        days = [AT + timedelta(days=day) for day in range(4)]
        store.readings.write(Reading("drift_share", 1.0, day, LABELS) for day in (days[0], days[3]))
        assert sink.ship() == 2
        late, revised = (
            Reading("drift_share", 2.0, days[1], LABELS),
            Reading("drift_share", 9.0, days[0], LABELS),
        )
        store.readings.write([late, revised])
        assert sink.ship() == 1
        assert sink.repeated == 1
        store.readings.write([Reading("drift_share", 3.0, days[2], LABELS)])
        restarted = MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment)
        assert restarted.ship() == 1
        client = connect(mlflow_server)
        run_id = MonitoringRuns(client, experiment=experiment).run_for(
            "model/nyc@champion", model_version="1"
        )
        assert [value for _, value in sorted(_points(client, run_id, "drift_share").items())] == [1, 2, 3, 1]

    def test_the_limit_leaves_the_rest_for_the_next_call(
        self, store: Store, mlflow_server: str, experiment: str
    ) -> None:
        store.readings.write(_drift(10, 3))
        sink = MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment)
        assert [sink.ship(limit=20), sink.ship(limit=20), sink.ship(limit=20)] == [20, 10, 0]

    def test_a_reading_from_before_1970_holds_nothing_up(
        self, store: Store, mlflow_server: str, experiment: str
    ) -> None:
        old = Reading("drift_share", 1.0, datetime(1969, 12, 31, tzinfo=UTC), LABELS)
        store.readings.write([old, *_drift(1, 2)])
        sink = MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment)
        assert sink.ship() == 2
        assert sink.refused == 1

    def test_an_empty_store_is_nothing_to_do(self, store: Store, mlflow_server: str, experiment: str) -> None:
        assert MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment).ship() == 0

    def test_a_crash_between_the_request_and_the_cursor_sends_nothing_twice(
        self, store: Store, mlflow_server: str, experiment: str, tmp_path: Path
    ) -> None:
        store.readings.write(_drift(40, 10))
        crash = f"""
            import os
            from mirante.sinks.mlflow import MlflowSink
            from mirante.store import Store
            from mirante.tracking.client import connect
            store = Store("sqlite:///{tmp_path}/mirante.db")
            store.cursors.set = lambda *_: os._exit(9)
            MlflowSink(store, lambda: connect({mlflow_server!r}), experiment={experiment!r}).ship()
        """
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(crash)], capture_output=True, text=True)
        assert done.returncode == 9, done.stderr
        store.readings.write(_drift(5, 10, start=AT + timedelta(days=40)))
        sink = MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment)
        assert sink.ship() == 50
        assert sink.repeated == 400
        client = connect(mlflow_server)
        run_id = MonitoringRuns(client, experiment=experiment).run_for(
            "model/nyc@champion", model_version="1"
        )
        for feature in range(10):
            assert len(_points(client, run_id, f"drift_ks/f{feature}")) == 45

    def test_a_deleted_monitoring_run_is_made_anew(
        self, store: Store, mlflow_server: str, experiment: str
    ) -> None:
        sink = MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment)
        store.readings.write(_drift(1, 1))
        sink.ship()
        client = connect(mlflow_server)
        runs = MonitoringRuns(client, experiment=experiment)
        client.delete_run(runs.run_for("model/nyc@champion", model_version="1"))
        store.readings.write(_drift(1, 1, start=AT + timedelta(days=1)))
        with pytest.raises(TrackingError):
            sink.ship()
        assert sink.ship() == 1

    def test_another_server_gets_everything(self, store: Store, mlflow_server: str, experiment: str) -> None:
        store.readings.write(_drift(2, 2))
        assert MlflowSink(store, lambda: connect(mlflow_server), experiment=experiment).ship() == 4
        other = MlflowSink(store, lambda: connect(mlflow_server), experiment=f"{experiment}-other")
        assert other.ship() == 4  # an experiment of its own stands for a server of its own


@pytest.mark.server
def test_a_server_that_dies_and_comes_back_holds_everything_once(store: Store, tmp_path: Path) -> None:
    """Killed between two calls, killed in the middle of one, and away: then back."""
    with start_server(tmp_path / "mlflow") as server:
        sink = MlflowSink(store, lambda: connect(server.uri))
        store.readings.write(_drift(20, 10))
        assert sink.ship() == 200
        server.kill()
        store.readings.write(_drift(600, 20, name="drift_psi"))
        began = time.monotonic()
        with pytest.raises(TrackingError, match=r"no MLflow server answers at http://127\.0\.0\.1"):
            sink.ship()
        assert time.monotonic() - began < 3
    with start_server(tmp_path / "mlflow", port=server.port) as server:
        errors: list[BaseException] = []

        def ship() -> None:
            try:
                sink.ship()
            except TrackingError as error:
                errors.append(error)

        thread = threading.Thread(target=ship)
        thread.start()
        while _rows(server)[0] < 2000:  # it is in the midst of its 12,000 points
            time.sleep(0.01)
        server.kill()
        thread.join(timeout=120)
        assert len(errors) == 1
        there = _rows(server)[0]
        assert 2000 <= there < 12_200
    with start_server(tmp_path / "mlflow", port=server.port) as server:
        assert sink.ship() == 12_200 - there
        assert _rows(server) == (12_200, 12_200)


@pytest.mark.server
def test_a_year_of_a_models_readings_ships_once(store: Store, mlflow_process: ServerProcess) -> None:
    readings = [
        reading
        for name in ("drift_ks", "drift_psi", "drift_effect", "drift_detected", "missing_ratio")
        for reading in _drift(500, 10, name=name)
    ]
    store.readings.write(readings)
    sink = MlflowSink(store, lambda: connect(mlflow_process.uri), experiment=f"year-{uuid.uuid4().hex[:8]}")
    assert sink.ship() == len(readings) == 25_000
    assert sink.ship() == 0


def test_no_server_raises_soon_and_asks_for_no_run(store: Store, tracking_off: str) -> None:
    store.readings.write(_drift(1, 1))
    began = time.monotonic()
    with pytest.raises(TrackingError, match="readings wait in the store"):
        MlflowSink(store, connect).ship()
    assert time.monotonic() - began < 5  # MLflow's import may be within
    assert not reachable(tracking_off)
