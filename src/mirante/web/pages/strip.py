"""A strip of time with the stretches in which something fired, as SVG: drawn on the server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from mirante.alerts.past import Firing

__all__ = ["strip"]

_WIDTH, _HEIGHT = 1000.0, 22
_LEAST = 3.0  # a firing of a minute in ninety days must be seen all the same


def strip(
    firings: Sequence[Firing], since: datetime, until: datetime, label: str, *, severity: str = "info"
) -> Markup:
    """Return a strip; what is pending is lighter than what fires.

    Parameters
    ----------
    firings : sequence of Firing
        Of one alert.
    since, until : datetime
        The ends of the strip.
    label : str
        What it shows, for those who do not see it.
    severity : str
        Gives the colour.

    Examples
    --------
    >>> from datetime import UTC
    >>> from mirante.alerts.past import Firing
    >>> day, hour = datetime(2013, 2, 8, tzinfo=UTC), timedelta(hours=1)
    >>> svg = strip([Firing({}, day + hour, day + 2 * hour)], day, day + 10 * hour, "one firing")
    >>> svg.count("strip-pending"), '<rect class="strip-firing" x="200.0" width="800.0"' in svg
    (1, True)
    """
    bars = Markup("").join(_bars(firings, since, until))
    ticks = Markup("").join(
        Markup('<path class="strip-tick" d="M{:.1f} 0V{}"/>').format(_x(day, since, until), _HEIGHT)
        for day in _days(since, until)
    )
    kind = severity if severity in ("critical", "warning") else "info"
    return Markup(
        '<svg class="strip strip-{kind}" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" '
        'aria-label="{label}">{ticks}{bars}</svg>'
    ).format(kind=kind, w=int(_WIDTH), h=_HEIGHT, label=label, ticks=ticks, bars=bars)


def _bars(firings: Sequence[Firing], since: datetime, until: datetime) -> Iterable[Markup]:
    for one in firings:
        end = one.ended_at or until
        fired = one.fired_at or end
        if fired > one.active_at:
            yield _bar("pending", _x(one.active_at, since, until), _x(fired, since, until))
        if one.fired_at is not None:
            yield _bar("firing", _x(fired, since, until), _x(end, since, until))


def _bar(kind: str, left: float, right: float) -> Markup:
    width = max(right - left, _LEAST)
    return Markup('<rect class="strip-{}" x="{:.1f}" width="{:.1f}" y="2" height="{}"/>').format(
        kind, min(left, _WIDTH - width), width, _HEIGHT - 4
    )


def _x(time: datetime, since: datetime, until: datetime) -> float:
    share = (time - since) / (until - since) if until > since else 0.0
    return _WIDTH * min(1.0, max(0.0, share))


def _days(since: datetime, until: datetime) -> Iterable[datetime]:
    """Return midnights in UTC, or the beginnings of weeks where there would be many."""
    step = timedelta(days=1 if until - since <= timedelta(days=14) else 7)
    day = since.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while day < until:
        yield day
        day += step
