"""Where secrets come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirante.errors import ConfigError
from mirante.secrets import read_secret, secret_of


def test_sources(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from file\n")
    found = [
        read_secret("k", "plain", None),
        read_secret("k", "env:X", None, {"X": "from env"}),
        read_secret("k", None, file),
        read_secret("k", None, None),
    ]
    assert [None if f is None else f.get_secret_value() for f in found] == [
        "plain",
        "from env",
        "from file",
        None,
    ]


@pytest.mark.parametrize("given", [("a", "b"), ("env:NO_SUCH", None), (None, "/nowhere"), (None, "empty")])
def test_errors_name_the_key_and_no_secret(given: tuple[str | None, str | None], tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    value, file = given
    with pytest.raises(ConfigError, match="smtp_password"):
        read_secret("smtp_password", value, str(tmp_path / "empty") if file == "empty" else file, {})


def test_wrong_types() -> None:
    with pytest.raises(ConfigError, match="int"):
        secret_of({"k": 7}, "k")
    with pytest.raises(ConfigError, match="int"):
        secret_of({"k_file": 7}, "k")


@pytest.mark.parametrize("written", ["$TOKEN", "${SMTP_PASSWORD}"])
def test_a_shell_s_variable_is_no_secret(written: str) -> None:
    with pytest.raises(
        ConfigError, match=r"'token' is written as a shell's variable, .* write env:NAME"
    ) as caught:
        read_secret("token", written, None)
    assert written.strip("${}") not in str(caught.value).replace("env:NAME", "")
    assert read_secret("token", "$ecret", None, {}) is not None
    assert read_secret("token", "env:T", None, {"T": written}) is not None
