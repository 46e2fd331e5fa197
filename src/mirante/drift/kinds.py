"""The kinds of baseline that a monitor may have, and the seasons of windows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from mirante.durations import parse_duration
from mirante.errors import ConfigError

__all__ = ["BaselineKind", "season_of"]

_DAY = timedelta(days=1)
_BAND = 6  # hours that share a reference, where windows are shorter than a day
_KIND = re.compile(r"(fixed|previous|sliding|seasonal)(?:\s+(\d+))?")
_LAST = {"sliding": 14, "seasonal": 4, "previous": 1}


@dataclass(frozen=True, slots=True)
class BaselineKind:
    """How the reference of a window is chosen.

    Parameters
    ----------
    name : str
        ``fixed``, ``sliding``, ``seasonal`` or ``previous``.
    last : int
        Windows in a rolling reference; 0 for a fixed one.
    """

    name: str
    last: int

    @classmethod
    def parse(cls, text: str) -> BaselineKind:
        """Read a kind as it stands in the config.

        Parameters
        ----------
        text : str
            ``fixed``; ``sliding`` (the last 14 windows) or ``sliding 7``; ``seasonal`` (the last 4 of the
            same weekday, and of the same 6 hours where windows are shorter than a day) or ``seasonal 8``;
            ``previous``.

        Returns
        -------
        BaselineKind

        Raises
        ------
        ConfigError
            If it is none of these.

        Examples
        --------
        >>> BaselineKind.parse("sliding 7")
        BaselineKind(name='sliding', last=7)
        """
        match = _KIND.fullmatch(str(text).strip())
        if match is None or (match[2] and match[1] in ("fixed", "previous")) or match[2] == "0":
            raise ConfigError(
                f"{text!r} is no kind of baseline; write fixed, sliding, sliding 7, seasonal, "
                "seasonal 4 or previous"
            )
        return cls(match[1], int(match[2]) if match[2] else _LAST.get(match[1], 0))


def season_of(start: datetime, window: str) -> int:
    """Return the season of a window: its weekday, and the part of the day where windows are shorter than one.

    Parameters
    ----------
    start : datetime
        Local time at which it begins.
    window : str
        Its length.

    Returns
    -------
    int

    Examples
    --------
    >>> season_of(datetime(2013, 2, 8), "1d"), season_of(datetime(2013, 2, 8, 13), "1h")
    (4, 18)
    """
    if parse_duration(window) >= _DAY:
        return start.weekday()
    return start.weekday() * (24 // _BAND) + start.hour // _BAND
