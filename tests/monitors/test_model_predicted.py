"""Which windows have the predictions of some ids, from memory or from the log."""

from datetime import timedelta

import numpy as np
import pytest

from mirante.capture.recorder import Recorder
from mirante.monitors.model.predicted import PredictedIds

from .conftest import START, make_rows

DAY = timedelta(days=1)
SPANS = [(START + day * DAY, START + (day + 1) * DAY) for day in range(4)]


@pytest.fixture
def recorded(config, log):
    for version in ("1", "2"):
        with Recorder("churn", config.log, version=version) as recorder:
            for day in range(3):
                features, predictions, times = make_rows(day, 40)
                recorder.log(
                    features, predictions, id=[f"{version}-{day}-{n}" for n in range(40)], time=times
                )
    return log


@pytest.mark.parametrize("most", [0, 50, 5_000])
def test_windows_are_found_whatever_stays_in_memory(recorded, most):
    ids = PredictedIds(recorded, "churn", "1", most=most)
    for _ in range(2):
        assert ids.windows_of(["1-0-3", "1-2-39", "nobody", "2-1-0"], SPANS) == {START, START + 2 * DAY}
        assert ids.windows_of(["1-1-0"], SPANS[1:]) == {START + DAY}
        assert ids.windows_of(["1-1-0"], SPANS[2:]) == set()
    assert ids.windows_of([], SPANS) == ids.windows_of(["1-0-3"], []) == set()


def test_what_is_forgotten_is_read_again(recorded, monkeypatch):
    ids = PredictedIds(recorded, "churn", "1")
    reads = []
    real = recorded.scan
    monkeypatch.setattr(recorded, "scan", lambda *a, **k: reads.append(k["start"]) or real(*a, **k))
    ids.windows_of(["1-0-3"], SPANS)
    ids.windows_of(["1-0-3"], SPANS)
    assert reads == [START]
    ids.forget(START + DAY)
    assert ids.windows_of(["1-1-3"], SPANS) == {START + DAY}
    assert reads == [START, START + DAY]
    ids.clear()
    ids.windows_of(["1-0-3"], SPANS)
    assert len(reads) == 3


def test_a_window_is_half_open_and_gaps_belong_to_none(config, log):
    edges = [START, START + DAY - timedelta(microseconds=1), START + DAY, START + 2 * DAY]
    with Recorder("churn", config.log, version="1") as recorder:
        for number, time in enumerate(edges):
            recorder.log({"age": 1.0}, 0.5, id=f"e{number}", time=time)
    ids = PredictedIds(log, "churn", "1")
    spans = [(START, START + DAY), (START + 2 * DAY, START + 3 * DAY)]
    assert ids.windows_of(["e0"], spans) == ids.windows_of(["e1"], spans) == {START}
    assert ids.windows_of(["e2"], spans) == set()
    assert ids.windows_of(["e3"], spans) == {START + 2 * DAY}


def test_many_ids_cost_little(recorded):
    ids = PredictedIds(recorded, "churn", "1")
    many = [f"x{number}" for number in range(50_000)]
    assert ids.windows_of(np.random.default_rng(1).permutation([*many, "1-2-2"]).tolist(), SPANS) == {
        START + 2 * DAY
    }
