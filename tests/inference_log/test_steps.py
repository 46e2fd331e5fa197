"""Steps: what would be read next is what is read, also where rows were deleted, and elsewhere."""

import pickle

import pytest

from mirante.capture.recorder import Recorder
from mirante.errors import InputError
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.steps import Step


def record(root, start, count):
    with Recorder("m", root, version="1") as recorder:
        for number in range(start, start + count):
            recorder.log({"x": float(number)}, 0.5, 0.1, id=f"id{number}")


def walk(log, most):
    """Return what is planned and what is read, step by step."""
    cursor, pairs = None, []
    while step := log.plan("m", cursor, limit_rows=most):
        table, following = log.read_new("m", cursor, limit_rows=most)
        assert (step.rows, step.cursor) == (table.num_rows, following)
        pairs.append((log.read_step("m", step), table))
        cursor = step.cursor
    return cursor, pairs


@pytest.mark.parametrize("most", [7, 30, 1_000])
def test_what_is_planned_is_what_is_read(tmp_path, most):
    record(tmp_path, 0, 25)
    record(tmp_path, 25, 20)
    log = InferenceLog(tmp_path)
    log.delete(["id3", "id30"], models=["m"], by="ana")
    cursor, pairs = walk(log, most)
    assert all(planned.equals(read) for planned, read in pairs)
    assert sum(read.num_rows for _, read in pairs) == 43
    assert log.read_new("m", cursor)[0] is None


def test_a_log_reads_elsewhere_what_was_planned_here(tmp_path):
    record(tmp_path / "log", 0, 5)
    log = InferenceLog(tmp_path / "log", f"file://{tmp_path}/archive")
    step = log.plan("m", None)
    other = pickle.loads(pickle.dumps(log))
    assert other.archive.name == log.archive.name
    assert other.read_step("m", step).equals(log.read_new("m", None)[0])


def test_rows_that_are_gone_are_said(tmp_path):
    record(tmp_path, 0, 5)
    log = InferenceLog(tmp_path)
    step = log.plan("m", None)
    with pytest.raises(InputError, match="has no longer the 6 rows that it had"):
        log.read_step("m", Step(((*step.pieces[0][:4], 6),), 6, {}))
    with pytest.raises(InputError, match="has no longer the 5 rows"):
        log.read_step("m", Step((("1", "1", "nothing", 0, 5),), 5, {}))
