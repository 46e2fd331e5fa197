from datetime import UTC, datetime, timedelta

import pytest

from mirante.app.freshness import freshness
from mirante.app.settings import Settings
from mirante.readings import Reading

T0 = datetime(2013, 2, 8, tzinfo=UTC)
SETTINGS = Settings(
    host={"interval": "1m"},
    mlflow={"interval": "30s"},
    evaluation_interval="10s",
    experiments={"include": ["e*"]},
    registry={"include": ["*"]},
    traces={"include": ["t*"]},
)
MODELS = {"model/m@champion": timedelta(hours=2), "model/paused@champion": None}


@pytest.mark.parametrize(
    ("name", "labels", "seconds"),
    [
        ("system_cpu_percent", {"host": "a"}, 180),
        ("mlflow_server_up", {"server": "s"}, 90),
        ("monitor_queue_length", {"queue": "outbox"}, 30),
        ("mlflow_model_versions", {"registry": "r", "registered_model": "m"}, 1800),
        ("run_failed", {"experiment": "e1"}, 900),
        ("run_failed", {"experiment": "t1"}, None),
        ("trace_error_share", {"experiment": "t1"}, 11_160),
        ("trace_error_share", {"experiment": "e1"}, None),
        ("drift_share", {"model": "m", "alias": "champion"}, 7200),
        ("drift_share", {"model": "paused", "alias": "champion"}, None),
        ("drift_share", {"model": "other", "alias": "champion"}, None),
    ],
)
def test_each_kind_of_series_has_its_own_patience(name, labels, seconds):
    found = freshness(SETTINGS, MODELS)(Reading(name, 1.0, T0, labels))
    assert found == (None if seconds is None else timedelta(seconds=seconds))


def test_without_a_registry_that_is_watched_its_series_are_no_concern():
    reading = Reading("mlflow_model_versions", 1.0, T0, {"registry": "r", "registered_model": "m"})
    assert freshness(Settings(), {})(reading) is None


def test_a_model_that_may_still_be_discovered_is_waited_for():
    reading = Reading("drift_share", 1.0, T0, {"model": "other", "alias": "champion"})
    assert freshness(Settings(discover=True), {})(reading) == timedelta(days=7)


def test_a_host_with_an_agent_is_as_patient_as_that_is_slow():
    hosts = {"slow": timedelta(minutes=5), "quick": timedelta(seconds=1)}
    found = freshness(Settings(), {}, hosts)
    patience = [
        found(Reading("system_cpu_percent", 1.0, T0, {"host": name})) for name in ("slow", "quick", "own")
    ]
    assert patience == [timedelta(minutes=15), timedelta(minutes=3), timedelta(minutes=3)]
