from datetime import timedelta

import pytest

from mirante.alerts.actions.figures import figures_of
from mirante.readings import Reading
from tests.alerts.actions.conftest import NOW

SUBJECT = "model/m@live"
DAY = timedelta(days=1)


def write(store, day, version="1", **values):
    labels = {"model": "m", "alias": "live", "version": version}
    store.readings.write([Reading(name, value, NOW + day * DAY, labels) for name, value in values.items()])


def test_realised_performance_is_weighted_by_labels_of_that_version(store):
    write(store, 0, performance_accuracy=0.9, performance_labels=100, performance_base_rate=0.4)
    write(store, 1, performance_accuracy=0.6, performance_labels=300)
    write(store, 2, performance_accuracy=float("nan"), performance_labels=0)
    write(store, 1, "2", performance_accuracy=0.1, performance_labels=999)
    found = figures_of(store, SUBJECT, "1")
    assert found.pop("measures") == {"accuracy": pytest.approx(0.675)}
    assert found == {
        "kind": "realised",
        "rows": 400,
        "since": NOW.isoformat(),
        "until": (NOW + DAY).isoformat(),
    }


def test_only_the_last_thirty_windows_count(store):
    for day in range(40):
        write(store, day, performance_accuracy=float(day >= 10), performance_labels=10)
    found = figures_of(store, SUBJECT, "1")
    assert (found["measures"], found["rows"]) == ({"accuracy": 1.0}, 300)


def test_without_numbers_of_rows_each_window_counts_once(store):
    write(store, 0, performance_mae=1.0)
    write(store, 1, performance_mae=2.0)
    assert figures_of(store, SUBJECT, "1")["measures"] == {"mae": 1.5}


def test_a_slice_does_not_speak_for_the_model(store):
    labels = {"model": "m", "alias": "live", "version": "1", "feature": "carrier"}
    store.readings.write([Reading("performance_accuracy", 0.2, NOW, labels)])
    assert figures_of(store, SUBJECT, "1") == {"kind": "unknown"}


def test_where_nothing_is_known_that_is_said(store):
    write(store, 0, predictions=100, drift_share=0.5)
    assert figures_of(store, SUBJECT, "1") == {"kind": "unknown"}
