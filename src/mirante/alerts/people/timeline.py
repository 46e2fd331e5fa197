"""The timeline of one alert: what happened to it, who was told of it, and what people did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mirante.alerts.grouping import routing_labels
from mirante.alerts.matchers import Matchers
from mirante.store import AlertRow, EventRow, NoticeRow, SilenceRow, Store

__all__ = ["Moment", "timeline"]

_EVENTS = {
    "alert_acknowledged": "acknowledged",
    "alert_unacknowledged": "unacknowledged",
    "alert_flapping": "flapping",
    "notice_held": "held",
}
# What happened in one instant is told in the order in which one thing follows from the other.
_ORDER = (
    "pending", "silenced", "firing", "flapping", "held", "notice", "acknowledged", "unacknowledged",
    "silence_over", "dropped", "resolved",
)  # fmt: skip
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to an alert.

    Parameters
    ----------
    time : datetime
        When.
    kind : str
        ``pending``, ``firing``, ``flapping``, ``notice``, ``held``, ``acknowledged``, ``unacknowledged``,
        ``silenced``, ``silence_over``, ``dropped`` or ``resolved``.
    author, text : str
        Who did it, and what they said; for ``held``, whose silence or which mute time or inhibition it was,
        and ``silenced``, ``muted`` or ``inhibited``.
    channel, route : str
        For ``notice`` and ``held``: where it went or would have gone, and by which route.
    value : float, optional
        The reading, for ``firing`` and ``resolved``.
    notice : NoticeRow, optional
        For ``notice``: channel, reason, whether it was delivered.
    silence : SilenceRow, optional
        For ``silenced`` and ``silence_over``.
    """

    time: datetime
    kind: str
    author: str = ""
    text: str = ""
    channel: str = ""
    route: str = ""
    value: float | None = None
    notice: NoticeRow | None = None
    silence: SilenceRow | None = None


def timeline(store: Store, alert: AlertRow, now: datetime) -> list[Moment]:
    """Return what happened to an alert, oldest first.

    Parameters
    ----------
    store : Store
        Where its events, notices and silences are.
    alert : AlertRow
        The alert, as it stands in the store.
    now : datetime
        The present; what is yet to come is left out.

    Returns
    -------
    list of Moment
        Never empty: it begins with ``pending``.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> noon = datetime(2013, 2, 8, 12, tzinfo=UTC)
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/m.db") as store:
    ...     alert = AlertRow("a1", "high_cpu", {}, "host/x", "info", "firing", noon, fired_at=noon)
    ...     [moment.kind for moment in timeline(store, alert, noon)]
    ['pending', 'firing']
    """
    notices = store.outbox.list(alert_id=alert.id, limit=_MOST)
    moments = [
        *_states(alert),
        *(_told(notice) for notice in notices),
        *_events(store, alert),
        *_silences(store, alert, now),
    ]
    return sorted(moments, key=_when)


def _when(moment: Moment) -> tuple[datetime, int]:
    tells_the_end = moment.notice is not None and moment.notice.reason == "resolved"
    return moment.time, len(_ORDER) if tells_the_end else _ORDER.index(moment.kind)


def _states(alert: AlertRow) -> list[Moment]:
    found = [Moment(alert.active_at, "pending")]
    if alert.fired_at is not None:
        found.append(Moment(alert.fired_at, "firing", value=alert.fired_value))
    if alert.resolved_at is not None and alert.state == "resolved":
        kind = "dropped" if alert.fired_at is None else "resolved"
        found.append(Moment(alert.resolved_at, kind, value=alert.value))
    return found


def _events(store: Store, alert: AlertRow) -> list[Moment]:
    events = store.events.list(alert.subject, since=alert.active_at, kinds=list(_EVENTS), limit=10 * _MOST)
    return [_moment(event) for event in events if event.data.get("alert") == alert.id]


def _moment(event: EventRow) -> Moment:
    data = {name: str(value) for name, value in event.data.items() if isinstance(value, str)}
    return Moment(
        event.time,
        _EVENTS[event.kind],
        author=data.get("author", data.get("name", "")),
        text=data.get("note", data.get("reason", "")),
        channel=data.get("channel", ""),
    )


def _told(notice: NoticeRow) -> Moment:
    route = notice.payload.get("route", "")
    return Moment(
        notice.created_at,
        "notice",
        channel=notice.channel,
        route=route if isinstance(route, str) else "",
        notice=notice,
    )


def _silences(store: Store, alert: AlertRow, now: datetime) -> list[Moment]:
    """Silences that held it: from their rows, so that one made before the alert is told too."""
    labels = routing_labels(alert)
    end = min(alert.resolved_at, now) if alert.state == "resolved" and alert.resolved_at is not None else now
    found = []
    for row in store.silences.list(since=alert.active_at, limit=_MOST):
        began = max(row.starts_at, alert.active_at)
        if row.starts_at >= row.ends_at or began > end or not Matchers.of(row.matchers).accept(labels):
            continue
        found.append(Moment(began, "silenced", row.author, row.comment, silence=row))
        if row.ends_at <= end:
            found.append(Moment(row.ends_at, "silence_over", silence=row))
    return found
