"""Silences: what is refused, who wins when two act at once, and which alerts are held."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirante.alerts.people.silencing import (
    LONGEST,
    Holding,
    SilenceOrder,
    add_silence,
    change_silence,
    check_silence,
    end_silence,
    silence_state,
)
from mirante.errors import ConflictError, InputError, MiranteError, NotFoundError
from mirante.store import Store

NOW = datetime(2013, 2, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORDER = SilenceOrder({"host": "web-1"}, "ana", "new disk", lasting="2h")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


def test_a_silence_is_written_with_who_and_why(store: Store):
    row = add_silence(store, ORDER, NOW)
    assert store.silences.list() == [row]
    assert (row.starts_at, row.ends_at, row.author, row.comment) == (NOW, NOW + 2 * HOUR, "ana", "new disk")
    (event,) = store.events.list(kinds=["silence_created"])
    assert event.text == "ana silenced alerts until 2013-02-08 14:00 UTC: new disk"
    assert event.data["silence"] == row.id
    assert (event.subject, event.time) == ("monitor", NOW)
    about = replace(ORDER, matchers={"subject": "host/web-1"})
    add_silence(store, about, NOW)
    assert len(store.events.list("host/web-1", kinds=["silence_created"])) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"matchers": {}}, "name at least one label and its value"),
        ({"matchers": {"host": "~.*"}}, "nearly every alert"),
        ({"matchers": {"rule": "~.+"}}, "nearly every alert"),
        ({"matchers": {"host": "!=web-1", "rule": "!~x"}}, "nearly every alert"),
        ({"matchers": {"host": ""}}, "nearly every alert"),
        ({"matchers": {"host": "~("}}, "no regular expression"),
        ({"matchers": {"": "x"}}, "too many labels, or too long"),
        ({"matchers": {f"l{i}": "x" for i in range(51)}}, "too many labels"),
        ({"matchers": {"host": "x" * 2_001}}, "too long"),
        ({"author": "  "}, "say who you are"),
        ({"comment": "\n"}, "the comment is empty"),
        ({"comment": "x" * 2_001}, "too long"),
        ({"lasting": ""}, "an end is needed"),
        ({"ends_at": NOW + HOUR}, "an end is needed"),
        ({"lasting": "1:30"}, "'1:30' is no length of time"),
        ({"lasting": "0"}, "it would end before it begins"),
        ({"lasting": "", "ends_at": NOW}, "it would end before it begins"),
        ({"lasting": "2h", "starts_at": datetime(9999, 12, 31, 23, tzinfo=UTC)}, "end before it begins"),
        ({"lasting": "367d"}, "more than 366 days"),
        ({"lasting": "999999999d"}, "more than 366 days"),
        ({"lasting": "", "ends_at": NOW + LONGEST + HOUR}, "more than 366 days"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(store: Store, change: dict[str, object], said: str):
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        add_silence(store, replace(ORDER, **change), NOW)
    assert (store.silences.list(), store.events.list()) == ([], [])


def test_all_faults_are_told_at_once_and_in_the_readers_language():
    with pytest.raises(InputError) as caught:
        check_silence(SilenceOrder({}, "", "", lasting="x"), NOW, locale="pt_BR")
    assert str(caught.value).count(";") >= 3
    assert "diga quem você é" in str(caught.value)


def test_a_matcher_that_names_something_may_stand_beside_wide_ones():
    row = check_silence(replace(ORDER, matchers={"rule": "high_cpu", "host": "!~db-.*"}), NOW)
    labels = {"rule": "high_cpu", "host": "web-1"}
    assert Holding([row], NOW).back(labels) == [row]
    assert Holding([row], NOW).back({**labels, "host": "db-1"}) == []


def test_the_interval_is_half_open_and_a_start_in_the_past_is_now(store: Store):
    row = add_silence(store, replace(ORDER, starts_at=NOW - HOUR), NOW)
    assert row.starts_at == NOW
    later = add_silence(store, replace(ORDER, starts_at=NOW + HOUR, ends_at=NOW + 5 * HOUR, lasting=""), NOW)
    labels = {"host": "web-1"}
    found = store.silences.list(since=NOW)
    assert Holding(found, NOW).back(labels) == [row]
    assert Holding(found, NOW + HOUR).back(labels) == [later, row], "the one that ends last first"
    assert Holding(found, NOW + 2 * HOUR).back(labels) == [later]
    assert Holding(found, NOW + HOUR).back({"host": "web-2"}) == []
    assert [silence_state(later, NOW + n * HOUR) for n in (0, 1, 5)] == ["coming", "holding", "over"]


def test_a_change_ends_the_old_one_and_names_it(store: Store):
    old = add_silence(store, ORDER, NOW)
    new = change_silence(store, old.id, replace(ORDER, lasting="4h", author="rui"), NOW + HOUR)
    assert new.replaces == old.id
    assert (new.starts_at, new.ends_at, new.author) == (NOW + HOUR, NOW + 5 * HOUR, "rui")
    kept = store.silences.get(old.id)
    assert kept is not None
    assert kept.ends_at == NOW + HOUR
    with pytest.raises(ConflictError, match="over since 2013-02-08 13:00 UTC"):
        change_silence(store, old.id, ORDER, NOW + HOUR)
    with pytest.raises(InputError):
        change_silence(store, new.id, replace(ORDER, comment=""), NOW + HOUR)
    assert len(store.silences.list()) == 2
    assert silence_state(new, NOW + HOUR) == "holding", "a wrong change changes nothing"


def test_an_end_is_told_once(store: Store):
    row = add_silence(store, ORDER, NOW)
    assert end_silence(store, row.id, "rui", NOW + HOUR) == row
    (event,) = store.events.list(kinds=["silence_ended"])
    assert event.text == "rui ended a silence: new disk"
    for id_, error, said in (
        (row.id, ConflictError, "is over since 2013-02-08 13:00 UTC; make a new one"),
        ("none", NotFoundError, "there is no silence 'none'"),
    ):
        with pytest.raises(error, match=said):
            end_silence(store, id_, "rui", NOW + HOUR)
    with pytest.raises(InputError, match="nobody is named"):
        end_silence(store, row.id, " ", NOW)
    assert len(store.events.list(kinds=["silence_ended"])) == 1


@pytest.mark.parametrize("act", [end_silence, change_silence])
def test_of_two_people_at_once_one_wins_and_the_other_is_told(store: Store, act):
    row = add_silence(store, ORDER, NOW)
    ready = threading.Barrier(8)
    said: list[str] = []

    def one() -> None:
        ready.wait()
        try:
            act(store, row.id, "rui" if act is end_silence else ORDER, NOW + HOUR)
            said.append("done")
        except MiranteError as error:
            said.append(type(error).__name__)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["ConflictError"] * 7 + ["done"]
    assert len(store.silences.list()) == (1 if act is end_silence else 2)
