"""Lengths of time as people write them in a config: ``90s``, ``5m``, ``1h30m``, ``30d``, ``1w``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from mirante.errors import ConfigError

__all__ = ["LONGEST_WAIT", "Least", "format_duration", "kept_too_short", "long_enough", "parse_duration"]

LONGEST_WAIT = timedelta(hours=1)
"""Nothing waits longer for its next try, whatever the other side asks for."""

_MISTAKEN = timedelta(hours=1)  # nobody who keeps something for less meant it
_UNITS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[wdhms])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(text: str | timedelta) -> timedelta:
    """Return the length of time that `text` means.

    Parameters
    ----------
    text : str or timedelta
        Numbers with a unit each: ``ms``, ``s``, ``m``, ``h``, ``d``, ``w``. A bare ``0`` is allowed; any
        other number without a unit is not, since ``30`` could be seconds or minutes. A timedelta is
        returned as it is.

    Returns
    -------
    timedelta
        Zero or more.

    Raises
    ------
    ConfigError
        If the text is no length of time.

    Examples
    --------
    >>> parse_duration("1h30m").total_seconds()
    5400.0
    >>> parse_duration("1:30")
    Traceback (most recent call last):
    ...
    mirante.errors.ConfigError: '1:30' is no length of time; write a number and a unit, such as 90s, 5m, 30d
    """
    if isinstance(text, timedelta):
        return text
    cleaned = str(text).strip()
    if cleaned == "0":
        return timedelta()
    if not _WHOLE.fullmatch(cleaned):
        raise ConfigError(f"{text!r} is no length of time; write a number and a unit, such as 90s, 5m, 30d")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(cleaned)))
    except OverflowError as error:
        raise ConfigError(f"{text!r} is longer than can be counted; the longest is 999999999d") from error


def format_duration(length: timedelta) -> str:
    """Return the shortest text that `parse_duration` reads back as the same length.

    Parameters
    ----------
    length : timedelta
        Zero or more; parts below a millisecond are dropped.

    Returns
    -------
    str
        Such as ``1d12h``.

    Examples
    --------
    >>> from datetime import timedelta
    >>> format_duration(timedelta(hours=36)), format_duration(timedelta(0))
    ('1d12h', '0s')
    """
    rest = round(length.total_seconds() * 1000)
    parts = []
    for unit, milliseconds in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, milliseconds)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


class Least(NamedTuple):
    """For how long something has to be kept, and why: the arguments of `long_enough` after the length."""

    least: timedelta
    why: str
    refused: timedelta = _MISTAKEN


def long_enough(length: timedelta, least: timedelta, why: str, refused: timedelta = _MISTAKEN) -> timedelta:
    """Return for how long something is kept, where that is no mistake: ``1m`` is no month.

    What is shorter than `least`, but `refused` or more, is for `kept_too_short` to say.

    Parameters
    ----------
    length : timedelta
        What was given.
    least : timedelta
        What it needs.
    why : str
        Who needs it: the message goes on with ``at least 1d``.
    refused : timedelta
        What is shorter is an error: an hour, as nobody means less, or `least` where less would be wrong.

    Returns
    -------
    timedelta
        `length`.

    Raises
    ------
    ConfigError
        If it is shorter than both.

    Examples
    --------
    >>> long_enough(parse_duration("1m"), parse_duration("1d"), "pages need")
    Traceback (most recent call last):
    ...
    mirante.errors.ConfigError: is 1m; pages need at least 1d (m means minutes: a month is 30d)
    """
    if length < min(least, refused):
        mistaken = " (m means minutes: a month is 30d)" if length < _MISTAKEN else ""
        got, needed = format_duration(length), format_duration(least)
        raise ConfigError(f"is {got}; {why} at least {needed}{mistaken}")
    return length


def kept_too_short(lengths: Mapping[str, timedelta | None], least: Mapping[str, Least]) -> list[str]:
    """Return what to warn of where something is kept for less than it needs.

    Parameters
    ----------
    lengths : mapping of str to timedelta
        By key, for how long; None for one that is kept for ever.
    least : mapping of str to Least
        By key, what each needs.

    Returns
    -------
    list of str
        A sentence for each; empty when all are long enough.

    Examples
    --------
    >>> kept_too_short({"full": parse_duration("12h")}, {"full": Least(parse_duration("1d"), "pages need")})
    ['full is 12h; pages need at least 1d']
    """
    return [
        f"{key} is {format_duration(length)}; {why} at least {format_duration(needed)}"
        for key, (needed, why, *_) in least.items()
        if (length := lengths[key]) is not None and length < needed
    ]
