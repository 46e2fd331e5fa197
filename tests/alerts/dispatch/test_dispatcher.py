"""The dispatcher under an engine and over a real store: groups, times, what holds back, restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mirante.alerts.dispatch.flapping import Flapping
from mirante.alerts.dispatch.holds import HoldSettings
from mirante.alerts.dispatch.muting import MuteTime, parse_times
from mirante.alerts.matchers import Matchers
from mirante.alerts.routing import EACH_ALONE, Pace, Route
from mirante.alerts.rules import Rule
from mirante.store import Store
from tests.alerts.dispatch.driven import BUSY, MINUTE, T0, Driven

HOUR = 60
DAY = 24 * HOUR


def test_the_rest_can_join_before_the_first_notice(store: Store) -> None:
    on = Driven(store)
    assert on.at(0, a=95) == []
    assert on.engine.next_flush == T0 + 0.5 * MINUTE
    assert on.at(0.25, b=95) == []
    assert on.at(0.5) == [("first_firing", "a", "b")]
    assert on.at(1) == []


def test_what_is_over_before_the_wait_ends_is_not_told(store: Store) -> None:
    on = Driven(store)
    on.at(0, a=95)
    assert len(store.groups.all()) == 1
    assert on.at(0.25, a=5) == []
    assert on.at(9) == []
    assert (store.groups.all(), on.engine.next_flush) == ([], None)
    assert [event.kind for event in store.events.list()] == ["alert_fired", "alert_resolved"]


def test_new_ones_wait_for_the_interval_and_the_incident_is_one_thread(store: Store) -> None:
    on = Driven(store)
    on.at(0, a=95)
    on.at(0.5)
    assert on.at(1, b=95) == []
    assert on.at(2, a=5) == []
    assert on.at(5.25) == []
    assert on.at(5.5) == [("new_alerts", "a-", "b")]
    on.at(20, b=6)
    assert on.at(20.5) == [("resolved", "b-")]
    assert store.groups.all() == []
    on.at(30, b=95)
    assert on.at(30.5) == [("first_firing", "b")]
    rows = {row.reason + str(row.created_at): row.payload for row in store.outbox.list()}
    threads = [payload["thread"] for _key, payload in sorted(rows.items(), key=lambda i: i[1]["created_at"])]
    assert threads[0] == threads[1] == threads[2] != threads[3]


def test_a_resolved_notice_shows_both_values_and_names_route_and_group(store: Store) -> None:
    critical = Route(("mail",), Matchers.of({"severity": "critical"}))
    on = Driven(store, Route(("chat",), routes=(critical,)))
    on.at(0, a=95)
    on.at(1, a=97)
    on.at(8, a=12)
    on.at(8.5, a=13)
    notice = next(row.payload for row in store.outbox.list() if row.reason == "resolved")
    assert (notice["alerts"][0]["fired_value"], notice["alerts"][0]["value"]) == (95.0, 12.0)
    assert (notice["route"], notice["group"]) == (
        "severity=critical",
        {"rule": "busy", "severity": "critical"},
    )


def test_reminders_come_to_an_end_in_a_daily_digest(store: Store) -> None:
    on = Driven(store)
    on.at(0, a=95)
    on.at(0.5)
    came = [(minute, *notice) for minute in range(0, 4 * DAY, 20) for notice in on.at(minute + 1)]
    assert [(minute // HOUR, reason) for minute, reason, _host in came] == [
        *((4 * n, "reminder") for n in range(1, 7)),
        (48, "digest"),
        (72, "digest"),
    ]
    on.at(4 * DAY - 10, a=5)
    assert on.at(4 * DAY - 9) == [("resolved", "a-")]


def test_nobody_is_reminded_of_what_is_acknowledged_but_told_of_all_else(store: Store) -> None:
    on = Driven(store)
    on.at(0, a=95, b=95)
    on.at(0.5)
    on.acknowledge("a")
    assert on.at(4 * HOUR + 1) == [("reminder", "b")]
    on.acknowledge("b")
    assert on.at(8 * HOUR + 2) == []
    on.at(9 * HOUR, c=95)
    assert on.at(9 * HOUR + 1) == [("new_alerts", "c")]
    assert on.at(13 * HOUR + 2) == [("reminder", "c")]
    on.at(14 * HOUR, a=5)
    assert on.at(14 * HOUR + 1) == [("resolved", "a-")]


def test_what_a_silence_held_back_is_told_after_it_if_it_still_fires(store: Store) -> None:
    on = Driven(store)
    on.silence(0, 60, host="~a|b")
    on.at(0, a=95, b=95, c=95)
    assert on.at(0.5) == [("first_firing", "c")]
    on.at(30, b=5)
    assert [notice for minute in range(31, 60) for notice in on.at(minute)] == []
    assert on.held() == ["Not sent: silenced by ana until 2026-11-25 01:00 UTC."] * 2
    (event, _other) = store.events.list("host/a", kinds=["notice_held"]) * 2
    assert (event.data["reason"], event.data["by"], event.data["channel"]) == ("silenced", "0-60", "mail")
    assert on.at(60) == [("new_alerts", "a")]


def test_a_silence_that_is_ended_early_is_noticed_within_the_interval(store: Store) -> None:
    on = Driven(store)
    silence = on.silence(0, 600, host="a")
    on.at(0, a=95)
    assert on.at(0.5) == []
    store.silences.end(silence, T0 + 2 * MINUTE)
    assert on.at(5.5) == [("first_firing", "a")]


def test_what_people_were_told_of_is_told_to_be_over_after_the_silence(store: Store) -> None:
    on = Driven(store)
    on.at(0, a=95)
    on.at(0.5)
    on.silence(1, 60)
    on.at(30, a=5)
    assert [notice for minute in range(31, 60) for notice in on.at(minute)] == []
    assert on.at(60) == [("resolved", "a-")]


def test_a_told_alert_is_not_told_again_after_a_silence(store: Store) -> None:
    on = Driven(store)
    on.at(0, a=95)
    on.at(0.5)
    on.silence(1, 6 * HOUR)
    on.at(10, b=95)
    assert [notice for hour in range(1, 6) for notice in on.at(hour * HOUR)] == []
    assert on.at(6 * HOUR) == [("new_alerts", "b")]


def test_mute_times_are_those_of_the_route(store: Store) -> None:
    nights = {"nights": (MuteTime(parse_times(["00:00-06:00"])),)}
    critical = Route(("mail",), Matchers.of({"severity": "critical"}), pace=Pace(mute_times=()))
    route = Route(("chat",), routes=(critical,), pace=Pace(mute_times=("nights",)))
    warm = Rule("warm", "system_cpu_percent > 50")
    on = Driven(store, route, rules=[BUSY, warm], holds=HoldSettings(mute_times=nights))
    on.at(0, a=95)
    assert on.at(0.5) == [("first_firing", "a")]
    assert store.outbox.list()[0].channel == "mail"
    assert on.held() == ["Not sent: it is a mute time (nights) until 2026-11-25 06:00 UTC."]
    assert [n for minute in range(1, 6 * HOUR, 12) for n in on.at(minute) if n[0] != "reminder"] == []
    assert on.at(6 * HOUR) == [("first_firing", "a")]
    assert len(on.held()) == 1


def test_a_silent_host_holds_back_its_other_alerts(store: Store) -> None:
    on = Driven(store, rules=[BUSY, Rule("host_silent", "system_cpu_percent >= 99")])
    on.at(0, a=99, b=95)
    assert on.at(0.5) == [("first_firing", "a"), ("first_firing", "b")]
    assert {row.payload["rule"] for row in store.outbox.list()} == {"busy", "host_silent"}
    assert on.held() == ["Not sent: it follows from another alert (silent_host)."]
    assert on.at(10, a=95) == [("new_alerts", "a")]  # it is heard of again, and busy
    assert on.at(10.5) == [("resolved", "a-")]


def test_what_flaps_is_told_once_and_fires_until_it_is_quiet(store: Store) -> None:
    route = Route(("mail",), pace=Pace(group_wait=timedelta(), group_interval=timedelta()))
    on = Driven(store, route, flapping=Flapping())
    came = [notice for m in range(12) for notice in on.at(m, a=95 if m % 2 == 0 else 5)]
    assert came == [("first_firing", "a"), ("resolved", "a-")] * 3 + [("flapping", "a")]
    assert [event.kind for event in store.events.list(kinds=["alert_flapping"])] == ["alert_flapping"]
    on.restart()
    assert [n for m in range(12, 26) for n in on.at(m, a=5)] == []
    assert on.at(26, a=5) == [("resolved", "a-")]


def test_it_flaps_silently_within_an_interval_and_then_says_so(store: Store) -> None:
    on = Driven(store, flapping=Flapping())
    came = [notice for m in range(12) for notice in on.at(m, a=95 if m % 2 == 0 else 5)]
    assert came == [("flapping", "a")]


def test_groups_by_other_labels(store: Store) -> None:
    alone = Driven(store, Route(("mail",), pace=Pace(group_by=EACH_ALONE)))
    alone.at(0, a=95, b=95)
    assert alone.at(0.5) == [("first_firing", "a"), ("first_firing", "b")]


def test_all_together_and_without_word_of_the_end(store: Store) -> None:
    warm = Rule("warm", "system_cpu_percent > 50")
    on = Driven(store, Route(("mail",), pace=Pace(group_by=(), send_resolved=False)), rules=[BUSY, warm])
    on.at(0, a=95, b=60)
    assert on.at(0.5) == [("first_firing", "a", "a", "b")]
    on.at(10, a=5, b=5)
    assert on.at(20) == []
    assert store.groups.all() == []
    on.at(30, a=60)
    assert on.at(31) == [("first_firing", "a")]


def test_history_waits_for_nothing_and_reminds_nobody(store: Store) -> None:
    on = Driven(store)
    on.engine._clock = lambda: T0 + timedelta(days=365)
    assert on.at(0, a=95) == [("first_firing", "a")]
    assert on.at(1, b=95) == [("new_alerts", "b")]
    assert on.at(2, b=5) == [("resolved", "b-")]
    assert on.at(20 * HOUR) == []
    on.restart()
    assert on.at(40 * HOUR) == []  # what is known of the past only is nothing to be reminded of
    assert [n for hour in range(41, 60, 3) for n in on.at(hour * HOUR)] == []


def test_a_paused_subject_is_left_alone_and_not_told_again(store: Store) -> None:
    on = Driven(store)
    on.at(0, a=95, b=95)
    on.at(0.5)
    on.paused = {"a"}
    on.restart()
    assert on.at(4 * HOUR + 1) == [("reminder", "b")]
    on.paused = set()
    on.restart()
    assert on.at(4 * HOUR + 20) == []
    on.at(5 * HOUR, a=5)
    assert on.at(5 * HOUR + 1) == [("resolved", "a-")]


def test_routes_that_are_rearranged_tell_nothing_twice(store: Store) -> None:
    on = Driven(store)
    on.at(0, a=95)
    on.at(0.5)
    on.route = Route(("mail",), pace=Pace(group_by=("host",)))
    on.restart()
    assert [n for m in range(1, 30) for n in on.at(m)] == []
    (group,) = store.groups.all()
    assert dict(group.labels) == {"host": "a"}
    on.at(30, a=5)
    assert on.at(31) == [("resolved", "a-")]
    threads = {row.payload["thread"] for row in store.outbox.list()}
    assert len(threads) == 1


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_jumps_repeats_nothing_and_loses_nothing(store: Store, restarted: bool) -> None:
    on = Driven(store)

    def at(minute: float, **values: float) -> list[tuple[object, ...]]:
        if restarted:
            on.restart()
        return on.at(minute, **values)

    at(100, a=95)
    assert at(100.5) == [("first_firing", "a")]
    assert [n for m in range(160, 175) for n in at(m)] == []  # an hour ahead
    assert [n for m in range(55, 70) for n in at(m)] == []  # two hours back
    at(70, b=95)
    assert [n for m in (70.5, 75.5) for n in at(m)] == [("new_alerts", "b")]


def test_a_notice_that_waited_when_the_clock_was_set_back_still_comes(store: Store) -> None:
    on = Driven(store)
    on.at(200, a=95)
    assert on.at(80) == []
    assert on.at(80.5) == [("first_firing", "a")]


def test_a_storm_is_one_notice_for_each_group(store: Store) -> None:
    rules = [BUSY, Rule("warm", "system_cpu_percent > 50"), Rule("hot", "system_cpu_percent > 70")]
    on = Driven(store, Route(("mail", "chat")), rules=rules)
    on.at(0, **{f"h{n}": 95.0 for n in range(500)})
    on.at(0.5)
    rows = store.outbox.list()
    assert sorted((row.channel, row.payload["rule"]) for row in rows) == [
        (channel, rule) for channel in ("chat", "mail") for rule in ("busy", "hot", "warm")
    ]
    assert {(len(row.alert_ids), len(row.payload["alerts"]), row.payload["omitted"]) for row in rows} == {
        (500, 200, 300)
    }


def test_a_silence_survives_a_restart(store: Store) -> None:
    on = Driven(store)
    on.silence(0, 60, host="a")
    on.at(0, a=95)
    before = [replace(row) for row in store.silences.list()]
    for minute in range(1, 60):
        on.restart()
        assert on.at(minute) == []
    assert store.silences.list() == before
    assert len(on.held()) == 1
    on.restart()
    assert [n for m in (60, 65) for n in on.at(m)] == [("first_firing", "a")]
