import os

from mirante.inference_log.frames import encode_frame, encode_schema
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
