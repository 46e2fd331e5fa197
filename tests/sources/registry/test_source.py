"""A real registry: what is said of models, versions and aliases, and what a look asks for."""

import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from mlflow import MlflowClient

from mirante.alerts.config import default_rules
from mirante.alerts.engine import AlertEngine
from mirante.alerts.evidence import alert_links
from mirante.alerts.routing import Route
from mirante.errors import TrackingError
from mirante.sources.registry import RegistryConfig, RegistrySource
from mirante.sources.registry import source as module
from mirante.sources.registry.wake import wake
from mirante.store import Store
from mirante.tracking.baselines import TAG
from mirante.tracking.models import every_page
from tests.app.trained import trained
from tests.monitors.registry import register

pytestmark = pytest.mark.server
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class World:
    """Models of one beginning of names on the session's server, and a source that watches them alone."""

    def __init__(self, uri, store, **config):
        self.uri, self.store = uri, store
        self.client = MlflowClient(uri)
        self.start = f"w{uuid.uuid4().hex[:8]}-"
        self.config = RegistryConfig(include=[f"{self.start}*"], **config)
        self.now = datetime.now(UTC)
        self.watched, self.noticed = set(), []
        self.restart()

    def restart(self):
        self.source = RegistrySource(
            self.config,
            self.store,
            lambda: self.client,
            watched=lambda: self.watched,
            noticed=lambda models: self.noticed.append(set(models)),
        )

    def name(self, text="churn"):
        return self.start + text

    def register(self, text="churn", alias=None):
        return register(self.client, self.name(text), alias=alias)[1]

    def look(self, after=MINUTE):
        self.now = max(self.now + after, datetime.now(UTC))
        return self.source.advance(self.now)

    def said(self, reading, text="churn"):
        """Return the latest values of a reading of a model, by version or alias."""
        return {
            one.labels.get("version") or one.labels.get("alias", ""): one.value
            for one in self.store.readings.latest()
            if one.name == reading and one.labels.get("registered_model") == self.name(text)
        }

    def events(self):
        return [
            (one.kind, one.text.removeprefix(self.start))
            for one in self.store.events.list(without=["alert_"])
        ]


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


@pytest.fixture
def world(mlflow_server, store):
    return World(mlflow_server, store)


def test_versions_are_counted_as_they_come_and_go(world):
    for _ in range(3):
        world.register()
    world.client.create_registered_model(world.name("empty"))
    world.look()
    assert world.said("mlflow_model_versions") == {"": 3.0}
    assert world.said("mlflow_model_versions", "empty") == {"": 0.0}
    assert world.events() == []  # they were there before
    world.register()
    world.register("new")
    world.look()
    assert world.said("mlflow_model_versions") == {"": 4.0}
    assert world.said("mlflow_model_versions", "new") == {"": 1.0}
    assert sorted(world.events()) == [
        ("version_created", "churn: version 4 was registered"),
        ("version_created", "new: version 1 was registered"),
    ]
    world.client.delete_model_version(world.name(), "4")
    world.look()
    assert world.said("mlflow_model_versions") == {"": 3.0}
    world.client.delete_model_version(world.name(), "1")  # an old one: seen by the count of the next day
    world.look(after=DAY)
    assert world.said("mlflow_model_versions") == {"": 2.0}
    world.client.delete_registered_model(world.name("new"))
    world.look()
    assert world.said("mlflow_model_versions", "new") == {}


def test_all_models_are_counted_and_those_that_are_left_out(mlflow_server, store):
    world = World(mlflow_server, store, most_models=2)
    for text, alias in (("a", None), ("b", "champion"), ("c", None)):
        world.register(text, alias)
    world.look()
    latest = {one.name: one for one in store.readings.latest()}
    total = len(every_page(world.client.search_registered_models))  # other files' tests left some
    assert latest["mlflow_registered_models"].value == total
    assert latest["registered_models_left_out"].value == total - 2
    assert latest["mlflow_registered_models"].labels == {"registry": mlflow_server}
    models = {one.labels.get("registered_model") for one in store.readings.latest()}
    assert models == {None, world.name("b"), world.name("c")}  # aliases first, then what changed last
    assert {row.subject for row in store.readings.subjects()} == {f"registry/{mlflow_server}"}


def test_versions_with_an_alias_and_the_newest_are_told_to_lack_a_baseline_until_they_have_one(world):
    for alias in ("champion", None, None):
        world.register(alias=alias)
    world.look()
    assert world.said("version_baseline_missing") == {"1": 1.0, "3": 1.0}
    notes = {
        one.labels["version"]: one.note
        for one in world.store.readings.latest()
        if one.name == "version_baseline_missing"
    }
    assert notes["1"].endswith(f"mirante baseline create models:/{world.name()}@champion")
    assert notes["3"].endswith(f"mirante baseline create models:/{world.name()}/3")
    for version in "13":
        world.client.set_model_version_tag(world.name(), version, TAG, "mirante/baseline-1")
    world.look(after=10 * MINUTE)
    assert world.said("version_baseline_missing") == {"1": 0.0, "3": 0.0}
    world.register()
    world.look()
    assert world.said("version_baseline_missing") == {"1": 0.0, "4": 1.0}


def test_signatures_are_read_once(world, monkeypatch):
    name, _, _ = trained(world.uri, name=world.name("signed"))
    world.register()  # without a description
    asked = []
    real = module.has_signature

    def has_signature(client, found):
        asked.append((found.name, found.version))
        return real(client, found)

    monkeypatch.setattr(module, "has_signature", has_signature)
    world.look()
    assert world.said("version_signature_missing", "signed") == {"1": 0.0}
    assert math.isnan(world.said("version_signature_missing")["1"])
    world.look()
    world.restart()
    world.look()
    assert len(asked) == 2
    assert {one[0] for one in asked} == {name, world.name()}


def test_a_version_without_signature_is_told(world, tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    model = world.client.create_logged_model("0", name="m")
    world.client.log_model_artifacts(model.model_id, str(tmp_path))
    world.client.finalize_logged_model(model.model_id, "READY")
    world.client.create_registered_model(world.name())
    world.client.create_model_version(
        world.name(), source=f"models:/{model.model_id}", model_id=model.model_id
    )
    world.look()
    assert world.said("version_signature_missing") == {"1": 1.0}


def test_aliases_are_followed_and_their_moves_fire_the_default_rule(world):
    rules = [rule for rule in default_rules() if rule.name in ("alias_moved", "version_without_baseline")]
    engine = AlertEngine(world.store, rules, Route(()), clock=lambda: world.now)

    def judge(after=MINUTE):
        world.look(after)
        engine.advance(world.now, lambda _: timedelta(minutes=30))
        return {alert.rule: alert for alert in world.store.alerts.open() if alert.state == "firing"}

    for alias in ("champion", None):
        world.register(alias=alias)
    assert judge() == {}
    world.client.set_registered_model_alias(world.name(), "champion", "2")
    open_ = judge()
    assert set(open_) == {"alias_moved"}
    alert = open_["alias_moved"]
    assert alert.note == "champion moved from version 1 to version 2"
    assert alert.summary == f"champion of {world.name()} moved to another version"
    assert alert.subject == f"registry/{world.uri}"
    assert world.events() == [("alias_moved", "churn: champion moved from version 1 to version 2")]
    assert world.said("alias_version") == {"champion": 2.0}
    # version 1 has no alias any more and is not the newest
    assert world.said("version_baseline_missing") == {"2": 1.0}
    open_ = judge(after=35 * MINUTE)
    missing = open_["version_without_baseline"]
    assert missing.labels["version"] == "2"
    assert alert_links(missing, mlflow="/")["model_version"] == f"/#/models/{world.name()}/versions/2"
    world.client.delete_registered_model_alias(world.name(), "champion")
    judge()
    assert world.said("alias_version") == {}
    assert world.events()[-1] == ("alias_deleted", "churn: champion was deleted, it was version 2")


def test_a_move_while_nobody_looked_is_told_after_a_restart(world):
    for alias in ("champion", None):
        world.register(alias=alias)
    world.look()
    world.client.set_registered_model_alias(world.name(), "champion", "2")
    world.restart()
    world.look()
    assert [kind for kind, _ in world.events()] == ["alias_moved"]
    (moves,) = world.store.readings.series(name="alias_moves_total")
    assert moves.values.tolist()[-2:] == [0.0, 1.0]


def test_of_an_alias_that_is_watched_itself_nothing_is_said(world):
    for alias in ("champion", None):
        world.register(alias=alias)
    world.look()
    assert world.said("alias_version") == {"champion": 1.0}
    world.watched = {(world.name(), "champion")}
    world.client.set_registered_model_alias(world.name(), "champion", "2")
    world.look()
    assert world.said("alias_version") == {}
    assert world.events() == []


def test_a_look_asks_for_no_version_that_it_knows(world, monkeypatch):
    for _ in range(5):
        world.register(alias="champion")
    world.client.set_registered_model_alias(world.name(), "old", "2")
    world.look()
    asked = []
    for name in ("get_model_version", "search_model_versions", "get_logged_model", "get_run"):
        monkeypatch.setattr(MlflowClient, name, lambda *a, name=name, **k: asked.append((name, a, k)))
    assert world.look() == 0
    assert asked == []


def test_what_takes_long_goes_on_at_the_next_look(mlflow_server, store, monkeypatch):
    world = World(mlflow_server, store)
    for text in "abc":
        world.register(text)
    ticks = iter(range(10_000))
    monkeypatch.setattr(module, "_SECONDS", 1.0)
    world.source = RegistrySource(
        world.config, store, lambda: world.client, monotonic=lambda: next(ticks) / 2
    )

    def counted():
        return sum(1 for text in "abc" if world.said("version_signature_missing", text))

    world.look()
    assert counted() < 3
    for _ in range(6):
        world.look()
    assert counted() == 3


def test_a_webhook_has_it_looked_at_once_and_only_once(world):
    world.register(alias="champion")
    world.look()
    world.register()
    second = timedelta(seconds=1)
    assert world.look(after=second) == 0
    assert world.events() == []
    wake(world.store, world.name())
    world.look(after=second)
    assert [kind for kind, _ in world.events()] == ["version_created"]
    assert world.noticed == [{world.name()}]
    assert world.look(after=second) == 0
    world.client.set_model_version_tag(world.name(), "1", TAG, "mirante/baseline-1")
    wake(world.store, world.name())
    world.look(after=second)
    assert world.said("version_baseline_missing") == {"1": 0.0, "2": 1.0}


def test_a_server_that_is_away_stays_a_failure_until_it_is_back(world):
    world.register()
    world.look()
    there, away = world.client, MlflowClient("http://127.0.0.1:9")
    world.client = away
    with pytest.raises(TrackingError, match="no MLflow server answers"):
        world.look()
    world.client = there
    with pytest.raises(TrackingError):  # not asked again so soon, and not well either
        world.look(after=timedelta(seconds=1))
    world.look(after=timedelta(seconds=15))
    assert world.said("mlflow_model_versions") == {"": 1.0}


def test_another_model_of_the_same_name_starts_anew(world):
    for alias in ("champion", None, None):
        world.register(alias=alias)
    world.look()
    world.client.delete_registered_model(world.name())
    world.register(alias="champion")
    world.look()
    assert world.said("mlflow_model_versions") == {"": 1.0}
    assert world.said("version_baseline_missing") == {"1": 1.0}


@pytest.mark.parametrize("text", ["' OR 1=1", '"><img src=x>', "a@b", "é" * 50, "{{ 7*7 }}", "tab\tname"])
def test_hostile_names_stay_names(world, text):
    world.register(text, alias="champion")
    world.look()
    world.register(text)
    world.look()
    assert world.said("version_baseline_missing", text) == {"1": 1.0, "2": 1.0}
    assert world.events() == [("version_created", f"{text}: version 2 was registered")]
