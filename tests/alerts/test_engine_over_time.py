"""The engine over time: sources that fall silent, windows, other rules, clocks that jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mirante.alerts.grouping import Telling, Transition, Wording, notice_row
from mirante.alerts.rules import Rule, default_rules
from mirante.errors import ConfigError
from mirante.readings import Reading
from mirante.store import Store
from tests.alerts.test_engine import BUSY, DAY, MINUTE, T0, cpu, engine, hear, notices, step


def no_data() -> Rule:
    return next(rule for rule in default_rules() if rule.name == "no_data")


def test_no_data_is_one_alert_and_one_resolve_for_each_source(store: Store) -> None:
    on = engine(store, no_data())

    def all_of(minute: int, host: str) -> list[Reading]:
        names = ("system_cpu_percent", "system_memory_percent", "system_processes")
        return [Reading(name, 5.0, T0 + minute * MINUTE, {"host": host}) for name in names]

    changes = []
    for minute in range(120):
        silent = 10 <= minute < 70
        readings = [*all_of(minute, "web-1"), *([] if silent else all_of(minute, "web-2"))]
        changes += [(minute, change) for change in step(on, minute, *readings, stale=3 * MINUTE)]
    assert changes == [(13, "firing"), (70, "resolved")]
    (row,) = store.alerts.list()
    assert (row.subject, row.summary) == ("host/web-2", "No data from host/web-2")
    assert [n.reason for n in notices(store)] == ["first_firing", "resolved"]


def test_no_data_gives_sources_time_after_a_start(store: Store) -> None:
    step(engine(store, no_data()), 0, cpu(5), cpu(5, host="web-2"), stale=3 * MINUTE)
    again = engine(store, no_data())
    assert step(again, 60, stale=3 * MINUTE) == []
    assert step(again, 63, cpu(5, 63), stale=3 * MINUTE) == []
    assert step(again, 64, cpu(5, 64), stale=3 * MINUTE) == ["firing"]
    assert store.alerts.open()[0].subject == "host/web-2"


def test_no_data_of_a_paused_subject_means_nothing(store: Store) -> None:
    step(engine(store, no_data()), 0, cpu(5), stale=3 * MINUTE)
    again = engine(store, no_data())
    again.set_aside({"host/web-1"})
    assert [t.change for t in again.advance(T0 + DAY, lambda _: None)] == []
    assert store.alerts.list() == []


def test_a_window_reaches_back_over_a_restart(store: Store) -> None:
    rule = Rule(
        "slow", 'avg_over("system_cpu_percent", "10m") > 50 and count("system_cpu_percent", "10m") >= 3'
    )
    on = engine(store, rule)
    assert [step(on, m, cpu(v, m)) for m, v in ((0, 90), (4, 80))] == [[], []]
    again = engine(store, rule)
    assert step(again, 8, cpu(10, 8)) == ["firing"]
    assert store.alerts.open()[0].value == 60.0
    assert step(again, 12, cpu(0, 12)) == ["resolved"]  # (2, 12] holds 80, 10 and 0


def test_other_rules_take_over_what_they_name(store: Store) -> None:
    on = engine(store, BUSY, Rule("gone", "system_cpu_percent > 1"))
    assert step(on, 0, cpu(95)) == ["firing", "firing"]
    with pytest.raises(ConfigError, match="busy"):
        on.replace_rules([BUSY, BUSY])
    on.replace_rules([BUSY, Rule("new", 'max_over(system_cpu_percent, "5m") > 90')])
    assert step(on, 1, cpu(20, 1)) == ["resolved", "firing", "resolved"]
    assert [row.rule for row in store.alerts.open()] == ["new"]
    assert store.alerts.open()[0].value == 95.0  # from the store, before the rule was there


def test_the_row_of_a_firing_alert_is_written_once_a_minute(store: Store) -> None:
    on = engine(store)
    shown = []
    for second in range(0, 180, 15):
        time = T0 + timedelta(seconds=second)
        hear(on, time, Reading("system_cpu_percent", 91.0 + second, time, {"host": "web-1"}), stale=DAY)
        shown.append(store.alerts.open()[0].value)
    assert sorted(set(shown)) == [91.0, 151.0, 211.0]


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-2)])
def test_a_clock_that_jumps_resolves_nothing_and_counts_no_negative_time(
    store: Store, jump: timedelta
) -> None:
    on = engine(store, BUSY, Rule("later", "system_cpu_percent > 90", for_=3 * timedelta(hours=1)), no_data())
    changes = []
    for minute in range(60):
        now = T0 + minute * MINUTE + (jump if minute >= 30 else timedelta())
        reading = Reading("system_cpu_percent", 95.0, now, {"host": "web-1"})
        changes += hear(on, now, reading, stale=3 * timedelta(hours=1))
    assert changes == ["firing", "pending"]
    for row in store.alerts.list():
        assert (row.last_seen_at or row.active_at) >= row.active_at or jump < timedelta()
        assert row.fired_at is None or row.fired_at >= row.active_at


def test_summer_time_changes_nothing(store: Store) -> None:
    zone = ZoneInfo("America/New_York")
    on = engine(store, Rule("busy", "system_cpu_percent > 90", for_=90 * MINUTE), no_data())
    start = datetime(2013, 11, 3, 0, 30, tzinfo=zone).astimezone(UTC)  # the clock goes back at 2
    changes = []
    for minute in range(0, 240, 5):
        local = (start + minute * MINUTE).astimezone(zone)
        reading = Reading("system_cpu_percent", 95.0, local, {"host": "web-1"})
        changes += [(minute, change) for change in hear(on, local, reading, stale=15 * MINUTE)]
    assert changes == [(0, "pending"), (90, "firing")]


def test_an_alert_about_a_slice_says_so_in_its_title(store: Store) -> None:
    moved = Rule("moved", "drift_detected == 1", summary="{{ $labels.feature }} moved")
    own = Rule("own", "drift_detected == 1", summary="{{ $labels.slice }} moved")
    whole = {"model": "churn", "alias": "champion", "feature": "age"}
    part = whole | {"slice": "region=north"}
    on = engine(store, moved, own, Rule("bare", "drift_detected == 1"))
    step(on, 0, *(Reading("drift_detected", 1.0, T0, labels) for labels in (whole, part)))
    said = {row.summary for row in store.alerts.open()}
    assert said == {
        "age moved",
        "region=north: age moved",
        " moved",
        "region=north moved",
        "bare: drift_detected == 1",
        "region=north: bare: drift_detected == 1",
    }
    (one,) = (row for row in store.alerts.open() if row.summary == "region=north: age moved")
    title = notice_row(Telling("mail", "first_firing", (Transition(one, "firing"),)), Wording(), T0).payload
    assert title["title"] == "Warning: region=north: age moved"
