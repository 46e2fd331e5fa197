"""A service that is killed at each step, or cannot write, tells the same as one that is not."""

from __future__ import annotations

import contextlib
import random
from datetime import timedelta
from pathlib import Path

import pytest

from mirante.alerts.dispatch.flapping import Flapping
from mirante.alerts.routing import EACH_ALONE, Pace, Route
from mirante.alerts.rules import Rule
from mirante.errors import StoreError
from mirante.store import Store
from tests.alerts.dispatch.driven import BUSY, MINUTE, Driven

HOSTS = "abcd"


def told(folder: Path, seed: int, trouble: str, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Play a random day with or without trouble, and return each notice with its minute."""
    rng = random.Random(seed)
    with Store(f"sqlite:///{folder}/{trouble}.db") as store:
        warm = Rule("warm", "system_cpu_percent > 50")
        on = Driven(store, rules=[BUSY, warm], flapping=Flapping())
        came: list[object] = []
        values = dict.fromkeys(HOSTS, 5.0)
        for tick in range(80):
            minute = tick * 2.5
            if rng.random() < 0.3:
                values[rng.choice(HOSTS)] = rng.choice((5.0, 60.0, 95.0))
            if rng.random() < 0.03:
                on.silence(minute, minute + rng.choice((5, 30, 90)), host=f"~[{rng.choice(HOSTS)}x]")
            if rng.random() < 0.03 and store.alerts.open():
                host = sorted(row.labels["host"] for row in store.alerts.open())[0]
                for row in store.alerts.open():
                    if row.labels["host"] == host:
                        store.acknowledgements.remove(row.id)
            if trouble == "killed":
                on.restart()
            if trouble == "full":
                with monkeypatch.context() as patch:
                    patch.setattr(store.groups, "save_all", _full)
                    with contextlib.suppress(StoreError):
                        came += [(minute, notice) for notice in on.at(minute, **values)]
            came += [(minute, notice) for notice in on.at(minute, **values)]
        return came


def _full(rows: object, **_more: object) -> None:
    if rows:
        raise StoreError("disk full")


@pytest.mark.parametrize("seed", range(3))
def test_trouble_changes_nothing_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    expected = told(tmp_path, seed, "none", monkeypatch)
    assert len(expected) > 3
    assert told(tmp_path, seed, "killed", monkeypatch) == expected, f"seed {seed}"
    assert told(tmp_path, seed, "full", monkeypatch) == expected, f"seed {seed}"


@pytest.mark.parametrize("part", ["silences", "acknowledgements"])
def test_a_store_that_cannot_be_read_in_the_midst_changes_nothing_that_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def away(*_given: object, **_more: object) -> None:
        raise StoreError("database is locked")

    pace = Pace(group_by=EACH_ALONE, group_wait=timedelta(), repeat_interval=MINUTE)
    on = Driven(store, Route(("mail",), pace=pace))
    assert on.at(0, a=95) == [("first_firing", "a")]
    with monkeypatch.context() as patch:
        patch.setattr(getattr(store, part), "list" if part == "silences" else "of", away)
        with pytest.raises(StoreError, match="locked"):
            on.at(1, b=95)  # `b` has joined its group by the time that the reminder of `a` is looked at
    assert on.at(5, b=95) == [("first_firing", "b"), ("reminder", "a")]
    assert len(store.groups.all()) == 2
