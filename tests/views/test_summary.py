from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mirante.i18n import translator
from mirante.readings import Reading
from mirante.store import AlertRow, Store
from mirante.views.summary import LEVELS, kind_and_name, severity_level, state_word, summarise
from tests.views.filled import utc

AT = utc("2013-02-08T05:00")
SUBJECT = "model/m@champion"
LABELS = {"model": "m", "alias": "champion"}
_ = translator("en")


@pytest.fixture
def store(tmp_path: Path):
    with Store(f"sqlite:///{tmp_path}/m.db") as one:
        yield one


def alert(severity: str, state: str = "firing", *, subject: str = SUBJECT, hours: int = 0) -> AlertRow:
    at = AT + timedelta(hours=hours)
    return AlertRow(
        f"{severity}{state}{hours}",
        f"rule_{severity}",
        {},
        subject,
        severity,
        state,
        at,
        summary=f"{severity} it is.",
    )


def state(store: Store, *alerts: AlertRow, timezone: str = "UTC"):
    store.readings.write([Reading("predictions", 1, AT, LABELS)])
    (row,) = store.readings.subjects()
    return summarise(store, row, alerts, _, timezone=timezone)


def test_quiet_is_well(store):
    one = state(store)
    assert (one.level, one.word, one.sentence) == ("ok", "All well", "No alert is open.")


def test_the_worst_that_fires_is_told(store):
    one = state(store, alert("warning"), alert("critical", hours=2), timezone="America/New_York")
    assert one.level == "critical"
    assert one.sentence == "critical it is, since Feb 8, 2013, 2:00 AM. 1 more alert fires."
    assert [row.severity for row in one.open_alerts] == ["critical", "warning"]


def test_what_fires_comes_before_what_only_waits(store):
    one = state(store, alert("critical", "pending"), alert("warning"))
    assert one.level == "warning"


def test_pending_is_a_notice(store):
    one = state(store, alert("critical", "pending"))
    assert one.level == "notice"
    assert "rule_critical is about to fire" in one.sentence


def test_alerts_of_others_do_not_count(store):
    assert state(store, alert("critical", subject="host/a")).level == "ok"


def test_drift_without_an_alert_is_a_notice(store):
    for hours, value in ((0, 1.0), (1, 1.0)):
        about = {**LABELS, "feature": f"f{hours}"}
        store.readings.write([Reading("drift_detected", value, AT + timedelta(hours=hours), about)])
    one = state(store)
    assert one.level == "notice"
    assert "drifted in: f1." in one.sentence  # f0 drifted in an older window


def test_drift_that_is_over_is_no_longer_told(store):
    about = {**LABELS, "feature": "a"}
    store.readings.write(
        [Reading("drift_detected", v, AT + timedelta(hours=h), about) for h, v in ((0, 1), (1, 0))]
    )
    assert state(store).level == "ok"


def test_every_level_has_a_word_in_both_languages():
    for locale in ("en", "pt_BR"):
        assert all(state_word(level, translator(locale)) for level in LEVELS)


@pytest.mark.parametrize(
    ("subject", "kind", "name"),
    [
        ("host/gru/1", "Host", "gru/1"),
        ("experiment/7", "Experiment", "7"),
        ("monitor", "Monitor", "Mirante"),
        ("odd/x", "Monitor", "odd/x"),
    ],
)
def test_subjects_have_a_kind_and_a_name(subject, kind, name):
    assert kind_and_name(subject, _) == (kind, name)


def test_unknown_severities_are_notices():
    assert [severity_level(one) for one in ("CRITICAL", "warning", "mine")] == [
        "critical",
        "warning",
        "notice",
    ]
