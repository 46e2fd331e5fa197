import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirante.errors import ArchiveError
from mirante.inference_log.archive.objects import ObjectPlace, ObjectStore
from mirante.inference_log.sealed import RowGroup, SealedFile
from mirante.inference_log.sealing import GROUP_ROWS, seal_stream, write_sealed
from mirante.inference_log.stream import StreamFile
from tests.inference_log.rows import ids, rows
from tests.inference_log.test_stream import parts


@pytest.fixture
def stream(tmp_path):
    path = tmp_path / "s.arrow"
    path.write_bytes(b"".join(parts((0, 15_000), (15_000, 15_010), (15_020, 15_030))))
    stream = StreamFile(path)
    stream.refresh()
    return stream


def test_rows_keep_their_numbers_across_sealing_and_gaps(stream, tmp_path):
    target = tmp_path / "s.parquet"
    seal_stream(stream, target)
    sealed = SealedFile(target)
    assert [(p.first, p.rows) for p in sealed.pieces] == [(0, GROUP_ROWS), (10_000, 5_010), (15_020, 10)]
    assert (sealed.pieces[0].earliest, sealed.pieces[0].latest) == (0, 9_999_000_000)
    got = pa.concat_tables(table for _, table in sealed.load(sealed.pieces))
    assert got.equals(pa.concat_tables(table for _, table in stream.load(stream.pieces)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.arrow", "s.parquet"]


def test_a_flipped_bit_costs_a_row_group_at_most_and_is_told(stream, tmp_path):
    target = tmp_path / "s.parquet"
    seal_stream(stream, target)
    data = bytearray(target.read_bytes())
    data[500] ^= 4
    target.write_bytes(data)
    sealed = SealedFile(target)
    got = [name for _, table in sealed.load(sealed.pieces) for name in ids(table)]
    assert len(got) == 5_020
    assert "10000 rows of group 0 left out" in sealed.damage[0]


def test_a_file_without_a_footer_is_told_and_empty(tmp_path):
    target = tmp_path / "s.parquet"
    target.write_bytes(b"PAR1 nothing")
    sealed = SealedFile(target)
    assert sealed.pieces == []
    assert list(sealed.load([])) == []
    assert "left out" in sealed.damage[-1]


def test_names_with_dots_are_taken_exactly(tmp_path):
    from mirante.inference_log.frames import encode_frame, encode_schema

    table = rows(range(3), **{"a.b": pa.array([1, 2, 3]), "a": pa.array([4, 5, 6]), "": pa.array([7, 8, 9])})
    head = encode_schema(table.schema)
    (tmp_path / "s.arrow").write_bytes(head + encode_frame(table, head, 0))
    stream = StreamFile(tmp_path / "s.arrow")
    stream.refresh()
    seal_stream(stream, tmp_path / "s.parquet")
    sealed = SealedFile(tmp_path / "s.parquet")
    for name in ("a", "a.b", ""):
        [(_, got)] = sealed.load(sealed.pieces, [name])
        assert got.equals(table.select([name]))


def sealed(folder, numbers, lost=()):
    """A sealed segment of groups of ten, some of whose rows were deleted."""
    groups = []
    for start in range(0, len(numbers), 10):
        part = [n for n in numbers[start : start + 10] if n not in lost]
        if part:
            gaps = [n for n in numbers[start : start + 10] if n in lost]
            groups.append((numbers[start], rows(part, name=pa.array([f"n{n % 3}" for n in part])), gaps))
    path = folder / "19700101T000000000000-p-000000.parquet"
    schema = groups[0][1].schema if groups else rows([], name=pa.array([], pa.string())).schema
    write_sealed(path, schema, groups, beside=folder / "beside", deleted={"r": len(lost)})
    return path


@given(st.sets(st.integers(0, 29)), st.integers(0, 31))
def test_places_and_numbers_of_a_group_with_gaps_are_those_of_its_rows(lost, number):
    there = [n for n in range(30) if n not in lost]
    group = RowGroup(0, len(there), 0, 0, number=0, gaps=tuple(sorted(lost)))
    assert group.past == 30
    assert [group.number_at(place) for place in range(len(there) + 1)] == [*there, 30]
    assert group.place(min(number, 30)) == len([n for n in there if n < number])


def test_a_segment_with_gaps_says_what_was_deleted(tmp_path):
    lost = {3, 4, *range(10, 20)}
    file = SealedFile(sealed(tmp_path, range(30), lost))
    assert [(piece.first, piece.rows, piece.past) for piece in file.pieces] == [(0, 8, 10), (20, 10, 30)]
    assert file.deleted == {"r": 12}
    file.verify()
    assert file.damage == {}
    assert SealedFile(sealed(tmp_path, range(10), set(range(10)))).pieces == []
    assert [path.name for path in tmp_path.iterdir()] == ["19700101T000000000000-p-000000.parquet"]


def test_another_file_in_its_place_is_noticed(tmp_path):
    file = SealedFile(sealed(tmp_path, range(30)))
    pieces = file.pieces
    sealed(tmp_path, range(30), {0})
    with pytest.raises(FileNotFoundError, match="rewritten"):
        list(file.load(pieces))
    file.refresh()
    assert file.pieces[0].rows == 9


def test_a_segment_from_before_there_were_checksums_is_read(tmp_path):
    path = tmp_path / "19700101T000000000000-p-000000.parquet"
    pq.write_table(rows(range(5)), path)
    file = SealedFile(path)
    file.verify()
    assert (file.damage, [piece.first for piece in file.pieces]) == ({}, [0])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_changes_nothing_and_other_groups_are_read(tmp_path, place, bit):
    path = sealed(tmp_path, range(40), {5})
    whole = dict(content(SealedFile(path)))
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    path.write_bytes(data)
    file = SealedFile(path)
    found = dict(content(file))
    assert all(found[number] == whole[number] for number in found)
    assert found == whole or file.damage
    assert len(found) >= 3 or -1 in file.damage
    again = SealedFile(path)
    again.verify()
    assert again.damage or found == whole
    assert all(str(path) in said for said in again.damage.values())
    if file.pieces and int(place * len(data)) < file._sums[-1][0]:
        assert again.damage, "every byte of rows is summed up"


def content(file):
    return [(piece.number, table.to_pylist()) for piece, table in file.load(file.pieces)]


def test_every_flipped_bit_of_a_footer_is_found_before_arrow_looks_at_it(tmp_path):
    path = sealed(tmp_path, range(20))
    data = path.read_bytes()
    for where in range(SealedFile(path)._sums[-1][0], len(data)):
        changed = bytearray(data)
        changed[where] ^= 1 << (where % 8)  # without the checksum, Arrow aborts on some of these
        path.write_bytes(changed)
        assert SealedFile(path).damage, where
    path.write_bytes(data)
    assert pl.read_parquet(path).shape == (20, 6)


def test_an_object_that_is_replaced_while_it_is_read_is_read_again(tmp_path):
    store = ObjectStore(f"file://{tmp_path}/there")
    for name, numbers in (("old", range(20)), ("new", range(0, 20, 2))):
        groups = [(0, rows(numbers), ())]
        write_sealed(tmp_path / name, rows([1]).schema, groups, beside=tmp_path / "x")
    store.put(tmp_path / "old", "s")
    file = SealedFile(ObjectPlace(store, "s"))
    real = file._read_at_once

    def read(*args):
        found = real(*args)
        store.put(tmp_path / "new", "s")
        return found

    file._read_at_once = read
    with pytest.raises(FileNotFoundError, match="was rewritten meanwhile"):
        list(file.load(file.pieces))
    file = SealedFile(ObjectPlace(store, "s"))
    assert [table.num_rows for _, table in file.load(file.pieces)] == [10]
    assert file.damage == {}


def test_a_line_that_breaks_is_no_damage(tmp_path, monkeypatch):
    store = ObjectStore(f"file://{tmp_path}/there")
    write_sealed(tmp_path / "s", rows([1]).schema, [(0, rows(range(20)), ())], beside=tmp_path / "x")
    store.put(tmp_path / "s", "s")
    file = SealedFile(ObjectPlace(store, "s"))

    class Broken:
        def __init__(self, *args, **more):
            raise OSError("the line broke")

    monkeypatch.setattr("mirante.inference_log.sealed.pq.ParquetFile", Broken)
    with pytest.raises(ArchiveError, match="there/s could not be read: the line broke"):
        list(file.load(file.pieces))
    assert file.damage == {}
