"""From an alarm budget, as people state it, to a false-alarm level for one window."""

from __future__ import annotations

import re
from datetime import timedelta

from mirante.durations import parse_duration
from mirante.errors import ConfigError

__all__ = ["LARGEST_LEVEL", "alarm_level"]

LARGEST_LEVEL = 0.2  # a budget that allows more would call one window in five an alarm

_PER = re.compile(r"\s*(\d+(?:\.\d+)?)\s+per\s+(\S+)\s*")
_IN = re.compile(r"\s*(\d+(?:\.\d+)?)\s+in\s+(\d+(?:\.\d+)?)\s+windows\s*")


def alarm_level(budget: str, window: str | timedelta) -> float:
    """Return the false-alarm level for one window that keeps an alarm budget.

    Parameters
    ----------
    budget : str
        ``"1 per 30d"`` (false alarms per length of time) or ``"1 in 100 windows"``.
    window : str or timedelta
        Length of a window, ``"1d"``.

    Returns
    -------
    float
        Above 0, at most 0.2: a budget of an alarm in every window is no budget.

    Raises
    ------
    ConfigError
        If the text is no budget, or a number in it is 0.

    Examples
    --------
    >>> round(alarm_level("1 per 30d", "1d"), 4), alarm_level("1 in 100 windows", "1h")
    (0.0333, 0.01)
    """
    per, within = _PER.fullmatch(str(budget)), _IN.fullmatch(str(budget))
    length = parse_duration(window).total_seconds()
    if per is not None:
        alarms, span = float(per[1]), parse_duration(per[2]).total_seconds()
    elif within is not None:
        alarms, span, length = float(within[1]), float(within[2]), 1.0
    else:
        raise ConfigError(f"{budget!r} is no alarm budget; write it as '1 per 30d' or '1 in 100 windows'")
    if not (alarms > 0 and span > 0 and length > 0):
        raise ConfigError(
            f"the alarm budget {budget!r} for windows of {window} has a zero in it; all must be above 0"
        )
    return min(LARGEST_LEVEL, alarms * length / span)
