import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.inference_log.sealed import GROUP_ROWS, SealedFile, seal_stream
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


def test_other_tools_read_it(stream, tmp_path):
    seal_stream(stream, tmp_path / "s.parquet")
    table = pq.read_table(tmp_path / "s.parquet")
    assert table.num_rows == 15_020
    assert table.schema.field("__time").type == pa.timestamp("us", tz="UTC")
    assert pq.read_metadata(tmp_path / "s.parquet").row_group(0).column(0).compression == "ZSTD"


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
