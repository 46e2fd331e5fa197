"""What the parts of the config about alerts have in common: how strict they are, labels, lengths of time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from mirante.alerts.matchers import Matchers
from mirante.durations import parse_duration
from mirante.errors import ConfigError

__all__ = ["Duration", "Match", "Strict", "check_matchers"]


class Strict(BaseModel):
    """Knows its keys, and shows nothing of what is written beside them: that may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


def check_matchers(value: object) -> object:
    """Return what stands for labels, or say which matcher is wrong; what is no mapping of texts goes on.

    Examples
    --------
    >>> check_matchers({"host": "~web-[0-9]+"})
    {'host': '~web-[0-9]+'}
    """
    if isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()):
        Matchers.of(value)
    return value


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, int) and value != 0):
        raise ConfigError("needs a number and a unit, such as 90s, 5m, 1h30m or 30d")
    return parse_duration(str(value))


Match = Annotated[dict[str, str], BeforeValidator(check_matchers)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
