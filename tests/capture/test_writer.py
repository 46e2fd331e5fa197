import os
import threading
import warnings
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


def test_a_folder_that_cannot_be_made_stops_nobody_and_is_taken_up_when_it_can(tmp_path):
    (tmp_path / "log").write_text("a file where the folder belongs")
    with Recorder("m", tmp_path / "log", flush_interval=60) as recorder:
        ids = [recorder.log({"a": number}, 0) for number in range(3)]
        with pytest.warns(MiranteWarning, match="cannot write .*; rows are dropped, 3 so far"):
            assert not recorder.flush(10)
        assert len(set(ids)) == 3
        (tmp_path / "log").unlink()
        recorder.log({"a": 3}, 0)
        with pytest.warns(MiranteWarning, match="'m' writes again; 3 rows were dropped"):
            assert recorder.flush(10)
        assert (recorder.recorded, recorder.dropped) == (1, 3)
    log = InferenceLog(tmp_path / "log")
    assert log.scan("m", columns=["a"])["a"].to_pylist() == [3]
    assert log.dropped("m", datetime(2013, 2, 8, tzinfo=UTC)).rows == 3


def test_a_missing_permission_or_a_read_only_disk_is_told_and_taken_up_again(tmp_path, monkeypatch):
    real, wrong = os.open, [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")]

    def open_(path, flags, *more, **named):
        if wrong and flags & os.O_CREAT:
            raise wrong[0]
        return real(path, flags, *more, **named)

    monkeypatch.setattr("os.open", open_)
    with Recorder("m", tmp_path, flush_interval=60) as recorder:
        for said in ("Permission denied", "Read-only file system"):
            recorder.log({"a": 1}, 0)
            with pytest.warns(MiranteWarning, match=said):
                assert not recorder.flush(10)
            wrong.pop(0)
        recorder.log({"a": 2}, 0)
        assert recorder.flush(10)
        assert (recorder.recorded, recorder.dropped) == (1, 2)


@pytest.mark.parametrize(("again", "lines"), [(60.0, 1), (0.0, 3)])
def test_trouble_that_lasts_is_told_once_a_minute(tmp_path, monkeypatch, again, lines):
    monkeypatch.setattr("mirante.capture.writer._AGAIN", again)
    (tmp_path / "log").write_text("")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with Recorder("m", tmp_path / "log", flush_interval=60) as recorder:
            for number in range(3):
                recorder.log({"a": number}, 0)
                assert not recorder.flush(10)
            told = [str(each.message) for each in said if "cannot write" in str(each.message)]
            assert len(told) == lines
            assert "1 so far" in told[0]


@pytest.mark.parametrize("jump", [-86_400.0, -1e9, 400 * 86_400.0])
def test_a_clock_that_is_set_loses_no_row_and_brings_none_twice(tmp_path, jump):
    now = [1_767_225_600.0]
    with Recorder("m", tmp_path, segment_rows=7, clock=lambda: now[0], flush_interval=60) as recorder:
        cursor, got = None, []
        for number in range(40):
            now[0] += jump if number == 20 else 1.0
            recorder.log({"a": number}, 0)
            if number % 5 == 0:
                assert recorder.flush(10)
                table, cursor = InferenceLog(tmp_path).read_new("m", cursor)
                got += table["a"].to_pylist()
    table, cursor = InferenceLog(tmp_path).read_new("m", cursor)
    assert got + table["a"].to_pylist() == list(range(40))
    assert InferenceLog(tmp_path).read_new("m", cursor)[0] is None
    assert (recorder.recorded, recorder.dropped) == (40, 0)
