import errno
import os

import pytest

from mirante.inference_log.repair import repair
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import SegmentWriter, list_segments, seal_segment
from mirante.inference_log.stream import StreamFile
from tests.inference_log.rows import ids, rows


@pytest.fixture
def dead(tmp_path):
    """A segment of three batches whose writer is gone."""
    w = SegmentWriter(tmp_path, process="p", clock=lambda: 0.0)
    for begin in (0, 10, 20):
        w.append(rows(range(begin, begin + 10)))
    w.sync()
    w.abandon()
    [path] = list_segments(tmp_path).values()
    return path


def sealed_ids(folder):
    files = [SealedFile(path) for path in list_segments(folder).values()]
    return [name for file in files for _, table in file.load(file.pieces) for name in ids(table)]


def test_a_torn_tail_is_cut_to_the_last_whole_batch(dead):
    data = dead.read_bytes()
    dead.write_bytes(data[:-3])
    done = repair(dead.parent)
    assert (done.sealed, done.removed, done.damage) == (1, 0, [])
    assert done.cut_bytes > 0
    assert sealed_ids(dead.parent) == [f"id{n}" for n in range(20)]
    assert not dead.exists()


def test_a_tail_of_zeros_is_torn_and_every_flipped_bit_in_the_last_batch_is_damage(dead):
    data = dead.read_bytes()
    dead.write_bytes(data + bytes(512))
    stream = StreamFile(dead)
    stream.refresh()
    assert (stream.damage, stream.end) == ({}, len(data))
    last = stream.pieces[-1]
    for place in range(last.offset, last.end):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        dead.write_bytes(changed)
        stream = StreamFile(dead)
        stream.refresh()
        assert len(stream.pieces) == 2
        assert list(stream.damage) == [last.offset], place


def test_a_flipped_bit_in_the_schema_is_told_and_the_file_is_kept(dead):
    """The schema has no checksum of its own: that of each batch is of the schema too."""
    data = dead.read_bytes()
    stream = StreamFile(dead)
    stream.refresh()
    for place in range(stream.pieces[0].offset):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        dead.write_bytes(changed)
        stream = StreamFile(dead)
        stream.refresh()
        assert (stream.pieces, next(iter(stream.damage.values()))[: len(str(dead))]) == ([], str(dead)), place
        assert stream.schema is None
    assert len(repair(dead.parent).damage) == 1
    assert dead.with_name(f"{dead.name}.damaged").read_bytes() == bytes(changed)


def test_a_segment_that_the_disk_does_not_take_stays_and_the_others_are_sealed(dead, monkeypatch):
    w = SegmentWriter(dead.parent, process="q", clock=lambda: 1.0)
    w.append(rows(range(30, 40)))
    w.sync()
    w.abandon()

    def seal(path):
        if path == dead:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return seal_segment(path)

    monkeypatch.setattr("mirante.inference_log.repair.seal_segment", seal)
    done = repair(dead.parent)
    assert (done.sealed, done.damage) == (1, [f"{dead}: left as it is: No space left on device"])
    monkeypatch.undo()
    assert repair(dead.parent).sealed == 1
    assert sealed_ids(dead.parent) == [f"id{n}" for n in range(40)]


def test_a_living_writer_is_left_alone(tmp_path):
    w = SegmentWriter(tmp_path, process="p", clock=lambda: 0.0)
    w.append(rows([1]))
    assert repair(tmp_path).sealed == 0
    w.append(rows([2]))
    w.close()
    assert sealed_ids(tmp_path) == ["id1", "id2"]


def test_a_segment_without_a_row_is_removed(dead):
    dead.write_bytes(dead.read_bytes()[:100])
    assert repair(dead.parent).removed == 1
    assert list(dead.parent.iterdir()) == []


def test_a_crash_between_the_steps_of_sealing(dead):
    data = dead.read_bytes()
    assert repair(dead.parent).sealed == 1
    dead.write_bytes(data)  # as if the writer had died before it removed the stream
    (dead.parent / f".{dead.name}.new").write_bytes(b"")
    done = repair(dead.parent)
    assert (done.sealed, done.removed) == (0, 2)
    assert sealed_ids(dead.parent) == [f"id{n}" for n in range(30)]
    assert [path.suffix for path in dead.parent.iterdir()] == [".parquet"]


def test_damage_in_the_middle_keeps_the_rest_and_the_original(dead):
    data = bytearray(dead.read_bytes())
    data[len(data) // 2] ^= 1
    dead.write_bytes(data)
    done = repair(dead.parent)
    assert done.sealed == 1
    assert len(done.damage) == 1
    assert sealed_ids(dead.parent) == [f"id{n}" for n in [*range(10), *range(20, 30)]]
    assert dead.with_name(f"{dead.name}.damaged").read_bytes() == bytes(data)
    assert repair(dead.parent).sealed == 0
