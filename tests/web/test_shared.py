"""Lists of alerts: what all rows share, who was told, and numbers with their units."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mirante.alerts.rules import Rule
from mirante.store import AlertRow, NoticeRow, Store
from mirante.web.pages import alert_page, alerts_page
from mirante.web.pages.query import UnknownPageError
from mirante.web.pages.silences import silence_form
from tests.web.conftest import NOW
from tests.web.test_pages import Reader, ask


def test_the_end_of_an_alert_is_told_as_such(empty_store: Store):
    empty_store.alerts.save(AlertRow("1", "r", {}, "host/h", "info", "resolved", NOW, NOW, NOW))
    told = {"status": "delivered", "delivered_at": NOW, "alert_ids": ("1",)}
    empty_store.outbox.add(NoticeRow("a", "email", "first_firing", NOW, NOW, **told))
    empty_store.outbox.add(NoticeRow("r", "email", "reminder", NOW + timedelta(minutes=9), NOW, **told))
    empty_store.outbox.add(NoticeRow("b", "email", "resolved", NOW + timedelta(hours=1), NOW, **told))
    text = Reader(alerts_page(empty_store, ask("/alerts"))).text
    assert text.count("email told of start and end") == 1, "in one word, and reminders do not count"
    assert text.count("email told") == 1
    late = {**told, "status": "owed", "delivered_at": None}
    empty_store.outbox.add(NoticeRow("c", "chat", "first_firing", NOW, NOW, **told))
    empty_store.outbox.add(NoticeRow("d", "chat", "resolved", NOW + timedelta(hours=1), NOW, **late))
    text = Reader(alerts_page(empty_store, ask("/alerts"))).text
    assert "chat told chat waiting to be sent" in text, "what is owed is not hidden behind what was sent"


def test_what_all_alerts_of_a_list_share_is_said_once(empty_store: Store):
    labels = {"model": "m", "alias": "champion", "version": "7"}
    rows = [
        AlertRow(
            f"{n}", f"r{n}", {**labels, "feature": f"f{n}"}, "model/m@champion", "info", "firing", NOW, NOW
        )
        for n in range(3)
    ]
    empty_store.alerts.save_all(rows)
    text = Reader(alerts_page(empty_store, ask("/alerts"))).text
    assert "All of these: m@champion version 7" in text
    assert text.count("version 7") == 1
    assert text.count("feature f1") == 1
    empty_store.alerts.save(AlertRow("x", "r", {"host": "h"}, "host/h", "info", "firing", NOW, NOW))
    text = Reader(alerts_page(empty_store, ask("/alerts"))).text
    assert "All of these" not in text
    assert text.count("version 7") == 3


def test_shares_are_in_per_cent_and_the_rules_own_number_stands_beside(empty_store: Store):
    rule = Rule(
        "gone", "missing_ratio > 0.3", summary="much is missing", description="Look at the airports <first>."
    )
    rows = [
        AlertRow("a1", "gone", {"feature": "x"}, "model/m@champion", "info", "firing", NOW, NOW, value=0.5075,
                 fired_value=0.3),
        AlertRow("b1", "other", {}, "host/h", "info", "firing", NOW, NOW, value=0.5075),
    ]  # fmt: skip
    empty_store.alerts.save_all(rows)
    known = replace(ask("/alerts"), rule=lambda name: rule if name == "gone" else None)
    text = Reader(alerts_page(empty_store, known)).text
    assert "value 50.75 % when it fired 30 %" in text
    assert "value 0.508" in text, "of a rule that nobody knows the unit of"
    text = Reader(alert_page(empty_store, "a1", known)).text
    assert "missing_ratio > 0.3" in text
    assert "50.75 % (0.5075)" in text
    assert "What to do Look at the airports <first>." in text
    assert "Condition" not in Reader(alert_page(empty_store, "b1", known)).text


@pytest.mark.parametrize(("locale", "said"), [("en", "is not kept"), ("pt_BR", "não é guardado")])
def test_a_link_to_an_alert_that_has_expired_says_why_there_is_none(
    empty_store: Store, locale: str, said: str
):
    """A proposal or a notice of a group may outlive an alert that it is about."""
    reason = rf"'a1'.* retention\.history {said}"
    with pytest.raises(UnknownPageError, match=reason):
        alert_page(empty_store, "a1", ask("/alerts/a1", locale=locale))
    with pytest.raises(UnknownPageError, match=reason):
        silence_form(empty_store, ask("/silences/new", locale=locale, alert="a1"))
