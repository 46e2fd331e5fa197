"""Values that entries of the config share: windows, time zones, budgets, kinds of baseline."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from mirante.drift.kinds import BaselineKind
from mirante.errors import ConfigError
from mirante.monitors.windows import WindowClock
from mirante.stats.calibration import alarm_level

__all__ = ["Budget", "Kind", "TimeZone", "WindowLength"]


def _window(value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError("needs a number and a unit, such as 15m, 1h or 1d")
    WindowClock(value)
    return value


def _timezone(value: str) -> str:
    return WindowClock(timezone=value).timezone


def _budget(value: str) -> str:
    alarm_level(value, "1d")
    return value


def _kind(value: str) -> str:
    BaselineKind.parse(value)
    return value


WindowLength = Annotated[str, BeforeValidator(_window)]
"""A divisor of a day, or whole days."""
TimeZone = Annotated[str, AfterValidator(_timezone)]
"""An IANA name."""
Budget = Annotated[str, AfterValidator(_budget)]
"""Such as ``1 per 30d``."""
Kind = Annotated[str, AfterValidator(_kind)]
"""``fixed``, ``sliding 14``, ``seasonal 4`` or ``previous``."""
