"""The reading, its identity, and the table of names."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from mirante.errors import InputError
from mirante.readings import Reading, model_subject, source_of, split_subject, subject_of
from tests.web.conftest import HOSTILE

NOON = datetime(2013, 2, 8, 12, tzinfo=UTC)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(InputError, match="without a time zone; give an aware one"):
        Reading("drift_ks", 0.1, NOON.replace(tzinfo=None))


@pytest.mark.parametrize("zone", [ZoneInfo("America/New_York"), timezone(timedelta(hours=5, minutes=30))])
def test_the_time_is_kept_as_utc(zone):
    reading = Reading("drift_ks", 0.1, NOON.astimezone(zone))
    assert reading.time == NOON
    assert reading.time.tzinfo is UTC


def test_the_key_does_not_depend_on_the_order_of_labels():
    one = Reading("drift_ks", 1, NOON, {"model": "m", "feature": "age"})
    two = Reading("drift_ks", 1, NOON, {"feature": "age", "model": "m"})
    assert one.key == two.key
    assert (one, hash(one)) == (two, hash(two))


def test_the_note_is_not_part_of_the_identity():
    one, two = (Reading("drift_ks", 1, NOON, note=note) for note in ("a", "b"))
    assert one == two
    assert len({one, two}) == 1


def test_value_and_labels_are_made_plain():
    reading = Reading("predictions", True, NOON, {"version": 1})
    assert (type(reading.value), reading.labels["version"]) == (float, "1")


def test_a_reading_does_not_change():
    labels = {"host": "a"}
    reading = Reading("system_processes", 1, NOON, labels)
    labels["host"] = "b"
    assert reading.labels["host"] == "a"
    with pytest.raises(TypeError, match="does not support item assignment"):
        reading.labels["host"] = "b"
    with pytest.raises(dataclasses.FrozenInstanceError):
        reading.value = 2.0


@pytest.mark.parametrize(
    ("labels", "subject"),
    [
        ({"model": "m"}, "model/m@none"),
        ({"model": "m", "alias": "champion", "host": "a"}, "model/m@champion"),
        ({"table": "t"}, "table/t"),
        ({"task": "ship"}, "monitor"),
    ],
)
def test_subjects(labels, subject):
    assert subject_of(labels) == subject


def test_split_subject_keeps_every_character():
    for name in HOSTILE:
        assert split_subject(model_subject(name, "champion")) == ("model", name, "champion")


@pytest.mark.parametrize(
    ("labels", "source"),
    [
        ({"model": "m", "alias": "champion", "version": "3", "feature": "age"}, "model/m@champion"),
        ({"experiment": "7"}, "experiment/7"),
        ({"table": "t", "column": "c"}, "table/t"),
    ],
)
def test_a_source_keeps_the_labels_of_its_subject(labels, source):
    own = source_of(labels)
    assert own["source"] == source
    assert subject_of(own) == source
    assert not own.keys() & {"version", "feature", "column"}
