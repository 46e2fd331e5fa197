from datetime import UTC, datetime, timedelta

from mirante.monitors.limits.silence import Silence

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LABELS = {"model": "churn", "alias": "champion", "version": "1"}


def values(readings):
    return {reading.name: reading.value for reading in readings}


def test_the_age_is_told_each_minute_and_at_once_when_it_passes_the_limit():
    silence = Silence(10 * MINUTE, LABELS)
    assert values(silence.tell(NOON, NOON + MINUTE)) == {"freshness_seconds": 60.0, "freshness_detected": 0.0}
    assert silence.tell(NOON, NOON + 1.5 * MINUTE) == []
    assert values(silence.tell(NOON, NOON + 10 * MINUTE))["freshness_detected"] == 0.0
    late = silence.tell(NOON, NOON + 10.5 * MINUTE)
    assert values(late)["freshness_detected"] == 1.0
    assert late[1].note == "No row has come for more than 10m."
    assert values(silence.tell(NOON + 10.4 * MINUTE, NOON + 10.6 * MINUTE))["freshness_detected"] == 0.0


def test_the_limit_is_told_in_whole_minutes():
    (_, reading) = Silence(172 * MINUTE + timedelta(seconds=18.85), LABELS).tell(NOON, NOON + 200 * MINUTE)
    assert reading.note == "No row has come for more than 2h52m."


def test_without_a_limit_only_the_age_is_told():
    assert values(Silence(None, LABELS).tell(NOON, NOON + 60 * MINUTE)) == {"freshness_seconds": 3_600.0}


def test_before_the_first_row_there_is_nothing_to_tell():
    assert Silence(10 * MINUTE, LABELS).tell(None, NOON) == []


def test_a_clock_that_goes_back_does_not_silence_it():
    silence = Silence(10 * MINUTE, LABELS)
    assert silence.tell(NOON, NOON + 5 * MINUTE)
    assert values(silence.tell(NOON, NOON - 60 * MINUTE))["freshness_seconds"] == 0.0


def test_the_sentence_is_in_the_readers_language():
    (_, reading) = Silence(10 * MINUTE, LABELS, locale="pt_BR").tell(NOON, NOON + 60 * MINUTE)
    assert reading.note == "Nenhuma linha chega há mais de 10m."
