"""What is over goes; what is open, owed or needed by either stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat

import pytest

from mirante.errors import LeaseLostError
from mirante.store import AcknowledgementRow, AlertRow, EventRow, GroupRow, NoticeRow, SilenceRow, Store
from mirante.store.expiring import Expired
from mirante.store.proposals import ACCEPT_BASELINE, MOVE_ALIAS, ProposalRow

NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
BEFORE = NOW - 365 * DAY
LONG_AGO = NOW - 400 * DAY
CHURN = "model/churn@champion"


def alert(id_: str, *, over: datetime | None = LONG_AGO, state: str = "resolved") -> AlertRow:
    began = LONG_AGO - DAY
    return AlertRow(id_, "drift", {}, CHURN, "warning", state, began, fired_at=began, resolved_at=over)


def notice(id_: str, *about: str, status: str = "delivered", at: datetime = LONG_AGO) -> NoticeRow:
    return NoticeRow(id_, "mail", "firing", at, at, attempts=2, status=status, alert_ids=about)


def event(kind: str, at: datetime = LONG_AGO, *, subject: str = CHURN, about: str = "") -> EventRow:
    return EventRow(subject, at, kind, data={"alert": about} if about else {"from": "1", "to": "2"})


def silence(id_: str, end: datetime) -> SilenceRow:
    return SilenceRow(id_, {"rule": "drift"}, LONG_AGO - 9 * DAY, end, "Ana", "known", LONG_AGO - 9 * DAY)


def proposal(id_: str, state: str, about: str | None = None, kind: str = MOVE_ALIAS) -> ProposalRow:
    data = {"alerts": [about]} if about else {}
    return ProposalRow(id_, kind, CHURN, state, LONG_AGO, about, data=data, decided_at=LONG_AGO)


def alerts_left(store: Store) -> set[str]:
    return {row.id for row in store.alerts.list()}


def events_left(store: Store) -> list[str]:
    return [row.kind for row in store.events.list()]


def test_an_alert_that_is_over_goes_with_all_that_tells_of_it(store: Store) -> None:
    store.alerts.save_all([alert("old"), alert("new", over=BEFORE)])
    for one in ("old", "new"):
        store.acknowledgements.put(AcknowledgementRow(one, "Ana", LONG_AGO))
        store.outbox.add(notice(f"of {one}", one))
        store.events.add(event("alert_fired", about=one))
    assert store.expiring.history(BEFORE) == Expired(alerts=1, notices=1, events=1)
    assert alerts_left(store) == {"new"}
    assert list(store.acknowledgements.of(["old", "new"])) == ["new"]
    assert [row.id for row in store.outbox.list()] == ["of new"]
    assert [row.data["alert"] for row in store.events.list()] == ["new"]
    assert store.expiring.history(BEFORE) == Expired()


@pytest.mark.parametrize("state", ["pending", "firing"])
def test_what_is_open_stays_however_old_it_is(store: Store, state: str) -> None:
    """So does what people read of it: who was told, who has it in hand, what held it back."""
    store.alerts.save(alert("a", over=None, state=state))
    store.acknowledgements.put(AcknowledgementRow("a", "Ana", LONG_AGO))
    store.outbox.add_all([notice("of both", "a", "gone"), notice("of another", "gone")])
    store.events.add_all([event("alert_fired", about="a"), event("notice_held", about="a")])
    store.silences.add(silence("over later", LONG_AGO))
    store.silences.add(silence("over before", LONG_AGO - 2 * DAY))
    store.alerts.save(alert("gone"))
    found = store.expiring.history(BEFORE)
    assert found == Expired(alerts=1, notices=1, silences=1)
    assert alerts_left(store) == set(store.acknowledgements.of(["a"])) == {"a"}
    assert [row.id for row in store.outbox.list(alert_id="a")] == ["of both"]
    assert events_left(store) == ["alert_fired", "notice_held"]
    assert [row.id for row in store.silences.list()] == ["over later"]


@pytest.mark.parametrize("status", ["owed", "sending"])
def test_what_has_not_left_yet_stays_with_its_alert(store: Store, status: str) -> None:
    store.alerts.save_all([alert("a"), alert("b")])
    store.outbox.add_all([notice("waits", "a", status=status), notice("of none", status=status)])
    assert store.expiring.history(BEFORE) == Expired(alerts=1)
    assert alerts_left(store) == {"a"}
    assert len(store.outbox.list()) == 2
    store.outbox.dead("waits", NOW, error="nobody answers")
    assert store.expiring.history(BEFORE) == Expired(alerts=1, notices=1)


def test_an_alert_stays_until_a_channel_was_told_that_it_is_over(store: Store) -> None:
    store.alerts.save_all([alert("told"), alert("untold")])
    store.groups.save_all([GroupRow("mail", "mail", {}, LONG_AGO, firing=("untold",))])
    assert store.expiring.history(BEFORE).alerts == 1
    assert alerts_left(store) == {"untold"}


def test_an_alert_stays_while_something_about_it_is_to_be_decided_or_done(store: Store) -> None:
    store.alerts.save_all([alert("a"), alert("b"), alert("c")])
    store.proposals.add(proposal("1", "open", "a"))
    store.proposals.add(replace(proposal("2", "undoing"), data={"alerts": ["b"]}))
    store.proposals.add(proposal("3", "rejected", "c"))
    assert store.expiring.history(BEFORE) == Expired(alerts=1, proposals=1)
    assert alerts_left(store) == {"a", "b"}


def test_decided_proposals_go_but_for_the_way_that_was_taken_back(store: Store) -> None:
    """A version that the alias was moved back from is never proposed again."""
    store.alerts.save(alert("fires", over=None, state="firing"))
    rows = [
        proposal("rejected", "rejected"),
        proposal("failed", "failed"),
        proposal("accepted", "done", kind=ACCEPT_BASELINE),
        proposal("moved back", "done"),
        proposal("asked", "rejected", "fires"),
        proposal("waits", "approved"),
        replace(proposal("recent", "rejected"), decided_at=NOW),
    ]
    for row in rows:
        store.proposals.add(row)
    assert store.expiring.history(BEFORE).proposals == 3
    assert {row.id for row in store.proposals.list()} == {"moved back", "asked", "waits", "recent"}


def test_what_lasts_stays(store: Store) -> None:
    """Of all moves of an alias together it is asked which version a row is of; of the last baseline, whether
    it was told of."""
    day = timedelta(hours=24)
    for subject in (CHURN, "model/other@live"):
        for n in range(3):
            store.events.add(event("alias_moved", LONG_AGO + n * day, subject=subject))
            store.events.add(event("baseline_accepted", LONG_AGO + n * day, subject=subject))
    store.events.add_all([event("lease_taken"), event("backfilled", BEFORE)])
    assert store.expiring.history(BEFORE).events == 5
    for subject in (CHURN, "model/other@live"):
        moves = store.events.list(subject, kinds=["alias_moved"])
        assert [one.time for one in moves] == [LONG_AGO + n * day for n in range(3)]
        (last,) = store.events.list(subject, kinds=["baseline_accepted"])
        assert last.time == LONG_AGO + 2 * day
    assert len(store.events.list(kinds=["lease_taken", "backfilled"])) == 1


def test_what_is_paused_stays(store: Store) -> None:
    store.alerts.save(alert("a"))
    store.outbox.add(notice("n", "a"))
    store.events.add_all([event("alert_fired", about="a"), event("lease_taken")])
    store.proposals.add(proposal("p", "rejected"))
    assert store.expiring.history(BEFORE, paused=[CHURN]) == Expired()
    assert store.expiring.history(BEFORE).alerts == 1


def test_silences_go_some_time_after_they_are_over(store: Store) -> None:
    store.silences.add(silence("over", BEFORE - DAY))
    store.silences.add(silence("just over", BEFORE))
    store.silences.add(silence("holds", NOW + DAY))
    store.alerts.save(replace(alert("past", over=NOW), historic=True))  # of a time when none was there
    assert store.expiring.history(BEFORE) == Expired(silences=1)
    assert {row.id for row in store.silences.list()} == {"just over", "holds"}


def test_what_was_delivered_only_ever_becomes_more(store: Store) -> None:
    """Prometheus would take less for a counter that began anew, and count all again."""
    store.outbox.add_all(
        [
            notice("1"),
            notice("2"),
            notice("3", status="dead"),
            notice("4", at=NOW),
            notice("5", status="owed"),
        ]
    )
    store.outbox.add(replace(notice("6"), channel="chat:room"))
    before = store.outbox.tally()
    assert store.expiring.history(BEFORE).notices == 4
    assert store.outbox.tally() == before
    assert ("mail", "delivered", 3, 6) in before
    assert [(row.channel, row.delivered, row.dead) for row in store.outbox.channels()] == [("mail", 3, 1)]


def test_a_turn_ends_in_time_and_the_next_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirante.store.expiring.history._AT_ONCE", 2)
    store.alerts.save_all([alert(f"a{n}") for n in range(5)])
    store.outbox.add_all([notice(f"n{n}", f"a{n}") for n in range(5)])
    turns = chain(repeat(True, 2), repeat(False))
    first = store.expiring.history(BEFORE, more=lambda: next(turns))
    assert first == Expired(alerts=4, finished=False)
    assert store.expiring.history(BEFORE) == Expired(alerts=1, notices=5)


def test_those_that_stay_are_passed_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirante.store.expiring.history._AT_ONCE", 2)
    store.alerts.save_all([alert(f"a{n}", over=None, state="firing") for n in range(3)])
    store.events.add_all([event("alert_fired", about=f"a{n}") for n in range(3)])
    store.events.add_all([event("lease_taken", LONG_AGO + DAY) for _ in range(3)])
    assert store.expiring.history(BEFORE) == Expired(events=3)


def test_who_lost_the_lease_removes_nothing(store: Store) -> None:
    store.alerts.save(alert("a"))
    mine = store.lease.take("a", after=None, host="web-1", process=1)
    assert mine is not None
    held = store.fenced(mine.token)
    store.lease.take("b", after=mine, host="web-2", process=2)
    with pytest.raises(LeaseLostError):
        held.expiring.history(BEFORE)
    assert alerts_left(store) == {"a"}
