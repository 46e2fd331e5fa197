"""From what is told to the row of the outbox."""

from __future__ import annotations

from datetime import UTC, datetime

from mirante.alerts.channels.base import Notice
from mirante.alerts.grouping import Telling, Transition, Wording, notice_row, routing_labels
from mirante.store import AlertRow

NOW = datetime(2013, 2, 8, tzinfo=UTC)
WORDS = Wording(links={"page": "http://x/{subject}", "home": "http://x/"}, new_id=lambda: "1f")


def alert(rule: str = "r", severity: str = "warning", subject: str = "host/a") -> AlertRow:
    return AlertRow(
        f"{rule}{severity}{subject}", rule, {}, subject, severity, "firing", NOW, summary=f"{rule}!"
    )


def telling(*alerts: AlertRow, reason: str = "first_firing", thread: str = "") -> Telling:
    change = "resolved" if reason == "resolved" else "firing"
    transitions = tuple(Transition(row, change) for row in alerts)
    return Telling("c", reason, transitions, {"team": "a"}, "severity=critical", thread)


def test_titles_and_links() -> None:
    one = notice_row(telling(alert()), WORDS, NOW)
    assert (one.id, one.channel, one.reason, one.payload["title"]) == (
        "1f",
        "c",
        "first_firing",
        "Warning: r!",
    )
    assert one.payload["links"] == {"page": "http://x/host%2Fa", "home": "http://x/"}
    two = notice_row(telling(alert(), alert(subject="host/b")), WORDS, NOW)
    assert two.payload["title"] == "Warning: r: 2 alerts"
    assert two.payload["links"] == {"home": "http://x/"}
    over = notice_row(telling(alert(), reason="resolved"), WORDS, NOW)
    assert over.payload["title"] == "Resolved: r!"
    assert Notice.from_payload(over.payload).alerts[0].state == "resolved"


def test_a_notice_leads_to_its_alert_and_several_of_a_subject_to_their_list() -> None:
    words = Wording(page="http://p")
    one = notice_row(telling(alert()), words, NOW).payload["links"]
    assert one["alert"].startswith("http://p/alerts/")
    several = notice_row(telling(alert(), alert("s")), words, NOW).payload["links"]
    assert several["alerts"] == "http://p/alerts?subject=host%2Fa"
    assert ("alert" in several, "subject" in several) == (False, True)


def test_a_group_of_several_rules_has_the_worst_severity_and_its_own_labels_in_the_title() -> None:
    mixed = notice_row(telling(alert(), alert("s", "critical")), WORDS, NOW)
    notice = Notice.from_payload(mixed.payload)
    assert (notice.title, notice.severity, notice.rule) == (
        "Critical alert: team=a: 2 alerts",
        "critical",
        "",
    )


def test_the_incident_is_a_thread_and_the_way_is_named() -> None:
    first = Notice.from_payload(notice_row(telling(alert()), WORDS, NOW).payload)
    assert (first.thread, first.group, first.route) == ("1f", {"team": "a"}, "severity=critical")
    later = Notice.from_payload(notice_row(telling(alert(), thread="0a"), WORDS, NOW).payload)
    assert (later.id, later.thread) == ("1f", "0a")


def test_what_routes_see() -> None:
    assert routing_labels(alert()) == {"rule": "r", "severity": "warning", "subject": "host/a"}


def test_the_command_in_a_notice_names_the_config_that_it_would_not_find() -> None:
    away = notice_row(telling(alert()), Wording(config="/srv/mirante.yaml"), NOW).payload["silence"]
    assert away.startswith("mirante alerts silence -c /srv/mirante.yaml --alert ")
    assert " -c " not in notice_row(telling(alert()), WORDS, NOW).payload["silence"]
