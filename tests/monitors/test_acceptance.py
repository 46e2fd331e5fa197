import shutil
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from structlog.testing import capture_logs

from mirante.capture.recorder import Recorder
from mirante.drift.monitor import DriftMonitor
from mirante.errors import InputError
from mirante.monitors.acceptance import (
    accepted_baseline,
    ask_to_accept,
    carry_out_acceptance,
    windows_to_accept,
)
from mirante.monitors.baseline import ModelBaseline, load_baseline, publish_baseline
from mirante.monitors.columns import watched_columns
from mirante.monitors.model import ModelMonitor
from mirante.monitors.model.measuring import with_performance
from mirante.monitors.slices.baselines import SliceBaselines
from mirante.profiles import TableProfile
from mirante.sources.rows.config import ColumnChoice
from mirante.tracking import baselines
from mirante.tracking.client import connect
from tests.monitors.conftest import START, make_rows
from tests.monitors.registry import register

DAY = timedelta(days=1)
WHO = {"author": "Ana", "reason": "new price list"}


def watched(config, store, log, baseline, days=6, *, version="1", shift=15.0, first=0):
    """Windows of a time in which ages are higher than in the baseline."""
    with Recorder(config.model, config.log, version=version) as recorder:
        for day in range(first, first + days):
            features, predictions, times = make_rows(day, 150, shift=shift)
            recorder.log(features, predictions, 0.001, time=times)
    monitor = ModelMonitor(config, version, baseline, store, log)
    monitor.advance(START + (first + days) * DAY + config.lateness)
    return monitor


def drifted(store, config):
    rows = store.windows.list(config.subject)
    return [(row.start - START).days for row in rows if row.closed and row.verdicts["drifted"]]


def test_profiles_add_up_exactly(config, store, log, baseline):
    watched(config, store, log, baseline)
    rows = windows_to_accept(store, config.subject, START + DAY, START + 4 * DAY)
    assert [(row.start - START).days for row in rows] == [1, 2, 3]
    accepted = accepted_baseline(baseline, rows, config.subject, **WHO)
    expected = TableProfile.empty(baseline.profile)
    for day in (3, 1, 2):
        features, predictions, _ = make_rows(day, 150, shift=15.0)
        expected = expected + TableProfile.of(features.assign(prediction=predictions), like=baseline.profile)
    assert accepted.profile == expected
    assert accepted.drift.own_windows == tuple(TableProfile.from_bytes(row.profile) for row in rows)
    assert accepted.about["accepted_by"] == "Ana"
    assert accepted.about["rows"] == 450
    assert accepted.row("s", "1", START).source == "accepted windows"
    assert accepted.estimator is baseline.estimator  # learnt from labels
    assert ModelBaseline.from_files(accepted.to_files()).profile == expected


def test_older_windows_have_fewer_edges_and_the_sum_too(config, store, log, baseline):
    watched(config, store, log, baseline)
    for day in (1, 2):  # as retention leaves them
        row = store.windows.get(config.subject, START + day * DAY)
        coarse = TableProfile.from_bytes(row.profile).coarser().to_bytes(parted=True)
        store.windows.put(replace(row, profile=coarse))
    rows = windows_to_accept(store, config.subject, START + DAY, START + 4 * DAY)
    accepted = accepted_baseline(baseline, rows, config.subject, **WHO)
    expected = TableProfile.empty(baseline.profile)
    for day in (1, 2, 3):
        features, predictions, _ = make_rows(day, 150, shift=15.0)
        expected = expected + TableProfile.of(features.assign(prediction=predictions), like=baseline.profile)
    assert accepted.profile == expected.coarser()
    assert ModelBaseline.from_files(accepted.to_files()).profile == expected.coarser()


def test_windows_that_are_one_for_each_day_are_refused(config, store, log, baseline):
    watched(config, store, log, baseline)
    row = store.windows.get(config.subject, START + DAY)
    store.windows.put(replace(row, verdicts={**row.verdicts, "windows": 24}))
    rows = windows_to_accept(store, config.subject, START + DAY, START + 4 * DAY)
    with pytest.raises(
        InputError, match=r"until 2026-01-03T.* are one for each day by now \(retention\.hourly"
    ):
        accepted_baseline(baseline, rows, config.subject, **WHO)


def test_its_sample_is_of_the_rows_of_the_range(config, store, log, baseline):
    watched(config, store, log, baseline)
    watched(config, store, log, baseline, version="2", shift=500.0)
    rows = [
        row
        for row in windows_to_accept(store, config.subject, START + DAY, START + 4 * DAY)
        if row.version == "1"
    ]
    accepted = accepted_baseline(baseline, rows, config.subject, **WHO, log=log)
    features = pd.concat([make_rows(day, 150, shift=15.0)[0] for day in (1, 2, 3)])
    assert accepted.sample.num_rows == 450
    assert sorted(accepted.sample["age"].drop_null().to_pylist()) == sorted(features["age"].dropna())
    assert TableProfile.of(accepted.sample, like=baseline.profile) == accepted.profile
    assert ModelBaseline.from_files(accepted.to_files()).sample == accepted.sample
    few = replace(baseline, about={**baseline.about, "sample_rows": 40})
    assert accepted_baseline(few, rows, config.subject, **WHO, log=log).sample.num_rows == 40


def test_its_slices_are_counted_anew_in_the_rows_of_the_range(config, store, log, baseline):
    parts = [make_rows(-day, 200, seed=1) for day in range(10, 0, -1)]
    features, said = pd.concat([part[0] for part in parts]), [one for part in parts for one in part[1]]
    asked = ["plan", "age >= 50"]
    sliced = replace(
        baseline, slices=SliceBaselines.fit(asked, features.assign(prediction=said), baseline.profile)
    )
    watched(config, store, log, sliced)
    rows = windows_to_accept(store, config.subject, START + DAY, START + 5 * DAY)
    accepted = accepted_baseline(sliced, rows, config.subject, **WHO, log=log)
    new = pd.concat([make_rows(day, 150, shift=15.0)[0] for day in (1, 2, 3, 4)])
    counts = {one.slice.label: one.profile.rows for one in accepted.slices.slices}
    assert counts == {
        "plan=basic": (new["plan"] == "basic").sum(),
        "plan=plus": (new["plan"] == "plus").sum(),
        "age >= 50": (new["age"] >= 50).sum(),
    }
    assert [len(one.own) for one in accepted.slices.slices] == [4, 4, 4]
    again = ModelBaseline.from_files(accepted.to_files()).slices
    assert [one.profile for one in again.slices] == [one.profile for one in accepted.slices.slices]
    assert accepted_baseline(sliced, rows, config.subject, **WHO).slices is None
    shutil.rmtree(config.log)
    with capture_logs() as logs:
        assert accepted_baseline(sliced, rows, config.subject, **WHO, log=log).slices is None
    assert "the accepted baseline has no slices" in [one["event"] for one in logs]


def test_columns_that_are_not_watched_are_counted_in_the_rows(config, store, log, baseline):
    parts = [make_rows(-day, 200, seed=1) for day in range(10, 0, -1)]
    features, said = pd.concat([part[0] for part in parts]), [one for part in parts for one in part[1]]
    slices = SliceBaselines.fit(["plan"], features.assign(prediction=said), baseline.profile)
    former = replace(baseline, slices=slices)
    watched(config, store, log, watched_columns(former, ColumnChoice(exclude=["plan"])))
    rows = windows_to_accept(store, config.subject, START + DAY, START + 4 * DAY)
    assert "plan" not in TableProfile.from_bytes(rows[0].profile).columns
    accepted = accepted_baseline(former, rows, config.subject, **WHO, log=log)
    expected = TableProfile.empty(baseline.profile)
    for day in (1, 2, 3):
        new, predictions, _ = make_rows(day, 150, shift=15.0)
        expected = expected + TableProfile.of(new.assign(prediction=predictions), like=baseline.profile)
    assert accepted.profile == expected
    assert {one.slice.label for one in accepted.slices.slices} == {"plan=basic", "plan=plus"}
    for nothing in (None, log):
        if nothing is not None:
            shutil.rmtree(config.log)
        with pytest.raises(
            InputError, match=r"columns: in the config leaves plan \(categorical\) out"
        ) as told:
            accepted_baseline(former, rows, config.subject, **WHO, log=nothing)
        assert "write a baseline from a file: mirante baseline create MODEL --data FILE" in str(told.value)


def test_it_never_has_the_former_ones_rows(config, store, log, baseline):
    watched(config, store, log, baseline)
    rows = windows_to_accept(store, config.subject, START, START + 4 * DAY)
    assert accepted_baseline(baseline, rows, config.subject, **WHO).sample is None
    for about in ({"sample_rows": 0}, {}):  # none may be kept; and from before there were samples
        former = replace(baseline, about=about, sample=None)
        assert accepted_baseline(former, rows, config.subject, **WHO, log=log).sample is None
    shutil.rmtree(config.log)
    with capture_logs() as logs:
        accepted = accepted_baseline(baseline, rows, config.subject, **WHO, log=log)
    assert accepted.sample is None
    assert accepted.profile.rows == 600
    (said,) = logs
    assert said["event"] == "the accepted baseline keeps no rows"
    assert "has 0 of the 600 rows" in said["error"]


def test_what_was_drift_is_normal_then_and_the_old_normal_is_drift(config, store, log, baseline):
    watched(config, store, log, baseline)
    assert drifted(store, config) == [0, 1, 2, 3, 4, 5]
    rows = windows_to_accept(store, config.subject, START, START + 6 * DAY)
    accepted = accepted_baseline(baseline, rows, config.subject, **WHO)
    watched(config, store, log, accepted, 2, first=6)
    assert drifted(store, config) == [0, 1, 2, 3, 4, 5]
    watched(config, store, log, accepted, 1, first=8, shift=0.0)
    assert drifted(store, config) == [0, 1, 2, 3, 4, 5, 8]


def test_windows_from_before_the_new_normal_are_not_pooled_with_later_ones(
    config, store, log, baseline, monkeypatch
):
    watched(config, store, log, baseline, 8, shift=1.5)
    watched(config, store, log, baseline, 8, shift=3.0, first=8)
    rows = windows_to_accept(store, config.subject, START + 8 * DAY, START + 16 * DAY)
    accepted = accepted_baseline(baseline, rows, config.subject, **WHO)
    config = config.model_copy(update={"baseline_kind": "sliding 14"})
    remembered = []
    monkeypatch.setattr(DriftMonitor, "remember", lambda self, window, start: remembered.append(start))
    ModelMonitor(config, "1", accepted, store, log)
    assert remembered == [config.clock().local(START + day * DAY) for day in range(8, 16)]
    remembered.clear()
    ModelMonitor(config, "1", baseline, store, log)
    assert len(remembered) == 14


def test_measures_that_are_means_over_rows_are_those_of_all_rows(config, store, log, baseline):
    watched(config, store, log, baseline, 2)
    for row, figures in zip(
        store.windows.list(config.subject, with_profile=True),
        ({"labels": 100, "accuracy": 0.9, "roc_auc": 0.8}, {"labels": 300, "accuracy": 0.7}),
        strict=True,
    ):
        store.windows.put(with_performance(row, figures))
    rows = windows_to_accept(store, config.subject, START, START + 2 * DAY)
    accepted = accepted_baseline(baseline, rows, config.subject, **WHO)
    assert dict(accepted.performance) == {"accuracy": pytest.approx(0.75)}


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (6, 9, "has no closed window with rows from 2026-01-07"),
        (0.1, 0.9, "has no closed window"),
        (0.5, 1.9, "has no closed window"),
        (3, 3, "not after its start"),
    ],
)
def test_a_range_without_whole_closed_windows_is_refused(config, store, log, baseline, since, until, said):
    watched(config, store, log, baseline)
    with pytest.raises(InputError, match=said):
        ask_to_accept(store, config.subject, START + since * DAY, START + until * DAY, now=START, **WHO)
    assert store.proposals.list() == []


def test_two_versions_are_refused(config, store, log, baseline):
    watched(config, store, log, baseline, 2)
    watched(config, store, log, baseline, 2, version="2", first=2)
    with pytest.raises(InputError, match="are of the versions 1, 2; give a range in which one version"):
        ask_to_accept(store, config.subject, START, START + 4 * DAY, now=START, **WHO)


def test_windows_of_two_baselines_and_other_columns_are_refused(config, store, log, baseline):
    watched(config, store, log, baseline, 2)
    second = store.windows.list(config.subject, with_profile=True)[1]
    other = TableProfile.of({"age": [1.0, 2.0], "city": ["Rio", "Rio"], "prediction": [0.1, 0.2]})
    store.windows.put(replace(second, profile=other.to_bytes()))
    with pytest.raises(InputError, match=r"counted with two baselines \(the one from 2026-01-02"):
        ask_to_accept(store, config.subject, START, START + 2 * DAY, now=START, **WHO)
    rows = windows_to_accept(store, config.subject, START + DAY, START + 2 * DAY)
    with pytest.raises(InputError, match=r"other columns than its baseline: city .*, plan .*from a file"):
        accepted_baseline(baseline, rows, config.subject, **WHO)


def test_nobody_accepts_without_a_name_and_a_reason_or_twice(config, store, log, baseline):
    watched(config, store, log, baseline)
    ask = (store, config.subject, START, START + 2 * DAY)
    with pytest.raises(InputError, match="the reason is empty"):
        ask_to_accept(*ask, now=START, author="Ana", reason=" ")
    row = ask_to_accept(*ask, now=START, **WHO)
    assert (row.state, row.author, row.data["rows"], row.data["version"]) == ("approved", "Ana", 300, "1")
    with pytest.raises(InputError, match="another baseline of model/churn@champion waits"):
        ask_to_accept(*ask, now=START, **WHO)


@pytest.fixture
def served(mlflow_server, config, store, log, baseline):
    """A registered model with its baseline, and windows in which it drifted."""
    client = connect(mlflow_server)
    name, _ = register(client)
    publish_baseline(client, name, "1", baseline)
    named = config.model_copy(update={"model": name})
    watched(named, store, log, baseline)
    return client, named


def accept(store, config, days=6):
    return ask_to_accept(store, config.subject, START, START + days * DAY, now=START + 7 * DAY, **WHO)


@pytest.mark.server
def test_it_is_written_beside_the_version_and_undone(served, store, baseline):
    client, config = served
    before = baselines.locate(client, config.model, "1")
    done = carry_out_acceptance(store, client, accept(store, config), START + 7 * DAY)
    assert done.state == "done"
    assert load_baseline(client, config.model, "1").about["accepted_because"] == "new price list"
    (event,) = store.events.list(config.subject)
    assert event.kind == "baseline_accepted"
    assert event.text == "Ana accepted 6 windows (900 rows) as the baseline of version 1: new price list"
    assert event.data["undo"] == {"command": f"mirante proposals undo {done.id}", "baseline": before}
    assert event.data["baseline"] == baselines.locate(client, config.model, "1") != before
    asked = replace(done, state="undoing", author="Rui", reason="it was a promotion")
    store.proposals.move(asked, was="done")
    undone = carry_out_acceptance(store, client, asked, START + 8 * DAY)
    assert undone.state == store.proposals.get(done.id).state == "undone"
    assert baselines.locate(client, config.model, "1") == before
    assert load_baseline(client, config.model, "1").profile == baseline.profile
    assert store.events.list(config.subject)[-1].data["author"] == "Rui"


@pytest.mark.server
def test_cut_short_after_it_was_written_the_former_one_is_still_known(served, store, monkeypatch):
    client, config = served
    before = baselines.locate(client, config.model, "1")
    row = accept(store, config)
    move = store.proposals.move

    def dies(changed, **options):
        if changed.state == "done":
            raise KeyboardInterrupt
        return move(changed, **options)

    monkeypatch.setattr(store.proposals, "move", dies)
    with pytest.raises(KeyboardInterrupt):
        carry_out_acceptance(store, client, row, START + 7 * DAY)
    monkeypatch.undo()
    written = baselines.locate(client, config.model, "1")
    assert written != before
    again = carry_out_acceptance(store, client, store.proposals.get(row.id), START + 7 * DAY)
    assert (again.state, again.data["former"]) == ("done", before)
    assert again.data["baseline"] == baselines.locate(client, config.model, "1")


@pytest.mark.server
def test_an_alias_or_a_baseline_that_was_changed_meanwhile_is_left_alone(served, store, baseline):
    client, config = served
    row = accept(store, config)
    register(client, config.model)
    failed = carry_out_acceptance(store, client, row, START + 7 * DAY)
    assert failed.state == "failed"
    assert "of version 1, and champion points to 2 by now" in failed.data["problem"]
    client.set_registered_model_alias(config.model, "champion", "1")
    done = carry_out_acceptance(store, client, accept(store, config, 3), START + 7 * DAY)
    other = ModelBaseline.fit(*make_rows(40, 90), clock=config.clock())
    place = publish_baseline(client, config.model, "1", other)
    asked = replace(done, state="undoing")
    store.proposals.move(asked, was="done")
    kept = carry_out_acceptance(store, client, asked, START + 8 * DAY)
    assert kept.state == "done"
    assert "has had another baseline since" in kept.data["problem"]
    assert baselines.locate(client, config.model, "1") == place
