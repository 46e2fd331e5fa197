from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from mirante.errors import ConfigError, MiranteError
from mirante.monitors.config import ModelConfig


def test_what_is_not_said_has_a_default():
    config = ModelConfig(model="churn")
    assert config.subject == "model/churn@champion"
    assert config.log == Path("inference-log")
    assert (config.window, config.timezone) == ("1h", "UTC")
    assert (config.lateness, config.label_delay) == (timedelta(minutes=5), timedelta(days=1))
    assert config.interval == timedelta(seconds=10)
    assert (config.alarm_budget, config.task, config.paused) == (None, None, False)


def test_lengths_of_time_are_written_as_people_do():
    config = ModelConfig(model="churn", lateness="1h30m", label_delay=0, interval=timedelta(minutes=1))
    assert config.lateness == timedelta(minutes=90)
    assert config.label_delay == timedelta()
    assert config.interval == timedelta(minutes=1)


def test_the_clock_cuts_as_the_entry_says():
    clock = ModelConfig(model="churn", window="1d", timezone="America/New_York").clock()
    assert clock.length == timedelta(days=1)
    assert clock.timezone == "America/New_York"


@pytest.mark.parametrize(
    ("entry", "place", "needed"),
    [
        ({"model": ""}, ("model",), "at least 1 character"),
        ({"alias": ""}, ("alias",), "at least 1 character"),
        ({"window": "7h"}, ("window",), "divisor of a day"),
        ({"window": "0s"}, ("window",), "too short"),
        ({"window": "an hour"}, ("window",), "a number and a unit"),
        ({"window": 3600}, ("window",), "a number and a unit"),
        ({"window": None}, ("window",), "a number and a unit"),
        ({"timezone": "Mars/Olympus"}, ("timezone",), "IANA name"),
        ({"lateness": "soon"}, ("lateness",), "no length of time"),
        ({"lateness": 30}, ("lateness",), "number and a unit"),
        ({"lateness": "-5m"}, ("lateness",), "no length of time"),
        ({"label_delay": True}, ("label_delay",), "no length of time"),
        ({"interval": "0s"}, ("interval",), "more than zero, such as 10s"),
        ({"interval": 0}, ("interval",), "more than zero"),
        ({"alarm_budget": "often"}, ("alarm_budget",), "write it as '1 per 30d'"),
        ({"alarm_budget": "0 per 30d"}, ("alarm_budget",), "above 0"),
        ({"alarm_budget": "1 per month"}, ("alarm_budget",), "no length of time"),
        ({"task": "ranking"}, ("task",), "'probability', 'probabilities', 'class' or 'regression'"),
        ({"windows": "1h"}, ("windows",), "Extra inputs"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(entry, place, needed):
    with pytest.raises(ValidationError) as caught:
        ModelConfig.model_validate({"model": "churn"} | entry)
    (error,) = caught.value.errors()
    assert error["loc"] == place
    assert needed in error["msg"]


@pytest.mark.parametrize("budget", ["1 per 30d", "0.5 per 1w", "1 in 100 windows"])
def test_every_budget_of_the_drift_monitor_is_taken(budget):
    assert ModelConfig(model="churn", alarm_budget=budget).alarm_budget == budget


def test_it_does_not_change_once_made():
    with pytest.raises(ValidationError, match="frozen"):
        ModelConfig(model="churn").paused = True


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 500_000_000), ("1.5 tb", 1_500_000_000_000), ("1MiB", 1 << 20), ("7B", 7)]
)
def test_sizes_have_a_unit(text, size):
    assert ModelConfig(model="m", max_size=text).max_size == size


@pytest.mark.parametrize(
    "more",
    [
        *({"max_size": text} for text in ("50", 50, "0GB", "GB", "-1GB", "1e3GB", "9" * 400 + "GB")),
        {"retention": "1d"},
        {"retention": "30"},
        {"privacy": {"dorp": ["a"]}},
        {"privacy": {"drop": ["a"], "hash": ["a"]}},
    ],
)
def test_what_is_wrong_about_rows_that_are_kept_is_refused(more):
    with pytest.raises(ValidationError):
        ModelConfig(model="m", **more)


def test_rows_stay_here_until_they_are_judged_unless_said_otherwise():
    config = ModelConfig(model="m", window="1h", lateness="5m", label_delay="1d", archive="s3://bucket")
    assert config.judged_after == timedelta(days=1, hours=1, minutes=5)
    assert config.moved_after == timedelta(days=8, hours=1, minutes=5), "labels still count for a week"
    assert ModelConfig(model="m", archive_after="1h").moved_after == timedelta(hours=1)
    assert ModelConfig(model="m").archive_address() is None
    assert config.archive_address() == "s3://bucket"
    assert "bucket" not in repr(config)
    with pytest.raises(ConfigError, match="the archive is no URL"):
        ModelConfig(model="m", archive="env:A").archive_address({"A": "bucket"})


def test_slices_are_read_when_the_config_is():
    config = ModelConfig(model="m", slices=["region", "age >= 65"])
    assert config.slices == ("region", "age >= 65")
    assert ModelConfig(model="m").slices is None
    assert ModelConfig(model="m", slices=[]).slices == ()


@pytest.mark.parametrize(
    ("slices", "said"),
    [
        (["f(x) > 3"], "the slice 'f(x) > 3' cannot be read: a call"),
        (["region", "`region`"], "declared twice"),
        ([""], "it is empty"),
        ([f"c{k}" for k in range(21)], "at most 20"),
        (["age = 3"], "'equal' is written =="),
    ],
)
def test_what_is_wrong_with_a_slice_is_said(slices, said):
    with pytest.raises((ValidationError, MiranteError)) as refused:
        ModelConfig(model="m", slices=slices)
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["model", "alias"])
def test_a_blank_name_is_refused(name):
    with pytest.raises(ValidationError, match=r"the name .  . is blank; give the one in MLflow"):
        ModelConfig(**{"model": "churn", name: "  "})
