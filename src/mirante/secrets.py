"""Secrets come from the environment (``env:NAME``) or from a file (``…_file``), and are never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from mirante.errors import ConfigError

__all__ = ["SecretFile", "read_secret", "secret_of"]

_SHELL = re.compile(r"\$(\{[A-Z_][A-Z0-9_]*\}|[A-Z_][A-Z0-9_]*)")
_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def _path(value: object) -> object:
    if "://" in str(value):  # a web address in the wrong place; it would be shown as a path
        raise ConfigError("needs the path of a file that holds the secret, not the secret itself")
    return value


SecretFile = Annotated[Path, BeforeValidator(_path)]


def read_secret(
    key: str, value: str | SecretStr | None, file: str | Path | None, environ: Mapping[str, str] | None = None
) -> SecretStr | None:
    """Return a secret from where the config says it is.

    Parameters
    ----------
    key : str
        Name of the setting, for errors.
    value : str or SecretStr, optional
        The secret, or ``env:NAME``.
    file : str or Path, optional
        A file whose text it is, without the line break at the end.
    environ : mapping of str to str, optional
        ``os.environ`` when not given.

    Returns
    -------
    SecretStr or None
        None when neither is given.

    Raises
    ------
    ConfigError
        If both are given, the variable is not set or written as ``$NAME``, or the file cannot be read; never
        with the secret in it.

    Examples
    --------
    >>> read_secret("smtp_password", "env:PASSWORD", None, {"PASSWORD": "hunter2"})
    SecretStr('**********')
    """
    if value is not None and file is not None:
        raise ConfigError(f"both {key!r} and '{key}_file' are given; keep one")
    if file is not None:
        try:
            text = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigError(f"'{key}_file' {str(file)!r} cannot be read: {why}") from error
        if not text:
            raise ConfigError(f"'{key}_file' {str(file)!r} is empty; write the secret into it")
        return SecretStr(text)
    if value is None:
        return None
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        if not _VARIABLE.fullmatch(name):
            raise ConfigError(f"{key!r} has no name of an environment variable after 'env:'; write env:NAME")
        found = (os.environ if environ is None else environ).get(name)
        if not found:
            raise ConfigError(
                f"{key!r} is to come from the environment variable {name!r}, which is not set; set it"
            )
        text = found
    elif _SHELL.fullmatch(text):
        raise ConfigError(
            f"{key!r} is written as a shell's variable, which nothing replaces here; write env:NAME to take "
            "it from the environment"
        )
    return SecretStr(text)


def secret_of(config: Mapping[str, object], key: str) -> SecretStr | None:
    """Return a secret of a plain mapping: its `key`, or the file named by ``key_file``.

    Examples
    --------
    >>> secret_of({"smtp_password": "hunter2"}, "smtp_password")
    SecretStr('**********')
    """
    value, file = config.get(key), config.get(f"{key}_file")
    if value is not None and not isinstance(value, str | SecretStr):
        raise ConfigError(f"{key!r} is a {type(value).__name__}; give a text")
    if file is not None and not isinstance(file, str | Path):
        raise ConfigError(f"'{key}_file' is a {type(file).__name__}; give a path")
    return read_secret(key, value, file)
