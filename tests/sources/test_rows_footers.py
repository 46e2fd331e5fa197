"""Planned reading of Parquet folders: by footers, the same rows as without a plan, on any machine."""

import os
import pickle

import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from mirante.errors import InputError
from mirante.sources.rows import parquet
from mirante.sources.rows.footers import batch_rows, groups_from
from mirante.sources.rows.listing import Stat

from .test_rows_parquet import folder, write


@pytest.mark.parametrize(("most", "size"), [(3, 1 << 26), (7, 1 << 26), (1_000, 40.0), (1_000, 1 << 26)])
def test_what_is_planned_is_what_is_read(tmp_path, monkeypatch, most, size):
    monkeypatch.setattr(parquet, "_BYTES", size)
    write(tmp_path / "day=1" / "a.parquet", range(10))
    write(tmp_path / "day=1" / "empty.parquet", [])
    write(tmp_path / "day=2" / "b.parquet", range(10, 15))
    source, cursor, steps = folder(tmp_path), None, 0
    there = pickle.loads(pickle.dumps(source))
    while step := source.plan("m", cursor, limit_rows=most):
        table, following = folder(tmp_path).read_new("m", cursor, limit_rows=most)
        assert there.read_step("m", step).equals(table)
        assert (step.rows, step.cursor) == (table.num_rows, following)
        cursor, steps = step.cursor, steps + 1
    assert steps > 1 or (most, size) == (1_000, 1 << 26)
    assert folder(tmp_path).read_new("m", cursor)[0] is None


def test_files_that_cannot_be_read_wait(tmp_path):
    write(tmp_path / "a.parquet", range(3))
    (tmp_path / "half.parquet").write_bytes(b"PAR1 and no footer")
    source = folder(tmp_path)
    step = source.plan("m", None)
    assert step.rows == 3
    assert source.plan("m", step.cursor) is None
    with capture_logs() as said:
        assert source.plan("m", step.cursor) is None
    assert said == []


def test_files_that_are_others_now_are_said(tmp_path):
    write(tmp_path / "a.parquet", range(3))
    source = folder(tmp_path)
    step = source.plan("m", None)
    os.utime(tmp_path / "a.parquet", (1, 1))
    with pytest.raises(InputError, match="was rewritten meanwhile"):
        source.read_step("m", step)
    (tmp_path / "a.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.parquet"):
        source.read_step("m", step)


def test_a_file_that_was_rewritten_while_it_was_read_is_given_up(tmp_path):
    write(tmp_path / "a.parquet", range(10))
    source = folder(tmp_path)
    step = source.plan("m", None, limit_rows=4)
    write(tmp_path / "a.parquet", range(20))
    with capture_logs() as said:
        assert folder(tmp_path).plan("m", step.cursor) is None
    assert said[0]["event"] == "a file was rewritten while it was read; what is left of it is not"


def test_more_bytes_than_the_footer_says_end_a_look(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_MOST_BYTES", 1)
    write(tmp_path / "a.parquet", range(3))
    write(tmp_path / "b.parquet", range(3))
    source = folder(tmp_path)
    table, cursor = source.read_new("m", None)
    assert table["n"].to_pylist() == [0, 1, 2]
    assert source.read_new("m", cursor)[0]["n"].to_pylist() == [0, 1, 2]


def test_where_rows_begin_and_how_many_are_read_at_once(tmp_path):
    write(tmp_path / "a.parquet", range(10))
    with pa.OSFile(str(tmp_path / "a.parquet")) as file:
        metadata = pa.parquet.ParquetFile(file).metadata
    assert groups_from(metadata, 5) == ([1, 2], 4)
    assert groups_from(metadata, 10) == ([], 10)
    assert batch_rows(metadata, ["n"], 65_536, 1.0) == 256
    assert batch_rows(metadata, ["n"], 100, 1e9) == 100
    assert Stat(1, 2) == (1, 2)
