"""What MLflow records, in the text that Prometheus reads: any names, and not every run for ever."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from mirante.readings import READINGS, Reading
from mirante.sinks.prometheus import Exposition
from mirante.store import Store
from tests.tools import require_tool

AT = datetime(2013, 2, 8, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


def render(store: Store, **more: Any) -> bytes:
    return Exposition(store, registry=CollectorRegistry(), **more).render()


def test_what_mlflow_records_is_there_for_one_scrape_whatever_it_is_called(store: Store) -> None:
    promtool = require_tool("promtool")
    hostile = (
        'a"} 1\nfake_metric{x="y\\',
        "{{ 7*7 }}",
        "é€\u202e",
        "\\",
        "tab\tname",
        "a\r\nb",
        "\u2028",
    )
    readings = [Reading("mlflow_registered_models", len(hostile), AT, {"registry": "http://h:5000"})]
    for number, name in enumerate(hostile):
        registered = {"registry": "http://h:5000", "registered_model": name}
        labels = {"experiment": name, "experiment_id": str(number)}
        readings += [
            Reading("mlflow_model_versions", number, AT, registered),
            Reading("alias_version", 1, AT, registered | {"alias": "champion"}),
            Reading("mlflow_experiment_runs", number, AT, labels | {"status": "failed"}),
            Reading("mlflow_traces", number, AT, labels),
            Reading("run_metric", math.nan, AT, labels | {"run": name, "run_id": "r", "key": name}),
        ]
    store.readings.write(readings)
    text = render(store)
    families = {one.name: one for one in text_string_to_metric_families(text.decode())}
    assert {name: one.type for name, one in families.items()} == dict.fromkeys(
        {one.name for one in readings}, "gauge"
    )
    for name, label in (("mlflow_model_versions", "registered_model"), ("mlflow_traces", "experiment")):
        shown = {sample.labels[label]: sample.value for sample in families[name].samples}
        assert shown == {one: float(number) for number, one in enumerate(hostile)}, name
    assert READINGS["mlflow_experiment_runs"].help in families["mlflow_experiment_runs"].documentation
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_nul_at_which_prometheus_gives_the_scrape_up_is_not_written(store: Store) -> None:
    labels = {"experiment": "nul\0in", "experiment_id": "1"}
    store.readings.write(
        [Reading("mlflow_traces", 1, AT, labels), Reading("experiment_runs_left_out", 0, AT)]
    )
    text = render(store)
    assert b"\0" not in text
    assert 'mlflow_traces{experiment="nul\N{SYMBOL FOR NULL}in",experiment_id="1"} 1' in text.decode()


def test_of_single_runs_only_the_newest_series_are_there(store: Store) -> None:
    for number in range(12):
        experiment = {"experiment": f"e{number % 2}", "experiment_id": "1"}
        run = experiment | {"run": "r", "run_id": f"run-{number}"}
        store.readings.write(
            [
                Reading("run_seconds", number, AT, run),
                Reading("experiment_runs_left_out", 0, AT, experiment),
            ]
        )
    text = render(store, most_of_runs=5).decode()
    assert {f"run-{n}" for n in range(12) if f'"run-{n}"' in text} == {f"run-{n}" for n in range(7, 12)}
    assert text.count("\nexperiment_runs_left_out{") == 2  # of experiments nothing is left out
    assert 'mirante_series_left_out{subject="runs"} 7.0' in text
    assert "mirante_series_left_out" not in render(store, most_of_runs=12).decode()


def test_texts_of_runs_that_are_over_are_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirante.sinks.prometheus.exposition._FORGOTTEN", 5)
    exposition = Exposition(store)
    store.readings.write([Reading("a-b", 1, AT, {"host": "h"}), Reading("a_b", 2, AT, {"host": "h"})])
    for number in range(20):
        run = {"experiment": "e", "run_id": f"{number}"}
        store.readings.write([Reading("run_seconds", number, AT, run)])
        going = f"{number}"
        store.endings.settle(
            "experiment/e", lambda _, labels, going=going: "" if labels["run_id"] == going else "over"
        )
        assert exposition.render().startswith(render(store))  # after it what this process counts
    assert len(exposition._known) < 15
