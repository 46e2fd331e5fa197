"""What is counted elsewhere and brought here is what is counted here."""

import pickle

import pyarrow as pa
import pytest

from mirante.capture.recorder import Recorder
from mirante.inference_log.kinds import ROWS
from mirante.monitors.counting import WindowCounter
from mirante.monitors.limits.duplicates import DistinctRows
from mirante.monitors.openwindow import OpenWindow
from mirante.monitors.slices.resolving import resolve

from .conftest import make_rows


@pytest.fixture
def rows(config, log):
    for day in range(2):
        features, predictions, times = make_rows(day, 300)
        with Recorder(config.model, config.log, version="1") as recorder:
            recorder.log(features, predictions, 0.25, id=[f"{day}-{n}" for n in range(300)], time=times)
    return log.read_new(config.model, None)[0]


@pytest.fixture
def counter(config, baseline):
    resolved = resolve(["plan"], baseline, config.model)
    return WindowCounter("1", config.clock(), baseline, resolved, "signature")


def whole(window, subject="model/churn@champion"):
    return window.to_row(subject, "1", closed=False, verdict=None)


def test_a_row_brings_all_that_was_counted(rows, counter):
    for counted in counter.count(rows):
        again = counter.from_row(counter.to_row(4, counted))
        assert (again.window, again.newest) == (counted.window, counted.newest)
        assert whole(again.filled) == whole(counted.filled)
        assert again.slices.keys() == counted.slices.keys()
        assert [one.to_bytes() for one in again.slices.values()] == [
            one.to_bytes() for one in counted.slices.values()
        ]


def test_another_machine_counts_alike(rows, counter):
    there = pickle.loads(pickle.dumps(counter))
    assert [there.to_row(0, one) for one in there.count(rows)] == [
        counter.to_row(0, one) for one in counter.count(rows)
    ]


def test_rows_of_other_versions_are_passed_over(rows, counter):
    other = rows.set_column(rows.column_names.index("__version"), "__version", pa.array(["2"] * 600))
    assert list(counter.count(other)) == []


def test_parts_of_a_window_add_up(rows, counter, baseline):
    stands = pa.array([3] * 10 + [None] * 590, pa.int64())
    rows = rows.append_column(ROWS, stands)
    (window, part), *_ = counter.cut(rows)
    here = OpenWindow.empty(window, baseline, "signature")
    there = OpenWindow.empty(window, baseline, "signature")
    for start in range(0, 300, 100):
        here.add(part.slice(start, 100), baseline)
        one = OpenWindow.empty(window, baseline)
        one.add(part.slice(start, 100), baseline)
        one.faults = {"count": 1}
        there.merge(one)
    assert there.faults == {"count": 3}
    there.faults = {}
    assert whole(there) == whole(here)
    assert here.passed == 20
    assert there.touched


def test_where_copies_were_not_counted_they_are_not_added(rows, counter, baseline):
    (window, part), *_ = counter.cut(rows)
    older = OpenWindow(
        window, baseline.profile.empty(baseline.profile), OpenWindow.empty(window, baseline).latency
    )
    one = OpenWindow.empty(window, baseline)
    one.add(part, baseline)
    older.merge(one)
    assert older.distinct is None
    assert older.rows == 300
    one.distinct = None
    row = counter.to_row(0, next(counter.count(rows)))
    assert counter.from_row(row).filled.distinct is not None
    assert DistinctRows().rows == 0
