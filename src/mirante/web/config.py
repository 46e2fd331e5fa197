"""The page's part of the configuration: address, token, allowed host names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from mirante.errors import ConfigError

__all__ = ["WebConfig"]


class WebConfig(BaseModel):
    """Where the page listens, and who may read it.

    Parameters
    ----------
    host : str, default "127.0.0.1"
        Address to bind. Anything but loopback needs a token.
    port : int, default 8765
        Port to bind; 0 asks the system for a free one.
    token : SecretStr, optional
        What a reader must present; ``env:NAME`` reads it from the environment.
    token_file : Path, optional
        A file whose first line is the token; instead of `token`.
    allowed_hosts : tuple of str
        Host names (without port) that requests may ask for, beside loopback's own and `host`.

    Examples
    --------
    >>> WebConfig(token="correct horse battery staple").secret({})
    'correct horse battery staple'
    >>> WebConfig().secret({}) is None
    True
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    token: SecretStr | None = None
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()

    def secret(self, environ: Mapping[str, str] | None = None) -> str | None:
        """Return the token in clear, or None when the page asks for none.

        Parameters
        ----------
        environ : mapping, optional
            Where ``env:NAME`` is looked up; the process' environment by default.

        Raises
        ------
        ConfigError
            If both ways are given, the file cannot be read, or the variable or the file is empty.
        """
        if self.token is not None and self.token_file is not None:
            raise ConfigError("web.token and web.token_file are both given; keep one of them")
        if self.token_file is not None:
            return _from_file(self.token_file)
        if self.token is None:
            return None
        text = self.token.get_secret_value()
        if text.startswith("env:"):
            name = text.removeprefix("env:")
            text = (os.environ if environ is None else environ).get(name, "")
            if not text:
                raise ConfigError(
                    f"web.token points at the environment variable {name!r}, which is not set; set it"
                )
        if not text.strip():
            raise ConfigError("web.token is empty; leave it out, or give a long random text")
        return text.strip()


def _from_file(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"web.token_file {str(path)!r} cannot be read ({error}); give a readable text file"
        ) from error
    if not lines or not lines[0].strip():
        raise ConfigError(f"web.token_file {str(path)!r} has an empty first line; put the token there")
    return lines[0].strip()
