import socket
import time
from datetime import UTC, timedelta
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
from structlog.testing import capture_logs

from mirante.app.watch import PAGE_TAG, ModelWatch, server_reading
from mirante.capture.recorder import Recorder
from mirante.errors import NotRegisteredError, TrackingError
from mirante.inference_log.drops import Drops, note_drops
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.tallies import Tally, note_tally
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.monitors.config import ModelConfig
from mirante.monitors.windows import WindowClock
from mirante.profiles import TableProfile
from mirante.store import Store
from mirante.tracking.client import connect
from mirante.tracking.server import start_server
from tests.monitors.conftest import START, make_rows
from tests.monitors.registry import register

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture(scope="module")
def baseline():
    parts = [make_rows(-day, 100, seed=1) for day in range(10, 0, -1)]
    features, times = (pd.concat([part[place] for part in parts], ignore_index=True) for place in (0, 2))
    predictions = np.concatenate([part[1] for part in parts])
    return ModelBaseline.fit(features, predictions, times, clock=WindowClock("1d"))


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


class Model:
    """A registered model, its recorder and its watch, with an MLflow that can go away."""

    def __init__(self, uri, baseline, store, folder):
        self.real = connect(uri)
        self.baseline = baseline
        self.client = self.real
        self.asked = 0
        self.name, version = register(self.real)
        publish_baseline(self.real, self.name, version, baseline)
        self.config = ModelConfig(model=self.name, log=folder / "log", window="1d", lateness="0s")
        self.store = store
        self.watch = self.make_watch()

    def make_watch(self, **more):
        log = InferenceLog(self.config.log)
        return ModelWatch(self.config, self.store, log, self.give_client, **more)

    def give_client(self):
        self.asked += 1
        if self.client is None:
            raise TrackingError("no MLflow server is known")
        return self.client

    def next_version(self, baseline=None):
        _, version = register(self.real, self.name)
        publish_baseline(self.real, self.name, version, baseline or self.baseline)
        return version

    def record(self, day, rows, version):
        features, predictions, times = make_rows(day, rows)
        with Recorder(self.name, self.config.log, version=version) as recorder:
            recorder.log(features, predictions, 0.001, time=times)

    def counted(self, version):
        """Days after START and predictions, as readings say them."""
        return [
            ((time.replace(tzinfo=UTC) - START).days, value)
            for one in self.store.readings.series("predictions", subject=self.config.subject)
            if one.labels["version"] == version
            for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
        ]

    def missing(self):
        (found,) = self.store.readings.latest(subject=self.config.subject, names=["baseline_missing"])
        return found.value

    def windows(self):
        rows = self.store.windows.list(self.config.subject)
        return [(row.version, (row.start - START).days, row.rows, row.closed) for row in rows]

    def events(self):
        return self.store.events.list(self.config.subject)


@pytest.fixture
def model(mlflow_server, baseline, store, tmp_path):
    return Model(mlflow_server, baseline, store, tmp_path)


@pytest.mark.server
def test_the_version_of_the_alias_is_watched_with_its_baseline(model):
    model.record(0, 60, "1")
    step = model.watch.advance(START + DAY)
    assert model.windows() == [("1", 0, 60, True)]
    assert {reading.labels["version"] for reading in step.readings} == {"1"}
    (row,) = model.store.baselines.list(model.config.subject)
    assert (row.version, row.rows, row.created, row.source) == ("1", 1_000, START + DAY, "mlflow")
    assert TableProfile.from_bytes(row.profile) == model.baseline.profile
    assert model.events() == []


@pytest.mark.server
def test_when_the_alias_moves_there_is_an_event_and_the_old_windows_stay(model, baseline):
    model.record(0, 60, "1")
    model.watch.advance(START + DAY)
    half = TableProfile.of(make_rows(0, 50)[0].assign(prediction=make_rows(0, 50)[1]))
    other = ModelBaseline(
        half, type(baseline.drift)(half), baseline.outliers, "probability", {}, {"source": "table"}
    )
    assert model.next_version(other) == "2"
    model.watch.advance(START + DAY + MINUTE / 2)
    assert model.watch.monitor.version == "1"  # not looked up again yet
    model.record(1, 70, "2")
    model.watch.advance(START + 2 * DAY)
    assert model.watch.monitor.version == "2"
    (event,) = model.events()
    assert (event.kind, event.time) == ("alias_moved", START + 2 * DAY)
    assert event.text == "champion moved from version 1 to version 2"
    assert event.data == {"from": "1", "to": "2"}
    kept = model.store.baselines.list(model.config.subject)
    assert [(row.version, row.rows, row.source) for row in kept] == [
        ("2", 50, "table"),
        ("1", 1_000, "mlflow"),
    ]
    assert model.windows() == [("1", 0, 60, True), ("2", 1, 70, True)]


@pytest.mark.server
def test_an_alias_is_looked_up_at_once_when_something_says_that_it_moved(model):
    model.watch.advance(START)
    model.next_version()
    model.watch.advance(START + MINUTE / 6)
    assert model.watch.monitor.version == "1"
    model.watch.look_again()
    model.watch.advance(START + MINUTE / 3)
    assert model.watch.monitor.version == "2"
    asked = model.asked
    model.watch.advance(START + MINUTE / 2)
    assert model.asked == asked  # once


@pytest.mark.server
def test_an_alias_that_stays_is_no_event_and_the_monitor_goes_on(model):
    model.watch.advance(START)
    monitor = model.watch.monitor
    model.watch.advance(START + 2 * MINUTE)
    assert model.watch.monitor is monitor
    model.make_watch().advance(START + DAY)  # as after a restart
    assert model.events() == []
    assert model.asked == 3


@pytest.mark.server
def test_a_move_while_the_service_was_down_is_an_event_too(model):
    model.watch.advance(START)
    model.next_version()
    model.make_watch().advance(START + DAY)
    assert [event.data for event in model.events()] == [{"from": "1", "to": "2"}]
    model.real.set_registered_model_alias(model.name, "champion", "1")
    model.make_watch().advance(START + 2 * DAY)
    assert [event.data for event in model.events()][1:] == [{"from": "2", "to": "1"}]


@pytest.mark.server
def test_the_alias_is_looked_up_once_a_minute(model):
    for seconds in (0, 10, 59, 60, 70, 120):
        model.watch.advance(START + timedelta(seconds=seconds))
    assert model.asked == 3


@pytest.mark.server
@pytest.mark.parametrize("away", ["nothing listens", "it hangs", "no address"])
def test_without_mlflow_the_known_version_goes_on(model, free_port, away):
    model.watch.advance(START)
    model.record(0, 60, "1")
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1] if away == "it hangs" else free_port
        model.client = None if away == "no address" else connect(f"http://127.0.0.1:{port}")
        began = time.monotonic()
        with capture_logs() as logs:
            model.watch.advance(START + DAY)
            model.watch.advance(START + DAY + MINUTE / 2)
        assert time.monotonic() - began < 10
    assert model.windows() == [("1", 0, 60, True)]
    (entry,) = [one for one in logs if one["event"] != "performance not estimated"]  # once a minute at most
    assert entry["event"] == "alias not looked up; the known version goes on"
    assert "no MLflow server" in entry["error"]
    model.client = model.real
    model.next_version()
    model.watch.advance(START + DAY + 2 * MINUTE)
    assert model.watch.monitor.version == "2"


@pytest.mark.server
def test_without_mlflow_an_unknown_version_waits_and_no_row_is_lost(model, free_port):
    model.record(0, 60, "1")
    model.client = connect(f"http://127.0.0.1:{free_port}")
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(TrackingError, match=f"no MLflow server answers at http://127.0.0.1:{free_port}"):
            model.watch.advance(START + DAY)
    assert time.monotonic() - began < 10
    assert model.windows() == []
    model.client = model.real
    assert model.watch.advance(START + DAY).rows == 60  # at once, without waiting for the next minute
    assert model.windows() == [("1", 0, 60, True)]


@pytest.mark.server
def test_a_version_without_baseline_is_told_and_its_rows_wait_for_one(model):
    model.watch.advance(START + DAY / 2)
    _, version = register(model.real, model.name)
    model.record(0, 60, "1")
    model.record(0, 40, version)
    model.record(1, 50, "1")
    model.record(1, 30, version)
    for now in (START + DAY / 2 + MINUTE, START + 2 * DAY):
        with pytest.raises(NotRegisteredError, match=r"version 2 of .* has no baseline.*: mirante baseline"):
            model.watch.advance(now)
    assert [event.data for event in model.events()] == [{"from": "1", "to": "2"}]
    assert model.windows() == [("1", 0, 60, True)]
    assert model.counted(version) == [(0, 40), (1, 30)]
    assert model.missing() == 1
    publish_baseline(model.real, model.name, version, model.baseline)
    assert model.watch.advance(START + 2 * DAY + MINUTE).late == 0
    assert model.windows() == [("1", 0, 60, True), ("2", 0, 40, True), ("2", 1, 30, True)]
    assert model.counted(version) == [(0, 40), (1, 30)]
    assert len(model.events()) == 1
    assert model.missing() == 0


@pytest.mark.server
@pytest.mark.parametrize("restart", [False, True])
def test_what_is_discovered_is_counted_until_a_baseline_says_how_it_is_judged(model, restart):
    _, version = register(model.real, model.name)
    model.config = ModelConfig(model=model.name, log=model.config.log, lateness="0s")
    model.watch = model.make_watch(discovered=True)
    model.record(0, 60, version)
    model.record(1, 50, version)
    folder = model.config.log / model.name / version
    note_tally(folder, "a1", Tally({"500": 3}, {}), START.timestamp())
    model.watch.advance(START + 1.5 * DAY)  # no error: nobody asked for more
    assert model.missing() == 1
    hours = [rows for _, rows in model.counted(version)]
    assert len(hours) == 36
    assert 60 < sum(hours) < 110
    assert {one.name: one.value for one in model.store.readings.latest()}["prediction_errors_total"] == 3
    assert model.windows() == []
    publish_baseline(model.real, model.name, version, model.baseline)
    if restart:
        model.watch = model.make_watch(discovered=True)
    model.watch.advance(START + 1.5 * DAY + MINUTE)
    assert (model.watch.config.window, model.missing()) == ("1d", 0)
    model.watch.advance(START + 2 * DAY)
    assert model.windows() == [(version, 1, 50, True)], "what was counted before is not judged"
    _, bare = register(model.real, model.name)
    model.record(2, 20, bare)
    model.watch.advance(START + 2 * DAY + MINUTE)
    model.watch.advance(START + 3 * DAY)
    assert model.missing() == 1
    assert model.counted(bare) == [(2, 20)]


@pytest.mark.server
def test_a_server_that_stops_is_down_and_says_why(tmp_path):
    with start_server(tmp_path) as server:
        client = connect(server.uri)
        up = server_reading(lambda: client, "main", START)
        assert (up.name, up.value, up.time, dict(up.labels), up.note) == (
            "mlflow_server_up",
            1.0,
            START,
            {"server": "main"},
            "",
        )
    began = time.monotonic()
    down = server_reading(lambda: client, "main", START + MINUTE)
    assert time.monotonic() - began < 10
    assert (down.name, down.value, dict(down.labels)) == ("mlflow_server_up", 0.0, {"server": "main"})
    assert down.note == f"TrackingError: no MLflow server answers at {server.uri}"


def test_a_server_that_hangs_is_down_within_seconds_and_the_note_has_no_password():
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        began = time.monotonic()
        down = server_reading(lambda: connect(f"http://ana:secret@127.0.0.1:{port}"), "main", START)
        assert time.monotonic() - began < 10
    assert down.value == 0.0
    assert down.note == f"TrackingError: no MLflow server answers at http://127.0.0.1:{port}"


def test_whatever_the_client_raises_the_server_is_down_and_the_note_is_short():
    def client():
        raise RuntimeError("http://ana:secret@mlflow " + "x" * 2_000)

    down = server_reading(client, "main", START)
    assert down.value == 0.0
    assert down.note.startswith("RuntimeError: http://mlflow xxx")
    assert len(down.note) == 500


@pytest.mark.server
@pytest.mark.parametrize("restart", [False, True])
def test_a_version_that_the_alias_left_finishes_its_windows(model, restart):
    model.record(0, 60, "1")
    model.watch.advance(START + DAY / 2)  # version 1 is in the middle of a window
    model.next_version()
    if restart:
        model.watch = model.make_watch()
    model.watch.advance(START + DAY / 2 + 2 * MINUTE)
    model.record(0, 40, "2")
    model.record(1, 30, "1")  # still served somewhere, but no window of the alias any more
    model.record(1, 50, "2")
    model.watch.advance(START + 2 * DAY)
    assert model.windows() == [("1", 0, 60, True), ("2", 0, 40, True), ("2", 1, 50, True)]
    rows = model.store.windows.list(model.config.subject)
    assert rows[0].verdicts["performance"] == {"labels": 0.0, "labels_missing": 60.0, "labels_share": 0.0}
    model.watch.advance(START + 4 * DAY)
    assert [version for version, *_ in model.windows()] == [
        "1",
        "2",
        "2",
        "2",
        "2",
    ]  # no empty ones of version 1


@pytest.mark.server
def test_an_alias_that_comes_back_counts_no_row_twice(model):
    model.record(0, 60, "1")
    model.watch.advance(START + DAY / 2)
    model.next_version()
    model.watch.advance(START + DAY / 2 + 2 * MINUTE)
    model.real.set_registered_model_alias(model.name, "champion", "1")
    model.watch.advance(START + DAY / 2 + 4 * MINUTE)
    model.record(0, 5, "1")
    model.watch.advance(START + DAY)
    assert model.windows() == [("1", 0, 65, True)]


@pytest.mark.server
@pytest.mark.parametrize("restart", [False, True])
def test_a_new_baseline_of_the_same_version_is_taken_up_and_open_windows_are_counted_anew(model, restart):
    model.record(0, 60, "1")
    model.watch.advance(START + DAY)
    model.record(1, 70, "1")
    model.watch.advance(START + DAY + DAY / 2)
    features, predictions, times = make_rows(-3, 300, seed=9)
    other = ModelBaseline.fit(features, predictions, times, clock=WindowClock("1d"))
    publish_baseline(model.real, model.name, "1", other)
    if restart:
        model.watch = model.make_watch()
    model.watch.advance(START + DAY + DAY / 2 + 2 * MINUTE)
    model.record(1, 7, "1")
    step = model.watch.advance(START + 2 * DAY)
    assert model.windows() == [("1", 0, 60, True), ("1", 1, 77, True)]
    assert step.late == 0
    assert TableProfile.from_bytes(step.closed[0].profile) + TableProfile.of({}, like=other.profile)
    assert [event.kind for event in model.events()] == ([] if restart else ["baseline_accepted"])


def test_dropped_rows_are_told_until_a_day_has_passed_without_any(store, tmp_path):
    config = ModelConfig(model="m", log=tmp_path / "log")
    watch = ModelWatch(config, store, InferenceLog(config.log), lambda: connect("http://127.0.0.1:1"))

    def advance(*moments):
        for moment in moments:
            with pytest.raises(TrackingError):  # told also while no version is known
                watch.advance(moment)

    advance(START, START + MINUTE)
    (tmp_path / "log" / "m").mkdir(parents=True)
    drops = Drops(7, "No space left on device")
    note_drops(tmp_path / "log" / "m", "a1", drops, (START + 2 * MINUTE).timestamp())
    advance(START + 2 * MINUTE, START + DAY, START + DAY + 3 * MINUTE, START + 2 * DAY)
    (series,) = store.readings.series("monitor_dropped_total", subject="model/m@champion")
    assert series.values.tolist() == [0, 7, 7, 0]
    assert list(series.notes) == ["", drops.reason, drops.reason, ""]
    assert series.times[-1] == np.datetime64((START + DAY + 3 * MINUTE).replace(tzinfo=None))


@pytest.mark.server
def test_what_serving_processes_counted_becomes_readings_of_the_version(model):
    model.record(0, 60, "1")
    model.watch.advance(START + MINUTE)
    (folder,) = model.config.log.glob("*/1")
    now = START + 2 * MINUTE
    note_tally(folder, "a1", Tally({"400": 2}, {("age", "missing"): 5}), now.timestamp())
    model.watch.advance(now)
    subject, of = model.config.subject, {"model": model.name, "alias": "champion", "version": "1"}
    (errors,) = model.store.readings.series("prediction_errors_total", subject=subject)
    assert (errors.labels, errors.values.tolist()) == ({**of, "status": "400"}, [0, 2])
    (broken,) = model.store.readings.series("signature_violations_total", subject=subject)
    assert (broken.labels, broken.values.tolist()) == ({**of, "feature": "age", "kind": "missing"}, [0, 5])


@pytest.mark.server
def test_the_version_gets_a_link_to_its_page_and_its_description_stays(model):
    name, subject = model.name, model.config.subject
    model.real.update_model_version(name, "1", "what people wrote")
    log = InferenceLog(model.config.log)
    watch = ModelWatch(model.config, model.store, log, model.give_client, page="https://m.example.org/")
    watch.advance(START + DAY)
    found = model.real.get_model_version(name, "1")
    address = "https://m.example.org/model?" + urlencode({"subject": subject})
    assert (found.tags[PAGE_TAG], found.description) == (address, "what people wrote")
    stamp = found.last_updated_timestamp
    ModelWatch(model.config, model.store, log, model.give_client, page="https://m.example.org").advance(
        START + DAY
    )
    assert model.real.get_model_version(name, "1").last_updated_timestamp == stamp, "written once"


@pytest.mark.server
def test_without_a_page_address_or_right_to_tag_the_version_is_watched_all_the_same(model, monkeypatch):
    model.watch.advance(START + DAY)
    assert PAGE_TAG not in model.real.get_model_version(model.name, "1").tags

    def refuse(*_):
        raise TrackingError("not allowed")

    monkeypatch.setattr("mirante.app.watch.write_version_tag", refuse)
    log = InferenceLog(model.config.log)
    watch = ModelWatch(model.config, model.store, log, model.give_client, page="https://m.example.org")
    with capture_logs() as said:
        watch.advance(START + DAY)
    assert watch.monitor is not None
    assert "no link from the model version to its page" in {line["event"] for line in said}
