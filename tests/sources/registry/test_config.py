from pathlib import Path

import pytest
from pydantic import ValidationError

from mirante.app.settings import Settings
from mirante.errors import ConfigError
from mirante.sources.registry import RegistryConfig

SECRET = "correct horse battery staple"


def test_nothing_is_watched_by_itself_and_everything_when_discovering():
    assert not RegistryConfig().watches("churn")
    assert Settings(discover=True).watched_registry.watches("churn")
    assert Settings(discover=True, registry={"exclude": ["c*"]}).watched_registry.watches("a")
    assert not Settings(discover=True, registry={"exclude": ["c*"]}).watched_registry.watches("churn")
    named = Settings(discover=True, registry={"include": ["a"]})
    assert named.watched_registry.include == ("a",)


def test_the_secret_comes_from_the_environment_or_a_file_beside_the_config_and_is_not_shown(tmp_path: Path):
    assert RegistryConfig().secret({}) is None
    (tmp_path / "webhook").write_text(f"{SECRET}\n")
    placed = Settings(registry={"webhook_secret_file": "webhook"}).within(tmp_path, {})
    assert placed.registry.secret({}) == SECRET
    assert SECRET not in repr(RegistryConfig(webhook_secret=SECRET))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (RegistryConfig(webhook_secret="short"), "'webhook_secret' has 5 characters and needs at least 16"),
        (RegistryConfig(webhook_secret="env:NOT_THERE"), "'NOT_THERE', which is not set"),
        (RegistryConfig(webhook_secret=SECRET, webhook_secret_file="x"), "keep one"),
    ],
)
def test_a_secret_that_will_not_do_is_refused_without_being_said(config, message):
    with pytest.raises(ConfigError, match=message) as error:
        config.secret({})
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("bad", [{"interval": "0s"}, {"include": [""]}, {"most_models": 0}, {"other": 1}])
def test_what_is_wrong_is_refused(bad):
    with pytest.raises(ValidationError):
        RegistryConfig(**bad)
