"""The host: real figures, the first one too."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from mirante.errors import InputError, MiranteWarning
from mirante.readings import READINGS, label_names
from mirante.sources.host import HostSource, SystemMetrics, SystemMonitor, system
from mirante.sources.host import monitor as module
from mirante.tracking.client import connect
from mirante.tracking.runs import MonitoringRuns

AT = datetime(2013, 2, 8, tzinfo=UTC)
KEYS = {
    "system.cpu",
    "system.memory",
    "system.disk",
    "system.network.sent",
    "system.network.recv",
    "system.processes",
}


def _spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_metrics_are_a_dataclass_whose_dict_goes_to_rules() -> None:
    metrics = SystemMonitor(log=False).collect_metrics()
    assert dataclasses.is_dataclass(metrics)
    assert set(metrics.__dict__) == {
        "cpu_percent",
        "memory_percent",
        "disk_percent",
        "network_io",
        "process_count",
    }
    assert set(metrics.network_io) == {"bytes_sent", "bytes_recv"}
    for percent in (metrics.cpu_percent, metrics.memory_percent, metrics.disk_percent):
        assert 0 <= percent <= 100
    assert metrics.process_count >= 1


def test_the_first_cpu_figure_is_real() -> None:
    """psutil's own first answer is 0.0, whatever the host does."""
    worker = multiprocessing.get_context("spawn").Process(target=_spin, args=(30.0,))
    worker.start()
    try:
        time.sleep(1.0)  # spawning takes a moment
        monitor = SystemMonitor(log=False)
        first = monitor.collect_metrics().cpu_percent
    finally:
        worker.kill()
        worker.join()
    assert first >= 50.0 / (psutil.cpu_count() or 1)


def test_two_monitors_do_not_disturb_each_other() -> None:
    monitors = [SystemMonitor(log=False) for _ in range(2)]
    _spin(0.5)
    first, second = (monitor.collect_metrics().cpu_percent for monitor in monitors)
    assert first > 0
    assert second > 0


def test_a_host_without_network_or_disk_still_gives_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_io_counters", lambda: None)
    metrics = SystemMonitor(log=False, disk="/no/such/disk").collect_metrics()
    assert metrics.network_io == {"bytes_sent": 0, "bytes_recv": 0}
    assert math.isnan(metrics.disk_percent)
    assert metrics.memory_percent > 0


def test_readings_have_names_of_the_table_and_the_hosts_label() -> None:
    readings = HostSource("web-1").read(AT)
    assert [r.name for r in readings][:7] == [name for name in READINGS if name.startswith("system_")][:7]
    for reading in readings:
        assert reading.time == AT
        assert reading.labels.keys() == label_names(reading.name)
        assert math.isfinite(reading.value)
    assert {r.labels["host"] for r in readings} == {"web-1"}
    assert HostSource().host


def test_cpu_that_did_not_tick_is_unknown_and_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system._Cpu, "_times", staticmethod(lambda: (10.0, 5.0)))
    assert math.isnan(HostSource("h").read(AT)[0].value)


@pytest.mark.parametrize("interval", [0, -1, math.nan, None, "60"])
def test_interval_must_be_positive(interval: Any) -> None:
    with pytest.raises(InputError, match="interval is"):
        SystemMonitor(interval)


@pytest.mark.server
class TestLogging:
    @pytest.fixture
    def client(self, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
        return connect()

    def test_one_run_for_the_host_not_one_per_sample(self, client: Any) -> None:
        host = uuid.uuid4().hex
        monitor = SystemMonitor(host=host)
        for _ in range(3):
            logged = monitor.log_metrics()
        runs = client.search_runs(
            [MonitoringRuns(client).experiment_id()], f"tags.`mirante.subject` = 'host/{host}'"
        )
        assert len(runs) == 1
        assert set(runs[0].data.metrics) == KEYS
        assert runs[0].data.metrics["system.memory"] == logged.memory_percent
        assert len(client.get_metric_history(runs[0].info.run_id, "system.cpu")) == 3

    def test_inside_an_active_run_it_does_not_crash_and_logs_there(self, client: Any) -> None:
        import mlflow

        with mlflow.start_run() as run:
            SystemMonitor().log_metrics()
            with SystemMonitor(interval=0.05) as watching:  # its thread does not see the run by itself
                _wait_until(lambda: watching.latest is not None)
        assert set(client.get_run(run.info.run_id).data.metrics) == KEYS
        assert len(client.get_metric_history(run.info.run_id, "system.cpu")) >= 2


def _wait_until(true: Any) -> None:
    deadline = time.monotonic() + 20
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert true()


def test_without_a_server_the_figures_come_all_the_same(tracking_off: str) -> None:
    monitor = SystemMonitor()
    with pytest.warns(MiranteWarning, match="not logged to MLflow"):
        assert monitor.log_metrics().memory_percent > 0
    assert monitor.log_metrics().memory_percent > 0  # said once


def test_with_log_false_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "send_metrics", lambda *a, **k: pytest.fail("it was sent"))
    assert SystemMonitor(log=False).log_metrics().process_count >= 1


def test_start_and_stop() -> None:
    monitor = SystemMonitor(interval=3600, log=False)
    monitor.stop()  # nothing to stop
    before = threading.active_count()
    assert monitor.start() is monitor
    monitor.start()  # still one thread
    assert threading.active_count() == before + 1
    _wait_until(lambda: monitor.latest is not None)
    began = time.monotonic()
    monitor.stop()
    assert time.monotonic() - began < 2
    assert threading.active_count() == before
    monitor.latest = None
    with monitor:  # and again
        _wait_until(lambda: monitor.latest is not None)


def test_one_bad_sample_does_not_end_the_watch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    samples = iter([OSError("no /proc"), SystemMetrics(1.0, 2.0, 3.0, {"bytes_sent": 0, "bytes_recv": 0}, 4)])

    def sample(self: Any) -> SystemMetrics:
        found = next(samples)
        if isinstance(found, OSError):
            raise found
        return found

    monkeypatch.setattr(system.Host, "metrics", sample)
    seen: list[float] = []

    def wait(stop: threading.Event, seconds: float) -> bool:
        seen.append(seconds)
        return len(seen) == 2

    monitor = SystemMonitor(interval=7, log=False, wait=wait).start()
    _wait_until(lambda: monitor.latest is not None)
    monitor.stop()
    assert seen == [7.0, 7.0]
    assert "a sample of the host failed" in caplog.text
