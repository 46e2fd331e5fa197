import pytest
from pydantic import ValidationError

from mirante.capture.config import PrivacyConfig
from mirante.errors import ConfigError

KEY = "correct horse battery staple"


def test_the_key_file_is_beside_the_config(tmp_path):
    (tmp_path / "key").write_text(KEY)
    config = PrivacyConfig(hash=["customer"], key_file="key")
    assert config.build(tmp_path).digest(1) == PrivacyConfig(hash=["b"], key=KEY).build(tmp_path).digest(1)
    assert KEY not in repr(PrivacyConfig(hash=["b"], key=KEY))


def test_a_key_is_asked_for_only_when_it_is_used(tmp_path):
    config = PrivacyConfig(hash=["customer"], key="env:NOT_SET")
    with pytest.raises(ConfigError, match="NOT_SET"):
        config.build(tmp_path, {})


@pytest.mark.parametrize(
    "given",
    [{"sample": 0}, {"sample": 1.5}, {"sample": float("nan")}, {"drop": ["a"], "hash": ["a"]}, {"dorp": []}],
)
def test_what_is_wrong_is_refused(given):
    with pytest.raises(ValidationError):
        PrivacyConfig(**given)
