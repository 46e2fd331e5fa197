from datetime import UTC, datetime

import pytest

from mirante.capture.recorder import Recorder
from mirante.inference_log.names import make_named_folder
from mirante.inference_log.places import version_folders
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.segments import SegmentWriter
from tests.inference_log.rows import rows


@pytest.fixture
def log(tmp_path):
    for process, numbers in (("p", range(15_000)), ("q", range(15_000, 15_010))):
        writer = SegmentWriter(
            make_named_folder(make_named_folder(tmp_path, "a/b"), "2"), process=process, clock=lambda: 0.0
        )
        writer.append(rows(numbers))
        writer.sync()
        if process == "p":
            writer.close()
    yield InferenceLog(tmp_path)
    writer.close()


def test_what_a_log_has(log, tmp_path):
    with Recorder("other", tmp_path, capacity=1) as recorder:
        recorder.log({"x": 1}, 0)
    [one, other] = log.stat()
    assert (one.model, one.version, one.rows, one.open, one.sealed, one.damaged) == (
        "a/b",
        "2",
        15_010,
        1,
        1,
        0,
    )
    assert (one.first, one.last) == (
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 4, 10, 9, tzinfo=UTC),
    )
    assert one.bytes_per_row == one.bytes / 15_010
    assert (other.rows, other.deleted, other.dropped) == (1, 0, 0)
    assert log.stat(["other"]) == [other]
    assert one.to_dict()["last"] == "1970-01-01T04:10:09+00:00"
    log.delete(["id3"], by="me")
    assert (log.stat(["a/b"])[0].rows, log.stat(["a/b"])[0].deleted) == (15_009, 1)


def test_an_empty_version_has_no_times(tmp_path):
    make_named_folder(make_named_folder(tmp_path, "m"), "1")
    [found] = InferenceLog(tmp_path).stat()
    assert (found.rows, found.first, found.to_dict()["bytes_per_row"]) == (0, None, None)
    assert list(version_folders(tmp_path / "not there")) == []


def test_damage_is_named_by_file_and_batch_and_the_rest_is_read(log, tmp_path):
    assert log.verify() == []
    [sealed], [stream] = tmp_path.rglob("*.parquet"), tmp_path.rglob("*.arrow")
    for path, place in ((sealed, 3_000), (stream, -200)):
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        path.write_bytes(data)
    found = InferenceLog(tmp_path).verify(["a/b"])
    assert len(found) == 2
    assert f"{sealed}: 10000 rows of group 0 left out" in found[0]
    assert f"{stream}: bytes " in found[1]
    assert InferenceLog(tmp_path).scan("a/b").num_rows == 5_000
