from datetime import UTC, datetime, timedelta

import pytest

from mirante.app.served import ServedCounts
from mirante.inference_log import InferenceLog
from mirante.inference_log.tallies import Tally, note_tally
from mirante.monitors.config import ModelConfig
from mirante.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OF = {"model": "m", "alias": "champion", "version": "3"}


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path}/m.db") as opened:
        yield opened


@pytest.fixture
def counts(tmp_path, store):
    (tmp_path / "log" / "m" / "3").mkdir(parents=True)
    log = InferenceLog(tmp_path / "log")
    return ServedCounts(ModelConfig(model="m", log=log.root), store, log)


def note(tmp_path, process, tally, time):
    note_tally(tmp_path / "log" / "m" / "3", process, tally, time.timestamp())


def values(store, name, **labels):
    found = store.readings.series(name, subject="model/m@champion")
    (one,) = [one for one in found if {**OF, **labels}.items() <= one.labels.items()]
    return one.values.tolist()


def test_a_count_begins_at_0_grows_and_is_said_again_while_it_stands_still(tmp_path, store, counts):
    counts.tell(["3"], START)
    note(tmp_path, "a", Tally({"400": 2}, {("age", "null"): 1}), START)
    counts.tell(["3"], START + MINUTE)
    note(tmp_path, "b", Tally({"400": 1}), START)
    for minute in (2, 3, 4, 5, 6, 7):
        counts.tell(["3"], START + minute * MINUTE)
    assert values(store, "prediction_errors_total", status="400") == [0, 2, 3, 3]
    assert values(store, "signature_violations_total", feature="age", kind="null") == [0, 1, 1]


def test_what_was_counted_before_the_start_did_not_happen_now(tmp_path, store, counts):
    note(tmp_path, "a", Tally({"500": 7}), START)
    counts.tell(["3"], START + MINUTE)
    counts.tell(["3"], START + 2 * MINUTE)
    assert values(store, "prediction_errors_total", status="500") == [7]


def test_after_a_day_without_any_it_is_0(tmp_path, store, counts):
    note(tmp_path, "a", Tally({"500": 7}), START)
    counts.tell(["3"], START + MINUTE)
    for minute in (1, 2, 10):
        counts.tell(["3"], START + timedelta(days=1) + minute * MINUTE)
    assert values(store, "prediction_errors_total", status="500") == [7, 0]


def test_without_anything_nothing_is_written(store, counts):
    for minute in range(20):
        counts.tell(["3", "4"], START + minute * MINUTE)
    assert store.readings.series(subject="model/m@champion") == []
