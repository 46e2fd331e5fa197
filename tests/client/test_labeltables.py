"""Labels by the table: every kind of file and frame, and what in them is refused."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.client.labeltables import is_table, labels_of
from mirante.errors import InputError

ROWS = {"order": ["007", "008", "007", "009"], "paid": [1.0, None, 0.0, 1.0]}


def read(table, **more):
    found = labels_of(table, id="order", label="paid", **more)
    return found.ids, found.values, found.without, found.repeated


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: pd.DataFrame(ROWS),
        lambda folder: pl.DataFrame(ROWS),
        lambda folder: pa.table(ROWS),
        lambda folder: pd.DataFrame(ROWS).astype({"order": "category", "paid": "Int64"}),
        lambda folder: _file(folder / "a.csv", lambda path: pd.DataFrame(ROWS).to_csv(path, index=False)),
        lambda folder: _file(folder / "a.csv", lambda path: pd.DataFrame(ROWS).to_csv(path, sep=";")),
        lambda folder: _file(folder / "a.parquet", lambda path: pq.write_table(pa.table(ROWS), path)),
    ],
)
def test_the_last_row_of_an_id_counts_and_rows_without_a_label_do_not(write, tmp_path):
    table = write(tmp_path)
    assert is_table(table)
    assert read(table) == (["007", "009"], [0.0, 1.0], 1, 1)


def _file(path, write):
    write(path)
    return path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([True, False], [1.0, 0.0]),
        ([3, 2**53], [3.0, float(2**53)]),
        ([Decimal("1.5"), Decimal("2")], [1.5, 2.0]),
        (["late", "on time"], ["late", "on time"]),
        (["1", "0.5"], [1.0, 0.5]),
        (["True", "false"], [1.0, 0.0]),
        (["inf", "1"], ["inf", "1"]),
        (["", "x"], ["x"]),
        ([None, float("nan")], []),
    ],
)
def test_labels_are_numbers_or_text(given, expected):
    found = labels_of(pa.table({"id": ["a", "b"], "y": pa.array(given)}), id="id", label="y")
    assert found.values == expected


def test_ids_are_text_or_whole_numbers():
    for ids in ([7, 8], [7.0, 8.0], np.array([7, 8], np.uint64), ["7", "8"]):
        assert labels_of(pd.DataFrame({"order": ids, "paid": [1, 0]}), id="order", label="paid").ids == [
            "7",
            "8",
        ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pd.DataFrame({"order": ["a"]}), "the table has no column 'paid', or more than one; it has: 'order'"),
        (pd.DataFrame([["a", 1, 2]], columns=["order", "paid", "paid"]), "'paid', or more than one"),
        (
            pd.DataFrame({"order": ["a", None], "paid": [1, 2]}),
            "rows without an id in the column 'order': 1;",
        ),
        (pd.DataFrame({"order": ["a", ""], "paid": [1, 2]}), "blank id in the column 'order'"),
        (pd.DataFrame({"order": ["a", " "], "paid": [1, 2]}), "blank id in the column 'order'"),
        (pd.DataFrame({"order": [1.5], "paid": [1]}), "missing or no whole numbers"),
        (pd.DataFrame({"order": [1.0, None], "paid": [1, 2]}), "missing or no whole numbers"),
        (pd.DataFrame({"order": [pd.Timestamp("2026-01-01")], "paid": [1]}), "ids are text or whole numbers"),
        (pd.DataFrame({"order": ["a"], "paid": [np.inf]}), "'paid' has the label inf"),
        (pd.DataFrame({"order": ["a"], "paid": [pd.Timestamp("2026-01-01")]}), "labels are numbers"),
        (pa.table({"order": ["a"], "paid": pa.array([[1]])}), "labels are numbers"),
    ],
)
def test_what_does_not_fit_is_refused(table, said):
    with pytest.raises(InputError, match=said):
        read(table)


def test_times_are_read_with_their_zone_and_as_utc_without():
    table = pd.DataFrame(
        {"order": ["b", "a"], "paid": [1, 0], "at": ["2026-01-02T12:00+02:00", "2026-01-01"]}
    )
    found = labels_of(table, id="order", label="paid", time="at")
    assert found.times == [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 10, tzinfo=UTC)]
    for odd, said in ((["2026-01-01", "soon"], "cannot be read"), (["2026-01-01", None], "has no time")):
        with pytest.raises(InputError, match=said):
            labels_of(table.assign(at=odd), id="order", label="paid", time="at")


def test_a_file_without_rows_has_no_labels(tmp_path):
    path = tmp_path / "none.csv"
    path.write_text("order,paid\n")
    assert read(path) == ([], [], 0, 0)
