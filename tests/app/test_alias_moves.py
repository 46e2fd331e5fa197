"""An alias that moves while rows come in: each window holds one version's rows, and nothing compares two."""

import threading
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from structlog.testing import capture_logs

from mirante.capture.recorder import Recorder
from mirante.errors import NotRegisteredError
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.monitors.config import ModelConfig
from mirante.monitors.model.judging import WindowJudge
from mirante.monitors.windows import WindowClock
from mirante.profiles import TableProfile
from mirante.store import Store
from mirante.tracking.client import connect
from tests.app.test_watch import Model
from tests.monitors.conftest import START, make_rows

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
pytestmark = pytest.mark.server


def make_baseline(**more):
    parts = [make_rows(-day, 100, seed=1) for day in range(10, 0, -1)]
    features, times = (pd.concat([part[place] for part in parts], ignore_index=True) for place in (0, 2))
    predictions = np.concatenate([part[1] for part in parts])
    return ModelBaseline.fit(features.assign(**more), predictions, times, clock=WindowClock("1d"))


@pytest.fixture(scope="module")
def baseline():
    return make_baseline()


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


@pytest.fixture
def model(mlflow_server, baseline, store, tmp_path):
    return Model(mlflow_server, baseline, store, tmp_path)


def point(model, version):
    model.real.set_registered_model_alias(model.name, "champion", version)


def check_windows_against_rows(model):
    """Hold the profile of each stored window against the rows of its version in the inference log."""
    log = model.watch._log
    rows = log.scan(model.name).to_pandas()
    windows = model.store.windows.list(model.config.subject, with_profile=True)
    for window in windows:
        mine = rows[(rows["__version"] == window.version) & (rows["__time"] >= window.start)]
        mine = mine[mine["__time"] < window.end]
        assert window.rows == len(mine), (window.version, window.start)
        if window.rows:
            age = TableProfile.from_bytes(window.profile).columns["age"]
            values = mine["age"].dropna()
            assert (age.n, age.minimum, age.maximum) == (len(values), values.min(), values.max())
    return windows


class Traffic:
    """Threads that record as servers of two versions do, a few milliseconds between rows."""

    def __init__(self, model, **ages):
        self.stop = threading.Event()
        self.shares = dict.fromkeys(ages, 1.0)
        self.threads = [
            threading.Thread(target=self.serve, args=(model, version.strip("v"), age))
            for version, age in ages.items()
        ]

    def serve(self, model, version, age):
        rng = np.random.default_rng(int(version))
        with Recorder(model.name, model.config.log, version=version, flush_interval=0.05) as recorder:
            while not self.stop.wait(0.004):
                if rng.random() < self.shares[f"v{version}"]:
                    row = {"age": rng.normal(age, 3), "plan": "basic"}
                    recorder.log(row, float(rng.random()), 0.001)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_an_alias_moved_under_traffic_mixes_no_window_and_is_seen_within_one(model, monkeypatch):
    pooled = []
    restart = WindowJudge.restart

    def watched(self, rows):
        pooled.append((self._version, {row.version for row in rows}))
        restart(self, rows)

    monkeypatch.setattr(WindowJudge, "restart", watched)
    model.config = ModelConfig(model=model.name, log=model.config.log, window="2s", lateness="500ms")
    model.watch = model.make_watch()
    model.watch._recheck = 0.5
    model.next_version()
    point(model, "1")

    def advance(seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            model.watch.advance(datetime.now(UTC))
            time.sleep(0.1)

    with Traffic(model, v1=40, v2=4_000) as traffic:
        traffic.shares["v2"] = 0.2  # a canary beside the champion
        advance(5)
        moved = datetime.now(UTC)
        point(model, "2")
        traffic.shares.update(v1=0.3, v2=1.0)  # some servers are slow to follow
        advance(6)
    advance(4)

    windows = check_windows_against_rows(model)
    judged = {version: [w for w in windows if w.version == version and w.rows] for version in "12"}
    assert all(len(found) >= 2 for found in judged.values())
    both = {w.start for w in judged["1"]} & {w.start for w in judged["2"]}
    assert both, "the interval of the move has a window of each version"
    assert max(w.start for w in judged["1"]) <= moved + timedelta(seconds=2)
    assert min(w.end for w in judged["2"]) >= moved - timedelta(seconds=2), "the canary alone is not judged"
    (event,) = [event for event in model.events() if event.kind == "alias_moved"]
    assert timedelta() < event.time - moved < timedelta(seconds=2)
    (version,) = model.store.readings.series("alias_version", subject=model.config.subject)
    (seen,) = np.flatnonzero(np.diff(version.values)) + 1
    assert version.times[seen].item().replace(tzinfo=UTC) - moved < timedelta(seconds=2)
    assert all(found <= {version} for version, found in pooled), "windows of one version are pooled"


def test_there_and_back_within_a_window_loses_no_row_and_counts_none_twice(model):
    model.next_version()
    point(model, "1")
    model.watch.advance(START + DAY / 4)
    for step, version in enumerate(["2", "1", "2", "1"], start=1):
        point(model, version)
        model.record(0, 10 * step, "1")
        model.record(0, 7 * step, "2")
        model.watch.advance(START + DAY / 4 + step * 2 * MINUTE)
    model.record(1, 20, "1")
    model.record(1, 30, "2")
    model.watch.advance(START + 2 * DAY)
    check_windows_against_rows(model)
    assert model.windows() == [("1", 0, 100, True), ("2", 0, 70, True), ("1", 1, 20, True)]
    assert [event.data["to"] for event in model.events()] == ["2", "1", "2", "1"]


@pytest.mark.parametrize("restart", [False, True])
def test_a_version_that_returns_begins_anew_and_is_not_pooled_with_its_former_time(
    model, monkeypatch, restart
):
    model.next_version()
    point(model, "1")
    for day in range(10):
        model.record(day, 50, "1")
        model.record(day, 30, "2")
        if day in (3, 6):
            point(model, "2" if day == 3 else "1")
            if restart:
                model.watch = model.make_watch()
        model.watch.advance(START + day * DAY + MINUTE)
        model.watch.advance(START + (day + 1) * DAY - MINUTE)
    model.watch.advance(START + 10 * DAY)
    check_windows_against_rows(model)
    served = {version: [day for of, day, *_ in model.windows() if of == version] for version in "12"}
    # the alias was last seen on the day before it moved, and is seen to have moved after midnight
    assert served == {"1": [0, 1, 2, 3, 5, 6, 7, 8, 9], "2": [2, 3, 4, 5, 6]}
    pooled, real = [], WindowJudge.restart
    monkeypatch.setattr(WindowJudge, "restart", lambda self, rows: pooled.extend(rows) or real(self, rows))
    model.make_watch().advance(START + 10 * DAY)
    assert [(row.start - START).days for row in pooled if row.version == "1"] == [5, 6, 7, 8, 9]


def test_a_move_while_the_service_is_down_is_judged_by_the_rows_of_each_version(model):
    model.record(0, 60, "1")
    model.watch.advance(START + DAY)
    model.next_version()
    for day in (1, 2):
        model.record(day, 50, "1")
    for day in (2, 3, 4):
        model.record(day, 40, "2")
    model.watch = model.make_watch()
    model.watch.advance(START + 5 * DAY)
    check_windows_against_rows(model)
    assert model.windows() == [
        ("1", 0, 60, True), ("1", 1, 50, True),
        ("2", 1, 0, True),  # it may have been the alias's from the last look on
        ("1", 2, 50, True), ("2", 2, 40, True), ("2", 3, 40, True), ("2", 4, 40, True),
    ]  # fmt: skip


def test_a_move_while_mlflow_is_away_is_judged_from_the_last_look_on(model, free_port):
    model.record(0, 60, "1")
    model.watch.advance(START + DAY)
    model.next_version()
    model.client = connect(f"http://127.0.0.1:{free_port}")
    model.record(1, 40, "2")
    model.record(2, 40, "2")
    with capture_logs():
        model.watch.advance(START + 3 * DAY)
    assert model.windows() == [("1", 0, 60, True), ("1", 1, 0, True), ("1", 2, 0, True)]
    model.client = model.real
    model.watch.advance(START + 3 * DAY + 2 * MINUTE)
    check_windows_against_rows(model)
    assert [row for row in model.windows() if row[0] == "2"] == [("2", 1, 40, True), ("2", 2, 40, True)]


def test_an_alias_that_is_removed_is_told_and_the_known_version_goes_on(model):
    model.record(0, 60, "1")
    model.watch.advance(START)
    model.real.delete_registered_model_alias(model.name, "champion")
    for now in (START + DAY, START + DAY + 2 * MINUTE):
        with pytest.raises(NotRegisteredError, match=r"set_registered.*\. Version 1 goes on being watched"):
            model.watch.advance(now)
    assert model.windows() == [("1", 0, 60, True)]
    point(model, "1")
    model.watch.advance(START + DAY + 4 * MINUTE)
    assert model.events() == []


def test_a_version_that_is_deleted_is_told_and_the_next_is_taken_up(model):
    model.record(0, 60, "1")
    model.watch.advance(START + DAY / 2)
    model.next_version()
    model.real.delete_model_version(model.name, "1")
    model.watch.advance(START + DAY / 2 + MINUTE)
    model.record(0, 40, "2")
    model.watch.advance(START + DAY)
    assert [row for row in model.windows() if row[0] == "2"] == [("2", 0, 40, True)]
    with capture_logs() as said:
        model.watch = model.make_watch()  # the former version's baseline is gone with it
        model.watch.advance(START + DAY + MINUTE)
    assert all("traceback" not in str(line).lower() for line in said)


def current(model):
    return {
        (one.labels["version"], one.labels.get("feature"))
        for one in model.store.readings.latest(
            subject=model.config.subject, names=["drift_ks", "missing_ratio"]
        )
    }


def test_series_of_the_version_that_was_left_are_over_once_its_window_is(model):
    model.record(0, 60, "1")
    model.watch.advance(START + DAY)
    model.next_version()
    model.record(1, 60, "1")
    model.record(1, 60, "2")
    model.watch.advance(START + DAY + MINUTE)
    assert {version for version, _ in current(model)} == {"1"}, "its last window is still open"
    model.watch.advance(START + 2 * DAY)
    assert {version for version, _ in current(model)} == {"2"}
    (reason,) = {one.reason for one in model.store.endings.between(0, 10**9)}
    assert reason == "version 1 is no longer watched: champion points to version 2"
    point(model, "1")
    model.record(2, 60, "1")
    model.watch.advance(START + 2 * DAY + 2 * MINUTE)
    model.watch.advance(START + 3 * DAY)
    assert {version for version, _ in current(model)} == {"1"}, "it is watched again"


def test_columns_that_a_new_baseline_lacks_are_over(model):
    wide = make_baseline(**{"old <b>\n": np.arange(1_000.0)})
    publish_baseline(model.real, model.name, "1", wide)
    model.watch.advance(START)
    features, predictions, times = make_rows(0, 60)
    with Recorder(model.name, model.config.log, version="1") as recorder:
        recorder.log(features.assign(**{"old <b>\n": 0.0}), predictions, 0.001, time=times)
    model.watch.advance(START + DAY)
    assert ("1", "old <b>\n") in current(model)
    publish_baseline(model.real, model.name, "1", model.baseline)
    model.watch.advance(START + DAY + 2 * MINUTE)
    assert current(model) >= {("1", "age"), ("1", "plan")}
    assert ("1", "old <b>\n") not in current(model)
    assert all("no longer watched" in one.reason for one in model.store.endings.between(0, 10**9))
