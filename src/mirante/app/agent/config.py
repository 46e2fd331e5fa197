"""The agent's config: a file of its own, or options of the command."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from mirante.durations import Least, kept_too_short, long_enough
from mirante.errors import ConfigError
from mirante.monitors.config import Duration, Interval, Size
from mirante.secrets import SecretFile, read_secret
from mirante.web.config import web_address
from mirante.web.security import is_loopback
from mirante.yaml_file import Document, checked, read_yaml

__all__ = ["AGENT_TEMPLATE", "AgentConfig", "load_agent"]

AGENT_TEMPLATE = """\
# agent.yaml: this host, for a Mirante service elsewhere.  Run it with: mirante agent -c agent.yaml

to: https://mirante.example.org   # where that service's pages are
token_file: token                 # its web.agent_token; or token: env:MIRANTE_TOKEN
# ca_file: ca.pem                 # of the authority that signed its certificate, where that is your own
# name: web-2                     # this machine's own name when not given; no two agents share one

interval: 60s                     # from one sample of this host to the next
# log: inference-log              # folder that mirante.Recorder writes to: its windows are counted here
# retention: 30d                  # rows of that log that are older go; without, they stay

spool: mirante-agent              # what is not sent yet waits in this folder
max_size: 256MB                   # over which the oldest of it goes, readings before windows
max_age: 7d                       # and it goes when it is older
"""


_LEAST = {
    "retention": Least(timedelta(days=1), "rows that the service waits for stay, and need"),
    "max_age": Least(timedelta(hours=1), "what is not sent waits for the service, and needs"),
}


class AgentConfig(BaseModel):
    """A whole ``agent.yaml``.

    Parameters
    ----------
    to : str
        Address of the service's pages.
    token : SecretStr, optional
        What the service asks for, its ``web.agent_token``; ``env:NAME`` takes it from the environment.
    token_file : Path, optional
        A file that holds the token; it is read at each request, so a new token needs no restart.
    ca_file : Path, optional
        Certificates of the authority that signed the service's, where the system does not know it.
    name : str, optional
        Of this host, as its readings say it; the machine's own by default.
    host : bool
        Whether this host's readings are sent.
    interval : timedelta
        From one sample to the next.
    log : Path, optional
        Folder of the inference log whose windows are counted here; none by default.
    retention : timedelta, optional
        How long rows stay in that log, a day or more; for ever when not given.
    spool : Path
        Folder for what is not sent yet.
    max_size : int
        Bytes of it over which the oldest goes, readings before windows.
    max_age : timedelta
        Age at which it goes, at least an hour.

    Examples
    --------
    >>> AgentConfig(to="https://mirante.example.org", interval="30s").interval.seconds
    30
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Annotated[str, AfterValidator(web_address)]
    token: SecretStr | None = None
    token_file: SecretFile | None = None
    ca_file: Path | None = None
    name: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    host: bool = True
    interval: Annotated[Interval, Field(le=timedelta(days=1))] = timedelta(seconds=60)
    log: Path | None = None
    retention: Duration | None = None
    spool: Path = Path("mirante-agent")
    max_size: Size = 256 * 10**6
    max_age: Duration = timedelta(days=7)

    @field_validator(*_LEAST)
    @classmethod
    def _long_enough(cls, value: timedelta | None, info: ValidationInfo) -> timedelta | None:
        return None if value is None else long_enough(value, *_LEAST[str(info.field_name)])

    @property
    def doubts(self) -> list[str]:
        """What to warn of: lengths that are shorter than is of use, and no mistake."""
        return kept_too_short(dict(self), _LEAST)

    @property
    def host_name(self) -> str:
        """What the host is called."""
        return self.name or platform.node() or "localhost"

    @property
    def in_the_clear(self) -> bool:
        """Whether the token can be read on the way: without TLS, to another machine."""
        parts = urlsplit(self.to)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")

    def within(self, folder: Path) -> AgentConfig:
        """Return the same with paths taken from a folder."""
        paths = {key: getattr(self, key) for key in ("token_file", "ca_file", "log", "spool")}
        return self.model_copy(update={key: folder / path for key, path in paths.items() if path is not None})

    def secret(self, environ: Mapping[str, str] | None = None) -> str | None:
        """Return the token in clear; None where none is given.

        Parameters
        ----------
        environ : mapping, optional
            Where ``env:NAME`` is looked up; the process' environment by default.

        Raises
        ------
        ConfigError
            If it cannot be read, or has a character that no header may have.
        """
        found = read_secret("token", self.token, self.token_file, environ)
        if found is None:
            return None
        token = found.get_secret_value().strip().partition("\n")[0].strip()
        if not re.fullmatch(r"[!-~]+", token):
            raise ConfigError("the token is empty, or holds a blank or a character that is not ASCII")
        return token


def load_agent(path: Path | None, **options: object) -> AgentConfig:
    """Read an agent's config; options of the command stand before what it says.

    Parameters
    ----------
    path : Path, optional
        The file; without it the options are all there is.
    **options
        By key of the file; None for one that was not given.

    Returns
    -------
    AgentConfig
        Its paths are taken from the file's folder, those of options from the working directory.

    Raises
    ------
    ConfigError
        With every error in the file, or where no address is given.

    Examples
    --------
    >>> load_agent(None, to="http://127.0.0.1:8765", name="web-2").host_name
    'web-2'
    """
    given = {key: value for key, value in options.items() if value is not None}
    document = Document("mirante agent", {}, {}) if path is None else read_yaml(path)
    said = dict(document.data or {}) if isinstance(document.data or {}, Mapping) else document.data
    if not isinstance(said, dict):
        checked(AgentConfig, document)  # says what is wrong with it
        raise ConfigError(f"{document.source} needs keys and values")
    if "to" not in said and "to" not in given:
        raise ConfigError(
            "no service is named: give --to http://HOST:PORT, or a config with -c (mirante init --agent "
            "writes one)"
        )
    if {"token", "token_file"} & given.keys():
        said = {key: value for key, value in said.items() if key not in ("token", "token_file")}
    named = frozenset(given)
    folder = Path.cwd() if path is None else path.absolute().parent
    for key in ("token_file", "ca_file", "log", "spool"):
        if key in said and key not in given and isinstance(said[key], str):
            given[key] = folder / said[key] if "://" not in said[key] else said[key]
    whole = Document(document.source, {**said, **given}, document.lines, named)
    return checked(AgentConfig, whole).within(Path.cwd())
