from dataclasses import replace

import pytest

from mirante.app.backfill.keeping import BACKFILLED
from mirante.inference_log import InferenceLog
from mirante.monitors.model import ModelMonitor
from mirante.store import AlertRow

from .conftest import DAY, HOUR, START

pytestmark = pytest.mark.server


def test_the_event_says_what_was_done_where_it_begins(world):
    world.record(*range(4), count=200)
    done = world.run(0, 4)
    with world.store() as store:
        (event,) = store.events.list(world.subject, kinds=[BACKFILLED])
        alerts = len(done.alerts)
        said = f"4 windows, {alerts} alert{'s' if alerts != 1 else ''}"
        assert event.text == f"backfilled 2026-01-01 to 2026-01-05 with version 1: {said}"
        assert event.time == START
        assert all(row.verdicts[BACKFILLED] for row in store.windows.list(world.subject))
        (baseline,) = store.baselines.list(world.subject)
        assert (baseline.version, baseline.created) == (world.version, START)


def test_alerts_of_a_service_and_of_others_stay(world):
    world.record(*range(4), count=200, shift=20.0)
    labels = {"model": world.name, "alias": "champion", "version": world.version}
    mine = AlertRow("ab" * 16, "old", labels, world.subject, "info", "resolved", START + DAY, START + DAY)
    with world.store() as store:
        store.alerts.save(mine)
        store.alerts.save(replace(mine, id="12" * 12 + "0" * 8, historic=True))  # of an earlier backfill
        other = replace(mine, id="34" * 12 + "0" * 8, historic=True, labels={**labels, "version": "77"})
        store.alerts.save(other)
    world.run(0, 4)
    with world.store() as store:
        assert len([row for row in store.alerts.list() if row.rule == "old"]) == 3
    done = world.run(0, 4, replace=True)
    with world.store() as store:
        left = store.alerts.list(limit=1_000)
        assert {row.id for row in left if row.rule == "old"} == {mine.id, other.id}
        assert {row.id for row in done.alerts} == {row.id for row in left} - {mine.id, other.id}


def test_windows_of_a_service_are_written_anew_only_if_that_is_asked_for(world):
    world.record(*range(5), count=200)
    config = world.settings.models[0]
    with world.store() as store:
        ModelMonitor(config, world.version, world.baseline, store, InferenceLog(config.log)).advance(
            START + 4 * DAY + HOUR
        )
        before = store.windows.list(world.subject, with_profile=True)
        done = world.run(0, 5, now=4.5)
        assert (done.windows, done.kept, done.left) == (0, 4, 0)
        assert store.windows.list(world.subject, with_profile=True) == before
        assert store.events.list(world.subject) == []
        done = world.run(0, 5, now=4.5, replace=True)
        assert (done.windows, done.kept) == (4, 0)
        measured = {row.start: row.verdicts.get("performance") for row in before}
        after = {row.start: row for row in store.windows.list(world.subject) if row.closed}
        # what the service is to measure, it measures
        assert {start: row.verdicts["performance"] is None for start, row in after.items()} == {
            start: one is None for start, one in measured.items() if start in after
        }
