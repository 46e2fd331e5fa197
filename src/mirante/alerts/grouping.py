"""From what changed in one evaluation to the notices that are owed: one for each channel, rule and severity.

A pure step between the state machine and the outbox: what holds notices back (waiting for the rest of a
group, silences, inhibition) acts on the groups, before they become notices.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.texts import title_of
from mirante.alerts.evidence import Evidence, alert_links, page_links, silence_command
from mirante.i18n import translator
from mirante.store import AlertRow, NoticeRow

__all__ = ["Group", "Transition", "Wording", "group", "notice_row", "routing_labels"]

_MOST_ALERTS = 200


@dataclass(frozen=True, slots=True)
class Transition:
    """One alert that changed in an evaluation.

    Parameters
    ----------
    alert : AlertRow
        As it is now.
    change : {"pending", "firing", "dropped", "resolved"}
        What happened to it.
    threshold, description : str
        The rule's condition and longer text.
    channels : tuple of str
        Where it is told; empty for ``pending`` and ``dropped``.
    """

    alert: AlertRow
    change: str
    threshold: str = ""
    description: str = ""
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """What one notice will tell.

    Parameters
    ----------
    channel, rule, severity : str
        The key of the group.
    reason : str
        ``first_firing``, ``new_alerts`` or ``resolved``.
    transitions : tuple of Transition
        Firing ones first.
    """

    channel: str
    rule: str
    severity: str
    reason: str
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """How notices are worded.

    Parameters
    ----------
    locale : str
        Of all texts.
    links : mapping of str to str
        Name and address; ``{subject}`` in an address stands for the alert's subject.
    historic : bool
        Whether the notices tell of a replay of the past.
    new_id : callable
        Makes the ids.
    page, mlflow : str
        Addresses of Mirante's page and of MLflow's, which notices link to; empty ones are left out.
    gather : callable
        Says what else is known of each of some alerts.
    """

    locale: str = "en"
    links: Mapping[str, str] | None = None
    historic: bool = False
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
    page: str = ""
    mlflow: str = ""
    gather: Callable[[Sequence[AlertRow]], Sequence[Evidence]] = lambda alerts: [Evidence()] * len(alerts)


def routing_labels(alert: AlertRow) -> dict[str, str]:
    """Return the labels that routes see."""
    return {**alert.labels, "rule": alert.rule, "severity": alert.severity, "subject": alert.subject}


def group(transitions: Iterable[Transition], firing_before: Iterable[AlertRow]) -> list[Group]:
    """Group what people are told of.

    Parameters
    ----------
    transitions : iterable of Transition
        Of one evaluation.
    firing_before : iterable of AlertRow
        The alerts that were firing before it.

    Returns
    -------
    list of Group
        In the order of the first change of each.
    """
    before = {(alert.rule, alert.severity) for alert in firing_before}
    members: dict[tuple[str, str, str], list[Transition]] = {}
    for transition in transitions:
        for channel in transition.channels:
            key = (channel, transition.alert.rule, transition.alert.severity)
            members.setdefault(key, []).append(transition)
    groups = []
    for (channel, rule, severity), changed in members.items():
        changed.sort(key=lambda transition: transition.change != "firing")
        if changed[0].change != "firing":
            reason = "resolved"
        else:
            reason = "new_alerts" if (rule, severity) in before else "first_firing"
        groups.append(Group(channel, rule, severity, reason, tuple(changed)))
    return groups


def notice_row(of: Group, wording: Wording, created_at: datetime) -> NoticeRow:
    """Return the outbox row of a group.

    Parameters
    ----------
    of : Group
        What to tell.
    wording : Wording
        How.
    created_at : datetime
        The present time, which is not the event time in a replay: the outbox gives up by it.
    """
    shown = of.transitions[:_MOST_ALERTS]
    evidence = wording.gather([transition.alert for transition in shown])
    notice = Notice(
        id=wording.new_id(),
        reason=of.reason,
        severity=of.severity,
        title=_title(of, wording.locale),
        alerts=tuple(map(_alert, shown, evidence)),
        links=_links(wording, [t.alert for t in of.transitions]),
        silence="" if of.reason == "resolved" else silence_command([t.alert for t in of.transitions]),
        locale=wording.locale,
        created_at=created_at,
        rule=of.rule,
        historic=wording.historic,
        omitted=len(of.transitions) - len(shown),
    )
    ids = tuple(transition.alert.id for transition in of.transitions)
    return NoticeRow(
        id=notice.id,
        channel=of.channel,
        reason=of.reason,
        created_at=created_at,
        next_at=created_at,
        alert_ids=ids,
        payload=notice.payload(),
    )


def _title(of: Group, locale: str) -> str:
    _ = translator(locale)
    count = len(of.transitions)
    about = of.transitions[0].alert.summary if count == 1 else ""
    if not about:
        about = f"{of.rule}: {_.n('%(n)s alert', '%(n)s alerts', count)}" if count > 1 else of.rule
    return title_of(of.severity, about, locale=locale, resolved=of.reason == "resolved")


def _alert(transition: Transition, evidence: Evidence) -> NoticeAlert:
    alert = transition.alert
    return NoticeAlert(
        state="resolved" if transition.change == "resolved" else "firing",
        summary=alert.summary or alert.rule,
        labels=alert.labels,
        value=alert.value,
        fired_value=alert.fired_value,
        threshold=transition.threshold,
        since=alert.active_at,
        until=alert.resolved_at,
        note=alert.note,
        description=transition.description,
        moved=evidence.moved,
        performance=evidence.performance,
        rule=alert.rule,
        severity=alert.severity,
    )


def _links(wording: Wording, alerts: Sequence[AlertRow]) -> dict[str, str]:
    links = wording.links or {}
    if len({alert.subject for alert in alerts}) > 1:  # a link to one of several would mislead
        own = page_links(wording.page, wording.locale)
        return own | {name: address for name, address in links.items() if "{subject}" not in address}
    subject = quote(alerts[0].subject, safe="")
    own = alert_links(alerts[0], page=wording.page, mlflow=wording.mlflow, locale=wording.locale)
    return own | {name: address.replace("{subject}", subject) for name, address in links.items()}
