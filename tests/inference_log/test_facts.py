import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.inference_log.facts import SUMMED, Facts, footer_length
from mirante.inference_log.sealing import write_sealed
from tests.inference_log.rows import rows


def test_facts_come_back_from_a_footer_and_a_changed_one_is_refused(tmp_path):
    path = tmp_path / "s.parquet"
    groups = [(0, rows([1, 2]), ()), (2, rows([4]), (3,))]
    write_sealed(path, rows([1]).schema, groups, beside=tmp_path / "x", deleted={"token": 1})
    footer = pq.read_metadata(path)
    facts = Facts.of(footer)
    assert facts.firsts == [0, 2]
    assert facts.gaps == {"1": [3]}
    assert facts.deleted == {"token": 1}
    assert facts.bounds == [(2, 1_000_000, 2_000_000), (1, 4_000_000, 4_000_000)]
    data = path.read_bytes()
    begin = len(data) - footer_length(data)
    assert data[begin - len(SUMMED) - 4 : begin - 4] == SUMMED
    table = pq.read_table(path).replace_schema_metadata()
    writer = pq.ParquetWriter(tmp_path / "other.parquet", table.schema)
    writer.write_table(table)
    writer.add_key_value_metadata(
        {key.decode(): value.decode() for key, value in footer.metadata.items() if key.startswith(b"mirante")}
    )
    writer.close()
    with pytest.raises(ValueError, match="the checksum of its footer is wrong"):
        Facts.of(pq.read_metadata(tmp_path / "other.parquet"))


def test_the_sum_is_over_all_that_decides_what_is_read():
    facts, schema = Facts(), pa.schema([("x", pa.int64())])
    facts.add(0, (), 10, 1, 2)
    before = facts.crc(schema)
    facts.add(10, (12,), 10, 1, 2)
    assert len({before, facts.crc(schema), facts.crc(pa.schema([("y", pa.int64())]))}) == 3
