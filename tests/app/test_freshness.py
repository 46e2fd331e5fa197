from datetime import UTC, datetime, timedelta

import pytest

from mirante.app.freshness import freshness
from mirante.app.settings import Settings
from mirante.readings import Reading

T0 = datetime(2013, 2, 8, tzinfo=UTC)
SETTINGS = Settings(host={"interval": "1m"}, mlflow={"interval": "30s"}, evaluation_interval="10s")
MODELS = {"model/m@champion": timedelta(hours=2), "model/paused@champion": None}


@pytest.mark.parametrize(
    ("name", "labels", "seconds"),
    [
        ("system_cpu_percent", {"host": "a"}, 180),
        ("mlflow_server_up", {"server": "s"}, 90),
        ("monitor_queue_length", {"queue": "outbox"}, 30),
        ("drift_share", {"model": "m", "alias": "champion"}, 7200),
        ("drift_share", {"model": "paused", "alias": "champion"}, None),
        ("drift_share", {"model": "other", "alias": "champion"}, None),
    ],
)
def test_each_kind_of_series_has_its_own_patience(name, labels, seconds):
    found = freshness(SETTINGS, MODELS)(Reading(name, 1.0, T0, labels))
    assert found == (None if seconds is None else timedelta(seconds=seconds))


def test_a_model_that_may_still_be_discovered_is_waited_for():
    reading = Reading("drift_share", 1.0, T0, {"model": "other", "alias": "champion"})
    assert freshness(Settings(discover=True), {})(reading) == timedelta(days=7)
