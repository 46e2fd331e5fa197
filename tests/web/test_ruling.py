from datetime import UTC, datetime, timedelta

from mirante.readings import Reading
from mirante.web.ruling import Ruling


def test_without_a_service_there_are_no_rules_and_nothing_is_broken():
    ruling = Ruling()
    assert list(ruling.rules()) == []
    assert ruling.error() == ""
    reading = Reading("x", 1.0, datetime(2013, 2, 8, tzinfo=UTC))
    assert ruling.stale_after()(reading) == timedelta(minutes=3)
