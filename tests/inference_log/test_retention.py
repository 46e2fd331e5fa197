from datetime import UTC, datetime, timedelta

import pytest

from mirante.errors import ConflictError
from mirante.inference_log import requests
from mirante.inference_log.names import make_named_folder
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.segments import SegmentWriter
from tests.inference_log.rows import ids, rows

DAY = 86_400
START = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def log(tmp_path):
    """Ten days, a segment each; the last one is written still."""
    folder = make_named_folder(make_named_folder(tmp_path, "m"), "1")
    now = [0.0]
    writer = SegmentWriter(folder, process="p", clock=lambda: now[0])
    for day in range(10):
        now[0] = day * DAY
        writer.append(rows([day], seconds=[day * DAY]))
        if day < 9:
            writer.close()
    writer.sync()
    yield InferenceLog(tmp_path)
    writer.close()


def left(log):
    return ids(log.scan("m"))


def test_rows_that_are_too_old_go(log):
    kept = log.retain("m", START + timedelta(days=9), older_than=timedelta(days=3))
    assert (kept.segments, kept.rows) == (6, 6)
    assert left(log) == ["id6", "id7", "id8", "id9"]
    assert kept.left_bytes == sum(
        p.stat().st_size for p in log.root.rglob("*") if p.suffix in {".arrow", ".parquet"}
    )
    assert log.retain("m", START + timedelta(days=9), older_than=timedelta(days=3)).segments == 0


def test_an_import_of_old_rows_is_as_old_as_its_recording(log, tmp_path):
    folder = tmp_path / "m" / "1"
    writer = SegmentWriter(folder, process="q", clock=lambda: 9.0 * DAY)
    writer.append(rows([50], seconds=[5]))
    writer.close()
    log.retain("m", START + timedelta(days=9), older_than=timedelta(days=3))
    assert "id50" in left(log)


def test_the_oldest_go_until_it_is_small_enough_and_the_open_segment_stays(log):
    sizes = [path.stat().st_size for path in sorted(log.root.rglob("*.parquet"))]
    everything = log.retain("m", START).left_bytes
    kept = log.retain("m", START, max_bytes=everything - sizes[0] - 1)
    assert kept.segments == 2
    assert left(log) == [f"id{n}" for n in range(2, 10)]
    log.retain("m", START, max_bytes=0)
    assert left(log) == ["id9"]


def test_a_reader_that_is_behind_goes_on(log):
    table, cursor = log.read_new("m", None, limit_rows=1)
    log.retain("m", START, max_bytes=0)
    table, cursor = InferenceLog(log.root).read_new("m", cursor)
    assert ids(table) == ["id9"]
    assert log.read_new("m", cursor)[0] is None


def test_kept_copies_of_damaged_segments_go_by_age_and_other_models_stay(log, tmp_path):
    copy = tmp_path / "m" / "1" / "19700101T000000000000-q-000000.arrow.damaged"
    copy.write_bytes(b"x")
    assert log.retain("other", datetime.now(UTC), max_bytes=0) == (
        log.retain("nobody", datetime.now(UTC), older_than=timedelta(0))
    )
    log.retain("m", datetime.now(UTC) + timedelta(days=2), older_than=timedelta(days=1))
    assert not copy.exists()
    assert left(log) == ["id9"]


def test_it_waits_for_a_deletion(log):
    with requests.alone(log.root), pytest.raises(ConflictError):
        log.retain("m", START, max_bytes=0)
