from datetime import UTC, datetime, timedelta

import pytest

from mirante.app.served import ServedCounts
from mirante.inference_log import InferenceLog
from mirante.inference_log.tallies import Tally, note_tally
from mirante.monitors.config import ModelConfig
from mirante.readings import Reading
from mirante.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OF = {"model": "m", "alias": "champion", "version": "3"}


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path}/m.db") as opened:
        yield opened


@pytest.fixture
def counts(tmp_path, store):
    (tmp_path / "log" / "m" / "3").mkdir(parents=True)
    return anew(tmp_path, store)


def anew(tmp_path, store):
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


def test_a_process_that_counts_again_after_days_adds_only_what_is_new(tmp_path, store, counts):
    note(tmp_path, "a", Tally({"500": 1000}), START)
    note(tmp_path, "b", Tally({"500": 1}), START + 20 * HOUR)
    counts.tell(["3"], START + 20 * HOUR)
    counts.tell(["3"], START + 26 * HOUR)
    note(tmp_path, "b", Tally({"500": 500}), START + 26 * HOUR)
    counts.tell(["3"], START + 26 * HOUR + MINUTE)
    note(tmp_path, "a", Tally({"500": 1001}), START + 40 * HOUR)
    counts.tell(["3"], START + 40 * HOUR)
    assert values(store, "prediction_errors_total", status="500") == [1001, 1001, 1500, 1501]


def test_a_file_that_goes_takes_nothing_away_and_one_that_comes_back_adds_nothing(tmp_path, store, counts):
    note(tmp_path, "a", Tally({"500": 7}), START)
    note(tmp_path, "b", Tally({"500": 2}), START)
    counts.tell(["3"], START)
    (tmp_path / "log" / "m" / "3" / ".served-a").unlink()
    counts.tell(["3"], START + 24 * HOUR)
    note(tmp_path, "b", Tally({"500": 3}), START)
    counts.tell(["3"], START + 25 * HOUR)
    note(tmp_path, "a", Tally({"500": 8}), START)
    counts.tell(["3"], START + 26 * HOUR)
    note(tmp_path, "b", Tally({"500": 1}), START)  # an old copy of it
    counts.tell(["3"], START + 27 * HOUR)
    note(tmp_path, "b", Tally({"500": 3}), START)
    counts.tell(["3"], START + 28 * HOUR)
    assert values(store, "prediction_errors_total", status="500") == [9, 9, 10, 11, 11, 11]


def test_processes_that_are_gone_for_long_are_forgotten_and_their_counts_are_not(tmp_path, store, counts):
    note(tmp_path, "a", Tally({"500": 7}), START)
    counts.tell(["3"], START)
    (tmp_path / "log" / "m" / "3" / ".served-a").unlink()
    for day in (1, 29, 31):
        counts.tell(["3"], START + day * 24 * HOUR)
        kept = store.cursors.get("served/model/m@champion/3")
        assert list(kept["processes"]) == ([] if day == 31 else ["a"])
    assert values(store, "prediction_errors_total", status="500") == [7, 7, 7, 7]


def test_a_restart_neither_loses_nor_repeats(tmp_path, store, counts):
    hostile = "\x00\ud800'</script>"
    note(tmp_path, "a", Tally({"500": 7}, {(hostile, "null"): 2}), START)
    note(tmp_path, "gone", Tally({"500": 100}), START)
    counts.tell(["3"], START)
    (tmp_path / "log" / "m" / "3" / ".served-gone").unlink()
    note(tmp_path, "a", Tally({"500": 8}, {(hostile, "null"): 2}), START)
    note(tmp_path, "new", Tally({"500": 1, "KeyError": 4}), START)
    again = anew(tmp_path, store)
    again.tell(["3"], START + MINUTE)
    anew(tmp_path, store).tell(["3"], START + 2 * MINUTE)
    assert values(store, "prediction_errors_total", status="500") == [107, 109, 109]
    assert values(store, "prediction_errors_total", status="KeyError") == [0, 4, 4]
    assert values(store, "signature_violations_total", feature=hostile, kind="null") == [2, 2, 2]


def test_it_goes_on_from_readings_that_another_release_wrote(tmp_path, store, counts):
    of = {**OF, "status": "500"}
    store.readings.write([Reading("prediction_errors_total", 0.0, START, of)])
    store.readings.write([Reading("prediction_errors_total", 50.0, START, {**of, "version": "4"})])
    note(tmp_path, "a", Tally({"500": 1000, "501": 3}), START)
    counts.tell(["3"], START + MINUTE)
    note(tmp_path, "a", Tally({"500": 1001, "501": 3}), START)
    counts.tell(["3"], START + 2 * MINUTE)
    assert values(store, "prediction_errors_total", status="500")[-1] == 1
    assert max(values(store, "prediction_errors_total", status="500")) == 1
    assert values(store, "prediction_errors_total", status="501") == [3]


def test_what_could_not_be_written_is_told_by_the_next_look(tmp_path, store, counts, monkeypatch):
    counts.tell(["3"], START)
    note(tmp_path, "a", Tally({"500": 7}), START)
    with monkeypatch.context() as patched:
        patched.setattr(store.cursors, "set", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            counts.tell(["3"], START + MINUTE)
    assert store.readings.series("prediction_errors_total") == []
    counts.tell(["3"], START + 2 * MINUTE)
    assert values(store, "prediction_errors_total", status="500") == [0, 7]


def test_without_anything_nothing_is_written(store, counts):
    for minute in range(20):
        counts.tell(["3", "4"], START + minute * MINUTE)
    assert store.readings.series(subject="model/m@champion") == []
