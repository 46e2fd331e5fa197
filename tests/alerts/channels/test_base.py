"""The notice as data."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.readings import Reading

NOW = datetime(2013, 2, 8, 12, 30, 15, 123456, tzinfo=UTC)


def test_a_payload_survives_json() -> None:
    labels = Reading("x", 1, NOW, {"host": "a"}).labels  # a read-only view, as readings have
    alert = NoticeAlert(
        "resolved", "s", labels, 1.5, None, "x > 1", NOW, NOW, "n", "d", moved=("a",), slices=("b", "c")
    )
    notice = Notice("1", "resolved", "critical", "t", (alert,), {"p": "http://x"}, "pt_BR", NOW, "r", True, 3)
    again = Notice.from_payload(json.loads(json.dumps(notice.payload())))
    assert again == notice
    assert again.alerts[0].since == NOW


def test_a_notice_that_was_owed_before_there_were_slices_is_read() -> None:
    payload = Notice("1", "first_firing", "info", "t", (NoticeAlert("firing", "s"),)).payload()
    del payload["alerts"][0]["slices"]
    assert Notice.from_payload(payload).alerts[0].slices == ()
