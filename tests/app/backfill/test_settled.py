"""The same backfill once more: known to change nothing, until anything that it is made from is another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mirante.app.backfill.past import PastRun
from tests.monitors.conftest import START

DAYS = 6


@pytest.fixture
def judged(world, monkeypatch):
    """A world whose backfill has ended, and how often the past was gone through since."""
    world.record(*range(DAYS), count=200)
    world.label(*range(DAYS), count=200)
    first = world.run(0, DAYS)
    assert (first.windows, first.waiting) == (DAYS, 0)
    went: list[int] = []
    steps = PastRun.steps

    def counted(self):
        went.append(1)
        return steps(self)

    monkeypatch.setattr(PastRun, "steps", counted)
    return world, first, went


def test_nothing_is_judged_anew_while_all_is_as_it_was(judged):
    world, first, went = judged
    again = world.run(0, DAYS)
    assert went == []
    assert (again.windows, again.known, again.kept, again.readings) == (0, DAYS, 0, 0)
    assert again.alerts == first.alerts
    assert world.run(0, DAYS, replace=True).windows == DAYS
    assert went == [1]
    assert world.run(0, DAYS).known == DAYS
    assert went == [1]


@pytest.mark.parametrize("what", ["rows", "labels", "config", "days", "windows"])
def test_whatever_it_is_made_from_counts(judged, what):
    world, _first, went = judged
    if what == "rows":
        world.record(2, count=20)
    elif what == "labels":
        with world.store() as store:
            store.labels.write(world.name, ["row-1-1"], [0.5], START)
    elif what == "config":
        world.more = ", alarm_budget: 1 per 7d"
    elif what == "windows":
        with world.store() as store:
            store.windows.put(
                replace(store.windows.list(world.subject, with_profile=True)[0], late=1, rows=1)
            )
    world.run(0, DAYS - (what == "days"))
    assert went == [1]


def test_windows_that_wait_for_labels_are_looked_at_again(world):
    world.record(*range(DAYS), count=200)
    world.label(*range(DAYS), count=200)
    assert world.run(0, DAYS, now=DAYS + 1).waiting == 1
    assert world.run(0, DAYS).completed == 1
