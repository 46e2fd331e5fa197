"""The past replayed in columns, held against the engine that lives through it evaluation by evaluation."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirante.alerts.evaluation.history import Clock
from mirante.alerts.past import Past, replay_past
from mirante.alerts.replay import Replay
from mirante.alerts.rules import Rule
from mirante.readings import Reading
from mirante.store import Store

T0 = datetime(2013, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(seconds=15)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


def cpu(values: list[float]) -> list[Reading]:
    return [
        Reading("cpu", value, T0 + minute * MINUTE, {"host": "a"})
        for minute, value in enumerate(values)
        if value is not None
    ]


def replayed(store: Store, rules: list[Rule], minutes: float, **more: Any) -> Past:
    since = more.pop("since", T0)
    return replay_past(rules, store, lambda _: 3 * MINUTE, Clock(since, T0 + minutes * MINUTE, TICK), **more)


def test_the_past_is_replayed_without_a_trace(store: Store) -> None:
    store.readings.write(cpu([10, 95, 97, 95, 10, 95, 10, 95, 95]))
    rules = [Rule("held", "cpu > 90", for_=2 * MINUTE), Rule("spike", "cpu > 90", summary="{{ $value }}")]
    past = replayed(store, rules, 8.5)
    held, spike = past.fired["held"], past.fired["spike"]
    assert [(one.fired_at, one.ended_at, one.peak) for one in held] == [
        (T0 + 3 * MINUTE, T0 + 4 * MINUTE, 97)
    ]
    assert [one.fired_at for one in spike] == [T0 + minute * MINUTE for minute in (1, 5, 7)]
    assert [one.summary for one in spike] == ["95"] * 3
    assert [one.fired_at for one in past.standing["held"]] == [None]
    assert [one.active_at for one in past.standing["spike"]] == [T0 + 7 * MINUTE]
    assert [reading.value for reading in past.latest] == [95]
    assert store.alerts.list() == []
    assert store.outbox.tally() == []
    assert store.cursors.get("alerts") is None


def test_the_peak_of_what_should_not_be_low_is_the_lowest(store: Store) -> None:
    store.readings.write(cpu([50, 5, 2, 7, 50]))
    (low,) = replayed(store, [Rule("low", "cpu < 10")], 9).fired["low"]
    assert (low.value, low.peak) == (5, 2)


def test_a_window_reaches_back_before_the_stretch(store: Store) -> None:
    store.readings.write(cpu([100, 100, 100, 100, 0, 0]))
    rule = Rule("mean", 'avg_over("cpu", "4m") > 70')
    assert [one.active_at for one in replayed(store, [rule], 6, since=T0 + 4 * MINUTE).fired["mean"]] == [
        T0 + 4 * MINUTE
    ]
    assert replayed(store, [rule], 6, since=T0 + 5 * MINUTE).fired["mean"] == []


def test_a_rule_about_few_series_is_replayed_over_the_whole_stretch(store: Store) -> None:
    others = [
        Reading("cpu", 95.0, T0 + minute * MINUTE, {"host": f"h{number}"})
        for number in range(9)
        for minute in range(300)
    ]
    store.readings.write([*cpu([95.0] * 300), *others])
    one = Rule("one", "cpu > 90", where={"host": "a"})
    every = Rule("every", "cpu > 90")
    assert replayed(store, [one], 300, most=400).since == T0
    assert [found.labels for found in replayed(store, [one], 300, most=400).fired["one"]] == [{"host": "a"}]
    assert replayed(store, [every], 300, most=400).since > T0
    assert replayed(store, [one, every], 300, most=400).since > T0


def test_absence_of_what_never_was(store: Store) -> None:
    rule = Rule("gone", "absent(cpu)", where={"host": "b"}, for_=MINUTE)
    (gone,) = replayed(store, [rule], 5).fired["gone"]
    assert gone.labels == {"host": "b"}
    assert (gone.fired_at, gone.ended_at) == (T0 + MINUTE, None)
    assert math.isnan(gone.value)


def test_what_is_silent_for_a_week_is_over(store: Store) -> None:
    store.readings.write(cpu([95]))
    (busy,) = replayed(store, [Rule("busy", "cpu > 90")], 30 * 1440).fired["busy"]
    assert busy.ended_at is not None
    assert timedelta(days=7) <= busy.ended_at - T0 <= timedelta(days=7, minutes=4)


def test_too_many_readings_are_a_shorter_stretch(store: Store) -> None:
    store.readings.write(cpu([10.0] * 600))
    past = replayed(store, [Rule("busy", "cpu > 90")], 600, most=200)
    assert past.since == T0 + 450 * MINUTE
    assert replayed(store, [Rule("busy", "cpu > 90")], 600, most=600).since == T0


def test_a_rule_that_cannot_be_joined_says_why(store: Store) -> None:
    store.readings.write(
        Reading(name, 1.0, T0, {label: str(n)})
        for name, label in (("x", "a"), ("y", "b"))
        for n in range(400)
    )
    past = replayed(store, [Rule("both", "x > 0 and y > 0"), Rule("one", "x > 0")], 1)
    assert "pair off more than" in past.errors["both"]
    assert len(past.fired["one"]) == 400


CONDITIONS = [
    "x > 5",
    "x > 5 and y < 5",
    "x > 5 or is_nan(y)",
    "not x > 5",
    "absent(x)",
    "absent(y) and x > 2",
    "x - y > 1",
    'avg_over("x", "3m") > 5',
    'delta("x", "4m") >= 2 or count("x", "5m") < 3',
    'max_over("x", "2m") > 8 and min_over("y", "7m") < 3',
    "is_nan(x)",
]


def _random_readings(dice: random.Random) -> list[Reading]:
    """Two metrics of two hosts, with gaps longer than they may be silent, NaN, and seconds off the minute."""
    found = []
    for name in "xy":
        for host in "ab":
            time = T0
            while time < T0 + 60 * MINUTE:
                value = math.nan if dice.random() < 0.05 else float(dice.randint(0, 10))
                found.append(Reading(name, value, time, {"host": host}))
                time += dice.choice([TICK, MINUTE, MINUTE, MINUTE, timedelta(seconds=70), 6 * MINUTE])
    return found


def _lived(rule: Rule, readings: list[Reading], until: datetime) -> list[tuple[Any, ...]]:
    """What the engine does that looks at every tick."""
    begun: dict[str, tuple[Any, ...]] = {}
    found = []
    with Replay([rule]) as replay:
        now, left = T0, sorted(readings, key=lambda one: one.time)
        while now <= until:
            news = [one for one in left if one.time <= now]
            left = left[len(news) :]
            for change in replay.step(now, news, lambda _: 3 * MINUTE):
                labels = tuple(sorted(change.alert.labels.items()))
                if change.change == "firing":
                    begun[str(labels)] = (labels, change.alert.active_at, now)
                elif change.change == "resolved":
                    found.append((*begun.pop(str(labels)), now))
            now += TICK
    return sorted([*found, *((*one, None) for one in begun.values())])


@pytest.mark.parametrize("seed", range(11))
def test_the_engine_would_have_done_the_same(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    readings = _random_readings(dice)
    rule = Rule(
        "r",
        CONDITIONS[seed % len(CONDITIONS)],
        for_=dice.choice([timedelta(), 2 * MINUTE]),
        keep_firing_for=dice.choice([timedelta(), 3 * MINUTE]),
        on_missing=dice.choice(["keep", "resolve", "alert"]),
        labels=dice.choice([{}, {"team": "ml"}]),
    )
    until = T0 + 75 * MINUTE
    store.readings.write(readings)
    past = replayed(store, [rule], 75)
    found = [
        (tuple(sorted(one.labels.items())), one.active_at, one.fired_at, one.ended_at)
        for one in past.fired["r"]
    ]
    lived = _lived(rule, readings, until)
    assert lived, "nothing fired: the test is worth nothing"
    assert sorted(found, key=str) == sorted(lived, key=str), rule
