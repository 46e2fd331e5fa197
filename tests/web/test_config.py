"""The page's part of the configuration."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from mirante.errors import ConfigError
from mirante.web.config import WebConfig


def test_token_from_text_environment_and_file(tmp_path: Path):
    file = tmp_path / "token"
    file.write_text("from the file\nsecond line\n")
    assert WebConfig(token="plain").secret({}) == "plain"
    assert WebConfig(token="env:T").secret({"T": "from the environment"}) == "from the environment"
    assert WebConfig(token_file=file).secret({}) == "from the file"
    assert WebConfig().secret({}) is None


def test_token_never_shows_in_repr_or_dump():
    config = WebConfig(token="sesame-sesame-sesame")
    assert "sesame" not in repr(config)
    assert "sesame" not in config.model_dump_json()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"token": "a", "token_file": Path("b")}, "keep one"),
        ({"token": "env:NOT_THERE"}, "NOT_THERE"),
        ({"token": "  "}, "empty"),
        ({"token_file": Path("/nowhere/token")}, "cannot be read"),
    ],
)
def test_what_cannot_be_a_token_is_refused(given: dict[str, object], said: str):
    with pytest.raises(ConfigError, match=said):
        WebConfig(**given).secret({})


def test_empty_file_is_refused(tmp_path: Path):
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        WebConfig(token_file=tmp_path / "token").secret({})


def test_unknown_keys_and_ports_are_refused():
    with pytest.raises(ValidationError):
        WebConfig(prot=1)
    with pytest.raises(ValidationError):
        WebConfig(port=70_000)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:8765"),
        ({"port": 0}, ""),
        ({"host": "0.0.0.0"}, ""),
        ({"host": "::1", "port": 1}, "http://[::1]:1"),
        ({"host": "0.0.0.0", "public_url": "https://m.example.org/x"}, "https://m.example.org/x"),
    ],
)
def test_where_people_open_the_page(settings, address):
    assert WebConfig(**settings).page_address() == address


@pytest.mark.parametrize("bad", ["m.example.org", "javascript:alert(1)", "https://a:b@h/", "https://h/<x y>"])
def test_an_address_for_links_is_one(bad):
    with pytest.raises(ValueError, match="needs an http address"):
        WebConfig(public_url=bad)
