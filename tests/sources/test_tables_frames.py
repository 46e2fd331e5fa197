import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.errors import InputError
from mirante.sources.tables import open_table
from mirante.sources.tables.frames import read_frame

FRAME = pd.DataFrame(
    {
        "n": [1, 2, 3],
        "x": [1.5, None, -2.0],
        "code": ["007", "012", "100"],
        "ok": [True, False, True],
        "at": pd.to_datetime(["2026-01-31T14:00:00Z", "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"]),
        "said": ["yes", None, "<b>\n'é'"],
    }
)


def written(folder, ending):
    path = folder / f"rows é.{ending}"
    if ending.startswith(("csv", "tsv")):
        FRAME.to_csv(path, index=False, sep="\t" if ending.startswith("tsv") else ",")
    elif ending == "parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_parquet(path)
        table = pq.read_table(path)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv", "tsv", "csv.gz"])
def test_every_format_gives_the_same_rows(tmp_path, ending):
    table = open_table(written(tmp_path, ending))
    found = read_frame(table, list(FRAME), texts=["code"])
    assert list(found) == list(FRAME)
    assert found["n"].tolist() == [1, 2, 3]
    assert found["n"].dtype.kind == "i"
    assert found["x"].isna().tolist() == [False, True, False]
    assert found["code"].tolist() == ["007", "012", "100"]
    assert found["ok"].tolist() == [True, False, True]
    assert found["ok"].dtype.kind == "b"
    assert pd.to_datetime(found["at"], utc=True).tolist() == FRAME["at"].tolist()
    assert found["said"].fillna("none").tolist() == ["yes", "none", "<b>\n'é'"]
    assert list(read_frame(table, ["x", "n"])) == ["x", "n"]


def test_codes_are_numbers_where_nobody_says_that_they_are_text(tmp_path):
    found = read_frame(open_table(written(tmp_path, "csv")), ["code"])
    assert found["code"].tolist() == [7, 12, 100]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x\n1\n2.5\n", [1.0, 2.5]),
        ("x\n" + "1\n" * 40 + "soon\n", ["1"] * 40 + ["soon"]),
        ("x\n" + "2026-01-01\n" * 40 + "soon\n", ["2026-01-01"] * 40 + ["soon"]),
        ("x,y\n,1\n,2\n", [None, None]),
        ("x\nTrue\nmaybe\n", ["True", "maybe"]),
    ],
)
def test_odd_columns_of_csv_keep_what_is_written(tmp_path, text, values):
    (tmp_path / "odd.csv").write_text(text)
    found = read_frame(open_table(tmp_path / "odd.csv"), ["x"])["x"].tolist()
    assert [None if value != value else value for value in found] == values


def test_no_rows(tmp_path):
    FRAME[:0].to_parquet(tmp_path / "none.parquet")
    assert read_frame(open_table(tmp_path / "none.parquet"), ["n", "said"]).shape == (0, 2)


def test_lists_are_said(tmp_path):
    pd.DataFrame({"a": [[1], [2]]}).to_parquet(tmp_path / "lists.parquet")
    with pytest.raises(InputError, match=r"the column 'a' .* holds lists or structs"):
        read_frame(open_table(tmp_path / "lists.parquet"), ["a"])
