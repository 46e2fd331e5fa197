"""What holds an alert back: a silence, a mute time, or another alert; each with the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mirante.alerts.channels.texts import clean, moment_text
from mirante.alerts.dispatch.inhibition import BUILT_IN, Inhibition
from mirante.alerts.dispatch.muting import MuteTime
from mirante.alerts.people.silencing import Holding
from mirante.i18n import translator

__all__ = ["Hold", "HoldSettings", "held_text", "muted", "silenced"]


@dataclass(frozen=True, slots=True)
class HoldSettings:
    """What the config says about holding back.

    Parameters
    ----------
    inhibitions : tuple of Inhibition
        Which alerts hold others back.
    mute_times : mapping of str to tuple of MuteTime
        By the names that routes use; one of a name's times is enough.
    """

    inhibitions: tuple[Inhibition, ...] = BUILT_IN
    mute_times: Mapping[str, tuple[MuteTime, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why one alert is not told now.

    Parameters
    ----------
    reason : {"silenced", "muted", "inhibited"}
        What holds it back.
    by : str
        Id of the silence, name of the mute time, or id of the alert that it follows from.
    name : str
        Author of the silence, name of the mute time or of the inhibition.
    until : datetime, optional
        When it ends, where that is known.
    """

    reason: Literal["silenced", "muted", "inhibited"]
    by: str
    name: str
    until: datetime | None = None


def silenced(labels: Mapping[str, str], holding: Holding) -> Hold | None:
    """Return the silence that holds an alert back, the one that ends last of several; None when none does.

    Examples
    --------
    >>> from datetime import UTC
    >>> from mirante.store import SilenceRow
    >>> t = datetime(2026, 11, 25, tzinfo=UTC)
    >>> row = SilenceRow("1f", {"host": "web-1"}, t, t.replace(hour=8), "ana", "disk swap", t)
    >>> silenced({"host": "web-1"}, Holding([row], t)).name
    'ana'
    """
    for row in holding.back(labels):
        return Hold("silenced", row.id, row.author, row.ends_at)
    return None


def muted(names: Iterable[str], times: Mapping[str, tuple[MuteTime, ...]], now: datetime) -> Hold | None:
    """Return the mute time of a route that holds now, None when none does.

    Examples
    --------
    >>> from datetime import UTC
    >>> from mirante.alerts.dispatch.muting import parse_times
    >>> nights = {"nights": (MuteTime(parse_times(["22:00-06:00"])),)}
    >>> muted(["nights"], nights, datetime(2026, 11, 25, 3, tzinfo=UTC)).by
    'nights'
    """
    for name in names:
        for time in times.get(name, ()):
            if time.holds(now):
                return Hold("muted", name, name, time.until(now))
    return None


def held_text(hold: Hold, locale: str) -> str:
    """Return why an alert is not told, as a sentence.

    Examples
    --------
    >>> from datetime import UTC
    >>> held_text(Hold("silenced", "1f", "ana", datetime(2026, 11, 25, 8, tzinfo=UTC)), "en")
    'Not sent: silenced by ana until 2026-11-25 08:00 UTC.'
    """
    _ = translator(locale)
    name = clean(hold.name, 100)
    if hold.reason == "inhibited":
        return _("Not sent: it follows from another alert (%(name)s).", name=name)
    until = "…" if hold.until is None else moment_text(hold.until)
    if hold.reason == "silenced":
        return _("Not sent: silenced by %(name)s until %(until)s.", name=name, until=until)
    return _("Not sent: it is a mute time (%(name)s) until %(until)s.", name=name, until=until)
