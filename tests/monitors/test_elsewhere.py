"""Rows that Spark's workers count: the store is as it is without Spark, byte for byte."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from mirante.capture.recorder import Recorder
from mirante.errors import InputError
from mirante.inference_log.reader import InferenceLog
from mirante.monitors import elsewhere
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.batch import BatchRows
from mirante.monitors.config import ModelConfig
from mirante.monitors.counting import WindowCounter, added
from mirante.monitors.elsewhere import SparkCounting, add_rows, count_batches, count_step
from mirante.monitors.model import ModelMonitor
from mirante.monitors.slices.resolving import resolve
from mirante.monitors.tables.rows import JudgedRows
from mirante.monitors.tables.watch import TableWatch
from mirante.sources.rows import parquet
from mirante.sources.rows.opening import open_source
from mirante.sources.spark.config import SparkConfig
from mirante.sources.spark.session import SparkEngine
from mirante.store import Store

from .conftest import START, make_rows
from .test_tables import config_of, write

DAY = timedelta(days=1)


class InThisProcess:
    """A Spark whose workers are this process; what they are sent is pickled all the same."""

    processors = 2

    def __init__(self):
        self.jobs = 0

    def run(self, work, known, tasks, schema):
        self.jobs += 1
        sent = pickle.loads(pickle.dumps(known))
        return [row for place in range(tasks) for row in work(place, sent)]


@pytest.fixture(params=["here", "spark"])
def engine(request):
    """Both ways: all of the logic without Java, and once for each on a real Spark."""
    if request.param == "here":
        yield InThisProcess()
        return
    request.getfixturevalue("spark")
    with SparkEngine(SparkConfig(master="local[2]")) as found:
        yield found


def kept(file):
    """Return each row of each table of a store, but baselines, whose files know when they were made."""
    with closing(sqlite3.connect(file)) as known:
        tables = [name for (name,) in known.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: known.execute(f'SELECT * FROM "{name}"').fetchall() for name in sorted(tables)}
    return {name: [row for row in some if "baseline/" not in str(row[0])] for name, some in rows.items()}


def record(config, day, count=900, **more):
    features, predictions, times = make_rows(day, count, **more)
    with Recorder(config.model, config.log, version="1") as recorder:
        recorder.log(features, predictions, 0.002, id=[f"{day}-{one}" for one in range(count)], time=times)


def both(tmp_path, make, moments):
    """Return what two stores hold after the same steps, one with and one without Spark."""
    found = []
    for name in ("local", "spark"):
        file = tmp_path / f"{name}.db"
        with Store(f"sqlite:///{file}") as store:
            advance = make(store, spark=name == "spark")
            for moment in moments:
                advance(moment)
        found.append(kept(file))
    return found


def test_an_inference_log(engine, tmp_path, monkeypatch, config):
    monkeypatch.setitem(InferenceLog.plan.__kwdefaults__, "limit_rows", 700)
    monkeypatch.setitem(InferenceLog.read_new.__kwdefaults__, "limit_rows", 700)
    features, predictions, times = make_rows(-2, 600, seed=1)
    base = ModelBaseline.fit(features, predictions, times, clock=config.clock(), slices=["plan", "age >= 50"])
    for day in range(3):
        record(config, day, shift=4.0 * day)

    def make(store, *, spark):
        counting = SparkCounting(engine) if spark else None
        return ModelMonitor(config, "1", base, store, InferenceLog(config.log), spark=counting).advance

    local, there = both(tmp_path, make, [START + 2 * DAY, START + 9 * DAY])
    assert len(local["mirante_windows"]) > 3
    assert len(local["mirante_slice_windows"]) > 6
    assert there == local


def test_a_folder_of_a_table(tmp_path, monkeypatch):
    engine = InThisProcess()
    monkeypatch.setattr(parquet, "_BYTES", 1_200)  # several steps a file, several jobs
    config = config_of(tmp_path, baseline="first 2 windows", engine="spark")
    for day in range(5):
        write(tmp_path, day, shift=3.0 * (day > 3))

    def make(store, *, spark):
        return TableWatch(config, store, spark=SparkCounting(engine) if spark else None).advance

    local, there = both(tmp_path, make, [START + 9 * DAY])
    assert len(local["mirante_windows"]) >= 3
    assert engine.jobs > 1
    assert there == local


def counter_of(config, baseline):
    return WindowCounter("1", config.clock(), baseline, resolve(None, baseline, config.model))


def test_rows_that_a_segment_still_writes_are_read_here(tmp_path, store, config, baseline):
    features, predictions, times = make_rows(0, 300)
    record(config, 1, 200)
    engine = InThisProcess()
    with Recorder(config.model, config.log, version="1", flush_interval=0.02) as recorder:
        recorder.log(features, predictions, 0.002, id=[f"o{one}" for one in range(300)], time=times)
        recorder.flush()
        log = InferenceLog(config.log)
        assert log.plan(config.model, None).rows == 200
        monitor = ModelMonitor(config, "1", baseline, store, log, spark=SparkCounting(engine))
        assert monitor.advance(START + DAY / 2).rows == 500
    assert monitor.advance(START + DAY / 2).rows == 0, "sealed now, and read already"
    assert engine.jobs == 1


def test_a_step_that_is_not_as_planned_is_taken_here(store, config, baseline):
    record(config, 0)

    class Rewritten(InThisProcess):
        def run(self, work, known, tasks, schema):
            pieces = (("1", "1", "20130208T170000000000-p-0", 0, 900),)
            return list(count_step(0, (pieces, 900), "churn", *known))

    spark = SparkCounting(Rewritten())
    monitor = ModelMonitor(config, "1", baseline, store, InferenceLog(config.log), spark=spark)
    with capture_logs() as said:
        assert monitor.advance(START + DAY / 2).rows == 900
    assert said[0]["reason"].startswith("InputError: "), said


def test_files_that_workers_do_not_have_are_an_error_that_says_so(store, tmp_path, config, baseline):
    class Elsewhere(InThisProcess):
        def run(self, work, known, tasks, schema):
            (tmp_path / "orders" / "day=000" / "part.parquet").unlink()
            return super().run(work, known, tasks, schema)

    write(tmp_path, 0)
    rows = open_source(config_of(tmp_path).source)
    spark = SparkCounting(Elsewhere())
    with pytest.raises(InputError, match="a worker of Spark cannot read the rows of orders: FileNotFound"):
        next(spark.new(JudgedRows(rows, "1", None), "orders", None, counter_of(config, baseline)))


def test_a_model_that_is_scored_in_batches(store, tmp_path, baseline):
    features, predictions, times = make_rows(0, 400)
    frame = features.assign(score=predictions, at=times, row=np.arange(400).astype(str))
    (tmp_path / "scores").mkdir()
    frame.to_parquet(tmp_path / "scores" / "a.parquet")
    source = {"parquet": "scores", "time": "at", "prediction": "score", "id": "row"}
    config = ModelConfig(model="churn", source=source, window="1d", engine="spark").within(tmp_path)
    batch = BatchRows(open_source(config.source), store, config.subject, version="1")
    engine = InThisProcess()
    monitor = ModelMonitor(config, "1", baseline, store, batch, spark=SparkCounting(engine))
    assert monitor.advance(START + DAY / 2).rows == 400
    assert engine.jobs == 1


def test_rows_of_a_database_are_left_to_this_process(config, baseline):
    class Plain:
        root = "x"

    spark = SparkCounting(InThisProcess())
    assert list(spark.new(Plain(), "orders", None, counter_of(config, baseline))) == []


def test_a_look_that_is_never_as_planned_is_taken_here(store, config, baseline, monkeypatch):
    monkeypatch.setitem(InferenceLog.plan.__kwdefaults__, "limit_rows", 100)
    monkeypatch.setitem(InferenceLog.read_new.__kwdefaults__, "limit_rows", 100)
    record(config, 0)

    class Odd(InThisProcess):
        def run(self, work, known, tasks, schema):
            self.jobs += 1
            return [(place, *[None] * 9, "OSError: no") for place in range(tasks)]

    engine = Odd()
    monitor = ModelMonitor(
        config, "1", baseline, store, InferenceLog(config.log), spark=SparkCounting(engine)
    )
    assert monitor.advance(START + DAY / 2).rows == 900
    assert engine.jobs == 3


def test_a_file_that_is_damaged_waits(store, tmp_path, config, baseline):
    write(tmp_path, 0)
    rows = JudgedRows(open_source(config_of(tmp_path).source), "1", None)

    class Damaged(InThisProcess):
        def run(self, work, known, tasks, schema):
            (tmp_path / "orders" / "day=000" / "part.parquet").write_bytes(b"PAR1")
            return super().run(work, known, tasks, schema)

    spark = SparkCounting(Damaged())
    with capture_logs() as said:
        (found,) = spark.new(rows, "orders", None, counter_of(config, baseline))
    assert found[0] is None
    assert "was rewritten meanwhile" in said[0]["reason"]


class AsItIs:
    """Shapes nothing: the rows have the columns of the log."""

    def shaped(self, raw):
        return raw


def test_parts_of_a_table_are_counted_and_added_up_by_workers(config, log, baseline, monkeypatch):
    monkeypatch.setattr(elsewhere, "_HELD", 1)
    for day in range(3):
        record(config, day, 300)
    rows = log.read_new(config.model, None)[0]
    counter = counter_of(config, baseline)
    batches = [rows.slice(start, 200).combine_chunks().to_batches()[0] for start in range(0, 900, 200)]
    found = list(count_batches(iter(batches), (AsItIs(), counter)))
    assert len(found) == 3, "the oldest is handed on when the next window comes"
    found += list(count_batches(iter(batches), (AsItIs(), counter)))
    shape = pa.record_batch(
        {str(place): list(column) for place, column in enumerate(zip(*found, strict=True))}
    )
    whole = [counter.from_row(row) for row in add_rows(iter([shape]), (None, counter))]
    assert [one.filled.rows for one in whole] == [600, 600, 600]
    once = [one.filled.profile for one in counter.count(rows)]
    assert [one.filled.profile for one in whole] == [one + one for one in once]


def test_what_a_worker_refuses_is_handed_on(config, baseline):
    refused = pa.record_batch({str(place): [None] for place in range(10)} | {"error": ["another version"]})
    assert list(add_rows(iter([refused]), (None, counter_of(config, baseline)))) == [
        (*[None] * 10, "another version")
    ]


def test_rows_that_others_counted_of_one_window_are_one(config, log, sliced_rows):
    counter, rows = sliced_rows
    parts = [one for start in (0, 100, 200) for one in counter.count(rows.slice(start, 100))]
    (one,), (whole,) = added(parts), counter.count(rows)
    assert one.filled.profile == whole.filled.profile
    assert one.newest == whole.newest
    assert one.slices == whole.slices


@pytest.fixture
def sliced_rows(config, log):
    features, predictions, times = make_rows(-1, 1_500)
    base = ModelBaseline.fit(features, predictions, times, clock=config.clock(), slices=["plan"])
    record(config, 0, 300)
    return counter_of(config, base), log.read_new(config.model, None)[0]
