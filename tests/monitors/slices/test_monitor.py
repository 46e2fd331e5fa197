"""Declared slices over the whole path: counted once, judged within the budget, kept, and taken up again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from structlog.testing import capture_logs

from mirante.capture.recorder import Recorder
from mirante.inference_log import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.columns import watched_columns
from mirante.monitors.model import ModelMonitor
from mirante.monitors.openwindow import OpenWindow
from mirante.monitors.slices.counting import SliceCounts
from mirante.monitors.slices.resolving import resolve
from mirante.monitors.slices.sending import offer_slices, offered_slices, pack_slices
from mirante.monitors.windowparts import pack_window
from mirante.monitors.windows import Window
from mirante.profiles import TableProfile
from mirante.readings import is_provisional
from mirante.sources.rows.config import ColumnChoice
from mirante.store import PartRow, Store

from ..conftest import START, make_rows

DAY = timedelta(days=1)
SLICES = ("plan", "age >= 55", "plan in ('plus', 'pro') and age < 40")


@pytest.fixture(scope="module")
def sliced():
    parts = [make_rows(-day, 200, seed=1) for day in range(30, 0, -1)]
    features = pd.concat([part[0] for part in parts], ignore_index=True)
    times = pd.concat([part[2] for part in parts], ignore_index=True)
    predictions = np.concatenate([part[1] for part in parts])
    labels = (np.random.default_rng(5).random(len(predictions)) < predictions).astype(float)
    from mirante.monitors.windows import WindowClock

    return ModelBaseline.fit(
        features, predictions, times, clock=WindowClock("1d"), labels=labels, slices=SLICES
    )


def record(config, day, *, count=400, shift=0.0, plan="pro", name="row", version="1", part=None):
    """One day in which `age` moved where the plan is `plan` (a tenth of all rows), and nothing else did."""
    features, predictions, times = make_rows(day, count)
    features["age"] += shift * (features["plan"] == plan)
    ids = [f"{name}-{day}-{number}" for number in range(count)]
    rows = np.arange(count) if part is None else part
    with Recorder(config.model, config.log, version=version) as recorder:
        recorder.log(
            features.iloc[rows],
            predictions[rows],
            0.002,
            id=[ids[row] for row in rows],
            time=times.iloc[rows],
        )
    return features.assign(prediction=predictions), ids


def labels_of(readings, name):
    return {
        (reading.labels.get("slice"), reading.labels.get("feature")): reading.value
        for reading in readings
        if reading.name == name
    }


def test_a_shift_of_one_slice_that_the_whole_does_not_show_is_found(config, store, log, sliced):
    record(config, 0)
    record(config, 2, shift=11.0)
    step = ModelMonitor(config, "1", sliced, store, log).advance(START + 4 * DAY)
    drifted = labels_of(step.readings, "drift_detected")
    assert drifted[None, "age"] == 0.0
    assert drifted["plan=pro", "age"] == 1.0
    # among those that are old now there are more of that plan, and no other slice noticed anything
    moved = {key for key, value in drifted.items() if value}
    assert moved <= {("plan=pro", "age"), ("age >= 55", "plan"), ("age >= 55", "age")}
    note = next(
        r.note for r in step.readings if r.name == "drift_detected" and r.labels.get("slice") == "plan=pro"
    )
    assert note.startswith("plan=pro: age moved: ")
    rows = {row.label: row for row in store.slice_windows.list(config.subject, since=START + 2 * DAY)}
    assert rows["plan=pro"].strongest == "age"
    assert rows["plan=pro"].effect > 0.3
    assert rows["plan=pro"].verdicts["sentences"][0].startswith("age moved: ")
    assert rows["plan=basic"].drifted == 0


def test_a_slice_counts_exactly_its_rows_in_whatever_portions_they_come(config, store, log, sliced):
    rng = np.random.default_rng(3)
    for part in np.array_split(rng.permutation(400), 5):
        table, _ids = record(config, 0, part=np.sort(part))
        ModelMonitor(config, "1", sliced, store, log).advance(START + timedelta(hours=2))
    kept = {row.label: row for row in store.slice_windows.kept(config.subject, "1")}
    assert not any(row.closed for row in kept.values())
    young = (table["plan"] != "basic") & (table["age"] < 40)
    like = sliced.slices.like
    for label, mine in (
        ("plan=pro", table["plan"] == "pro"),
        ("age >= 55", table["age"] >= 55),
        (SLICES[2], young),
    ):
        found = TableProfile.from_bytes(kept[label].profile, like=like)
        assert found == TableProfile.of(table[mine], like=like), label
    step = ModelMonitor(config, "1", sliced, store, log).advance(START + DAY + timedelta(hours=1))
    predictions = labels_of(step.readings, "predictions")
    assert predictions[None, None] == 400
    assert predictions["age >= 55", None] == (table["age"] >= 55).sum()
    assert sum(predictions[f"plan={plan}", None] for plan in ("basic", "plus", "pro")) == 400


def test_what_fails_to_be_saved_is_counted_once(config, store, log, sliced, monkeypatch):
    record(config, 0)
    monitor = ModelMonitor(config, "1", sliced, store, log)
    with monkeypatch.context() as patch:
        patch.setattr(store.readings, "write", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            monitor.advance(START + 2 * DAY - timedelta(hours=1))
    assert store.slice_windows.list(config.subject) == []
    step = monitor.advance(START + 2 * DAY - timedelta(hours=1))
    rows = store.slice_windows.list(config.subject)
    assert sum(row.rows for row in rows if row.key == "plan") == 400
    assert [row.rows for row in step.closed] == [400]


def test_rows_that_are_deleted_while_a_window_is_open_do_not_count_twice(config, store, log, sliced):
    record(config, 0, part=np.arange(200))
    monitor = ModelMonitor(config, "1", sliced, store, log)
    monitor.advance(START + timedelta(hours=2))
    store.forget(config.model, ["row-0-3"])
    record(config, 0, part=np.arange(200, 400))
    monitor.advance(START + DAY + timedelta(hours=1))
    rows = store.slice_windows.list(config.subject)
    assert sum(row.rows for row in rows if row.key == "plan") == 400


def test_an_alarm_of_a_slice_is_taken_back_once_also_after_a_restart(config, store, log, sliced):
    for day, shift in enumerate((0.0, 12.0, 0.0, 0.0)):
        record(config, day, shift=shift)
        step = ModelMonitor(config, "1", sliced, store, log).advance(
            START + (day + 1) * DAY + timedelta(hours=1)
        )
        told = {key[0]: value for key, value in labels_of(step.readings, "drift_detected").items() if key[0]}
        assert told == ({}, {"plan=pro": 1.0}, {"plan=pro": 0.0}, {})[day]


def test_other_slices_in_the_config_are_counted_anew_in_the_open_window(config, store, log, sliced):
    record(config, 0, part=np.arange(200))
    ModelMonitor(config, "1", sliced, store, log).advance(START + timedelta(hours=2))
    record(config, 0, part=np.arange(200, 400))
    other = config.model_copy(update={"slices": ("plan",)})
    ModelMonitor(other, "1", sliced, store, log).advance(START + DAY + timedelta(hours=1))
    rows = store.slice_windows.list(config.subject)
    assert {row.key for row in rows} == {"plan"}
    assert sum(row.rows for row in rows) == 400
    assert [row.rows for row in store.windows.list(config.subject)] == [400]


def test_a_baseline_without_the_slices_lends_its_sample_and_says_what_it_cannot(config, store, log, baseline):
    asked = config.model_copy(update={"slices": ("plan", "age >= 80", "plna == 'pro'")})
    record(config, 0)
    record(config, 1, shift=40.0)
    with capture_logs() as logs:
        step = ModelMonitor(asked, "1", baseline, store, log).advance(START + 3 * DAY)
    reasons = {
        one["slice"]: one["reason"] for one in logs if one["event"] == "a declared slice is not judged"
    }
    assert "hold fewer than the 100" in reasons["age >= 80"]
    assert "mirante baseline churn --data FILE … --slice 'age >= 80'" in reasons["age >= 80"]
    assert "did you mean 'plan'" in reasons["plna == 'pro'"]
    assert [one["entry"] for one in step.closed[0].verdicts["not_sliced"]] == ["age >= 80", "plna == 'pro'"]
    assert labels_of(step.readings, "drift_detected")["plan=pro", "age"] == 1.0
    none = replace(baseline, sample=None)
    again = ModelMonitor(asked, "2", none, store, log)
    assert "keeps no rows" in again.slices.problems[0].reason
    assert again._slices.share == 1.0


def test_profiles_that_are_not_pooled_any_more_are_dropped_and_verdicts_stay(config, store, log, sliced):
    short = replace(sliced, slices=replace(sliced.slices, slices=tuple(
        replace(one, own=(), starts=()) for one in sliced.slices.slices
    )))  # fmt: skip
    for day in range(36):
        record(config, day, count=60)
    ModelMonitor(config, "1", short, store, log).advance(START + 40 * DAY)
    kept = store.slice_windows.kept(config.subject, "1")
    counts = pd.Series([row.label for row in kept]).value_counts()
    assert counts["plan=basic"] == 32
    assert counts.max() == 32
    assert len([row for row in store.slice_windows.list(config.subject) if row.label == "plan=basic"]) == 36


def test_performance_of_slices_with_enough_labels_is_measured(config, store, log, sliced):
    table, ids = record(config, 0)
    truth = np.where(table["plan"] == "plus", 1.0 - (table["prediction"] > 0.5), table["prediction"] > 0.5)
    store.labels.write(config.model, ids, truth.astype(float), START + DAY)
    monitor = ModelMonitor(config, "1", sliced, store, log)
    monitor.advance(START + DAY + timedelta(hours=2))
    step = monitor.advance(START + 2 * DAY)
    accuracy = labels_of(step.readings, "performance_accuracy")
    assert accuracy["plan=basic", None] == 1.0
    assert accuracy["plan=plus", None] == 0.0
    assert 0.5 < accuracy[None, None] < 1.0
    few = (table["age"] >= 55).sum()
    assert (("age >= 55", None) in accuracy) == (few >= 30)
    rows = {row.label: row for row in store.slice_windows.list(config.subject)}
    assert rows["plan=plus"].performance["accuracy"] == 0.0
    assert rows["plan=plus"].performance["labels"] == (table["plan"] == "plus").sum()


def test_performance_of_slices_is_as_provisional_as_that_of_their_window(config, store, log, sliced):
    _table, ids = record(config, 0)
    store.labels.write(config.model, ids[:300], [float(n % 2) for n in range(300)], START + DAY)
    monitor = ModelMonitor(config, "1", sliced, store, log)
    for now, note in ((13, "provisional: 75 % of the labels are in"), (24, "")):
        step = monitor.advance(START + DAY / 2 + timedelta(hours=now))
        told = [one for one in step.readings if one.name == "performance_accuracy"]
        assert len(told) > 3
        assert {one.note for one in told} == {note}


def test_slices_stay_as_their_window_does_when_rows_are_gone(config, store, log, sliced):
    for part in (np.arange(200), np.arange(200, 400)):
        _table, ids = record(config, 0, part=part)
    store.labels.write(config.model, ids, [float(n % 2) for n in range(400)], START + DAY)
    first = ModelMonitor(config, "1", sliced, store, log).advance(START + DAY + timedelta(hours=1))
    before = [row.performance for row in store.slice_windows.list(config.subject)]
    log.delete(ids[:200], by="me", forget=store.forget)
    store.labels.write(config.model, ids[:200], [float(n % 2) for n in range(200)], START + DAY)
    step = ModelMonitor(config, "1", sliced, store, log).advance(START + 2 * DAY)
    assert [row.performance for row in store.slice_windows.list(config.subject)] == before
    for name in ("performance_labels", "performance_accuracy"):
        assert labels_of(step.readings, name) == labels_of(first.readings, name)
    assert not any(is_provisional(one) for one in step.readings)


def test_without_slices_nothing_changes(config, store, log, baseline):
    record(config, 0)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    step = monitor.advance(START + 2 * DAY)
    assert not any("slice" in reading.labels for reading in step.readings)
    assert monitor.judge.drift.share == 1.0
    assert "not_sliced" not in step.closed[0].verdicts


def test_all_rows_have_half_of_the_budget_and_the_slices_the_rest(config, store, log, sliced):
    monitor = ModelMonitor(config, "1", sliced, store, log)
    record(config, 0)
    monitor.advance(START + 2 * DAY)
    shares = [one.share for one in monitor._slices._judge._monitors.values()]
    assert len(shares) == 5
    assert monitor.judge.drift.share + sum(shares) == pytest.approx(1.0)


def test_slices_held_against_their_own_last_windows_are_bounded(config, store, log, sliced):
    many = config.model_copy(update={"baseline_kind": "sliding 1000"})
    monitor = ModelMonitor(many, "1", sliced, store, log)
    assert len(monitor._slices._slices) == 3
    assert "only the first 3 slices have them" in monitor.slices.problems[0].reason
    few = config.model_copy(update={"baseline_kind": "sliding 3"})
    for day in range(5):
        record(few, day, count=100)
    step = ModelMonitor(few, "1", sliced, store, log).advance(START + 6 * DAY)
    assert len({row.label for row in store.slice_windows.list(few.subject)}) == 5
    assert len([row for row in store.slice_windows.kept(few.subject, "1") if row.label == "plan=basic"]) == 3
    assert len(step.closed) >= 5


def test_slices_judge_the_watched_columns_also_where_their_condition_is_of_another(
    config, store, log, sliced
):
    record(config, 0)
    ModelMonitor(config, "1", sliced, store, log).advance(START + 2 * DAY)
    logged, _ids = record(config, 2, shift=11.0)
    some = watched_columns(sliced, ColumnChoice(exclude=["age"]))
    monitor = ModelMonitor(config, "1", some, store, log)
    step = monitor.advance(START + 4 * DAY)
    drifted = labels_of(step.readings, "drift_detected")
    assert {feature for _, feature in drifted} == {"plan", "prediction"}
    rows = {row.label: row for row in store.slice_windows.list(config.subject, since=START + 2 * DAY)}
    assert rows["age >= 55"].rows == (logged["age"] >= 55).sum() > 0
    assert {row.strongest for row in rows.values()} <= {"plan", "prediction"}
    assert monitor.slice_labels == ModelMonitor(config, "1", sliced, store, log).slice_labels


def brought(config, store, baseline, root, agent, **more):
    """Let an agent count one day of a log of its own, and send it."""
    own = config.model_copy(update={"log": root})
    record(own, 0, **more)
    window = OpenWindow.empty(Window(START, START + DAY), baseline)
    resolved = offered_slices(offer_slices(resolve(None, baseline, config.model)))
    counts = SliceCounts(resolved, baseline.predictions)
    rows = InferenceLog(root).scan(config.model).drop_columns(["__version"])
    window.add(rows, baseline)
    counts.add(window.window, rows)
    said = pack_window(window) | {"slices": pack_slices(counts.close(START), resolved)}
    return said, PartRow(config.subject, "1", START, agent, START + DAY, window.rows)


def put(store, *parts):
    store.agents.add_parts([replace(row, content=json.dumps(said).encode()) for said, row in parts])


def kept_slices(store, config):
    rows = store.slice_windows.kept(config.subject, "1")
    return {row.label: (row.rows, row.drifted, row.verdicts, row.closed, row.profile) for row in rows}


def test_slices_of_rows_on_several_hosts_are_those_of_one(tmp_path, config, store, log, sliced):
    places = np.arange(400)
    with Store(f"sqlite:///{tmp_path / 'one.db'}") as other:
        record(config, 0, shift=11.0)
        one = ModelMonitor(config, "1", sliced, other, log).advance(START + 2 * DAY)
        expected = kept_slices(other, config)
    mine = config.model_copy(update={"log": tmp_path / "here"})
    record(mine, 0, shift=11.0, part=places[:50])
    monitor = ModelMonitor(mine, "1", sliced, store, InferenceLog(mine.log))
    for agent, part in (("a", places[50:180]), ("b", places[180:])):
        put(store, brought(mine, store, sliced, tmp_path / agent, agent, shift=11.0, part=part))
        monitor.advance(START + DAY / 2)
        monitor = ModelMonitor(mine, "1", sliced, store, InferenceLog(mine.log))  # killed here
    step = monitor.advance(START + 2 * DAY)
    found = kept_slices(store, config)
    assert {label: one[:4] for label, one in found.items()} == {
        label: one[:4] for label, one in expected.items()
    }
    for label, (*_, profile) in found.items():
        own, wanted = (
            TableProfile.from_bytes(p, like=monitor.slices.like) for p in (profile, expected[label][4])
        )
        assert np.array_equal(own.numbers.cells, wanted.numbers.cells), label
        assert np.array_equal(own.categories.levels, wanted.categories.levels), label
    assert labels_of(step.readings, "drift_detected") == labels_of(one.readings, "drift_detected")
    assert labels_of(step.readings, "predictions") == labels_of(one.readings, "predictions")
    assert "not_sliced" not in step.closed[0].verdicts


@pytest.mark.parametrize("fault", ["older", "other slices"])
def test_slices_of_which_an_agent_knows_a_part_only_are_not_judged(
    tmp_path, config, store, log, sliced, fault
):
    record(config, 0, part=np.arange(100))
    record(config, 1)
    good = brought(config, store, sliced, tmp_path / "a", "a", part=np.arange(100, 200))
    said, row = brought(config, store, sliced, tmp_path / "b", "b", part=np.arange(200, 400))
    said.update({"slices": {**said["slices"], "signature": "0f"}} if fault == "other slices" else {})
    put(store, good, ({k: v for k, v in said.items() if k != "slices" or fault == "other slices"}, row))
    ModelMonitor(config, "1", sliced, store, log).advance(START + DAY / 2)
    step = ModelMonitor(config, "1", sliced, store, log).advance(START + DAY + DAY / 2)
    (closed,) = step.closed
    (told,) = closed.verdicts["not_sliced"]
    assert told["entry"] == ", ".join(SLICES)
    assert told["reason"].startswith("agents counted 200 of its 400 rows and not their slices")
    assert (None, None) in labels_of(step.readings, "predictions")
    assert {key for key, _ in labels_of(step.readings, "predictions")} == {None}
    assert store.slice_windows.list(config.subject) == []
    assert {one.start for one in store.slice_windows.kept(config.subject, "1")} == {START + DAY}  # it is open
    step = ModelMonitor(config, "1", sliced, store, log).advance(START + 3 * DAY)
    assert "not_sliced" not in step.closed[0].verdicts
    assert {row.start for row in store.slice_windows.list(config.subject)} == {START + DAY}
