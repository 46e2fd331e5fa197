"""Performance of slices: joined by id, with enough labels, and never a failure of the monitor."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from mirante.capture.recorder import Recorder
from mirante.monitors.predictions import Predictions
from mirante.monitors.slices.declared import Divider, Slice
from mirante.monitors.slices.entry import Entry
from mirante.monitors.slices.measuring import measure_slices

from ..conftest import START, make_rows

PLAN, OLD = Entry.parse("plan"), Entry.parse("age >= 50 and prediction > 0.5")
SLICES = [Slice(PLAN, "basic"), Slice(PLAN, "pro"), Slice(OLD)]


def record(config, count=300):
    features, predictions, times = make_rows(0, count)
    ids = [f"r{number}" for number in range(count)]
    with Recorder(config.model, config.log, version="1") as recorder:
        recorder.log(features, predictions, 0.001, id=ids, time=times)
    return features.assign(prediction=predictions), ids


def measure(config, log, store, task="probability"):
    divider = Divider(SLICES, {"age", "prediction"})
    return measure_slices(
        log, store, config.model, "1", Predictions(task), divider, START, START + timedelta(days=1)
    )


def test_each_slice_is_measured_on_its_own_rows(config, store, log):
    table, ids = record(config)
    truth = (table["prediction"] > 0.5).astype(float)
    truth[table["plan"] == "basic"] = 1 - truth
    store.labels.write(config.model, ids, truth.tolist(), START)
    found = measure(config, log, store)
    assert found[0]["accuracy"] == 0.0
    assert found[0]["labels"] == (table["plan"] == "basic").sum()
    assert (1 in found) == ((table["plan"] == "pro").sum() >= 30)
    old = ((table["age"] >= 50) & (table["prediction"] > 0.5)).sum()
    assert (2 in found) == (old >= 30)


def test_few_labels_give_nothing_and_wrong_ones_neither(config, store, log):
    table, ids = record(config)
    assert measure(config, log, store) == {}
    few = [one for one, plan in zip(ids, table["plan"], strict=True) if plan == "basic"][:29]
    store.labels.write(config.model, few, [1.0] * 29, START)
    assert measure(config, log, store) == {}
    store.labels.write(config.model, ids, ["yes"] * len(ids), START)
    assert measure(config, log, store) == {}


def test_what_is_no_number_is_left_out(config, store, log):
    _table, ids = record(config)
    store.labels.write(config.model, ids, [1.0] * len(ids), START)
    found = measure(config, log, store)[0]
    assert "roc_auc" not in found
    assert all(np.isfinite(value) for value in found.values())
