import os
import threading
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from mirante.capture.recorder import Recorder
from mirante.capture.writer import LogWriter, OddRow, WriterSettings
from mirante.errors import MiranteWarning
from mirante.inference_log.reader import InferenceLog


@pytest.fixture
def settings(tmp_path):
    return WriterSettings("m", tmp_path, "1", 60.0, 100_000, 3600.0, lambda: 5.0)


def test_a_clock_that_gives_nonsense_is_replaced_by_the_machines(settings, tmp_path):
    assert settings.now() == 5_000_000
    broken = WriterSettings("m", tmp_path, "1", 60.0, 100_000, 3600.0, lambda: "soon")
    assert broken.now() > 1_000_000_000_000_000


def test_flat_rows_odd_rows_and_batches_all_arrive(settings, tmp_path):
    writer = LogWriter(settings, "p", names=["a"])
    writer.start()
    writer.flat.extend((1, 0.5, None, 5.0, "flat", None))
    writer.odd.append(OddRow({"b": 2}, (0.5, None, 5.0, "odd", "2")))
    table = InferenceLog(tmp_path).scan("m").drop_columns("__version")
    assert table.num_rows == 0
    batch = pa.table({"a": [3], "__id": ["batch"], "__time": pa.array([0], pa.timestamp("us", tz="UTC"))})
    writer.put("1", batch, 10)
    assert writer.flush(10)
    assert (writer.recorded, writer.refused, writer.lost, writer.waiting) == (3, 0, 0, 0)
    assert sorted(InferenceLog(tmp_path).scan("m", columns=["__id"])["__id"].to_pylist()) == [
        "batch",
        "flat",
        "odd",
    ]
    writer.close()
    assert not writer.thread.is_alive()


def test_batches_are_bounded_by_rows_but_for_a_single_large_one(settings):
    writer = LogWriter(settings, "p")
    table = pa.table({"a": [1] * 8})
    writer.put("1", table, 5)
    assert (writer.waiting, writer.refused) == (8, 0)
    writer.put("1", table, 15)
    assert (writer.waiting, writer.refused) == (8, 8)
    writer.put("1", table, 16)
    assert (writer.waiting, writer.refused) == (16, 8)


def test_flush_gives_up_at_its_timeout(settings):
    writer = LogWriter(settings, "p")
    writer.thread = threading.Thread(target=lambda: None)  # one that never answers
    assert not writer.flush(0.01)


def test_closing_from_the_writing_thread_does_not_wait_for_itself(settings):
    writer = LogWriter(settings, "p")
    writer.thread = threading.current_thread()
    writer.close()
    assert writer.closed


def test_a_disk_that_fills_and_is_freed(tmp_path, monkeypatch):
    real = os.write
    full = threading.Event()

    def write(handle, data):
        if full.is_set() and len(data) > 100:
            raise OSError(28, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr("os.write", write)
    with Recorder("m", tmp_path, flush_interval=60) as recorder:
        recorder.log({"a": 1}, 0)
        assert recorder.flush(10)
        full.set()
        recorder.log({"a": 2}, 0)
        with pytest.warns(MiranteWarning, match="No space left on device"):
            assert not recorder.flush(10)
        full.clear()
        recorder.log({"a": 3}, 0)
        assert recorder.flush(10)
        assert (recorder.recorded, recorder.dropped) == (2, 1)
    told = InferenceLog(tmp_path).dropped("m", datetime(2013, 2, 8, tzinfo=UTC))
    assert told == (1, "[Errno 28] No space left on device")
    assert InferenceLog(tmp_path).scan("m", columns=["a"])["a"].to_pylist() == [1, 3]


def test_a_sync_that_fails_is_told_by_flush(tmp_path, monkeypatch):
    def fail(handle):
        raise OSError(5, "Input/output error")

    with Recorder("m", tmp_path, flush_interval=60) as recorder:
        monkeypatch.setattr("os.fsync", fail)
        recorder.log({"a": 1}, 0)
        with pytest.warns(MiranteWarning, match="Input/output error"):
            assert not recorder.flush(10)
        monkeypatch.undo()
        assert recorder.flush(10)
        assert recorder.dropped == 0
