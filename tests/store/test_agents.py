"""Agents: what was heard of each, parts of windows once each, jobs and their baselines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mirante.store import AgentRow, JobRow, PartRow, Store

NOW = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
SUBJECT = "model/churn@champion"


def part(hour: int, agent: str = "web-1", version: str = "1", content: bytes = b"{}") -> PartRow:
    start = NOW + hour * HOUR
    return PartRow(SUBJECT, version, start, agent, start + HOUR, 5, content)


def test_an_agent_comes_back_as_it_was_last_written(store: Store) -> None:
    assert store.agents.get("web-1") is None
    assert store.agents.list() == []
    row = AgentRow("web-1", "5f", 7, 2**32 - 1, NOW, {"interval": 60.0}, {f"{SUBJECT}\n1": NOW.isoformat()})
    store.agents.put(AgentRow("web-1", "00", 1, 0, NOW - HOUR))
    store.agents.put(AgentRow("web-0", "00", 1, 0, NOW))
    store.agents.put(row)
    assert store.agents.get("web-1") == row
    assert [one.name for one in store.agents.list()] == ["web-0", "web-1"]
    assert store.agents.count() == 2


def test_a_part_is_kept_once_for_each_window_and_agent(store: Store) -> None:
    assert store.agents.add_parts([]) == 0
    assert store.agents.add_parts([part(1), part(0), part(0, "web-2"), part(0, version="2")]) == 4
    assert store.agents.add_parts([part(0, content=b"other"), part(2)]) == 1
    found = store.agents.parts(SUBJECT, "1", 0)
    assert [(one.start, one.agent, one.content) for one in found] == [
        (NOW + HOUR, "web-1", b"{}"),
        (NOW, "web-1", b"{}"),
        (NOW, "web-2", b"{}"),
        (NOW + 2 * HOUR, "web-1", b"{}"),
    ]
    last = found[2].sequence
    assert [one.start for one in store.agents.parts(SUBJECT, "1", last)] == [NOW + 2 * HOUR]


def test_a_part_whose_window_is_judged_is_known_for_a_month(store: Store) -> None:
    store.agents.add_parts([part(0), part(1), part(0, version="2")])
    store.agents.empty_parts(SUBJECT, "1", NOW + HOUR, 2)
    assert [one.start for one in store.agents.parts(SUBJECT, "1", 0)] == [NOW + HOUR]
    assert store.agents.add_parts([part(0)]) == 0
    assert len(store.agents.parts(SUBJECT, "2", 0)) == 1
    assert store.agents.prune(NOW + timedelta(days=30)) == 0
    assert store.agents.prune(NOW + HOUR + timedelta(days=30)) == 2
    assert store.agents.add_parts([part(0)]) == 1


def test_an_agent_that_is_silent_is_known_for_a_month(store: Store) -> None:
    for name, heard_at in (("old", NOW), ("new", NOW + HOUR)):
        store.agents.put(AgentRow(name, "5f", 1, 0, heard_at))
    store.agents.prune(NOW + timedelta(days=30))
    assert [one.name for one in store.agents.list()] == ["new"]


def test_a_part_that_was_not_read_stays(store: Store) -> None:
    store.agents.add_parts([part(0), part(0, "web-2")])
    first, second = store.agents.parts(SUBJECT, "1", 0)
    store.agents.empty_parts(SUBJECT, "1", NOW + HOUR, first.sequence)
    assert store.agents.parts(SUBJECT, "1", 0) == [second]


def test_jobs_are_offered_and_taken_back(store: Store) -> None:
    for version in ("1", "2", "3"):
        store.agents.offer(JobRow(SUBJECT, version, f"d{version}", {"window": "1h"}, version.encode()))
    store.agents.offer(JobRow("model/other@champion", "1", "d9"))
    store.agents.offer(JobRow(SUBJECT, "2", "d5", {"window": "2h"}, b"new"))
    store.agents.withdraw(SUBJECT, keep=["2", "3"])
    found = [(one.version, one.digest, one.about, one.baseline) for one in store.agents.jobs()]
    assert found == [
        ("2", "d5", {"window": "2h"}, b""),
        ("3", "d3", {"window": "1h"}, b""),
        ("1", "d9", {}, b""),
    ]
    assert store.agents.baseline("d5") == b"new"
    assert store.agents.baseline("d1") is None
