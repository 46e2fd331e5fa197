"""From transitions to notices."""

from __future__ import annotations

from datetime import UTC, datetime

from mirante.alerts.channels.base import Notice
from mirante.alerts.grouping import Transition, Wording, group, notice_row
from mirante.store import AlertRow

NOW = datetime(2013, 2, 8, tzinfo=UTC)


def alert(rule: str, severity: str, subject: str = "host/a") -> AlertRow:
    return AlertRow(
        f"{rule}{severity}{subject}", rule, {}, subject, severity, "firing", NOW, summary=f"{rule}!"
    )


def change(
    what: str, rule: str = "r", severity: str = "warning", subject: str = "host/a", *to: str
) -> Transition:
    return Transition(alert(rule, severity, subject), what, channels=to or ("c",))


def test_one_group_for_each_channel_rule_and_severity() -> None:
    changes = [
        change("firing", "r", "warning", "host/a", "c", "d"),
        change("firing", "r", "critical"),
        change("resolved", "s"),
        change("resolved"),
        Transition(alert("p", "info"), "pending"),
    ]
    groups = group(changes, [])
    assert [(g.channel, g.rule, g.severity, g.reason, len(g.transitions)) for g in groups] == [
        ("c", "r", "warning", "first_firing", 2),
        ("d", "r", "warning", "first_firing", 1),
        ("c", "r", "critical", "first_firing", 1),
        ("c", "s", "warning", "resolved", 1),
    ]
    assert [t.change for t in groups[0].transitions] == ["firing", "resolved"]


def test_reasons() -> None:
    assert group([change("firing")], [alert("r", "warning")])[0].reason == "new_alerts"
    assert group([change("firing")], [alert("r", "critical")])[0].reason == "first_firing"
    assert group([change("resolved")], [alert("r", "warning")])[0].reason == "resolved"


def test_titles_and_links() -> None:
    links = {"page": "http://x/{subject}", "home": "http://x/"}
    words = Wording(links=links, new_id=lambda: "1f")
    one = notice_row(group([change("firing")], [])[0], words, NOW)
    assert (one.id, one.payload["title"]) == ("1f", "Warning: r!")
    assert one.payload["links"] == {"page": "http://x/host%2Fa", "home": "http://x/"}
    two = notice_row(group([change("firing"), change("firing", subject="host/b")], [])[0], words, NOW)
    assert two.payload["title"] == "Warning: r: 2 alerts"
    assert two.payload["links"] == {"home": "http://x/"}
    over = notice_row(group([change("resolved")], [])[0], words, NOW)
    assert over.payload["title"] == "Resolved: r!"
    assert Notice.from_payload(over.payload).alerts[0].state == "resolved"
