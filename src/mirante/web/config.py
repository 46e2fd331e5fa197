"""The page's part of the configuration: address, token, allowed host names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from mirante.errors import ConfigError
from mirante.secrets import SecretFile, read_secret

__all__ = ["WebConfig", "web_address"]


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+|\[[0-9A-Fa-f.:]+\]", value):
        raise ConfigError("needs a name or address of this machine alone, such as 127.0.0.1")
    return value


def web_address(value: str) -> str:
    """Return an address that links may begin with; a `ConfigError` when it is none.

    Examples
    --------
    >>> web_address("https://mirante.example.org/")
    'https://mirante.example.org/'
    """
    if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]_-]+(/[!-~]*)?", value):
        raise ConfigError("needs an http address without user and password, such as https://host.example.org")
    return value


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
    agent_token : SecretStr, optional
        What agents on other hosts may present instead: it opens what is theirs, and nothing else.
    agent_token_file : Path, optional
        A file whose first line that is; instead of `agent_token`.
    allowed_hosts : tuple of str
        Host names (without port) that requests may ask for, beside loopback's own and `host`.
    public_url : str, optional
        Where people open the page, for links in notices, when it is not `host` and `port`.
    read_only : bool, default False
        Whether page and API only show: nobody can silence or acknowledge there, or send labels.

    Examples
    --------
    >>> WebConfig(token="correct horse battery staple").secret({})
    'correct horse battery staple'
    >>> WebConfig().secret({}) is None
    True
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    token: SecretStr | None = None
    token_file: SecretFile | None = None
    agent_token: SecretStr | None = None
    agent_token_file: SecretFile | None = None
    allowed_hosts: tuple[str, ...] = ()
    read_only: bool = False
    public_url: Annotated[str, AfterValidator(web_address)] | None = None

    def page_address(self) -> str:
        """Return where people open the page; empty while the port is not known before the start.

        Examples
        --------
        >>> WebConfig().page_address()
        'http://127.0.0.1:8765'
        """
        if self.public_url is not None:
            return self.public_url
        anywhere = self.host in ("0.0.0.0", "::", "[::]")  # noqa: S104  such a page has no address to link to
        if self.port == 0 or anywhere:
            return ""
        host = f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host
        return f"http://{host}:{self.port}"

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
        return _first_line("web.token", self.token, self.token_file, environ)

    def agent_secret(self, environ: Mapping[str, str] | None = None) -> str | None:
        """Return the agents' token in clear, or None where they have the readers'; as for `secret`.

        Parameters
        ----------
        environ : mapping, optional
            Where ``env:NAME`` is looked up; the process' environment by default.

        Raises
        ------
        ConfigError
            As `secret` does, where there is no token for readers, as this one would keep nobody out, and
            where both are the same.
        """
        found = _first_line("web.agent_token", self.agent_token, self.agent_token_file, environ)
        if found is not None and self.token is None and self.token_file is None:
            raise ConfigError(
                "web.agent_token is given and web.token is not: whoever can connect may do everything, with "
                "any token or none; give web.token too"
            )
        if found is not None and found == self.secret(environ):
            raise ConfigError(
                "web.agent_token is the same as web.token: whoever takes it from a host with an agent may do "
                "all that people may; give agents another one, such as python -c 'import secrets; "
                "print(secrets.token_urlsafe(32))' makes"
            )
        return found

    def within(self, folder: Path) -> WebConfig:
        """Return the same with paths taken from a folder."""
        paths = {key: getattr(self, key) for key in ("token_file", "agent_token_file")}
        return self.model_copy(update={key: folder / path for key, path in paths.items() if path is not None})


def _first_line(
    key: str, value: SecretStr | None, file: Path | None, environ: Mapping[str, str] | None
) -> str | None:
    found = read_secret(key, value, file, environ)
    if found is None:
        return None
    token = found.get_secret_value().strip().partition("\n")[0].strip()
    if not token:
        raise ConfigError(f"{key} is empty; leave it out, or give a long random text")
    return token
