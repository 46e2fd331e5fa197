"""What every channel has in common: the notice, and the protocol of one method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Protocol

__all__ = ["Channel", "Notice", "NoticeAlert"]


@dataclass(frozen=True, slots=True)
class NoticeAlert:
    """One alert as a notice tells of it.

    Parameters
    ----------
    state : {"firing", "resolved", "message"}
        ``message`` is no alert but a text of its own: its summary.
    summary : str
        The rule's sentence.
    labels : mapping of str to str
        What it is about.
    value : float, optional
        The present value.
    fired_value : float, optional
        The value that it fired with.
    threshold : str
        The condition of the rule.
    since : datetime, optional
        When the condition became true.
    until : datetime, optional
        When it resolved.
    note, description : str
        The reading's sentence, and the rule's longer text.
    moved : tuple of str
        Sentences about the features that moved in the same window, the strongest first.
    slices : tuple of str
        Sentences about the slices of the rows in which they, or the alert's own feature, moved.
    performance : str
        What is known of the performance meanwhile, in a sentence.
    window : (datetime, datetime), optional
        Where the window that the value is of begins and ends; None for a value of a moment.
    rule, severity : str
        Of this alert; empty where they are the notice's.
    """

    state: str
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)
    value: float | None = None
    fired_value: float | None = None
    threshold: str = ""
    since: datetime | None = None
    until: datetime | None = None
    note: str = ""
    description: str = ""
    moved: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    performance: str = ""
    window: tuple[datetime, datetime] | None = None
    rule: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message about a group of alerts, to one channel.

    Parameters
    ----------
    id : str
        The idempotency key: the same notice, sent again, has the same id.
    reason : str
        ``first_firing``, ``new_alerts``, ``resolved``, ``reminder``, ``digest``, ``flapping``,
        ``channel_failed`` or ``message``.
    severity : {"info", "warning", "critical"}
        How bad.
    title : str
        One line, in the notice's locale.
    alerts : tuple of NoticeAlert
        What changed.
    links : mapping of str to str
        Name and address of pages.
    locale : str
        Of all texts.
    created_at : datetime
        When it was made.
    rule : str
        Name of the rule.
    historic : bool
        Whether it tells of a replay of the past.
    omitted : int
        Alerts of the group that are not in `alerts`, since there were too many.
    thread : str
        Id of the first notice of the incident; its own when it is the first.
    group : mapping of str to str
        Labels that the alerts of its group have in common.
    route : str
        The route that it came by, such as ``severity=critical``; empty for the root.
    silence : str
        The command that silences what it tells of.

    Examples
    --------
    >>> notice = Notice("1f", "message", "info", "Hello", (NoticeAlert("message", "All is well"),))
    >>> Notice.from_payload(notice.payload()) == notice
    True
    """

    id: str
    reason: str
    severity: str
    title: str
    alerts: tuple[NoticeAlert, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    locale: str = "en"
    created_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    rule: str = ""
    historic: bool = False
    omitted: int = 0
    thread: str = ""
    group: Mapping[str, str] = field(default_factory=dict)
    route: str = ""
    silence: str = ""

    def payload(self) -> dict[str, Any]:
        """Return the notice as JSON-able data; its times as ISO texts."""
        return {**_texts(self), "alerts": [_texts(alert) for alert in self.alerts]}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Notice:
        """Return the notice of a payload; fields that a later version added are left out.

        Examples
        --------
        >>> Notice.from_payload(Notice("1f", "message", "info", "Hello").payload()).title
        'Hello'
        """
        alerts = tuple(
            NoticeAlert(
                **{
                    **_known(NoticeAlert, alert),
                    "since": _time(alert["since"]),
                    "until": _time(alert["until"]),
                    "moved": tuple(alert.get("moved", ())),
                    "slices": tuple(alert.get("slices", ())),
                    "window": _window(alert.get("window")),
                }
            )
            for alert in payload["alerts"]
        )
        known = _known(cls, payload)
        return cls(**{**known, "alerts": alerts, "created_at": _time(payload["created_at"])})


def _texts(row: Notice | NoticeAlert) -> dict[str, Any]:
    """Return the fields as they go into JSON; `asdict` would copy each of them deeply."""
    return {each.name: _text(getattr(row, each.name)) for each in fields(row)}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_text(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


def _known(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in data.items() if name in names}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _window(ends: Sequence[str] | None) -> tuple[datetime, datetime] | None:
    if ends is None:
        return None
    start, end = map(datetime.fromisoformat, ends)
    return start, end


class Channel(Protocol):
    """A way to reach people."""

    async def deliver(self, notice: Notice) -> None:
        """Deliver a notice, or raise `DeliveryError` that says why not, and whether to try again."""
        ...
