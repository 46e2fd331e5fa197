"""The words of a notice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.texts import alert_text, clean, plain_text, reason_text, redact, title_of

T0 = datetime(2013, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize("bad", ["\r\n", "\x00", "\x1b[2J", "\u202e", "\u2066", "\ud800", "\x85", "\u2028"])
def test_clean_is_one_safe_line(bad: str) -> None:
    cleaned = clean(f"a{bad}b")
    assert cleaned.isprintable()
    assert cleaned.encode()
    assert cleaned.startswith("a ")


def test_redact() -> None:
    assert redact("token abc-abc, abc", ["abc", "abc-abc", ""]) == "token ***, ***"


@pytest.mark.parametrize(
    ("severity", "resolved", "title"),
    [
        ("critical", False, "Alerta Crítico: x"),
        ("critical", True, "Resolved|Resolvido"),
        ("warning", False, "Warning|Advertência"),
        ("info", False, "Information|Informação"),
    ],
)
def test_titles(severity: str, resolved: bool, title: str) -> None:
    told = title_of(severity, "x", locale="pt_BR", resolved=resolved)
    assert any(told.startswith(word) for word in title.split("|"))


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(seconds=5), "after 1 minute)"),
        (timedelta(minutes=90), "after 90 minutes)"),
        (timedelta(hours=5), "after 5 hours)"),
        (timedelta(days=3), "after 3 days)"),
        (timedelta(0), "00:00 UTC"),
    ],
)
def test_how_long_it_lasted(length: timedelta, told: str) -> None:
    alert = NoticeAlert("resolved", "x", since=T0, until=T0 + length)
    assert dict(alert_text(alert, "en").facts)["Until"].endswith(told)


def test_a_resolved_alert_shows_both_values() -> None:
    facts = dict(alert_text(NoticeAlert("resolved", "x", {}, 5.0, 97.0), "en").facts)
    assert facts == {"Value when it fired": "97", "Value now": "5"}


def test_every_reason_has_a_sentence() -> None:
    reasons = ["first_firing", "new_alerts", "resolved", "channel_failed"]
    told = [reason_text(Notice("1", reason, "info", "x")) for reason in reasons]
    assert len(set(told)) == 4
    assert all(text.startswith("Sent because") for text in told)
    assert reason_text(Notice("1", "message", "info", "x")) == ""


def test_the_rest_is_counted_and_history_is_said() -> None:
    alerts = tuple(NoticeAlert("firing", f"a{i}") for i in range(5))
    text = plain_text(Notice("1", "new_alerts", "info", "x", alerts, historic=True, omitted=10), most=2)
    assert "and 13 more alerts" in text
    assert "This tells of the past, replayed." in text


@pytest.mark.parametrize(
    ("threshold", "note", "named"),
    [
        ("drift_detected == 1", "delay moved: KS distance 0.50", False),
        ("missing_detected == 1 and missing_ratio > 0.3", "half is missing", False),
        ("drift_detected == 1", "", True),
        ("queue == 10", "ten wait", True),
        ("share == 1.5", "half as much again", True),
    ],
)
def test_the_value_of_a_yes_or_no_reading_is_left_to_its_note(threshold, note, named):
    alert = NoticeAlert("resolved", "s", {}, 0.0, 1.0, threshold, note=note)
    names = [name for name, _ in alert_text(alert, "en").facts]
    assert names == [*(["Value when it fired", "Value now"] if named else []), "Condition"]
