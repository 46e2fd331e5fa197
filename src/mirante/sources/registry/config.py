"""The part of the config that says which registered models are watched, and who may say that one changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from mirante.durations import parse_duration
from mirante.errors import ConfigError
from mirante.secrets import SecretFile, read_secret
from mirante.sources.patterns import Pattern, fits_any

__all__ = ["RegistryConfig"]

_Length = Annotated[timedelta, BeforeValidator(parse_duration), Field(gt=timedelta(0))]
_SHORTEST = 16


class RegistryConfig(BaseModel):
    """The entry ``registry:``, which models of MLflow's registry are watched.

    Parameters
    ----------
    include : tuple of str
        Names, or patterns with ``*`` and ``?``: ``churn-*``. None are watched without it.
    exclude : tuple of str
        Names or patterns of those that are not.
    interval : timedelta
        From one look at MLflow to the next, where no webhook says that something changed.
    most_models : int
        At most so many are watched, those with aliases first; how many were left out is a reading.
    webhook_secret : SecretStr, optional
        What MLflow signs its webhooks with, 16 characters or more; ``env:NAME`` reads it from the
        environment. Without it none are taken.
    webhook_secret_file : Path, optional
        A file that holds the secret.

    Examples
    --------
    >>> config = RegistryConfig(include=["*"], exclude=["*-test"], webhook_secret="env:SECRET")
    >>> config.watches("churn"), config.watches("churn-test")
    (True, False)
    >>> config.secret({"SECRET": "correct horse battery staple"})
    'correct horse battery staple'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()
    interval: _Length = timedelta(seconds=60)
    most_models: Annotated[int, Field(ge=1, le=10_000)] = 1000
    webhook_secret: SecretStr | None = None
    webhook_secret_file: SecretFile | None = None

    def watches(self, model: str) -> bool:
        """Return whether a registered model of this name is watched."""
        return fits_any(self.include, model) and not fits_any(self.exclude, model)

    def within(self, folder: Path) -> RegistryConfig:
        """Return it with the path of the secret's file taken from a folder."""
        file = self.webhook_secret_file
        return self if file is None else self.model_copy(update={"webhook_secret_file": folder / file})

    def secret(self, environ: Mapping[str, str] | None = None) -> str | None:
        """Return the webhooks' secret in clear, or None when none are taken.

        Parameters
        ----------
        environ : mapping, optional
            Where ``env:NAME`` is looked up; the process' environment by default.

        Raises
        ------
        ConfigError
            If both ways are given, it cannot be read, or is too short.
        """
        found = read_secret("webhook_secret", self.webhook_secret, self.webhook_secret_file, environ)
        if found is None:
            return None
        secret = found.get_secret_value()
        if len(secret) < _SHORTEST:
            raise ConfigError(
                f"'webhook_secret' has {len(secret)} characters and needs at least {_SHORTEST}: "
                "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
            )
        return secret
