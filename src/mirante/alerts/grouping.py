"""From what a group has to tell to the notice that is owed: a row of the outbox."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.texts import title_of
from mirante.alerts.evidence import Evidence, alert_links, page_links, silence_command
from mirante.alerts.rules.rule import SEVERITIES
from mirante.i18n import translator
from mirante.store import AlertRow, NoticeRow

__all__ = ["MOST_ALERTS", "Telling", "Transition", "Wording", "notice_row", "routing_labels"]

MOST_ALERTS = 200


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
        The rule's condition and longer text, for those that a notice shows.
    """

    alert: AlertRow
    change: str
    threshold: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """What one notice will tell.

    Parameters
    ----------
    channel, reason : str
        Where, and why.
    transitions : tuple of Transition
        Firing ones first.
    labels : mapping of str to str
        What the alerts of the group have in common.
    route : str
        By which it goes there; empty for the root.
    thread : str
        Id of the incident's first notice; empty when this is the first.
    """

    channel: str
    reason: str
    transitions: tuple[Transition, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    route: str = ""
    thread: str = ""

    @property
    def severity(self) -> str:
        """The worst of its alerts."""
        return max((t.alert.severity for t in self.transitions), key=_rank)

    @property
    def rule(self) -> str:
        """The rule of all its alerts; empty when there are several."""
        rules = {transition.alert.rule for transition in self.transitions}
        return rules.pop() if len(rules) == 1 else ""


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


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
    config : str
        The config that a command must name to reach this service's store; empty where it finds it.
    gather : callable
        Says what else is known of each of some alerts.
    """

    locale: str = "en"
    links: Mapping[str, str] | None = None
    historic: bool = False
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
    page: str = ""
    mlflow: str = ""
    config: str = ""
    gather: Callable[[Sequence[AlertRow]], Sequence[Evidence]] = lambda alerts: [Evidence()] * len(alerts)


def routing_labels(alert: AlertRow) -> dict[str, str]:
    """Return the labels that routes see."""
    return {**alert.labels, "rule": alert.rule, "severity": alert.severity, "subject": alert.subject}


def notice_row(of: Telling, wording: Wording, created_at: datetime) -> NoticeRow:
    """Return the outbox row of what is told.

    Parameters
    ----------
    of : Telling
        What to tell.
    wording : Wording
        How.
    created_at : datetime
        The present time, which is not the event time in a replay: the outbox gives up by it.
    """
    shown = of.transitions[:MOST_ALERTS]
    evidence = wording.gather([transition.alert for transition in shown])
    id_, rule = wording.new_id(), of.rule
    command = silence_command([transition.alert for transition in of.transitions], wording.config)
    notice = Notice(
        id=id_,
        reason=of.reason,
        severity=of.severity,
        title=_title(of, wording.locale),
        alerts=tuple(map(_alert, shown, evidence)),
        links=_links(wording, [t.alert for t in of.transitions]),
        silence="" if of.reason == "resolved" else command,
        locale=wording.locale,
        created_at=created_at,
        rule=rule,
        historic=wording.historic,
        omitted=len(of.transitions) - len(shown),
        thread=of.thread or id_,
        group=dict(of.labels),
        route=of.route,
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


def _title(of: Telling, locale: str) -> str:
    _ = translator(locale)
    count = len(of.transitions)
    about = of.transitions[0].alert.summary if count == 1 else ""
    if not about:
        name = of.rule or ", ".join(f"{label}={value}" for label, value in of.labels.items())
        about = ": ".join(filter(None, (name, _.n("%(n)s alert", "%(n)s alerts", count))))
        about = of.rule if count == 1 else about
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
        slices=tuple(sentence for _, sentence in evidence.slices),
        performance=evidence.performance,
        window=evidence.window,
        rule=alert.rule,
        severity=alert.severity,
    )


def _links(wording: Wording, alerts: Sequence[AlertRow]) -> dict[str, str]:
    links = wording.links or {}
    if len({alert.subject for alert in alerts}) > 1:  # a link to one of several would mislead
        own = page_links(wording.page)
        return own | {name: address for name, address in links.items() if "{subject}" not in address}
    subject = quote(alerts[0].subject, safe="")
    own = alert_links(alerts[0], page=wording.page, mlflow=wording.mlflow)
    if len(alerts) > 1 and "alert" in own:  # the same: their list takes the place of one alert
        del own["alert"]
        own = page_links(wording.page, alerts[0].subject) | own
    return own | {name: address.replace("{subject}", subject) for name, address in links.items()}
