from datetime import timedelta

import pyarrow as pa
import pytest

from mirante.capture.recorder import Recorder
from mirante.inference_log import InferenceLog
from mirante.monitors import span as module
from mirante.monitors.span import SpanRows, find_extent

from .conftest import START, make_rows

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def written(config):
    """Six days, the last one first, and another version's."""
    for day, version in ((5, "1"), (0, "1"), (3, "1"), (3, "2"), (1, "1"), (2, "1")):
        features, predictions, times = make_rows(day, 100)
        if day == 5:
            features = features.assign(late="new")  # a column that the others lack
        with Recorder(config.model, config.log, version=version) as recorder:
            recorder.log(features, predictions, 0.001, time=times)
    return InferenceLog(config.log)


def all_of(rows, *, step, until):
    cursor, found, now = None, [], START
    while now < until:
        now += step
        rows.reach(now)
        while True:
            table, cursor = rows.read_new("churn", cursor)
            if table is None:
                break
            found.append((now, table))
    return found


@pytest.mark.parametrize("few", [1, 100, 50_000])
@pytest.mark.parametrize("step", [DAY, 7 * HOUR])
def test_every_row_comes_once_in_the_order_of_time_and_not_before_it_is_due(written, monkeypatch, few, step):
    monkeypatch.setattr(module, "_FEW", few)
    monkeypatch.setattr(module, "_MANY", 2 * few)
    seen = []
    rows = SpanRows(written, START, START + 4 * DAY, seen=seen.append)
    found = all_of(rows, step=step, until=START + 6 * DAY)
    times = [time for _, table in found for time in table["__time"].to_pylist()]
    assert times == sorted(times)
    whole = written.scan("churn", start=START, end=START + 4 * DAY)
    assert sum(table.num_rows for _, table in found) == whole.num_rows == 500
    assert sorted(id_ for _, t in found for id_ in t["__id"].to_pylist()) == sorted(whole["__id"].to_pylist())
    assert all(table["__time"].to_pylist()[-1] < now for now, table in found)
    assert sum(table.num_rows for table in seen) == 500


def test_rows_of_a_window_come_together_whatever_was_read_before(written):
    def third(start):
        rows = SpanRows(written, start, START + 6 * DAY)
        cursor = None
        for day in range(4):
            rows.reach(START + (day + 1) * DAY)
            table, cursor = rows.read_new("churn", cursor)
        return table

    assert third(START).equals(third(START + 2 * DAY))
    assert third(START).num_rows == 200


def test_an_earlier_cursor_is_answered_too(written):
    rows = SpanRows(written, START, START + 6 * DAY)
    rows.reach(START + DAY)
    first, cursor = rows.read_new("churn", None)
    rows.reach(START + 3 * DAY)
    assert rows.read_new("churn", cursor)[0].num_rows == 200
    rows.reach(START + DAY)
    assert rows.read_new("churn", None)[0].equals(first)


def test_scan_and_sample_stay_in_the_stretch(written):
    rows = SpanRows(written, START + DAY, START + 3 * DAY)
    assert rows.root == written.root
    assert rows.scan("churn").num_rows == 200
    assert rows.scan("churn", start=START, end=START + 2 * DAY, columns=["__id"]).column_names == ["__id"]
    assert rows.sample("churn", "1", 1_000, start=START, end=START + 9 * DAY, columns=["age"]).num_rows == 200
    assert rows.sample("churn", "1", 5, columns=["age"]).num_rows == 5


def test_the_extent_is_that_of_the_version(written):
    extent = find_extent(written, "churn", "1", START - 1_000 * DAY, START + 1_000 * DAY)
    times = written.scan("churn", columns=["__time", "__version"])
    mine = [row["__time"] for row in times.to_pylist() if row["__version"] == "1"]
    assert (extent.first, extent.last, extent.rows) == (min(mine), max(mine), 500)
    assert find_extent(written, "churn", "2", START, START + 3 * DAY) is None
    assert find_extent(written, "churn", "9", START, START + 9 * DAY) is None


def test_a_log_that_is_not_there_has_nothing(tmp_path):
    rows = SpanRows(InferenceLog(tmp_path / "no"), START, START + DAY)
    rows.reach(START + DAY)
    assert rows.read_new("churn", None) == (None, {"until": (START + DAY).isoformat()})
    assert isinstance(rows.scan("churn"), pa.Table)
