import re
from datetime import timedelta

import pytest

from mirante.alerts.config import build_rules
from mirante.alerts.matchers import Matchers
from mirante.alerts.rules.loading import default_rules, load_rules
from mirante.app.settings import load_settings
from mirante.demo.files import demo_settings, write_config
from mirante.demo.flights import FEATURES
from mirante.readings import READINGS

URI = "http://127.0.0.1:5001"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "two words"
    made.mkdir()
    return made


def test_the_config_means_what_the_demonstration_does(folder):
    path = write_config(folder, URI)
    assert path == folder / "mirante.yaml"
    settings = load_settings(path, environ={})
    assert settings.store == f"sqlite:///{folder / 'mirante.db'}"
    assert settings.mlflow.tracking_uri == URI
    assert settings.mlflow.enabled
    (model,) = settings.models
    assert model.subject == "model/nyc-flight-delay@champion"
    assert (model.window, model.timezone, model.log) == ("1d", "America/New_York", folder / "inference-log")
    assert (model.lateness, model.label_delay) == (timedelta(0), timedelta(hours=12))
    assert model.paused
    assert set(settings.alerts.channels) == {"console"}


def test_the_channels_in_its_comments_are_valid(folder):
    path = write_config(folder, URI)
    text = re.sub(r"(?m)^    # ", "    ", path.read_text())
    assert "# mail" not in text
    path.write_text(text)
    settings = load_settings(path, environ={})
    assert set(settings.alerts.channels) == {"console", "mail", "slack"}


def test_the_demonstrations_own_folder_server_and_port_come_first(folder, tmp_path):
    settings = load_settings(write_config(folder, URI), environ={})
    driven = settings.for_demo(folder=tmp_path, tracking_uri="http://127.0.0.1:5999", port=None)
    assert driven.mlflow.tracking_uri == "http://127.0.0.1:5999"
    assert driven.store == f"sqlite:///{tmp_path / 'mirante.db'}"
    assert driven.models[0].log == tmp_path / "inference-log"
    assert driven.web.port == 0
    assert settings.for_demo(folder=tmp_path, tracking_uri=URI, port=8123).web.port == 8123


def test_what_is_there_is_kept_and_what_is_missing_comes_back(folder):
    path = write_config(folder, URI)
    rules = folder / "rules.yaml"
    shipped = rules.read_bytes()
    path.write_text("locale: pt_BR\n")
    rules.unlink()
    assert write_config(folder, "http://127.0.0.1:5999") == path
    assert path.read_text() == "locale: pt_BR\n"
    assert rules.read_bytes() == shipped
    rules.write_text("rules: []\n")
    write_config(folder, URI)
    assert rules.read_text() == "rules: []\n"


def test_the_rules_load_and_ask_for_readings_that_there_are(folder):
    write_config(folder, URI)
    rules = {rule.name: rule for rule in load_rules(folder / "rules.yaml")}
    assert len(rules) >= 5
    for rule in rules.values():
        assert set(rule.expression.metrics) <= set(READINGS), rule.name
        assert rule.summary
        asked = set(re.findall(r"\$labels\.(\w+)", rule.summary)) | set(rule.where)
        given = {label for name in rule.expression.metrics for label in READINGS[name].labels}
        assert asked <= given, rule.name
    assert rules["many_missing_values"].severity == "critical"
    assert rules["missing_values"].severity == "warning"
    assert rules["missing_values"].keep_firing_for == timedelta(days=3)


def test_they_take_the_place_of_mirantes_own_of_the_same_name(folder):
    settings = load_settings(write_config(folder, URI), environ={})
    rules = {rule.name: rule for rule in build_rules(settings.alerts, base=settings.folder)}
    own = {rule.name: rule for rule in load_rules(folder / "rules.yaml")}
    shipped = {rule.name: rule for rule in default_rules()}
    assert rules == shipped | own
    assert "feature_drift" in own.keys() & shipped.keys()


def test_the_prediction_and_a_feature_are_never_both_named_by_one_rule_of_drift(folder):
    write_config(folder, URI)
    rules = {rule.name: rule for rule in load_rules(folder / "rules.yaml")}
    features, prediction = (Matchers.of(rules[name].where) for name in ("feature_drift", "prediction_drift"))
    for feature in FEATURES:
        assert features.accept({"feature": feature})
        assert not prediction.accept({"feature": feature})
    assert prediction.accept({"feature": "prediction"})
    assert not features.accept({"feature": "prediction"})


def test_the_port_of_the_server_follows_and_the_rest_stays(folder):
    path = write_config(folder, URI)
    path.write_text(path.read_text() + "locale: pt_BR\n")
    settings = load_settings(write_config(folder, "http://127.0.0.1:5999"), environ={})
    assert settings.mlflow.tracking_uri == "http://127.0.0.1:5999"
    assert settings.locale == "pt_BR"


def test_a_config_of_ones_own_brings_channels_and_not_another_model(folder, tmp_path):
    given = tmp_path / "mine.yaml"
    given.write_text(
        "locale: pt_BR\n"
        "models: [{model: churn, window: 1h}]\n"
        "alerts: {channels: {out: {type: slack, webhook_url_file: hook.txt}}}\n"
    )
    settings = demo_settings(folder, URI, config=given, port=8123)
    (model,) = settings.models
    assert (model.model, model.window, model.timezone) == ("nyc-flight-delay", "1d", "America/New_York")
    assert model.log == folder / "inference-log"
    assert list(settings.alerts.channels) == ["out"]
    assert (settings.locale, settings.web.port, settings.folder) == ("pt_BR", 8123, tmp_path)
    rules = {rule.name for rule in build_rules(settings.alerts, base=settings.folder)}
    assert "many_missing_values" in rules


def test_the_demonstrations_own_config_is_used_as_it_is(folder):
    write_config(folder, URI)
    text = (folder / "mirante.yaml").read_text().replace("lateness: 0s", "lateness: 1h")
    (folder / "mirante.yaml").write_text(text)
    settings = demo_settings(folder, "http://127.0.0.1:5999")
    assert settings.models[0].lateness == timedelta(hours=1)
    assert settings.mlflow.tracking_uri == "http://127.0.0.1:5999"
    assert settings.web.port == 0
