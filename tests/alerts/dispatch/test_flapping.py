"""What flaps, for how long it is kept firing, and when it is calm again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mirante.alerts.dispatch.flapping import Flapping, Flaps
from mirante.alerts.rules import Rule

T0 = datetime(2026, 11, 25, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = Rule("busy", "cpu > 90", keep_firing_for=2 * MINUTE)


def test_four_starts_within_an_hour() -> None:
    flaps = Flaps(Flapping())
    for minute in (0, 20, 40):
        flaps.began("a", T0 + minute * MINUTE)
    flaps.began("a", T0 + 60 * MINUTE)  # the first one is an hour ago
    assert not flaps.flaps("a")
    flaps.began("a", T0 + 70 * MINUTE)
    assert flaps.flaps("a")
    assert not flaps.flaps("b")


def test_it_is_kept_firing_for_a_quarter_and_a_longer_wait_of_the_rule_stays() -> None:
    flaps = Flaps(Flapping(), [("a", T0 + n * MINUTE) for n in range(4)])
    timing = flaps.timing("a", RULE)
    assert (timing.for_, timing.keep_firing_for, timing.on_missing) == (
        timedelta(),
        15 * MINUTE,
        "keep",
    )
    assert flaps.timing("b", RULE) is RULE
    long = Rule("busy", "cpu > 90", keep_firing_for=60 * MINUTE)
    assert flaps.timing("a", long).keep_firing_for == 60 * MINUTE


def test_it_flaps_until_it_begins_again_after_a_calm_time() -> None:
    flaps = Flaps(Flapping(), [("a", T0 + n * MINUTE) for n in range(4)])
    flaps.ended("a")
    assert flaps.flaps("a")
    flaps.began("a", T0 + 120 * MINUTE)
    assert not flaps.flaps("a")


def test_what_is_over_for_long_is_forgotten_and_what_fires_is_not() -> None:
    flaps = Flaps(Flapping(), [(key, T0 + n * MINUTE) for n in range(4) for key in "ab"])
    flaps.ended("a")
    flaps.began("c", T0 + 120 * MINUTE)
    assert (flaps.flaps("a"), flaps.flaps("b")) == (False, True)


def test_switched_off() -> None:
    flaps = Flaps(None, [("a", T0)] * 9)
    assert not flaps.flaps("a")
    assert flaps.timing("a", RULE) is RULE
