import pytest

from mirante.alerts.actions.told import Told
from mirante.store import EventRow
from tests.alerts.actions.conftest import NOW


def event(text):
    return EventRow("model/m@a", NOW, "action_dry_run", text)


def texts(store):
    return [row.text for row in store.events.list()]


def test_a_thing_is_said_once_of_an_alert_also_after_a_restart(store):
    assert Told(store).say("tag", ["a1"], event("1"))
    assert not Told(store).say("tag", ["a1"], event("2"))
    assert Told(store).say("proposal", ["a1"], event("3"))
    assert Told(store).say("tag", ["a1", "a2"], event("4"))
    assert texts(store) == ["1", "3", "4"]


def test_what_was_said_already_costs_no_transaction(store, monkeypatch):
    told = Told(store)
    told.say("tag", ["a1"], event("1"))
    later = Told(store)
    assert not later.said("tag", ["a1"])  # nothing is in its memory yet
    later.forget_all_but({"a1"})
    monkeypatch.setattr(store, "transaction", None)
    for one in (told, later):
        assert one.said("tag", ["a1"])
        assert not one.said("tag", ["a1", "a2"])
        assert not one.said("proposal", ["a1"])
        assert not one.say("tag", ["a1"], event("2"))
    assert texts(store) == ["1"]


def test_what_could_not_be_written_is_not_taken_for_said(store, monkeypatch):
    told = Told(store)
    with monkeypatch.context() as broken:
        broken.setattr(store.cursors, "set", None)
        with pytest.raises(TypeError):
            told.say("tag", ["a1"], event("1"))
    assert not told.said("tag", ["a1"])
    assert told.say("tag", ["a1"], event("2"))
    assert texts(store) == ["2"]


def test_what_another_process_said_meanwhile_is_not_said_again(store):
    told = Told(store)
    told.forget_all_but({"a1"})
    Told(store).say("tag", ["a1"], event("1"))
    assert not told.say("tag", ["a1"], event("2"))
    assert told.said("tag", ["a1"])


def test_of_an_alert_that_fires_anew_it_is_said_anew(store):
    told = Told(store)
    told.say("tag", ["a1", "a2"], event("1"))
    told.forget_all_but({"a2"})
    assert told.said("tag", ["a2"])
    assert not told.said("tag", ["a1"])
    assert not told.say("tag", ["a2"], event("2"))
    assert told.say("tag", ["a1"], event("3"))
