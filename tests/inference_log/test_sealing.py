import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.sealing import seal_stream, write_sealed
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


def test_other_tools_read_it(stream, tmp_path):
    seal_stream(stream, tmp_path / "s.parquet")
    table = pq.read_table(tmp_path / "s.parquet")
    assert table.num_rows == 15_020
    assert table.schema.field("__time").type == pa.timestamp("us", tz="UTC")
    assert pq.read_metadata(tmp_path / "s.parquet").row_group(0).column(0).compression == "ZSTD"


def test_it_is_there_whole_or_not_at_all(tmp_path):
    target, beside = tmp_path / "s.parquet", tmp_path / ".s.parquet.tmp"
    write_sealed(target, rows([1]).schema, [(0, rows([1]), ())], beside=beside)

    def groups():
        yield 0, rows([2]), ()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_sealed(target, rows([1]).schema, groups(), beside=beside)
    assert [path.name for path in tmp_path.iterdir()] == ["s.parquet"]
    file = SealedFile(target)
    assert [ids(table) for _, table in file.load(file.pieces)] == [["id1"]]
