from datetime import UTC, datetime, timedelta

import pytest

from mirante.alerts.rules import Rule
from mirante.app.rehearsal import gather_rules, labels_in, odd_metrics, open_store, rehearse
from mirante.app.settings import Settings
from mirante.errors import ConfigError
from mirante.readings import Reading
from mirante.store import Store

T0 = datetime(2013, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SETTINGS = Settings(host={"interval": "1m"}, evaluation_interval="15s")


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


def cpu(values):
    return [
        Reading("system_cpu_percent", value, T0 + minute * MINUTE, {"host": "a"})
        for minute, value in enumerate(values)
    ]


def test_a_rehearsal_takes_the_intervals_of_the_settings(store):
    store.readings.write(cpu([10, 95]))
    rules = [
        Rule("late", "system_cpu_percent > 90", for_=2 * MINUTE),
        Rule("gone", "absent(system_cpu_percent)"),
    ]
    past = rehearse(rules, store, SETTINGS, T0, T0 + 30 * MINUTE)
    (gone,), (late,) = past.fired["gone"], past.fired["late"]
    assert late.fired_at == T0 + 3 * MINUTE
    assert gone.fired_at == T0 + 4 * MINUTE + timedelta(seconds=15)
    assert store.alerts.list() == []


def test_rules_of_files_of_a_config_and_of_ours(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{name: mine, when: x > 1}]")
    settings = Settings(alerts={"rules": [{"name": "his", "when": "x > 1"}], "default_rules": False})
    assert [rule.name for rule in gather_rules([file], settings)] == ["mine"]
    assert [rule.name for rule in gather_rules([], settings)] == ["his"]
    assert "high_cpu" in [rule.name for rule in gather_rules([], None)]


def test_all_errors_of_all_files_are_said(tmp_path):
    for name, when in (("a", "x >"), ("b", "x && y"), ("c", "x > 1"), ("d", "x > 2")):
        (tmp_path / f"{name}.yaml").write_text(f"rules:\n- name: same\n  when: {when}")
    with pytest.raises(ConfigError) as caught:
        gather_rules([tmp_path / f"{name}.yaml" for name in "abcd"], None)
    text = str(caught.value)
    assert "a.yaml, line 3: rules[0].when: " in text
    assert "b.yaml, line 3: rules[0].when: column 3: '&'" in text
    assert f"d.yaml: 'same' is the name of a rule in {tmp_path}/c.yaml too" in text


def test_odd_metrics_ask_the_store_too(store):
    rules = [Rule("a", "accuracy > 1"), Rule("b", "sytem_cpu_percent > 1"), Rule("c", "qqqq > 1")]
    store.readings.write([Reading("accuracy", 1.0, T0, {"experiment": "7"})])
    assert odd_metrics(rules, store) == [
        "b: no reading is named 'sytem_cpu_percent'; did you mean 'system_cpu_percent'?",
        "c: no reading is named 'qqqq'; it will never be true",
    ]


def test_the_store_is_not_asked_for_metrics_that_everybody_knows(store, monkeypatch):
    monkeypatch.setattr(type(store.readings), "latest", lambda *_: pytest.fail("it was asked"))
    assert odd_metrics([Rule("a", "system_cpu_percent > 1")], store) == []


def test_labels_of_metrics_that_only_the_store_knows(store):
    store.readings.write([Reading("accuracy", 1.0, T0, {"experiment": "7"})])
    labels_of = labels_in(store)
    assert labels_of("accuracy") == {"experiment"}
    assert labels_of("system_cpu_percent") == {"host"}
    assert labels_of("monitor_queue_length") == {"queue"}
    assert labels_of("other") is None
    assert labels_in(None)("accuracy") is None


def test_looking_makes_no_database(tmp_path):
    settings = Settings(store=f"sqlite:///{tmp_path}/none.db")
    assert open_store(settings) is None
    assert open_store(None) is None
    assert list(tmp_path.iterdir()) == []
