"""Prometheus' Alertmanager, by its API v2: it does its own grouping, silencing and sending."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.http import Endpoint
from mirante.alerts.channels.texts import clean
from mirante.alerts.templates import number_text

__all__ = ["AlertmanagerChannel", "posted_alerts"]

_PATH = "/api/v2/alerts"


def posted_alerts(notice: Notice, now: datetime, resolve_after: timedelta) -> list[dict[str, Any]]:
    """Return the alerts of a notice as Alertmanager takes them.

    Parameters
    ----------
    notice : Notice
        What to tell.
    now : datetime
        The present time.
    resolve_after : timedelta
        A firing alert of which nothing more is heard is over for Alertmanager after so long.

    Returns
    -------
    list of dict
        ``labels`` (with ``alertname``, the rule, and ``severity``), ``annotations``, ``startsAt``,
        ``endsAt``, and ``generatorURL`` when there is a link. Characters that a label name of Prometheus must
        not have are ``_``.

    Examples
    --------
    >>> alert = NoticeAlert("firing", "busy", {"host": "web-1"})
    >>> notice = Notice("1f", "first_firing", "critical", "busy", (alert,), rule="high_cpu")
    >>> posted_alerts(notice, datetime(2013, 2, 8, tzinfo=UTC), timedelta(days=2))[0]["labels"]
    {'host': 'web-1', 'alertname': 'high_cpu', 'severity': 'critical'}
    """
    links = [link for link in notice.links.values() if re.fullmatch(r"https?://[!-~]+", link)]
    generator = {"generatorURL": links[0]} if links else {}
    posted = []
    for alert in notice.alerts:
        start = alert.since or notice.created_at
        end = (alert.until or now) if alert.state == "resolved" else now + resolve_after
        posted.append(
            {
                "labels": _labels(notice, alert),
                "annotations": _annotations(notice, alert),
                "startsAt": start.isoformat(),
                "endsAt": max(start, end).isoformat(),
                **generator,
            }
        )
    return posted


def _labels(notice: Notice, alert: NoticeAlert) -> dict[str, str]:
    labels: dict[str, str] = {}
    for name, value in sorted(alert.labels.items()):
        valid = re.sub("[^a-zA-Z0-9_]", "_", name) or "_"
        valid = f"_{valid}" if valid[0].isdigit() else valid
        while valid in labels:  # "a-b" and "a.b" stay two labels
            valid += "_"
        labels[valid] = clean(value)
    name, severity = alert.rule or notice.rule or "mirante", alert.severity or notice.severity
    return {**labels, "alertname": clean(name), "severity": clean(severity)}


def _annotations(notice: Notice, alert: NoticeAlert) -> dict[str, str]:
    texts = {
        "title": notice.title,
        "summary": alert.summary,
        "description": alert.description,
        "note": alert.note,
        "moved": " ".join(alert.moved),
        "slices": " ".join(alert.slices),
        "condition": alert.threshold,
        "value": "" if alert.value is None else number_text(alert.value),
    }
    return {name: clean(text) for name, text in texts.items() if text.strip()}


class AlertmanagerChannel:
    """Hands alerts on to an Alertmanager.

    Parameters
    ----------
    url : SecretStr
        Its address, without ``/api/v2/alerts``.
    authorization : SecretStr, optional
        The header ``Authorization``, such as ``Basic …`` or ``Bearer …``, for a proxy in front of it.
    resolve_after : timedelta
        A firing alert of which nothing more is heard is over for Alertmanager after so long; longer than from
        one reminder to the next.
    timeout : float
        Seconds for one request.
    clock : callable
        The present time.

    Raises
    ------
    ConfigError
        If the address is of another form.
    """

    def __init__(
        self,
        url: SecretStr,
        *,
        authorization: SecretStr | None = None,
        resolve_after: timedelta = timedelta(days=2),
        timeout: float = 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        address = SecretStr(f"{url.get_secret_value().rstrip('/').removesuffix(_PATH)}{_PATH}")
        known = [] if authorization is None else [authorization]
        self._endpoint = Endpoint("Alertmanager", address, timeout=timeout, secrets=known, clock=clock)
        self._authorization, self._resolve_after, self._clock = authorization, resolve_after, clock

    def __repr__(self) -> str:
        return "AlertmanagerChannel(***)"

    async def deliver(self, notice: Notice) -> None:
        """Post the alerts of a notice; sent again, they are the same alerts.

        Parameters
        ----------
        notice : Notice
            What to tell.

        Raises
        ------
        DeliveryError
            As `Endpoint.call` has it.
        """
        headers: Mapping[str, str] = {"Content-Type": "application/json"}
        if self._authorization is not None:
            headers = {**headers, "Authorization": self._authorization.get_secret_value()}
        body = json.dumps(posted_alerts(notice, self._clock(), self._resolve_after), allow_nan=False)
        await self._endpoint.call(body.encode(), headers)
