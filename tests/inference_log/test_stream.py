import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirante.inference_log.frames import encode_frame, encode_schema
from mirante.inference_log.segments import SegmentWriter
from mirante.inference_log.stream import StreamFile
from tests.inference_log.rows import ids, rows


def parts(*spans):
    tables = [rows(range(a, b)) for a, b in spans]
    head = encode_schema(tables[0].schema)
    return [head, *(encode_frame(table, head, a) for table, (a, _) in zip(tables, spans, strict=True))]


def read(stream):
    stream.refresh()
    return [name for _, table in stream.load(stream.pieces) for name in ids(table)]


def test_only_whole_batches_are_there_however_the_file_grows(tmp_path):
    data = b"".join(parts((0, 3), (3, 5), (5, 9)))
    path = tmp_path / "s.arrow"
    path.write_bytes(b"")
    stream = StreamFile(path)
    seen = set()
    for size in range(0, len(data) + 1, 7):
        path.write_bytes(data[:size])
        got = read(stream)
        assert got == [f"id{n}" for n in range(len(got))]
        seen.add(len(got))
    path.write_bytes(data)
    assert len(read(stream)) == 9
    assert seen == {0, 3, 5, 9} - ({9} if (len(data) % 7) else set())
    assert stream.damage == {}


def test_a_damaged_batch_is_left_out_and_those_after_it_are_not(tmp_path):
    head, one, two, three = parts((0, 3), (3, 5), (5, 9))
    path = tmp_path / "s.arrow"
    for place in range(0, len(two), 5):
        changed = bytearray(two)
        changed[place] ^= 16
        path.write_bytes(head + one + bytes(changed) + three)
        stream = StreamFile(path)
        assert read(stream) == ["id0", "id1", "id2", "id5", "id6", "id7", "id8"], place
        assert len(stream.damage) == 1
        assert "left out" in stream.damage[len(head + one)]


def test_damage_that_comes_after_the_first_look_is_found_too(tmp_path):
    head, one, two = parts((0, 3), (3, 5))
    path = tmp_path / "s.arrow"
    path.write_bytes(head + one + two)
    stream = StreamFile(path)
    assert len(read(stream)) == 5
    with path.open("r+b") as file:
        file.seek(len(head) + len(one) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    assert read(stream) == ["id3", "id4"]
    assert len(stream.damage) == 1


def test_a_column_subset_is_read(tmp_path):
    path = tmp_path / "s.arrow"
    path.write_bytes(b"".join(parts((0, 3))))
    stream = StreamFile(path)
    stream.refresh()
    [(_, table)] = stream.load(stream.pieces, ["x", "not there"])
    assert table.column_names == ["x"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_told_by_file_and_byte_and_the_other_batches_are_read(tmp_path, place, bit):
    path = tmp_path / "19700101T000000000000-p-000000.arrow"
    path.unlink(missing_ok=True)
    writer = SegmentWriter(tmp_path, process="p", clock=lambda: 0.0)
    for begin in range(0, 40, 10):
        writer.append(rows(range(begin, begin + 10)))
    writer.abandon()
    data = bytearray(path.read_bytes())
    head = len(data) - sum(piece.length for piece in refreshed(path).pieces)
    where = int(place * len(data))
    data[where] ^= 1 << bit
    path.write_bytes(data)
    stream = refreshed(path)
    found = [ids(table) for _, table in stream.load(stream.pieces)]
    whole = [[f"id{n}" for n in range(begin, begin + 10)] for begin in range(0, 40, 10)]
    assert all(batch in whole for batch in found)
    if where >= head:
        assert len(found) == 3
        [(offset, said)] = stream.damage.items()
        assert offset <= where
        assert str(path) in said
    else:
        assert found == [] or found == whole


def refreshed(path):
    stream = StreamFile(path)
    stream.refresh()
    return stream
