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


def test_of_an_alert_that_fires_anew_it_is_said_anew(store):
    told = Told(store)
    told.say("tag", ["a1", "a2"], event("1"))
    told.forget_all_but({"a2"})
    assert not told.say("tag", ["a2"], event("2"))
    assert told.say("tag", ["a1"], event("3"))
