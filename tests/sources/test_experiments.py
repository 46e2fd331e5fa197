"""What a source said of experiments that it no longer watches."""

from datetime import UTC, datetime

import pytest

from mirante.readings import Reading
from mirante.sources.experiments import LeftExperiments
from mirante.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        for name in ("run_failed", "trace_error_share"):
            for experiment in ("a", "b"):
                opened.readings.write([Reading(name, 1.0, NOW, {"experiment": experiment})])
        opened.readings.write([Reading("run_failed", 1.0, NOW, {"host": "h"})])
        yield opened


def said(store):
    return {(one.name, *one.labels.values()) for one in store.readings.latest()}


def test_only_what_is_its_own_and_not_watched_ends(store):
    LeftExperiments(store, ("run_",)).end({"a"}, "over")
    assert ("run_failed", "b") not in said(store)
    assert len(said(store)) == 4
    LeftExperiments(store, ("trace",)).end({"b"}, "over")
    assert said(store) == {("run_failed", "a"), ("trace_error_share", "b"), ("run_failed", "h")}


def test_an_experiment_that_is_watched_again_and_left_again_ends_again(store):
    left = LeftExperiments(store, ("run_",))
    left.end({"a"}, "over")
    left.end({"a", "b"}, "over")
    store.endings.settle("experiment/b", lambda _name, _labels: "")
    assert ("run_failed", "b") in said(store)
    left.end({"a"}, "over")
    assert ("run_failed", "b") not in said(store)
