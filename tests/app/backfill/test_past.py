from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from mirante.alerts.rules import Rule
from mirante.app.backfill import past as module
from mirante.app.backfill.past import PastRun
from mirante.app.backfill.planning import plan_backfill
from mirante.errors import ConfigError
from mirante.monitors.condensing import condense_windows
from mirante.store.ages import Ages

from .conftest import DAY, FIRST, HOUR, START

pytestmark = pytest.mark.server
RULES = [
    Rule("moved", "drift_effect > 0.3", for_=6 * HOUR),
    Rule("kept", "drift_effect > 0.3", keep_firing_for=HOUR),
    Rule("worth", "performance_labels > 0"),
]


def run(world, store, rules=RULES, *, days=6, present=100 * DAY):
    now = START + present
    plan = plan_backfill(
        world.settings, store, world.name, FIRST, FIRST + timedelta(days=days), version=None, now=now
    )
    return PastRun(plan, rules, store, lambda _: 7 * DAY, present=now)


def test_rules_see_each_window_when_it_ends_and_time_goes_on_between(world):
    world.record(0, 1, 4, 5, count=200)
    world.record(2, 3, count=200, shift=15.0)
    world.label(*range(6), count=200)
    with world.store() as store, run(world, store) as past:
        steps = list(past.steps())
        fired = {past.store.alerts.get(one).rule: window for step in steps for one, window in step.fired}
        assert fired == {"moved": START + 2 * DAY, "kept": START + 2 * DAY, "worth": START}
        rows = {row.rule: row for row in past.store.alerts.list() if row.fired_at}
        assert (rows["moved"].active_at, rows["moved"].fired_at) == (
            START + 3 * DAY,
            START + 3 * DAY + 6 * HOUR,
        )
        assert (rows["kept"].fired_at, rows["kept"].resolved_at) == (
            START + 3 * DAY,
            START + 5 * DAY + HOUR,
        )
        # figures are final two days after a window: those of the last two after the end
        assert (rows["worth"].fired_at, rows["worth"].resolved_at) == (START + DAY, START + 8 * DAY)
        assert past.store.alerts.open() == []
        assert [start for step in steps[-3:] for start in step.starts] == [START + 4 * DAY, START + 5 * DAY]
        assert store.windows.list(world.subject) == store.readings.latest() == []  # only read


def test_labels_that_are_not_due_are_not_waited_for(world):
    world.record(*range(6))
    world.label(*range(6))
    with world.store() as store, run(world, store, present=7 * DAY) as past:
        measured = [one for step in past.steps() for one in step.readings if one.name == "performance_labels"]
        final, so_far = ([one.time for one in measured if bool(one.note) == told] for told in (False, True))
        assert final == [START + day * DAY for day in range(5)]
        assert so_far == [START + day * DAY for day in range(6)]


def test_what_is_forgotten_is_asked_for_no_more(world):
    world.record(*range(12))
    with world.store() as store:
        with run(world, store, days=12) as past:
            kept = [step.readings for step in past.steps()]
        with run(world, store, days=12) as past:
            again = []
            for step in past.steps():
                again.append(step.readings)
                past.forget(step.now)
            assert past.store.readings.count() < sum(map(len, kept)) / 2
        assert again == kept


def test_what_retention_made_coarse_is_counted_anew(world):
    """Windows are held against those before them, also where the store has these on few edges by now."""
    world.more = ", baseline_kind: sliding 4"
    world.record(*range(12), shift=8.0)
    world.run(0, 8)

    def found(store):
        plan = plan_backfill(
            world.settings,
            store,
            world.name,
            START + 8 * DAY,
            START + 12 * DAY,
            version=None,
            now=START + 99 * DAY,
        )
        with PastRun(plan, RULES, store, lambda _: 7 * DAY, present=START + 99 * DAY) as past:
            assert all(step.now > plan.start for step in past.steps())
            return [row.verdicts for row in past.store.windows.list(world.subject, since=plan.start)]

    with world.store() as store:
        expected = found(store)
        old, never = START + 50 * DAY, START - DAY
        assert condense_windows(store, world.subject, Ages(old, never, never, UTC)).coarse == 8
        assert found(store) == expected
        last = store.windows.list(world.subject, with_profile=True)[-1]
        store.windows.put(replace(last, end=last.end + DAY))  # as one that was made of several
        assert found(store) == expected
        store.windows.remove(world.subject, [(START + day * DAY, world.version) for day in range(8)])
        assert found(store) != expected  # they do count


def test_its_folder_goes_with_it(world, tmp_path, monkeypatch):
    world.record(0)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(module, "_MEMORY", scratch)
    with world.store() as store:
        with run(world, store):
            assert len(list(scratch.iterdir())) == 1
        twins = [Rule("busy", "drift_share > 0"), Rule("busy", "drift_share > 1")]
        with pytest.raises(ConfigError), run(world, store, twins):
            pass
    assert list(scratch.iterdir()) == []
