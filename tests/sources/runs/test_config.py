import pytest
from pydantic import ValidationError

from mirante.app.settings import Settings
from mirante.sources.runs import ExperimentsConfig


def test_names_that_are_patterns_too_name_themselves():
    config = ExperimentsConfig(include=["a [b]", "c?"])
    assert [config.watches(name) for name in ("a [b]", "a b", "cd", "cde")] == [True, True, True, False]


def test_without_patterns_nothing_is_watched_and_all_metrics_but_the_systems_are_followed():
    config = ExperimentsConfig()
    assert not config.watches("Default")
    assert config.chosen({"system/cpu": 1, "b": 1, "a": 1}) == ["a", "b"]
    assert ExperimentsConfig(metrics=["system/*"]).follows("system/cpu")


def test_discovery_watches_all_experiments_unless_some_are_named():
    assert Settings(discover=True).watched_experiments.include == ("*",)
    named = Settings(discover=True, experiments={"include": ["a"]})
    assert named.watched_experiments.include == ("a",)
    assert Settings().watched_experiments.include == ()


@pytest.mark.parametrize(
    "bad",
    [{"interval": "0s"}, {"include": [""]}, {"most_runs": 0}, {"directions": {"a": "up"}}, {"other": 1}],
)
def test_what_is_wrong_is_refused(bad):
    with pytest.raises(ValidationError):
        ExperimentsConfig(**bad)
