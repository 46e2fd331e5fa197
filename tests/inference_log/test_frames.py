import pyarrow as pa
import pytest

from mirante.inference_log.frames import (
    FrameError,
    IncompleteError,
    decode_frame,
    decode_schema,
    encode_frame,
    encode_schema,
    find_frame,
    next_frame,
)
from tests.inference_log.rows import rows


@pytest.fixture
def table():
    return rows(range(20), text=pa.array(["a", None] * 10))


def test_a_frame_comes_back_with_its_facts(table):
    head = encode_schema(table.schema)
    data = encode_frame(table, head, 7)
    frame = next_frame(data, 0, 100, head)
    assert (frame.offset, frame.end, frame.first, frame.past) == (100, 100 + len(data), 7, 27)
    assert (frame.earliest, frame.latest) == (0, 19_000_000)
    assert pa.Table.from_batches([decode_frame(data, head, table.schema)]).equals(table)


def test_arrow_alone_reads_head_and_frames(table):
    head = encode_schema(table.schema)
    data = head + encode_frame(table, head, 0) + encode_frame(table.slice(3, 5), head, 20)
    assert pa.ipc.open_stream(data).read_all().equals(pa.concat_tables([table, table.slice(3, 5)]))
    assert decode_schema(data) == (table.schema, head)


def test_every_flipped_bit_is_found(table):
    head = encode_schema(table.schema)
    data = encode_frame(table, head, 0)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        with pytest.raises(FrameError):
            next_frame(bytes(changed), 0, 0, head)


def test_a_flipped_bit_in_the_schema_is_found_too(table):
    head = encode_schema(table.schema)
    data = encode_frame(table, head, 0)
    for place in range(len(head)):
        changed = bytearray(head)
        changed[place] ^= 1 << (place % 8)
        with pytest.raises(FrameError):
            next_frame(data, 0, 0, bytes(changed))


def test_a_frame_cut_anywhere_is_incomplete(table):
    head = encode_schema(table.schema)
    data = encode_frame(table, head, 0)
    for size in range(len(data)):
        with pytest.raises(IncompleteError):
            next_frame(data[:size], 0, 0, head)
    for size in range(len(head)):
        with pytest.raises(FrameError):
            decode_schema(head[:size])


def test_the_next_whole_frame_is_found_behind_rubbish(table):
    head = encode_schema(table.schema)
    data = encode_frame(table, head, 0)
    rubbish = b"\xff" * 64
    assert find_frame(rubbish + data, 0, 0, head).offset == 64
    assert find_frame(rubbish, 0, 0, head) is None
