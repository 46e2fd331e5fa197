"""Backfills as a whole, over a real MLflow server, a log in any order, and a service beside them."""

import json
import signal
import subprocess
import sys
import time
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from mirante.alerts.engine import AlertEngine
from mirante.alerts.routing import Route
from mirante.app import backfill as room
from mirante.app.build import build
from mirante.app.rehearsal import gather_rules
from mirante.app.settings import load_settings
from mirante.app.watch import ModelWatch
from mirante.errors import ConflictError
from mirante.inference_log import InferenceLog
from mirante.monitors.baseline import publish_baseline
from mirante.monitors.model import ModelMonitor, rows_cursor
from mirante.store import Store
from mirante.tracking.baselines import resolve_alias
from tests.monitors.registry import register

from .conftest import DAY, HOUR, START

pytestmark = pytest.mark.server
DAYS, SHIFTED = 24, 16
# what speaks of the moment at which a service read, not of a window
_OF_THE_MOMENT = (
    "predictions_read_total",
    "monitor_late_total",
    "monitor_agents_behind",
    "monitor_dropped_total",
    "freshness_",
    "alias_moves_total",
    "alias_version",
    "performance_labels_unmatched",
    "baseline_missing",
)


@pytest.fixture
def shifted(world):
    """Days of which the last ones are shifted; labels of all."""
    return shift(world, DAYS, SHIFTED)


def shift(world, days, shifted):
    world.record(*range(shifted), count=200)
    world.record(*range(shifted, days), count=200, shift=8.0)
    world.label(*range(days), count=200)
    return world


def windows_of(store, subject):
    """Return what the store has of windows, without the mark of a backfill."""
    found = {}
    for row in store.windows.list(subject, with_profile=True):
        verdicts = {name: value for name, value in row.verdicts.items() if name != "backfilled"}
        found[row.start, row.version] = (row.end, row.rows, row.closed, row.profile, json.dumps(verdicts))
    return found


def readings_of(store):
    return {
        (one.name, tuple(sorted(one.labels.items())), str(moment)): (repr(value), note)
        for one in store.readings.series()
        if not one.name.startswith(_OF_THE_MOMENT)
        for moment, value, note in zip(one.times, one.values, one.notes, strict=True)
    }


def alerts_of(store):
    return {(row.rule, str(sorted(row.labels.items())), row.summary, row.note) for row in fired(store)}


def fired(store):
    return [row for row in store.alerts.list(limit=10_000) if row.fired_at is not None]


def live(world, days, store, *, gap=DAY):
    """Run the monitor and the rules as a service does, an hour after each window's end."""
    config = world.settings.models[0]
    watch = ModelWatch(config, store, InferenceLog(config.log), lambda: world.client)
    engine = AlertEngine(store, gather_rules([], world.settings), Route(), value_age=timedelta())
    for day in range(1, days + 1):
        now = START + day * gap + HOUR
        watch.advance(now)
        engine.advance(now, lambda _: config.stale_after)
    return watch


def everything(url):
    """Return all that is in a store but for what counts and what was written when."""
    with Store(url) as store, store.transaction() as connection:
        tables = ("windows", "alerts", "events", "baselines", "notices", "groups", "cursors")
        found = {
            name: sorted(str(row) for row in connection.execute(text(f"SELECT * FROM mirante_{name}")))
            for name in tables
        }
        readings = "SELECT series_id, time, value, note FROM mirante_readings"
        return found | {"readings": sorted(str(row) for row in connection.execute(text(readings)))}


def test_it_finds_what_a_service_would_have_found(world, tmp_path):
    shifted = shift(world, 60, 40)
    done = shifted.run(0, 60)
    with Store(f"sqlite:///{tmp_path / 'live.db'}") as other, shifted.store() as store:
        for day in range(60):  # labels of the service's own store
            ids = [f"row-{day}-{number}" for number in range(200)]
            found = store.labels.get(shifted.name, ids)
            other.labels.write(shifted.name, ids, found.values.tolist(), START)
        live(shifted, 62, other)
        expected = windows_of(other, shifted.subject)
        last = START + 60 * DAY
        expected = {key: row for key, row in expected.items() if key[0] < last}
        assert len(expected) == 60
        assert windows_of(store, shifted.subject) == expected
        wanted = {
            key: value for key, value in readings_of(other).items() if key[2] < f"{last:%Y-%m-%dT%H:%M:%S}"
        }
        assert readings_of(store) == wanted
        assert alerts_of(store) == {
            one
            for one in alerts_of(other)
            if one[0] not in ("no_new_rows", "row_count", "labels_fit_nothing")
        }
    *_, moved = [row for row in done.alerts if row.rule == "feature_drift" and row.labels["feature"] == "age"]
    assert START + 40 * DAY <= moved.fired_at <= START + 41 * DAY
    assert moved.resolved_at == START + 60 * DAY  # the end of the span
    assert (done.windows, done.rows, done.waiting, done.left) == (60, 12_000, 0, 0)
    assert 18 <= done.drifted <= 22


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nobody_is_told_of_it_now_or_when_the_service_starts(shifted, database, request):
    shifted.more = ", limits: [out_of_range]"  # no new rows come, of which a service does tell
    if database == "postgresql":
        shifted.url = request.getfixturevalue("postgres_url")
    done = shifted.run(0, DAYS, now=DAYS + 0.1)
    assert done.alerts
    now = START + (DAYS + 0.1) * DAY
    with build(shifted.settings, clock=lambda: now) as parts:
        watch = ModelWatch(
            parts.settings.models[0], parts.store, parts.log_of(parts.settings.models[0]), parts.client
        )
        for step in range(1, 4):
            watch.advance(now + step * HOUR)
            assert parts.engine.advance(now + step * HOUR, lambda _: DAY) == []
        assert parts.store.readings.after(0, limit=100_000) != []  # the service's own, which it judges
        with parts.store.transaction() as connection:
            for name in ("notices", "groups"):
                assert not connection.execute(text(f"SELECT count(*) FROM mirante_{name}")).scalar_one()
    with shifted.store() as store:
        rows = store.alerts.list(limit=1_000)
        assert {(row.state, row.historic) for row in rows} == {("resolved", True)}
        assert store.alerts.open() == []


def test_a_second_run_changes_nothing(shifted):
    shifted.run(0, DAYS)
    before = everything(shifted.settings.store_address())
    again = shifted.run(0, DAYS)
    assert (again.windows, again.known, again.readings) == (0, DAYS, 0)
    assert len(again.alerts) > 0
    assert everything(shifted.settings.store_address()) == before
    later = shifted.run(0, DAYS, replace=True)
    assert (later.windows, later.known, later.readings) == (DAYS, 0, 0)
    assert everything(shifted.settings.store_address()) == before


def test_parts_are_as_the_whole_where_windows_remember_those_before(shifted, tmp_path):
    shifted.more = ", baseline_kind: sliding 7"
    shifted.run(0, 10)
    shifted.run(10, DAYS)
    with shifted.store() as store:
        parts = windows_of(store, shifted.subject)
    shifted.url = "sqlite:///whole.db"
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store, shifted.store() as whole:
        for day in range(DAYS):
            ids = [f"row-{day}-{number}" for number in range(200)]
            labels = store.labels.get(shifted.name, ids).values.tolist()
            whole.labels.write(shifted.name, ids, labels, START)
    shifted.run(0, DAYS)
    with shifted.store() as store:
        assert windows_of(store, shifted.subject) == parts


class Killed(BaseException):
    """Ends a run between two transactions, or within one."""


@pytest.mark.parametrize("moment", [1, 3, 5])
def test_a_run_that_ends_early_leaves_whole_windows_and_the_next_completes_it(shifted, monkeypatch, moment):
    monkeypatch.setattr(room.run, "_MOST_WINDOWS", 5)
    whole = shifted.settings.store_address()
    calls = []
    with monkeypatch.context() as patch:
        real = room.keeping.Keeper._keep_alerts

        def die(self, *arguments):
            calls.append(1)
            if len(calls) == moment:
                raise Killed  # windows and readings are written, and not committed
            return real(self, *arguments)

        patch.setattr(room.keeping.Keeper, "_keep_alerts", die)
        with pytest.raises(Killed):
            shifted.run(0, DAYS)
    with shifted.store() as store:
        rows = store.windows.list(shifted.subject)
        assert bool(rows) == (moment > 1)
        assert len(rows) < DAYS
        assert all(row.closed for row in rows)
        assert sum(len(one.times) for one in store.readings.series("predictions")) == len(rows)
        assert store.alerts.open() == []
    shifted.run(0, DAYS)
    with shifted.store() as store:
        alerts = {row.id: row for row in store.alerts.list(limit=1_000)}
        windows = windows_of(store, shifted.subject)
        readings = readings_of(store)
    (shifted.folder / "mirante.db").rename(shifted.folder / "cut.db")
    with Store(f"sqlite:///{shifted.folder / 'cut.db'}") as cut, Store(whole) as store:
        for day in range(DAYS):
            ids = [f"row-{day}-{number}" for number in range(200)]
            store.labels.write(shifted.name, ids, cut.labels.get(shifted.name, ids).values.tolist(), START)
    shifted.run(0, DAYS)
    with shifted.store() as store:
        assert windows == windows_of(store, shifted.subject)
        assert readings == readings_of(store)
        assert alerts == {row.id: row for row in store.alerts.list(limit=1_000)}


def test_a_process_that_is_killed_leaves_whole_windows(shifted):
    path = shifted.folder / "mirante.yaml"
    settings = shifted.settings
    command = [sys.executable, "-m", "mirante", "backfill", shifted.name, "--from", "2026-01-01"]
    process = subprocess.Popen(
        [*command, "--to", "2026-01-25", "-c", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 120
        with Store(settings.store_address()) as store:
            while process.poll() is None and time.monotonic() < deadline:
                if store.windows.list(shifted.subject, with_verdicts=False):
                    process.send_signal(signal.SIGKILL)
                    break
                time.sleep(0.01)
    finally:
        process.kill()
        process.communicate()
    done = shifted.run(0, DAYS)
    assert done.known + done.completed >= 1
    assert done.known + done.completed + done.windows == DAYS
    with shifted.store() as store:
        (series,) = store.readings.series("predictions")
        assert len(series.times) == DAYS


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_service_beside_it_is_not_disturbed(world, database, request, tmp_path):
    """A monitor at work before, between and after gives what one gives that was alone."""
    world.record(*range(36), count=200)
    if database == "postgresql":
        world.url = request.getfixturevalue("postgres_url")
    config = world.settings.models[0]
    with world.store() as store, Store(f"sqlite:///{tmp_path / 'alone.db'}") as alone:
        monitors = []
        for each in (store, alone):
            monitor = ModelMonitor(config, world.version, world.baseline, each, InferenceLog(config.log))
            monitor._closed_until = START + 20 * DAY  # a service that began then
            monitor._begin = START + 20 * DAY
            monitor.advance(START + 30 * DAY + HOUR)
            monitors.append(monitor)
        world.record(*range(36, 40), count=200, shift=8.0)
        cursor = store.cursors.get(rows_cursor(world.subject, world.version))
        still = {row.start for row in store.windows.list(world.subject) if not row.closed}
        assert still == {START + day * DAY for day in range(30, 36)}
        latest = {one.key: one for one in store.readings.latest()}

        done = world.run(0, 60, now=36)
        assert (done.windows, done.kept, done.left) == (20, 10, 5)
        assert {one.key: one for one in store.readings.latest() if one.key in latest} == latest
        done = world.run(0, 60, now=36, replace=True)
        assert (done.windows, done.left) == (30, 5)
        assert store.cursors.get(rows_cursor(world.subject, world.version)) == cursor
        # the sums of floats may differ in their last digits from those of another order
        assert {one.key: one.time for one in store.readings.latest() if one.key in latest} == {
            key: one.time for key, one in latest.items()
        }
        rows = {row.start: row for row in store.windows.list(world.subject)}
        assert {row.start for row in rows.values() if not row.closed} == still

        for now in (37, 40):
            steps = [monitor.advance(START + now * DAY + HOUR) for monitor in monitors]
            assert steps[0].readings == steps[1].readings
            assert steps[0].late == steps[1].late == 0
        assert monitors[0]._position({}, 0) == monitors[1]._position({}, 0)
        mine, other = windows_of(store, world.subject), windows_of(alone, world.subject)
        assert {key: mine[key] for key in other if key[0] >= START + 30 * DAY} == {
            key: row for key, row in other.items() if key[0] >= START + 30 * DAY
        }


def test_a_service_that_starts_afterwards_goes_on_where_it_ended(world):
    world.record(*range(10), count=200)
    world.run(0, 8, now=10)
    with world.store() as store:
        watch = live(world, 0, store)
        step = watch.advance(START + 10 * DAY + HOUR)
        assert [row.start for row in step.closed] == [START + 8 * DAY, START + 9 * DAY]
        assert step.late == 0
        kinds = [event.kind for event in store.events.list(world.subject)]
        assert [kind for kind in kinds if not kind.startswith("alert")] == ["backfilled"]


def test_windows_of_an_earlier_version(world):
    world.record(*range(5), count=200)
    version = world.version
    _, newer = register(world.client, world.name)
    publish_baseline(world.client, world.name, newer, world.baseline)
    world.record(*range(5, 8), count=200, version=newer)
    assert resolve_alias(world.client, world.name, "champion") == newer
    done = world.run(0, 8, version=version)
    assert (done.version, done.windows) == (version, 5)
    with world.store() as store:
        live(world, 0, store).advance(START + 8 * DAY + HOUR)
        # the version before has never been served here: its windows are no move of the alias
        assert "alias_moved" not in {event.kind for event in store.events.list(world.subject)}
    done = world.run(0, 8)
    assert (done.version, done.kept) == (newer, 3)


def test_labels_that_come_later_are_measured_by_the_next_run(world):
    world.record(*range(6), count=200)
    world.label(*range(6), count=200)
    done = world.run(0, 6, now=6)
    assert (done.windows, done.waiting) == (5, 1)  # the last one waits for late rows until an hour later
    done = world.run(0, 6, now=7)
    assert (done.windows, done.completed, done.waiting) == (1, 1, 1)
    done = world.run(0, 6, now=20)
    assert (done.windows, done.completed, done.known, done.waiting) == (0, 1, 5, 0)
    with world.store() as store:
        (series,) = store.readings.series("performance_roc_auc")
        assert len(series.times) == 6
        assert all(row.verdicts["performance"]["labels"] == 200 for row in store.windows.list(world.subject))


def test_alerts_that_today_s_rules_no_longer_give_go(shifted):
    before = shifted.run(0, DAYS)
    assert any(row.rule == "feature_drift" for row in before.alerts)
    settings = shifted.settings
    rules = settings.folder / "rules.yaml"
    rules.write_text("rules:\n  - {name: any_drift, when: drift_share > 0, severity: critical}\n")
    path = settings.folder / "mirante.yaml"
    told = path.read_text() + f"  rules: {rules}\n  default_rules: false\n"
    path.write_text(told)
    settings = load_settings(path)
    done = room.backfill(
        settings,
        shifted.name,
        date(2026, 1, 1),
        date(2026, 1, 25),
        replace=True,
        clock=lambda: START + 100 * DAY,
    )
    assert {row.rule for row in done.alerts} == {"any_drift"}
    with shifted.store() as store:
        assert {row.rule for row in store.alerts.list(limit=1_000)} == {"any_drift"}
        told = {event.data["rule"] for event in store.events.list(kinds=["alert_fired", "alert_resolved"])}
        assert told == {"any_drift"}


def test_rows_that_are_deleted_meanwhile_end_it(shifted, monkeypatch):
    monkeypatch.setattr(room.run, "_MOST_WINDOWS", 5)
    real = room.keeping.Keeper.keep

    def keep(self, portion, *, last=False):
        real(self, portion, last=last)
        self._store.forget(shifted.name, ["row-1-1"])

    with monkeypatch.context() as patch:
        patch.setattr(room.keeping.Keeper, "keep", keep)
        with pytest.raises(ConflictError, match="deleted"):
            shifted.run(0, DAYS)
    again = shifted.run(0, DAYS)
    assert 0 < again.known < DAYS
    assert again.known + again.completed + again.windows == DAYS


def test_provisional_figures_are_completed_by_the_next_run(world):
    world.record(*range(4), count=200)
    world.label(*range(4), count=100)
    done = world.run(0, 4, now=4.1)
    assert (done.windows, done.waiting) == (4, 2)
    again = world.run(0, 4, now=4.1)
    assert (again.known, again.completed) == (4, 0)
    world.label(2, 3, count=200)
    done = world.run(0, 4, now=20)
    assert (done.windows, done.completed, done.waiting) == (0, 2, 0)
    with world.store() as store:
        rows = store.windows.list(world.subject)
        assert [row.verdicts["performance"]["labels"] for row in rows] == [100, 100, 200, 200]
        assert all(row.verdicts["realised"]["final"] for row in rows)


def slices_of(store, subject):
    kept = {(row.slice, row.start): row.profile for row in store.slice_windows.kept(subject, "1")}
    rows = {(row.slice, row.start): row for row in store.slice_windows.list(subject)}
    return rows, kept


def test_slices_are_kept_and_remembered(shifted, tmp_path):
    shifted.more = ", baseline_kind: sliding 3, slices: [plan]"
    shifted.run(0, 8)
    shifted.run(8, 14)
    with shifted.store() as store:
        parts, readings = slices_of(store, shifted.subject), readings_of(store)
        assert store.labels.unmatched(shifted.name, START + 99 * DAY) == (DAYS - 14) * 200
    assert {start for _, start in parts[0]} == {START + day * DAY for day in range(14)}
    assert all(row.performance for row in parts[0].values() if row.rows >= 30)  # of fewer nothing is said
    shifted.url = "sqlite:///whole.db"
    shifted.label(*range(DAYS), count=200)
    shifted.run(0, 14)
    with shifted.store() as store:
        assert slices_of(store, shifted.subject)[0] == parts[0]
        assert slices_of(store, shifted.subject)[1].items() <= parts[1].items()
        assert {k: v for k, v in readings_of(store).items() if "slice" in str(k[1])} == {
            k: v for k, v in readings.items() if "slice" in str(k[1])
        }
