import errno
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.errors import InputError
from mirante.inference_log import segments
from mirante.inference_log.segments import SegmentName, SegmentWriter, list_segments
from mirante.locks import lock
from tests.inference_log.rows import ids, rows


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def writer(folder, clock, **more):
    return SegmentWriter(folder, process="p", clock=clock, **more)


def suffixes(folder):
    return [path.suffix for path in list_segments(folder).values()]


def test_a_plain_arrow_reader_reads_an_open_segment(tmp_path, clock):
    w = writer(tmp_path, clock)
    w.append(rows(range(5)))
    w.append(rows(range(5, 8)))
    w.sync()
    [path] = list_segments(tmp_path).values()
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        assert ids(stream.read_all()) == [f"id{n}" for n in range(8)]
    w.abandon()


@pytest.mark.parametrize("limit", [{"max_rows": 10}, {"max_bytes": 2_000}, {"max_age": 60}])
def test_a_full_segment_is_sealed_and_another_begun(tmp_path, clock, limit):
    w = writer(tmp_path, clock, **limit)
    for begin in range(0, 100, 10):
        w.append(rows(range(begin, begin + 10)))
        w.sync()
        clock.now += 61
        w.tick()
    w.close()
    names = list(list_segments(tmp_path))
    assert len(names) >= 5
    assert set(suffixes(tmp_path)) == {".parquet"}
    assert [name.number for name in names] == list(range(len(names)))
    assert sorted(names) == names


def test_age_seals_without_another_row(tmp_path, clock):
    w = writer(tmp_path, clock, max_age=60)
    w.append(rows([1]))
    w.tick()
    assert suffixes(tmp_path) == [".arrow"]
    clock.now = 60
    w.tick()
    assert suffixes(tmp_path) == [".parquet"]


def test_the_schema_only_grows(tmp_path, clock):
    w = writer(tmp_path, clock)
    w.append(rows([1]))
    w.append(rows([2], y=pa.array(["a"])))
    w.append(rows([3]))
    w.append(rows([4], y=pa.array([5])))
    w.close()
    assert len(list_segments(tmp_path)) == 2
    assert w.schema.field("y").type == pa.string()


def test_rows_without_a_time_are_refused(tmp_path, clock):
    w = writer(tmp_path, clock)
    with pytest.raises(InputError, match="__time"):
        w.append(pa.table({"x": [1]}))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_the_segment_before_the_rows(tmp_path, clock, monkeypatch):
    import os

    w = writer(tmp_path, clock)
    w.append(rows([1]))
    real = os.write
    monkeypatch.setattr("os.write", lambda handle, data: real(handle, bytes(data)[:100]) and _full())
    with pytest.raises(OSError, match="no space"):
        w.append(rows([2]))
    monkeypatch.undo()
    w.append(rows([3]))
    w.close()
    import pyarrow.parquet as pq

    got = [name for path in list_segments(tmp_path).values() for name in ids(pq.read_table(path))]
    assert got == ["id1", "id3"]
    assert set(suffixes(tmp_path)) == {".parquet"}


def _full():
    raise OSError(28, "no space left")


def test_what_a_failing_disk_may_have_forgotten_is_written_anew(tmp_path, clock, monkeypatch):
    w = writer(tmp_path, clock)
    w.append(rows(range(3)))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        for work in (w.sync, w.tick):  # a seal is a whole copy, whose own sync fails as well
            with pytest.raises(OSError, match="input/output"):
                work()
    w.append(rows(range(3, 5)))
    with pytest.raises(OSError, match="not in another file yet"):
        w.sync()
    w.tick()
    w.sync()
    assert suffixes(tmp_path) == [".parquet", ".arrow"]
    sealed, _ = list_segments(tmp_path).values()
    assert ids(pq.read_table(sealed)) == ["id0", "id1", "id2"]
    w.abandon()


def test_a_segment_that_cannot_be_sealed_is_tried_again_a_minute_later(tmp_path, clock, monkeypatch):
    w = writer(tmp_path, clock, max_rows=3)
    w.append(rows(range(3)))
    w.sync()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="input/output"):
            w.tick()
        w.tick()  # not at each
        clock.now += 61
        with pytest.raises(OSError, match="input/output"):
            w.tick()
        w.append(rows(range(3, 6)))
        with pytest.raises(OSError, match="input/output"):
            w.close()
    assert suffixes(tmp_path) == [".arrow", ".arrow"]  # for `repair`
    with next(iter(list_segments(tmp_path).values())).open() as file:
        assert lock(file.fileno()), "nobody holds it any more"


def test_one_that_cannot_be_sealed_does_not_keep_others_waiting(tmp_path, clock, monkeypatch):
    w = writer(tmp_path, clock, max_rows=3)
    w.append(rows(range(3)))
    w.append(rows(range(3, 6)))
    w.sync()
    first, second = list_segments(tmp_path).values()
    seal = segments.seal_segment

    def refuse(path):
        return failing(0) if path == first else seal(path)

    with monkeypatch.context() as patched:
        patched.setattr(segments, "seal_segment", refuse)
        with pytest.raises(OSError, match="input/output"):
            w.tick()
    assert [first.exists(), second.exists()] == [True, False]
    w.close()
    assert suffixes(tmp_path) == [".parquet", ".parquet"]


def failing(handle):
    raise OSError(errno.EIO, "input/output error")


def test_names_sort_and_foreign_files_are_left_out(tmp_path):
    (tmp_path / "20130208T170000000000-p-000001.parquet").touch()
    (tmp_path / "20130208T170000000000-p-000000.arrow").touch()
    (tmp_path / "20130208T170000000000-p-000001.arrow").touch()
    (tmp_path / "notes.parquet").touch()
    (tmp_path / ".20130208T170000000000-p-000002.arrow.new").touch()
    found = [(name.number, path.suffix) for name, path in list_segments(tmp_path).items()]
    assert found == [(0, ".arrow"), (1, ".parquet")]
    assert SegmentName.parse("notes") is None
    assert list_segments(tmp_path / "gone") == {}
