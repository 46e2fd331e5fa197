"""The part of the config that says of which of MLflow's experiments the traces are watched, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from mirante.durations import format_duration, parse_duration
from mirante.errors import ConfigError
from mirante.sources.patterns import Pattern, fits_any
from mirante.stats.calibration import alarm_level

__all__ = ["TracesConfig"]

_DAY = timedelta(days=1)
_Length = Annotated[timedelta, BeforeValidator(parse_duration), Field(gt=timedelta(0))]
_Wait = Annotated[timedelta, BeforeValidator(parse_duration), Field(ge=timedelta(0))]


def _window(value: Any) -> timedelta:
    length = parse_duration(value)
    if length < timedelta(seconds=1) or length % timedelta(seconds=1) or _DAY % length:
        raise ConfigError(
            f"a window of {format_duration(length)} does not divide a day into whole seconds; "
            "take one that does, such as 15m, 1h or 1d"
        )
    return length


def _budget(value: str) -> str:
    alarm_level(value, "1h")
    return value


class TracesConfig(BaseModel):
    """The entry ``traces:``, of which experiments the traces are watched.

    Parameters
    ----------
    include : tuple of str
        Names of experiments, or patterns with ``*`` and ``?``. None are watched without it.
    exclude : tuple of str
        Names or patterns of those that are not.
    interval : timedelta
        From one look at MLflow to the next.
    window : timedelta
        Length of a window, by the time at which traces begin; a divisor of a day, counted in UTC.
    lateness : timedelta
        A window is closed so long after its end: for traces that run over it, and come late.
    assessment_lateness : timedelta
        For so long after its end the feedback of a window is measured again as it comes in.
    reference_windows : int
        A window is held against so many of the last ones before it, and judged once there are so many.
    alarm_budget : str
        False alarms of an experiment to put up with, all of its verdicts together.
    effect_floor : float
        Least shift that matters: KS distance, or total variation of shares; a third of it for errors.

    Examples
    --------
    >>> config = TracesConfig(include=["assistant-*"], window="15m")
    >>> config.watches("assistant-prod"), config.watches("Default")
    (True, False)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()
    interval: _Length = timedelta(minutes=1)
    window: Annotated[timedelta, BeforeValidator(_window)] = timedelta(hours=1)
    lateness: _Wait = timedelta(minutes=5)
    assessment_lateness: _Wait = _DAY
    reference_windows: Annotated[int, Field(ge=8, le=500)] = 24
    alarm_budget: Annotated[str, AfterValidator(_budget)] = "1 per 30d"
    effect_floor: Annotated[float, Field(gt=0, lt=1)] = 0.1

    def watches(self, experiment: str) -> bool:
        """Return whether the traces of an experiment of this name are watched."""
        return fits_any(self.include, experiment) and not fits_any(self.exclude, experiment)
