"""The engine over a real store: states, notices and events in one transaction, across restarts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from mirante.alerts.channels.base import Notice
from mirante.alerts.engine import AlertEngine
from mirante.alerts.matchers import Matchers
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule
from mirante.errors import ConfigError, StoreError
from mirante.readings import Reading
from mirante.store import Store

T0 = datetime(2013, 2, 8, tzinfo=UTC)
WALL = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
BUSY = Rule(
    "busy",
    "system_cpu_percent > 90",
    severity="critical",
    summary="CPU at {{ $value }}% on {{ $labels.host }}",
)


def engine(store: Store, *rules: Rule, routes: Route | None = None, **settings: object) -> AlertEngine:
    ticks = itertools.count()  # no two notices at the same moment, so that their order is known
    clock = lambda: WALL + (len(store.outbox.list()) + next(ticks)) * timedelta(seconds=1)  # noqa: E731 - short
    return AlertEngine(store, rules or (BUSY,), routes or Route(("console",)), clock=clock, **settings)


def hear(on: AlertEngine, time: datetime, *readings: Reading, stale: timedelta) -> list[str]:
    on._store.readings.write(readings)
    return [t.change for t in on.advance(time, lambda _: stale)]


def cpu(value: float, minute: int = 0, host: str = "web-1", note: str = "") -> Reading:
    return Reading("system_cpu_percent", value, T0 + minute * MINUTE, {"host": host}, note)


def step(
    on: AlertEngine, minute: int, *readings: Reading, stale: timedelta = timedelta(hours=1)
) -> list[str]:
    return hear(on, T0 + minute * MINUTE, *readings, stale=stale)


def notices(store: Store) -> list[Notice]:
    return [Notice.from_payload(row.payload) for row in reversed(store.outbox.list())]


def test_a_firing_alert_is_a_row_an_event_and_a_notice(store: Store) -> None:
    on = engine(store, links={"page": "http://x/{subject}"})
    assert step(on, 0, cpu(97.25, note="all cores")) == ["firing"]
    (row,) = store.alerts.open()
    assert (row.rule, dict(row.labels), row.subject) == ("busy", {"host": "web-1"}, "host/web-1")
    assert (row.state, row.active_at, row.fired_at, row.fired_value) == ("firing", T0, T0, 97.25)
    assert (row.summary, row.note) == ("CPU at 97.25% on web-1", "all cores")
    (event,) = store.events.list("host/web-1")
    assert (event.kind, event.time, event.data["alert"]) == ("alert_fired", T0, row.id)
    (owed,) = store.outbox.list()
    assert (owed.channel, owed.reason, owed.alert_ids) == ("console", "first_firing", (row.id,))
    assert WALL < owed.created_at == owed.next_at < WALL + MINUTE
    (notice,) = notices(store)
    assert notice.title == "Critical alert: CPU at 97.25% on web-1"
    assert notice.links == {"page": "http://x/host%2Fweb-1"}
    assert (notice.alerts[0].threshold, notice.alerts[0].note) == ("system_cpu_percent > 90", "all cores")


def test_the_title_is_in_the_locale(store: Store) -> None:
    step(engine(store, locale="pt_BR"), 0, cpu(97))
    assert notices(store)[0].title == "Alerta Crítico: CPU at 97% on web-1"


def test_told_once_and_once_when_over_with_both_values(store: Store) -> None:
    on = engine(store)
    changes = [step(on, m, cpu(v, m)) for m, v in enumerate((95, 96, 97, 12, 11))]
    assert changes == [["firing"], [], [], ["resolved"], []]
    assert [n.reason for n in notices(store)] == ["first_firing", "resolved"]
    over = notices(store)[1].alerts[0]
    assert (over.state, over.value, over.fired_value) == ("resolved", 12.0, 95.0)
    assert (over.since, over.until) == (T0, T0 + 3 * MINUTE)
    (row,) = store.alerts.list()
    assert (row.state, row.resolved_at) == ("resolved", T0 + 3 * MINUTE)
    assert [e.kind for e in store.events.list()] == ["alert_fired", "alert_resolved"]


def test_the_row_of_a_firing_alert_shows_the_present_value(store: Store) -> None:
    on = engine(store)
    step(on, 0, cpu(95))
    step(on, 1, cpu(99, 1))
    (row,) = store.alerts.open()
    assert (row.value, row.fired_value, row.reading_time) == (99.0, 95.0, T0 + MINUTE)


def test_for_and_a_drop_without_a_word(store: Store) -> None:
    on = engine(store, Rule("busy", "system_cpu_percent > 90", for_=3 * MINUTE))
    changes = [step(on, m, cpu(v, m)) for m, v in enumerate((95, 95, 10, 95, 95, 95, 95))]
    assert changes == [["pending"], [], ["dropped"], ["pending"], [], [], ["firing"]]
    assert [n.reason for n in notices(store)] == ["first_firing"]
    assert len(store.alerts.list()) == 1  # the dropped one was taken up again


def test_keep_firing_for(store: Store) -> None:
    on = engine(store, Rule("busy", "system_cpu_percent > 90", keep_firing_for=2 * MINUTE))
    changes = [step(on, m, cpu(v, m)) for m, v in enumerate((95, 10, 95, 10, 10, 10))]
    assert changes == [["firing"], [], [], [], [], ["resolved"]]


def test_what_changes_together_is_one_notice(store: Store) -> None:
    on = engine(store, locale="pt_BR")
    assert len(step(on, 0, *(cpu(95, 0, f"web-{i}") for i in range(5)))) == 5
    (notice,) = notices(store)
    assert len(notice.alerts) == 5
    assert "busy" in notice.title
    step(on, 1, *(cpu(95, 1, f"web-{i}") for i in range(6)))
    assert [n.reason for n in notices(store)] == ["first_firing", "new_alerts"]
    assert [a.labels for a in notices(store)[1].alerts] == [{"host": "web-5"}]
    step(on, 2, *(cpu(5, 2, f"web-{i}") for i in range(6)))
    assert notices(store)[2].reason == "resolved"
    assert len(notices(store)[2].alerts) == 6


def test_a_storm_is_one_message_that_says_how_many_more(store: Store) -> None:
    on = engine(store)
    step(on, 0, *(cpu(95, 0, f"web-{i}") for i in range(1000)))
    (notice,) = notices(store)
    assert len(notice.alerts) + notice.omitted == 1000
    assert len(store.outbox.list()[0].alert_ids) == 1000


def test_severity_routes(store: Store) -> None:
    mild = Rule("warm", "system_cpu_percent > 50", severity="warning")
    routes = Route(("slack",), routes=(Route(("mail", "slack"), Matchers.of({"severity": "critical"})),))
    step(engine(store, BUSY, mild, routes=routes), 0, cpu(95))
    assert sorted((row.channel, Notice.from_payload(row.payload).rule) for row in store.outbox.list()) == [
        ("mail", "busy"),
        ("slack", "busy"),
        ("slack", "warm"),
    ]


@pytest.mark.parametrize(("policy", "expected"), [("keep", []), ("resolve", ["resolved"]), ("alert", [])])
@pytest.mark.parametrize("how", ["nan", "stale"])
def test_missing_data(store: Store, policy: str, expected: list[str], how: str) -> None:
    on = engine(store, Rule("busy", "system_cpu_percent > 90", on_missing=policy))  # type: ignore[arg-type]  # one of three
    step(on, 0, cpu(95), stale=5 * MINUTE)
    if how == "nan":
        assert step(on, 1, cpu(math.nan, 1)) == expected
    else:
        assert step(on, 5) == []
        assert step(on, 6) == expected


def test_missing_data_can_alert(store: Store) -> None:
    on = engine(store, Rule("busy", "system_cpu_percent > 90", on_missing="alert", for_=2 * MINUTE))
    assert step(on, 0, cpu(5)) == []
    assert [step(on, m, cpu(math.nan, m)) for m in (1, 2, 3)] == [["pending"], [], ["firing"]]


def test_a_silent_host_that_was_heard_of(store: Store) -> None:
    silent = Rule("silent", "absent(system_cpu_percent)", where={"host": "~.+"})
    on = engine(store, silent)
    assert step(on, 0) == []
    assert step(on, 1, cpu(5, 1), cpu(5, 1, "web-2"), stale=3 * MINUTE) == []
    assert step(on, 5, cpu(5, 5), stale=3 * MINUTE) == ["firing"]
    assert dict(store.alerts.open()[0].labels) == {"host": "web-2"}
    assert step(on, 6, cpu(5, 6, "web-2"), stale=3 * MINUTE) == ["resolved"]


def test_a_series_that_is_gone_for_a_week_is_forgotten(store: Store) -> None:
    on = engine(store)
    step(on, 0, cpu(95))
    day = 24 * 60
    assert step(on, 6 * day) == []
    assert step(on, 8 * day) == ["resolved"]
    assert step(on, 20 * day) == []


def test_state_survives_a_restart(store: Store) -> None:
    rule = Rule("busy", "system_cpu_percent > 90", for_=10 * MINUTE)
    step(engine(store, rule), 0, cpu(95))
    again = engine(store, rule)
    assert step(again, 5) == []
    assert step(again, 10, cpu(95, 10)) == ["firing"]
    (row,) = store.alerts.open()
    assert row.active_at == T0
    third = engine(store, rule)
    assert step(third, 11, cpu(95, 11)) == []
    assert len(store.outbox.list()) == 1
    assert store.alerts.open()[0].fired_value == 95.0
    assert step(third, 12, cpu(1, 12)) == ["resolved"]


def test_a_restart_resolves_nothing_before_it_has_heard(store: Store) -> None:
    rule = Rule("busy", "system_cpu_percent > 90", on_missing="resolve")
    step(engine(store, rule), 0, cpu(95))
    again = engine(store, rule)
    assert step(again, 30) == []
    assert step(again, 91) == ["resolved"]  # an hour after its start, silence is news


def test_a_rule_that_was_removed_resolves_its_alerts(store: Store) -> None:
    step(engine(store), 0, cpu(95))
    other = engine(store, Rule("other", "system_cpu_percent > 99"))
    assert step(other, 1) == ["resolved"]
    assert step(other, 2) == []
    assert store.alerts.open() == []


def test_a_rule_that_cannot_be_evaluated_leaves_its_alerts_and_the_others(store: Store) -> None:
    rule = Rule("twice", "system_cpu_percent > 90", labels={"host": "all"})
    on = engine(store, rule, BUSY)
    assert step(on, 0, cpu(95)) == ["firing", "firing"]
    assert step(on, 1, cpu(5, 1), cpu(5, 1, "web-2")) == ["resolved"]
    assert "same labels" in on.errors["twice"]
    assert [a.rule for a in store.alerts.open()] == ["twice"]


def test_a_transaction_that_fails_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    on = engine(store)

    def full(*_args: object, **_more: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(store.outbox, "add_all", full)
        with pytest.raises(StoreError):
            step(on, 0, cpu(95))
    assert (store.alerts.list(), store.events.list(), store.outbox.list()) == ([], [], [])
    assert step(on, 1) == ["firing"]
    assert len(store.outbox.list()) == 1


def test_a_clock_set_back_fires_nothing_early_and_repeats_nothing(store: Store) -> None:
    on = engine(store, Rule("busy", "system_cpu_percent > 90", for_=10 * MINUTE))
    assert step(on, 60, cpu(95, 60)) == ["pending"]
    assert step(on, 0, cpu(95, 60)) == []
    assert step(on, 69, cpu(95, 69)) == []
    assert step(on, 70, cpu(95, 70)) == ["firing"]
    assert step(on, 0) == []


def test_an_older_reading_does_not_undo_a_newer_one(store: Store) -> None:
    on = engine(store)
    assert step(on, 2, cpu(95, 2), cpu(5, 1)) == ["firing"]


def test_history_says_that_it_is_history(store: Store) -> None:
    on = AlertEngine(store, [BUSY], Route(("console",)), clock=lambda: T0 + 70 * MINUTE)
    step(on, 0, cpu(95))
    step(on, 10, cpu(95, 10, "web-2"))
    step(on, 11)  # what is new in a group waits for others
    assert {alert.labels["host"]: alert.historic for alert in store.alerts.open()} == {
        "web-1": True,
        "web-2": False,
    }
    assert {notice.alerts[0].labels["host"]: notice.historic for notice in notices(store)} == {
        "web-1": True,
        "web-2": False,
    }


def test_two_metrics_join_on_the_labels_that_they_share(store: Store) -> None:
    rule = Rule("moved", "drift_detected == 1 and drift_effect > 0.1", where={"feature": "!~id_.*"})
    labels = {"model": "m", "alias": "champion"}

    def of(name: str, feature: str, value: float) -> Reading:
        return Reading(name, value, T0, {**labels, "feature": feature}, f"{feature} moved")

    on = engine(store, rule)
    readings = [
        *(of("drift_detected", feature, 1) for feature in ("age", "fare", "id_7")),
        *(
            of("drift_effect", feature, size)
            for feature, size in (("age", 0.2), ("fare", 0.05), ("id_7", 0.9))
        ),
    ]
    assert step(on, 0, *readings) == ["firing"]
    (row,) = store.alerts.open()
    assert (row.labels["feature"], row.subject, row.note) == ("age", "model/m@champion", "age moved")


def test_hostile_names_reach_the_store_and_the_notice_whole(store: Store) -> None:
    names = [
        '"><img src=x>',
        "{0.__class__}",
        "{{ $value }}",
        "<!channel>",
        "a\r\nb",
        "nul\x00",
        "\ud800",
        "x" * 300,
    ]
    rule = Rule("busy", "system_cpu_percent > 90", summary="{{ $labels.host }}")
    step(engine(store, rule), 0, *(cpu(95, 0, name) for name in names))
    assert {row.labels["host"] for row in store.alerts.open()} == set(names)
    assert {alert.summary for alert in notices(store)[0].alerts} == set(names)


def test_two_rules_of_one_name_are_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match="busy"):
        engine(store, BUSY, BUSY)


def test_a_thousand_series_are_quick(store: Store) -> None:
    on = engine(store)
    labels: list[Mapping[str, str]] = [{"host": f"h{i}"} for i in range(1000)]
    for minute in range(3):
        time = T0 + minute * MINUTE
        readings = [Reading("system_cpu_percent", 5.0, time, of) for of in labels]
        assert hear(on, time, *readings, stale=MINUTE) == []
    assert store.alerts.list() == []


def test_what_is_set_aside_stays_as_it_is_whatever_the_clock_says(store: Store) -> None:
    step(engine(store), 0, cpu(97), cpu(98, host="web-2"))
    on = engine(store)
    on.set_aside({"host/web-1"})
    year = 365 * 24 * 60
    assert step(on, year, cpu(50, year, host="web-2")) == ["resolved"]
    assert step(on, 2 * year) == []
    (row,) = store.alerts.open()
    assert (row.subject, row.state) == ("host/web-1", "firing")
    assert step(on, 2 * year + 1) == []


def moved(day: int, value: float, feature: str = "age") -> Reading:
    labels = {"model": "m", "alias": "champion", "feature": feature}
    return Reading("drift_detected", value, T0 + day * DAY, labels, f"{feature} on day {day}")


DRIFT = Rule("drift", "drift_detected == 1")


def test_what_was_in_the_store_before_the_service_died_is_judged_at_its_next_start(store: Store) -> None:
    engine(store, DRIFT).advance(T0, lambda _: DAY)
    store.readings.write([moved(0, 1)])  # and here it is killed: nobody has judged it
    again = engine(store, DRIFT)
    assert hear(again, T0 + DAY, stale=4 * DAY) == ["firing"]
    assert [n.reason for n in notices(store)] == ["first_firing"]
    assert hear(engine(store, DRIFT), T0 + DAY + MINUTE, stale=4 * DAY) == []
    assert len(store.outbox.list()) == 1


def test_readings_are_judged_again_when_the_store_failed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise StoreError("disk full")

    on = engine(store, DRIFT)
    store.readings.write([moved(0, 0), moved(1, 1), moved(2, 0)])
    with monkeypatch.context() as patch:
        patch.setattr(store.outbox, "add_all", full)
        with pytest.raises(StoreError):
            on.advance(T0 + 3 * DAY, lambda _: DAY)
    assert hear(on, T0 + 3 * DAY, stale=4 * DAY) == ["firing", "resolved"]


@pytest.mark.parametrize("page", [1, 2, 10_000])
@pytest.mark.parametrize("restarted", [False, True])
def test_each_of_several_windows_judged_together_counts(
    store: Store, monkeypatch: pytest.MonkeyPatch, page: int, restarted: bool
) -> None:
    monkeypatch.setattr("mirante.alerts.engine._PAGE", page)
    on = engine(store, DRIFT)
    assert hear(on, T0, moved(-1, 0), moved(-1, 0, "fare"), stale=DAY) == []
    on = engine(store, DRIFT) if restarted else on
    windows = [
        moved(day, value, feature)
        for day, values in enumerate(((0, 0), (1, 0), (0, 1)))
        for feature, value in zip(("age", "fare"), values, strict=True)
    ]
    assert hear(on, T0 + 4 * DAY, *windows, stale=DAY) == ["firing", "resolved", "firing"]
    assert [dict(row.labels)["feature"] for row in store.alerts.open()] == ["fare"]
    first, second = notices(store)  # what changed with one window is one notice
    assert [(a.note, a.state) for a in first.alerts] == [("age on day 1", "firing")]
    assert {(a.labels["feature"], a.state) for a in second.alerts} == {
        ("fare", "firing"),
        ("age", "resolved"),
    }


def test_a_window_that_was_judged_late_is_fresh(store: Store) -> None:
    late = Rule("drift", "drift_detected == 1", on_missing="resolve")
    on = engine(store, late)
    assert hear(on, T0 + 9 * DAY, moved(0, 1), stale=DAY) == ["firing"]
    assert hear(on, T0 + 9 * DAY + 60 * MINUTE, stale=DAY) == []
    assert hear(on, T0 + 10 * DAY + MINUTE, stale=DAY) == ["resolved"]


def test_readings_that_are_no_concern_are_passed_over(store: Store) -> None:
    store.readings.write([cpu(99), cpu(99, host="web-2")])
    on = engine(store)
    ours = lambda reading: DAY if reading.labels["host"] == "web-2" else None  # noqa: E731 - short
    assert [t.alert.labels for t in on.advance(T0, ours)] == [{"host": "web-2"}]
    assert store.cursors.get("alerts") == {"sequence": 2}


SILENT = Rule("silent", "absent(system_cpu_percent)", where={"host": "~.+"})


def test_a_host_that_fell_silent_while_the_service_was_down(store: Store) -> None:
    step(engine(store, SILENT), 0, cpu(5), cpu(5, host="web-2"), stale=3 * MINUTE)
    again = engine(store, SILENT)
    assert step(again, 60, stale=3 * MINUTE) == []  # the sources start with the service
    assert step(again, 61, cpu(5, 61), stale=3 * MINUTE) == []
    assert step(again, 62, cpu(5, 62), stale=3 * MINUTE) == []
    assert step(again, 64, cpu(5, 64), stale=3 * MINUTE) == ["firing"]
    assert dict(store.alerts.open()[0].labels) == {"host": "web-2"}


def test_a_value_from_before_a_long_stop_does_not_complete_a_wait(store: Store) -> None:
    rule = Rule("busy", "system_cpu_percent > 90", for_=10 * MINUTE)
    assert step(engine(store, rule), 0, cpu(95), stale=3 * MINUTE) == ["pending"]
    again = engine(store, rule)
    assert step(again, 60, stale=3 * MINUTE) == []
    assert step(again, 61, cpu(5, 61), stale=3 * MINUTE) == ["dropped"]


def test_a_value_that_is_still_fresh_counts_after_a_short_stop(store: Store) -> None:
    rule = Rule("drift", "drift_detected == 1", on_missing="resolve")
    assert hear(engine(store, rule), T0 + DAY, moved(0, 1), stale=4 * DAY) == ["firing"]
    again = engine(store, rule)  # the next window is judged tomorrow; an hour of silence is no news
    assert hear(again, T0 + DAY + 61 * MINUTE, stale=4 * DAY) == []
    assert hear(again, T0 + DAY + 180 * MINUTE, stale=4 * DAY) == []


def end(store: Store, reason: str) -> None:
    store.endings.settle("host/web-1", lambda _name, labels: reason if labels["host"] == "web-1" else "")


def test_an_alert_on_a_series_that_is_over_resolves_and_says_why(store: Store) -> None:
    on = engine(store)
    step(on, 0, cpu(97, note="all cores"), cpu(98, host="web-2"))
    end(store, "the host is gone")
    assert step(on, 1) == [], "an ending is heard with the readings after it"
    assert step(on, 2, cpu(98, 2, host="web-2")) == ["resolved"]
    (row,) = [row for row in store.alerts.list() if row.state == "resolved"]
    assert (dict(row.labels), row.note, row.resolved_at) == (
        {"host": "web-1"}, "the host is gone", T0 + 2 * MINUTE,
    )  # fmt: skip
    assert notices(store)[-1].alerts[0].note == "the host is gone"
    assert step(on, 3, cpu(97, 3)) == ["firing"], "heard of once more, it is as any series"


def test_an_alert_whose_series_ended_while_the_service_was_down_resolves_after_the_start(
    store: Store,
) -> None:
    step(engine(store), 0, cpu(97))
    end(store, "the host is gone")
    assert step(engine(store), 5, cpu(5, 5, host="web-2")) == ["resolved"]


def test_a_pending_alert_of_a_series_that_is_over_is_dropped(store: Store) -> None:
    on = engine(store, Rule("slow", "system_cpu_percent > 90", for_=DAY))
    step(on, 0, cpu(97))
    end(store, "gone")
    assert step(on, 1, cpu(5, 1, host="web-2")) == ["dropped"]


def test_a_condition_on_two_series_of_which_one_is_over_resolves(store: Store) -> None:
    on = engine(store, Rule("both", "system_cpu_percent > 90 and system_memory_percent > 50"))
    memory = [Reading("system_memory_percent", 80, T0 + n * MINUTE, {"host": "web-1"}) for n in (0, 1)]
    assert step(on, 0, cpu(97), memory[0]) == ["firing"]
    judge = lambda name, _: "no CPU any more" if name == "system_cpu_percent" else ""  # noqa: E731 - short
    store.endings.settle("host/web-1", judge)
    assert step(on, 1, memory[1]) == ["resolved"]


def test_what_a_backfill_brought_tells_nobody_after_a_restart(store: Store) -> None:
    assert step(engine(store), 0, cpu(1.0)) == []
    store.readings.write([cpu(99.0, host="web-2"), cpu(99.0, minute=1)], arrive=False)
    again = engine(store)
    assert [step(again, minute) for minute in (2, 10)] == [[], []]
    assert store.outbox.list() == []
