"""The reference API's counters, and the text that Prometheus reads."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import textwrap
import threading
import time
import uuid
import warnings
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from mirante.errors import InputError, MiranteWarning
from mirante.readings import READINGS, Reading
from mirante.sinks.prometheus import Exposition, MLflowMetrics
from mirante.store import AlertRow, NoticeRow, Store
from mirante.tracking.client import connect
from mirante.tracking.runs import MonitoringRuns
from mirante.tracking.runs import log as log_module
from tests.tools import require_tool

AT = datetime(2013, 2, 8, tzinfo=UTC)
LABELS = {"model": "nyc", "alias": "champion", "version": "1"}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


@pytest.fixture
def client(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    return connect()


def render(store: Store, **more: Any) -> bytes:
    return Exposition(store, **more).render()


def _values(client: Any, run_id: str, key: str) -> list[float]:
    points = client.get_metric_history(run_id, key)
    return [point.value for point in sorted(points, key=lambda point: point.step)]


class TestCounting:
    def test_stats_are_this_instances(self, registry: CollectorRegistry) -> None:
        first, second = (MLflowMetrics(log=False, registry=registry) for _ in range(2))
        first.log_prediction("m", 0.25)
        first.log_prediction("n", 0.75)
        second.log_prediction("m", 4.0)
        assert first.get_prediction_stats() == {"total_predictions": 2, "avg_latency": 0.5}
        assert second.get_prediction_stats() == {"total_predictions": 1, "avg_latency": 4.0}

    def test_before_the_first_prediction_the_mean_is_nan(self, registry: CollectorRegistry) -> None:
        stats = MLflowMetrics(log=False, registry=registry).get_prediction_stats()
        assert stats["total_predictions"] == 0
        assert math.isnan(stats["avg_latency"])

    def test_a_second_instance_does_not_raise_duplicate_timeseries(self) -> None:
        model = uuid.uuid4().hex
        for _ in range(2):  # on prometheus_client's own registry, as users have it
            MLflowMetrics(log=False).log_prediction(model, 0.5)
        from prometheus_client import REGISTRY

        assert REGISTRY.get_sample_value("mlflow_model_predictions_total", {"model": model}) == 2
        assert REGISTRY.get_sample_value("mlflow_prediction_latency_seconds_count", {"model": model}) == 2
        assert REGISTRY.get_sample_value("mlflow_prediction_latency_seconds_sum", {"model": model}) == 1.0

    @pytest.mark.parametrize("latency", [math.nan, math.inf, -1.0])
    def test_a_latency_that_is_none_counts_and_spoils_no_mean(
        self, registry: CollectorRegistry, latency: float
    ) -> None:
        metrics = MLflowMetrics(log=False, registry=registry)
        metrics.log_prediction("m", 0.5)
        with pytest.warns(MiranteWarning, match="is no duration"):
            metrics.log_prediction("m", latency)
        metrics.log_prediction("m", latency)  # said once
        assert metrics.get_prediction_stats() == {"total_predictions": 3, "avg_latency": 0.5}
        assert registry.get_sample_value("mlflow_prediction_latency_seconds_sum", {"model": "m"}) == 0.5

    @pytest.mark.parametrize(
        ("model", "latency"), [("m", "x"), ("m", None), (["m"], 0.5), ("m", np.zeros(2)), ("m", 1j)]
    )
    def test_what_is_no_number_or_name_is_refused_and_counts_nothing(
        self, registry: CollectorRegistry, model: Any, latency: Any
    ) -> None:
        metrics = MLflowMetrics(log=False, registry=registry)
        with pytest.raises(InputError, match="give a text and a number of seconds"):
            metrics.log_prediction(model, latency)
        assert metrics.get_prediction_stats()["total_predictions"] == 0
        assert registry.get_sample_value("mlflow_model_predictions_total", {"model": "m"}) is None

    def test_a_float32_does_not_make_the_sum_one(self, registry: CollectorRegistry) -> None:
        metrics = MLflowMetrics(log=False, registry=registry)
        for latency in (np.float32(0.5), 1e-9, 1e-9):
            metrics.log_prediction("m", latency)
        mean = metrics.get_prediction_stats()["avg_latency"]
        assert type(mean) is float
        assert mean == pytest.approx((0.5 + 2e-9) / 3, rel=1e-12)

    def test_threads_lose_no_prediction(self, registry: CollectorRegistry) -> None:
        metrics = MLflowMetrics(log=False, registry=registry)
        threads = [
            threading.Thread(target=lambda: [metrics.log_prediction("m", 0.5) for _ in range(5000)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert metrics.get_prediction_stats() == {"total_predictions": 20_000, "avg_latency": 0.5}

    def test_interval_must_be_positive(self, registry: CollectorRegistry) -> None:
        with pytest.raises(InputError, match="interval is 0"):
            MLflowMetrics(interval=0, registry=registry)


@pytest.mark.server
class TestFlush:
    def test_count_so_far_and_mean_since_the_last_flush(
        self, client: Any, registry: CollectorRegistry
    ) -> None:
        model = uuid.uuid4().hex
        with MLflowMetrics(registry=registry) as metrics:
            for latency in (0.25, 0.75):
                metrics.log_prediction(model, latency)
            metrics.flush()
            metrics.flush()  # nothing new: nothing sent
            metrics.log_prediction(model, 2.0)
        run_id = MonitoringRuns(client).run_for(f"model/{model}@none")
        assert _values(client, run_id, "prediction_count") == [2, 3]
        assert _values(client, run_id, "prediction_latency") == [0.5, 2.0]

    def test_runs_that_are_over_are_forgotten_when_there_are_many(
        self, client: Any, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import mlflow

        monkeypatch.setattr("mirante.sinks.prometheus.metrics._MOST_RUNS", 2)
        with MLflowMetrics(registry=registry) as metrics:
            runs = []
            for _ in range(4):
                with mlflow.start_run() as run:
                    metrics.log_prediction("m", 0.5)
                runs.append(run.info.run_id)
                metrics.flush()
            assert list(metrics._tallies) == runs[2:]
        assert [_values(client, run_id, "prediction_count") for run_id in runs] == [[1]] * 4

    def test_into_the_callers_active_run_also_from_the_thread(
        self, client: Any, registry: CollectorRegistry
    ) -> None:
        import mlflow

        metrics = MLflowMetrics(registry=registry, interval=0.05)
        with mlflow.start_run() as run:
            metrics.log_prediction("m", 0.25)
            metrics.log_prediction("price (R$)", 0.75)
            deadline = time.monotonic() + 30
            while not client.get_run(run.info.run_id).data.metrics and time.monotonic() < deadline:
                time.sleep(0.05)
        metrics.close()
        assert client.get_run(run.info.run_id).data.metrics == {
            "prediction_count": 2,
            "prediction_latency": 0.5,
            "prediction_count/m": 1,
            "prediction_latency/m": 0.25,
            "prediction_count/price _x28_R_x24__x29_": 1,
            "prediction_latency/price _x28_R_x24__x29_": 0.75,
        }

    def test_no_new_run_and_at_most_one_request_per_flush(
        self, client: Any, registry: CollectorRegistry
    ) -> None:
        model = uuid.uuid4().hex
        metrics = MLflowMetrics(registry=registry, interval=0.1)
        for _ in range(2000):
            metrics.log_prediction(model, 0.001)
        metrics.close()
        runs = client.search_runs(
            [MonitoringRuns(client).experiment_id()], f"tags.`mirante.subject` = 'model/{model}@none'"
        )
        assert len(runs) == 1
        counts = _values(client, runs[0].info.run_id, "prediction_count")
        assert counts[-1] == 2000
        assert len(counts) <= 5

    def test_predictions_wait_for_a_server_that_is_away(
        self,
        mlflow_server: str,
        monkeypatch: pytest.MonkeyPatch,
        tracking_off: str,
        registry: CollectorRegistry,
    ) -> None:
        model = uuid.uuid4().hex
        metrics = MLflowMetrics(registry=registry)
        metrics.log_prediction(model, 0.5)
        with pytest.warns(MiranteWarning, match="no server answers"):
            metrics.flush()
        metrics.log_prediction(model, 1.5)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
        metrics.close()
        client = connect()
        run_id = MonitoringRuns(client).run_for(f"model/{model}@none")
        assert _values(client, run_id, "prediction_count") == [2]
        assert _values(client, run_id, "prediction_latency") == [1.0]

    def test_what_is_new_is_sent_at_exit(self, mlflow_server: str) -> None:
        model = uuid.uuid4().hex
        code = f"""
            from mirante.sinks.prometheus import MLflowMetrics
            metrics = MLflowMetrics()
            metrics.log_prediction({model!r}, 0.5)
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env={"MLFLOW_TRACKING_URI": mlflow_server, "PATH": "", "GIT_PYTHON_REFRESH": "quiet"},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        client = connect(mlflow_server)
        run_id = MonitoringRuns(client).run_for(f"model/{model}@none")
        assert _values(client, run_id, "prediction_count") == [1]


def test_without_log_nothing_is_sent_and_no_thread_runs(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_attempt", lambda work: pytest.fail("it was sent"))
    before = threading.active_count()
    with MLflowMetrics(log=False, registry=registry) as metrics:
        metrics.log_prediction("m", 1.0)
        assert threading.active_count() == before
        metrics.flush()


def test_without_a_server_a_prediction_works_and_exit_is_quick(
    tracking_off: str, registry: CollectorRegistry
) -> None:
    began = time.monotonic()
    metrics = MLflowMetrics(registry=registry)
    metrics.log_prediction("m", 1.0)
    with pytest.warns(MiranteWarning, match="not logged to MLflow"):
        metrics.close()
    assert metrics.get_prediction_stats()["total_predictions"] == 1
    assert time.monotonic() - began < 5


def test_an_instance_that_is_let_go_is_gone_and_its_thread_ends(
    tracking_off: str, registry: CollectorRegistry
) -> None:
    metrics = MLflowMetrics(registry=registry, interval=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metrics.log_prediction("m", 1.0)
        thread, gone = metrics._thread, weakref.ref(metrics)
        del metrics
        assert thread is not None
        thread.join(timeout=10)
    gc.collect()
    assert gone() is None
    assert not thread.is_alive()


class TestRender:
    def test_newest_reading_of_each_series_with_help_and_type(
        self, store: Store, registry: CollectorRegistry
    ) -> None:
        store.readings.write(
            [
                Reading("drift_ks", 0.1, AT, LABELS | {"feature": "age"}),
                Reading("drift_ks", 0.2, AT + timedelta(days=1), LABELS | {"feature": "age"}),
                Reading("drift_ks", math.nan, AT, LABELS | {"feature": "size"}),
                Reading("system_network_sent_bytes_total", 7, AT, {"host": "web-1"}),
            ]
        )
        families = {
            f.name: f for f in text_string_to_metric_families(render(store, registry=registry).decode())
        }
        ages = {s.labels["feature"]: s for s in families["drift_ks"].samples}
        assert ages["age"].value == 0.2
        assert ages["age"].labels == LABELS | {"feature": "age"}
        assert math.isnan(ages["size"].value)
        assert families["drift_ks"].type == "gauge"
        assert READINGS["drift_ks"].help in families["drift_ks"].documentation
        assert families["system_network_sent_bytes"].type == "counter"
        assert len(families) == 2

    def test_the_reference_apis_counters_are_there(self, store: Store, registry: CollectorRegistry) -> None:
        # a stored reading of the same name would make the family appear twice
        store.readings.write([Reading("mlflow_model_predictions_total", 5, AT, LABELS)])
        assert render(store, registry=registry) == b""
        MLflowMetrics(log=False, registry=registry).log_prediction("m", 0.2)
        text = render(store, registry=registry).decode()
        assert 'mlflow_model_predictions_total{model="m"} 1.0' in text
        assert 'mlflow_prediction_latency_seconds_bucket{le="0.25",model="m"} 1.0' in text
        assert "champion" not in text

    def test_hostile_names_and_values_cannot_break_out(
        self, store: Store, registry: CollectorRegistry
    ) -> None:
        hostile = 'a"} 1\nfake_metric{x="y\\'
        store.readings.write(
            [
                Reading("drift_ks", 1, AT, {"model": hostile, "alias": "é€", "feature": "<script>"}),
                Reading("price (R$)", 2, AT, {"host": "h", "a-b": "1", "__x": "2", "9": "3"}),
                Reading("", 3, AT, {"host": "h"}),
                Reading("9lives", 4, AT, {"host": "h"}),
            ]
        )
        families = {
            f.name: f for f in text_string_to_metric_families(render(store, registry=registry).decode())
        }
        assert set(families) == {"drift_ks", "price__R__", "_", "_9lives"}
        assert families["drift_ks"].samples[0].labels == {
            "model": hostile,
            "alias": "é€",
            "feature": "<script>",
        }
        assert families["price__R__"].samples[0].labels == {"host": "h", "a_b": "1", "_x": "2", "_9": "3"}

    def test_names_that_become_one_are_one_sample(self, store: Store, registry: CollectorRegistry) -> None:
        store.readings.write(
            [Reading("a-b", 1, AT, {"host": "h"}), Reading("a_b", 2, AT + timedelta(days=1), {"host": "h"})]
        )
        (family,) = text_string_to_metric_families(render(store, registry=registry).decode())
        assert [sample.value for sample in family.samples] == [2]

    def test_series_of_a_subject_are_capped_and_the_rest_is_counted(
        self, store: Store, registry: CollectorRegistry
    ) -> None:
        store.readings.write(Reading("drift_ks", n, AT, LABELS | {"feature": f"f{n:03}"}) for n in range(120))
        store.readings.write([Reading("system_cpu_percent", 5, AT, {"host": "h"})])
        text = render(store, registry=registry, most_series=100).decode()
        assert text.count("\ndrift_ks{") == 100
        assert 'feature="f099"' in text
        assert 'feature="f100"' not in text
        assert 'system_cpu_percent{host="h"} 5.0' in text
        assert 'mirante_series_left_out{subject="model/nyc@champion"} 20.0' in text
        assert "left_out" not in render(store, registry=registry, most_series=120).decode()

    def test_a_second_scrape_has_new_numbers_new_series_and_the_same_order(
        self, store: Store, registry: CollectorRegistry
    ) -> None:
        exposition = Exposition(store, registry=registry)
        assert exposition.render() == b""
        store.readings.write(Reading("drift_ks", n, AT, LABELS | {"feature": f"f{n}"}) for n in (1, 3))
        exposition.render()
        later = AT + timedelta(days=1)
        store.readings.write(
            Reading("drift_ks", n / 10, later, LABELS | {"feature": f"f{n}"}) for n in (2, 3)
        )
        store.readings.write([Reading("a_first_family", 5, AT, {"host": "h"})])
        found = exposition.render()
        assert found == render(store, registry=registry), "what is kept is what would be made anew"
        numbers = [line.rpartition(b" ")[2] for line in found.splitlines() if not line.startswith(b"#")]
        assert numbers == [b"5.0", b"1.0", b"0.2", b"0.3"]

    def test_a_second_scrape_asks_for_no_name_again(self, store: Store, registry: CollectorRegistry) -> None:
        store.readings.write(Reading("drift_ks", n, AT, LABELS | {"feature": f"f{n}"}) for n in range(5))
        exposition = Exposition(store, registry=registry)
        asked: list[str] = []

        def note(*arguments: Any) -> None:
            asked.append(str(arguments[2]))

        event.listen(store._database.engine, "before_cursor_execute", note)
        first = exposition.render()
        assert any("mirante_series.labels" in text for text in asked)
        asked.clear()
        assert exposition.render() == first
        assert not any("mirante_series.labels" in text for text in asked)

    def test_the_newest_of_names_that_become_one_is_shown_at_each_scrape(
        self, store: Store, registry: CollectorRegistry
    ) -> None:
        exposition = Exposition(store, registry=registry)
        for day, name in enumerate(("a-b", "a_b", "a-b", "a:b", "a b")):
            store.readings.write([Reading(name, day, AT + timedelta(days=day), {"host": "h"})])
            lines = exposition.render().splitlines()
            assert f'{"a:b" if name == "a:b" else "a_b"}{{host="h"}} {day:.1f}'.encode() in lines
            assert len(lines) == len(set(lines))

    def test_labels_and_numbers_that_the_format_has_no_word_for(
        self, store: Store, registry: CollectorRegistry
    ) -> None:
        store.readings.write(
            [
                Reading("x", math.inf, AT, {"host": "\ud800", "empty": ""}),
                Reading("x", -math.inf, AT, {"host": "b"}),
                Reading("x", math.nan, AT, {"": "c"}),
                Reading("x", 1e300, AT),
            ]
        )
        lines = render(store, registry=registry).splitlines()[2:]
        assert lines == [b"x 1e+300", b'x{_="c"} NaN', b'x{host="?"} +Inf', b'x{host="b"} -Inf']

    def test_scrapes_from_many_threads_are_one_after_the_other(
        self, store: Store, registry: CollectorRegistry
    ) -> None:
        store.readings.write(Reading("drift_ks", n, AT, LABELS | {"feature": f"f{n}"}) for n in range(500))
        exposition = Exposition(store, registry=registry)
        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(lambda _: exposition.render(), range(16)))
        assert found == {render(store, registry=registry)}

    def test_alerts_and_notices_are_there_and_promtool_accepts_them(
        self, store: Store, registry: CollectorRegistry
    ) -> None:
        promtool = require_tool("promtool")
        store.readings.write(Reading("drift_ks", n, AT, LABELS | {"feature": f"f{n}"}) for n in range(3))
        store.alerts.save_all([AlertRow("a", 'r"\n', {}, "monitor", "critical", "firing", AT)])
        for number, status in enumerate(("owed", "delivered", "dead")):
            store.outbox.add(NoticeRow(f"{number}", "chat", "first_firing", AT, AT, 2, status))
        text = render(store, registry=registry, most_series=1)
        assert b'mirante_alerts{rule="r\\"\\n",severity="critical",state="firing"} 1.0' in text
        assert b'mirante_notifications_total{channel="chat",outcome="dead"} 1.0' in text
        assert b'mirante_notices_owed{channel="chat"} 1.0' in text
        assert b"mirante_series_left_out{" in text
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def test_promtool_accepts_every_name_of_the_table(
        self, store: Store, registry: CollectorRegistry
    ) -> None:
        promtool = require_tool("promtool")
        metrics = MLflowMetrics(log=False, registry=registry)
        metrics.log_prediction('m"\\\n', 0.2)
        store.readings.write(
            Reading(name, 1.5, AT, LABELS | {"host": "h"} | dict.fromkeys(kind.labels, 'v"\\\n{}'))
            for name, kind in READINGS.items()
        )
        text = render(store, registry=registry)
        assert text.count(b"# TYPE") >= len(READINGS)
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_series_that_is_over_is_gone_and_comes_back_when_it_goes_on(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
        shown = Exposition(store, registry=CollectorRegistry())
        store.readings.write([Reading("predictions", 5, AT, {**LABELS, "version": v}) for v in "12"])
        assert shown.render().count(b"predictions{") == 2
        judge = lambda _name, labels: "gone" if labels["version"] == "1" else ""  # noqa: E731 - short
        store.endings.settle("model/nyc@champion", judge)
        assert b'version="1"' not in shown.render()
        store.endings.settle("model/nyc@champion", lambda *_: "")
        assert shown.render().count(b"predictions{") == 2
