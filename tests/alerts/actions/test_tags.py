import pytest

from mirante.alerts.actions.config import TagAction
from mirante.alerts.actions.tags import TagKeeper
from mirante.alerts.actions.told import Told
from mirante.errors import TrackingError
from tests.alerts.actions.conftest import NOW

pytestmark = pytest.mark.server
REAL = {"do": "tag", "dry_run": False, "match": {"rule": "feature_drift"}}


@pytest.fixture
def step(model):
    """One call of a keeper that was just started, as after a kill: nothing is in memory."""

    def advance(*actions, client=None):
        given = [TagAction(**action) for action in actions or (REAL,)]
        TagKeeper(model.store, given, Told(model.store)).advance(model.firing(), client or model.give, NOW)

    return advance


def away():
    raise TrackingError("MLflow is away")


def test_a_version_is_tagged_while_alerts_about_it_fire(model, step):
    model.add()
    age, plan = model.fire(feature="age", version="1"), model.fire(feature="plan", version="1")
    step()
    assert model.tag() == "drifting"
    model.resolve(age)
    step()
    assert model.tag() == "drifting"
    model.resolve(plan)
    step()
    assert model.tag() is None
    tagged, cleared = model.events()
    assert (tagged.kind, tagged.text) == ("version_tagged", "version 1 tagged mirante.state=drifting")
    assert tagged.data["author"] == "mirante"
    assert set(tagged.data["reason"]) == {age.id, plan.id}
    assert tagged.data["undo"] == {"tag": "mirante.state", "value": None}
    assert (cleared.kind, cleared.text) == ("version_tag_cleared", "version 1 no longer tagged mirante.state")


def test_again_and_again_changes_nothing_and_asks_nobody(model, step):
    model.add()
    model.fire(version="1")
    step()
    asked = model.asked
    step()
    step()
    assert model.asked == asked
    assert len(model.events()) == 1


def test_what_the_tag_said_before_comes_back(model, step):
    model.add()
    model.set_tag("canary")
    alert = model.fire(version="1")
    step()
    model.resolve(alert)
    step()
    assert model.tag() == "canary"
    assert model.events()[-1].text == "version 1 tagged mirante.state=canary again, as before"


def test_what_a_person_wrote_meanwhile_stays(model, step):
    model.add()
    alert = model.fire(version="1")
    step()
    model.set_tag("under review")
    model.resolve(alert)
    step()
    assert model.tag() == "under review"
    assert "set by hand" in model.events()[-1].text
    step()
    assert len(model.events()) == 2


def test_without_a_version_label_it_is_the_one_that_the_alias_had_then(model, step):
    model.add()
    alert = model.fire()
    step()
    model.add()
    step()
    assert (model.tag("1"), model.tag("2")) == ("drifting", None)
    model.resolve(alert)
    step()
    assert (model.tag("1"), model.tag("2")) == (None, None)


def test_the_first_action_that_matches_says_what_the_tag_says(model, step):
    model.add()
    model.set_tag("canary")
    low = {"do": "tag", "dry_run": False, "match": {"rule": "low_auc"}, "value": "degraded"}
    model.fire(version="1")
    step(low, REAL)
    assert model.tag() == "drifting"
    worse = model.fire("low_auc", version="1")
    step(low, REAL)
    assert model.tag() == "degraded"
    model.resolve(worse)
    step(low, REAL)
    assert model.tag() == "drifting"
    for alert in model.firing():
        model.resolve(alert)
    step(low, REAL)
    assert model.tag() == "canary"


def test_a_dry_run_says_once_what_would_be_done_and_does_nothing(model, step):
    model.add()
    model.fire(version="1")
    step({"do": "tag"})
    step({"do": "tag"})
    assert model.tag() is None
    assert model.asked == 0
    (event,) = model.events()
    assert event.kind == "action_dry_run"
    assert event.text == (
        "dry run: version 1 would be tagged mirante.state=drifting because of feature_drift"
    )


def test_an_mlflow_that_is_away_is_asked_again(model, step):
    model.add()
    alert = model.fire(version="1")
    with pytest.raises(TrackingError):
        step(client=away)
    step()
    assert model.tag() == "drifting"
    model.resolve(alert)
    with pytest.raises(TrackingError):
        step(client=away)
    assert model.tag() == "drifting"
    step()
    assert model.tag() is None


class DiesAfter:
    """A client that carries out some calls and then, as a killed process does, nothing any more."""

    def __init__(self, client, calls):
        self._client, self._left = client, calls

    def __getattr__(self, name):
        value = getattr(self._client, name)
        if not callable(value):
            return value

        def call(*arguments, **options):
            if not self._left:
                raise KeyboardInterrupt
            self._left -= 1
            found = value(*arguments, **options)
            if not self._left and name.startswith(("set_", "delete_")):
                raise KeyboardInterrupt  # it arrived, and nobody heard the answer
            return found

        return call


@pytest.mark.parametrize("calls", [0, 1, 2])  # to tag takes two: to look the version up, and to write
def test_killed_between_any_two_calls_the_former_value_still_comes_back(model, step, calls):
    model.add()
    model.set_tag("canary")
    alert = model.fire(version="1")
    dying = DiesAfter(model.client, calls)
    with pytest.raises(KeyboardInterrupt):
        step(client=lambda: dying)
    step()
    assert model.tag() == "drifting"
    model.resolve(alert)
    dying = DiesAfter(model.client, calls)
    try:
        step(client=lambda: dying)
    except KeyboardInterrupt:
        step()
    assert model.tag() == "canary"
    assert [event.kind for event in model.events()] == ["version_tagged", "version_tag_cleared"]


def test_a_version_or_alias_that_is_gone_harms_nobody(model, step):
    model.add(alias=False)
    model.fire(version="9")
    model.fire()
    step()
    step()
    (event,) = model.events()
    assert event.text == "no version to tag: MLflow has no alias live"
