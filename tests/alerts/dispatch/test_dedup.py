"""Alertmanager's decision table, with names for what it decides, and reminders that come to an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mirante.alerts.dispatch.dedup import Told, decide, next_reminder
from mirante.alerts.routing import Policy

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def ids(*numbers: int) -> frozenset[str]:
    return frozenset(map(str, numbers))


def ago(minutes: int, firing: frozenset[str], resolved: frozenset[str] = frozenset()) -> Told:
    return Told(firing, resolved, NOW - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("told", "firing", "resolved", "send_resolved", "expected"),
    [
        pytest.param(None, ids(2, 3, 4), ids(), False, "first_firing", id="nothing told, some fire"),
        pytest.param(None, ids(), ids(2, 3, 4), False, None, id="nothing told, none fires"),
        pytest.param(Told(ids(1, 2, 3)), ids(2, 3, 4), ids(), False, "new_alerts", id="others fire"),
        pytest.param(Told(ids(1, 2, 3)), ids(1, 2, 3), ids(), False, "reminder", id="told long ago"),
        pytest.param(ago(9, ids(1, 2, 3)), ids(1, 2, 3), ids(), False, None, id="same, too soon"),
        pytest.param(ago(11, ids(1, 2, 3)), ids(1, 2, 3), ids(), False, "reminder", id="same, late"),
        pytest.param(ago(11, ids(), ids(1, 2, 3)), ids(), ids(3, 4, 5), True, None, id="never fired"),
        pytest.param(ago(9, ids(1, 2), ids(3)), ids(1), ids(2, 3), False, None, id="some over, unsent"),
        pytest.param(ago(9, ids(1, 2), ids(3)), ids(1), ids(2, 3), True, "resolved", id="some over"),
        pytest.param(ago(9, ids(1, 2), ids(3)), ids(), ids(1, 2, 3), False, "resolved", id="all, unsent"),
        pytest.param(ago(9, ids(1, 2), ids(3)), ids(), ids(1, 2, 3), True, "resolved", id="all over"),
    ],
)
def test_the_table_of_alertmanager(
    told: Told | None,
    firing: frozenset[str],
    resolved: frozenset[str],
    send_resolved: bool,
    expected: str | None,
) -> None:
    policy = Policy(repeat_interval=timedelta(minutes=10), send_resolved=send_resolved)
    decision = decide(told, firing, resolved, policy, NOW)
    assert decision.reason == expected
    assert (decision.why_not is None) == (decision.reason is not None)


def test_after_some_reminders_there_is_one_digest_a_day() -> None:
    policy = Policy(reminders=2)
    day, hour = timedelta(days=1), timedelta(hours=1)

    def at(reminders: int, later: timedelta) -> str | None:
        return decide(Told(ids(1), at=NOW, reminders=reminders), ids(1), ids(), policy, NOW + later).reason

    assert [at(1, 4 * hour), at(2, 4 * hour), at(2, day), at(3, day - hour), at(3, day)] == [
        "reminder",
        None,
        "digest",
        None,
        "digest",
    ]
    assert decide(Told(ids(1), at=NOW), ids(1), ids(), Policy(reminders=0), NOW + day).reason == "digest"


def test_a_repeat_interval_of_a_week_is_kept_by_digests_too() -> None:
    week = timedelta(days=7)
    told = Told(ids(1), at=NOW, reminders=9)
    assert next_reminder(told, Policy(repeat_interval=week), NOW) == NOW + week


def test_why_nothing_is_told() -> None:
    told = Told(ids(1), at=NOW)
    late = NOW + timedelta(hours=5)
    assert decide(None, ids(), ids(), Policy(), NOW).why_not == "nothing_fires"
    assert decide(Told(ids(), at=NOW), ids(), ids(), Policy(), NOW).why_not == "told_already"
    assert decide(told, ids(1), ids(), Policy(), NOW).why_not == "too_soon"
    assert decide(told, ids(1), ids(), Policy(), late, acknowledged=True).why_not == "acknowledged"
    assert decide(told, ids(1, 2), ids(), Policy(), late, acknowledged=True).reason == "new_alerts"
