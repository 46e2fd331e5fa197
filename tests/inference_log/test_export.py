import csv
import resource
import stat
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.errors import InputError
from mirante.inference_log.export import escaped, export_rows, format_of

ROWS = pa.table({"=name": ["=cmd|' /C calc'!A0", 'a,"b"\nc', None], "n": [-1, 2, None]})


def export(path, form, *, force=False):
    return export_rows([ROWS, ROWS], ROWS.schema, path, form, force=force)


def test_each_format_comes_back(tmp_path):
    both = pa.concat_tables([ROWS, ROWS])
    assert export(tmp_path / "a.parquet", "parquet") == 6
    assert pq.read_table(tmp_path / "a.parquet").equals(both)
    assert export(tmp_path / "a.arrow", "arrow") == 6
    assert pa.ipc.open_file(tmp_path / "a.arrow").read_all().equals(both)
    assert export(tmp_path / "a.csv", "csv") == 6
    with (tmp_path / "a.csv").open(newline="") as file:
        found = list(csv.reader(file))
    assert found[0] == ["'=name", "n"]
    assert found[1:4] == [["'=cmd|' /C calc'!A0", "-1"], ['a,"b"\nc', "2"], ["", ""]]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "\n=1", "＝1", "＠a", "\x00=1"]
)
def test_no_text_is_a_formula(text):
    assert escaped(pa.table({"a": [text]}))["a"].to_pylist() == [f"'{text}"]


@pytest.mark.parametrize("text", ["", "a=1", "1-1", "ação", "'=1"])
def test_other_texts_stay(text):
    assert escaped(pa.table({"a": [text]}))["a"].to_pylist() == [text]


def test_a_file_that_is_there_stays_unless_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        export(path, "csv")
    assert path.read_text() == "mine"
    assert export(path, "csv", force=True) == 6
    assert "mine" not in path.read_text()
    with pytest.raises(InputError, match="cannot be written"):
        export(tmp_path / "not there" / "a.csv", "csv")


def test_a_failure_leaves_nothing(tmp_path):
    def tables():
        yield ROWS
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left"):
        export_rows(tables(), ROWS.schema, tmp_path / "a.parquet", "parquet", force=False)
    assert list(tmp_path.iterdir()) == []


def test_the_format_is_told_by_the_name(tmp_path):
    assert format_of(tmp_path / "A.PARQUET", None) == "parquet"
    with pytest.raises(InputError, match=r"\.parquet, \.csv or \.arrow"):
        format_of(tmp_path / "a.xlsx", None)


GROW = """
import resource, sys
import pyarrow as pa
from pathlib import Path
from mirante.inference_log.export import export_rows
table = pa.table({f"c{n}": [float(i * n) for i in range(10_000)] for n in range(20)})
many = (table for _ in range(int(sys.argv[2])))
export_rows(many, table.schema, Path(sys.argv[1]), "parquet", force=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_rows(tmp_path):
    assert resource.RUSAGE_SELF == 0
    peaks = [
        int(subprocess.check_output([sys.executable, "-c", GROW, str(tmp_path / "a.parquet"), str(count)]))
        for count in (5, 100)
    ]
    assert peaks[1] - peaks[0] < 80_000, "kilobytes; all rows together are 160,000"


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def link(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", link)
    assert export(tmp_path / "a.csv", "csv") == 6
    with pytest.raises(InputError, match="is there already"):
        export(tmp_path / "a.csv", "csv")
    assert len(list(tmp_path.iterdir())) == 1
