"""One group: its times, who is in it, and what the store keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mirante.alerts.dispatch.groups import Group, key_of_row
from mirante.alerts.routing import Policy
from mirante.alerts.rules.states import AlertKey
from mirante.store import GroupRow

T0 = datetime(2026, 11, 25, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
A: AlertKey = ("busy", (("host", "a"),))
B: AlertKey = ("busy", (("host", "b"),))


def group(told_at: datetime | None = None, *told: str) -> Group:
    made = Group(("mail", "severity=critical", (("rule", "busy"),)), Policy(), T0, told_at=told_at)
    made.told.update(told)
    return made


def test_the_first_change_sets_the_wait_and_later_ones_do_not_put_it_off() -> None:
    of = group()
    of.join("1", A, T0)
    of.join("2", B, T0 + 20 * SECOND)
    assert of.flush_at == T0 + 30 * SECOND


def test_between_two_notices_is_the_interval_and_at_least_the_wait() -> None:
    soon, late = group(T0, "1"), group(T0, "1")
    soon.join("2", B, T0 + MINUTE)
    late.join("2", B, T0 + 60 * MINUTE)
    assert (soon.flush_at, late.flush_at) == (T0 + 5 * MINUTE, T0 + 60 * MINUTE + 30 * SECOND)
    at_once = group(T0, "1")
    at_once.join("2", B, T0 + MINUTE, at_once=True)
    assert at_once.flush_at == T0 + MINUTE


def test_what_nobody_was_told_of_leaves_without_a_word() -> None:
    of = group(T0, "1")
    of.firing["1"] = None
    of.join("2", B, T0)
    of.leave("2", B, T0)
    assert (of.resolved, list(of.firing)) == ({}, ["1"])
    of.leave("1", A, T0)
    assert (of.resolved, of.empty) == ({A: "1"}, False)


def test_one_that_comes_back_before_its_end_was_told_goes_on_as_the_same() -> None:
    of = group(T0, "1")
    of.leave("1", A, T0)
    assert of.join("2", A, T0 + MINUTE) == "1"
    assert (of.told, of.resolved, of.flapping) == ({"2"}, {}, set())
    of.leave("2", A, T0 + MINUTE)
    assert of.join("3", A, T0 + 2 * MINUTE, flaps=True) == "2"
    assert (of.told, of.resolved, of.flapping) == (set(), {}, {"3"})


def test_a_clock_set_back_makes_nothing_wait_for_the_lost_hours() -> None:
    of = group(T0, "1")
    of.flush_at = T0 + 4 * 60 * MINUTE
    of.rewind(T0 - 120 * MINUTE)
    assert (of.told_at, of.flush_at) == (T0 - 120 * MINUTE, T0 - 115 * MINUTE)
    new = group()
    new.join("1", A, T0)
    new.resume(T0 - 60 * MINUTE)
    assert new.flush_at == T0 - 60 * MINUTE + 30 * SECOND


def test_the_row_comes_back_as_the_same_group() -> None:
    of = group(T0, "1", "2")
    of.flush_at, of.reminders, of.thread = T0 + MINUTE, 3, "1f"
    of.aside.add("3")
    row = of.row()
    assert (row.channel, dict(row.labels), list(row.firing)) == ("mail", {"rule": "busy"}, ["1", "2", "3"])
    assert key_of_row(row) == of.key
    again = Group(key_of_row(row), Policy(), T0 + MINUTE)
    again.take_up(row)
    assert (again.created_at, again.flush_at, again.told_at) == (T0, T0 + MINUTE, T0)
    assert (again.reminders, again.thread, again.told) == (3, "1f", set())


def test_a_group_takes_over_what_another_one_told() -> None:
    of = Group(("mail", "", ()), Policy(), T0)
    before = GroupRow("key", "mail", {}, T0, told_at=T0, firing=["1"], reminders=2, thread="1f")
    of.believe("1", before)
    assert (of.told, of.told_at, of.reminders, of.thread) == ({"1"}, T0, 2, "1f")
