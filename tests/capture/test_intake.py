"""From exchanges to rows: nothing that a client sends, and nothing that a disk does, reaches who answers."""

import errno
import logging
import os
import threading
import time
from datetime import UTC, datetime

import pytest

from mirante.capture.intake import Batch, Exchange, Intake
from mirante.capture.recorder import Recorder
from mirante.capture.scoring import SkippedError
from mirante.capture.signature import InputColumn, Signature
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.tallies import Tally

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def exchange(number=0, *, status=200, body=b"{}"):
    return Exchange(f"r{number}", 1e9 + number, 0.004, status, "application/json", [body], [b"{}"])


def one_row(_):
    return Batch({"x": [1.0]}, [0.5], 1)


@pytest.fixture
def made(tmp_path):
    """Makes an intake over a recorder; both are closed at the end."""
    parts = []

    def make(read=one_row, **options):
        recorder = Recorder("m", tmp_path, version="3", flush_interval=0.05)
        intake = Intake(recorder, "m", read, **options)
        parts.extend((intake, recorder))
        return intake, recorder

    yield make
    for part in parts:
        part.close()


def rows(root):
    table = InferenceLog(root).scan("m")
    return {} if table is None else dict(zip(table["__id"].to_pylist(), table.to_pylist(), strict=True))


def number_of(intake, line):
    found = [one for one in intake.metrics.render().decode().splitlines() if one.startswith(line)]
    return sum(float(one.rpartition(" ")[2]) for one in found)


def test_a_row_keeps_time_latency_and_id_and_a_batch_gets_an_id_a_row(tmp_path, made):
    def read(one):
        many = one.id == "r1"
        return Batch({"x": [1.0, 2.0]}, [0.1, 0.2], 2) if many else Batch({"x": [3.0]}, [0.3], 1)

    intake, recorder = made(read)
    assert intake.put(exchange(0))
    assert intake.put(exchange(1))
    intake.close()
    recorder.close()
    found = rows(tmp_path)
    assert list(found) == ["r0", "r1.0", "r1.1"]
    assert found["r1.1"]["__prediction"] == 0.2
    assert found["r1.1"]["__time"] == datetime.fromtimestamp(1e9 + 1, UTC)
    assert found["r0"]["__latency"] == 0.004
    assert number_of(intake, "mlflow_model_predictions_total") == 3
    assert number_of(intake, "mlflow_prediction_latency_seconds_count") == 2


def test_errors_are_counted_and_told_beside_the_log(tmp_path, made):
    intake, recorder = made()
    for status in (400, 400, 504):
        intake.put(exchange(status=status))
    intake.fail("ValueError")
    intake.close()
    recorder.close()
    assert rows(tmp_path) == {}
    assert InferenceLog(tmp_path).tally("m", "3", ALWAYS) == Tally({"400": 2, "504": 1, "ValueError": 1})
    assert number_of(intake, 'prediction_errors_total{model="m",status="400"}') == 2


def test_a_living_process_notes_its_counts_again_lest_they_be_forgotten(tmp_path, made):
    now = [1e9]
    intake, recorder = made(clock=lambda: now[0])
    intake.fail("ValueError")
    intake._look()
    (noted,) = recorder.folder.glob(".served-*")
    assert noted.read_text().startswith("[1000000000.0")
    for after, begin in ((3600, "[1000000000.0"), (2 * 86_400, "[1000172800.0")):
        now[0] = 1e9 + after
        intake._look()
        assert noted.read_text().startswith(begin)


def test_what_breaks_the_signature_is_counted_also_when_the_answer_is_an_error(tmp_path, made):
    def read(one):
        right = one.status == 200
        return Batch({"x": ["a"], "z": [1]} if right else {"x": [None]}, [1.0] if right else None, 1)

    signature = Signature([InputColumn("x", "double"), InputColumn("y", "string")])
    intake, recorder = made(read, signature=signature)
    intake.put(exchange(0))
    intake.put(exchange(1, status=400))
    intake.close()
    recorder.close()
    told = InferenceLog(tmp_path).tally("m", "3", ALWAYS)
    assert told.violations == {("x", "type"): 1, ("y", "missing"): 2, ("z", "extra"): 1, ("x", "null"): 1}
    assert number_of(intake, 'signature_violations_total{feature="y",kind="missing",model="m"}') == 2
    assert rows(tmp_path)["r0"]["x"] is None, "text in a column of numbers would turn all of it into text"


def test_clients_cannot_make_names_without_end(tmp_path, made):
    names = iter(range(10_000))

    def read(_):
        extra = {f"\x00{next(names)}" + "y" * 300: [1] for _ in range(50)}
        return Batch({"x": [1.0], **extra}, [0.5], 1)

    intake, recorder = made(read, signature=Signature([InputColumn("x", "double")]))
    for number in range(10):
        intake.put(exchange(number))
    intake.close()
    recorder.close()
    told = InferenceLog(tmp_path).tally("m", "3", ALWAYS).violations
    assert len(told) == 201
    assert told["(others)", "extra"] == 300
    assert max(len(name) for name, _ in told) <= 200
    assert not any("\x00" in name for name, _ in told)


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda _: (_ for _ in ()).throw(SkippedError("columns")), "columns"),
        (lambda _: 1 / 0, "unreadable"),
        (lambda _: Batch({"x": [1, 2]}, [1], 2), "rows"),
    ],
)
def test_what_cannot_be_recorded_is_counted_by_its_reason(tmp_path, made, read, reason):
    intake, recorder = made(read)
    intake.put(exchange())
    intake.close()
    recorder.close()
    assert rows(tmp_path) == {}
    assert recorder.dropped == 1
    assert InferenceLog(tmp_path).dropped("m", ALWAYS).rows == 1
    assert number_of(intake, f'monitor_dropped_total{{model="m",reason="{reason}"}}') == 1
    assert number_of(intake, "monitor_dropped_total") == 1, "counted once"
    assert number_of(intake, "mlflow_model_predictions_total") == 1


def test_over_the_bound_in_bytes_exchanges_are_dropped_and_counted_and_then_taken_again(tmp_path, made):
    gate = threading.Event()

    def read(one):
        gate.wait(20)
        return one_row(one)

    intake, recorder = made(read, max_bytes=5_000)
    taken = [intake.put(exchange(number, body=b"x" * 1_000)) for number in range(10)]
    assert taken == [True] * 3 + [False] * 7, "1,502 bytes each"
    gate.set()
    deadline = time.monotonic() + 20
    while not intake.put(exchange(99, body=b"x" * 1_000)) and time.monotonic() < deadline:
        time.sleep(0.01)
    intake.close()
    recorder.close()
    kept = rows(tmp_path)
    assert {"r0", "r1", "r2", "r99"} == set(kept)
    dropped = number_of(intake, 'monitor_dropped_total{model="m",reason="queue"}')
    assert dropped == recorder.dropped >= 7
    assert number_of(intake, "mlflow_model_predictions_total") == dropped + 4


def test_many_that_wait_are_read_in_slices_and_each_is_counted_once(tmp_path, made):
    def read(one):
        if one.id == "r7":
            raise ValueError("this one cannot be read")
        time.sleep(0.0002)  # so that a slice of half a millisecond holds a few
        return one_row(one)

    intake, recorder = made(read, pause=0.02)
    for number in range(40):
        assert intake.put(exchange(number))
    intake.close()
    recorder.close()
    assert number_of(intake, "mlflow_model_predictions_total{") == 40, "the one that is not recorded, too"
    assert number_of(intake, "monitor_dropped_total{") == 1
    assert intake._waiting == 0, "room for as many bytes is there again"
    assert rows(tmp_path).keys() == {f"r{number}" for number in range(40)} - {"r7"}


def test_a_flush_waits_for_all_that_was_put_and_no_longer_than_it_may(made):
    go = threading.Event()

    def read(_):
        go.wait(20)
        return Batch({"x": [1.0]}, [0.5], 1)

    intake, recorder = made(read)
    assert intake.flush(0.0)  # nothing was put yet, and there is no thread
    intake.put(exchange())
    assert not intake.flush(0.0)
    go.set()
    assert intake.flush(20)
    assert recorder.flush(20)
    assert recorder.recorded == 1
    intake.close()
    assert intake.flush(0.0)


def test_after_the_end_exchanges_are_dropped_and_nothing_is_raised(made):
    intake, _ = made()
    intake.put(exchange())
    intake.close()
    intake.close()
    assert not intake.put(exchange(1))
    assert number_of(intake, 'monitor_dropped_total{model="m",reason="queue"}') == 1


@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")
def test_a_full_disk_costs_rows_and_one_line_and_is_over_when_there_is_room_again(
    tmp_path, made, monkeypatch, caplog
):
    full = threading.Event()
    real = os.write

    def write(handle, data):
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data)

    monkeypatch.setattr("mirante.inference_log.segments.os.write", write)
    caplog.set_level(logging.WARNING, logger="mirante.capture")
    intake, recorder = made()
    full.set()
    for number in range(5):
        intake.put(exchange(number))
    deadline = time.monotonic() + 20
    while number_of(intake, 'monitor_dropped_total{model="m",reason="log"}') < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    full.clear()
    intake.put(exchange(10))
    intake.close()
    recorder.close()
    assert set(rows(tmp_path)) == {"r10"}
    assert recorder.dropped == 5
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert "No space left on device" in lines[0]
    assert "serving goes on" in lines[0]


@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")
def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path, made):
    (tmp_path / "m").write_text("a file where the folder should be")
    intake, recorder = made()
    assert intake.put(exchange())
    intake.fail("500")
    intake.close()
    recorder.close()
    assert recorder.dropped == 1


@pytest.mark.parametrize("jump", [-1e9, 1e9, float("nan")])
def test_a_clock_that_jumps_stops_nothing(tmp_path, jump):
    now = [1.6e9]
    recorder = Recorder("m", tmp_path, version="3", clock=lambda: now[0])
    intake = Intake(recorder, "m", one_row, clock=lambda: now[0])
    intake.put(exchange(0))
    now[0] += jump
    intake.put(exchange(1))
    intake.put(exchange(2, status=500))
    intake.close()
    recorder.close()
    assert set(rows(tmp_path)) == {"r0", "r1"}


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_counts_and_records_by_itself(tmp_path, made):
    intake, recorder = made()
    intake.put(exchange(0))
    child = os.fork()
    if child == 0:
        intake.put(exchange(1))
        intake.close()
        recorder.close()
        os._exit(0)
    os.waitpid(child, 0)
    intake.put(exchange(2))
    intake.close()
    recorder.close()
    assert set(rows(tmp_path)) == {"r0", "r1", "r2"}
