"""The slices that an entry makes, and the rows of each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.monitors.slices.declared import MOST_VALUES, Divider, Slice, slices_of
from mirante.monitors.slices.entry import Entry
from mirante.profiles import TableProfile
from mirante.profiles.frames import raw_columns

ODD = ["<script>", "a=b", "x\n", "nul\x00", 'quo"te', "", "مراقبة"]


def test_a_column_gives_its_most_frequent_values():
    rng = np.random.default_rng(1)
    codes = np.minimum(rng.geometric(0.01, 50_000), 300)
    table = {"city": [f"c{code}" for code in codes] + [None] * 500}
    found = slices_of(Entry.parse("city"), TableProfile.of(table))
    assert len(found) == MOST_VALUES
    counts = np.bincount(codes)
    assert min(counts[int(one.value[1:])] for one in found) >= np.sort(counts)[-MOST_VALUES]


def test_values_that_are_long_or_odd():
    table = {"city": [*ODD, *ODD, "x" * 101]}
    found = slices_of(Entry.parse("city"), TableProfile.of(table))
    assert sorted(one.value for one in found) == sorted(ODD)
    assert Slice(Entry.parse("city"), "a=b").label == "city=a=b"


def test_numbers_are_values_as_long_as_they_are_few():
    table = {"hour": [7, 7, 8, None], "half": [0.5, 1.0, 1.0, -0.0], "id": [1, 2, 3, 4]}
    profile = TableProfile.of(table)
    assert [one.value for one in slices_of(Entry.parse("hour"), profile)] == ["7", "8"]
    assert {one.label for one in slices_of(Entry.parse("half"), profile)} == {"half=0", "half=0.5", "half=1"}
    with pytest.raises(InputError, match="more than 100 different numbers; write conditions, such as id >= "):
        slices_of(Entry.parse("id"), TableProfile.of({"id": range(1_000)}))


def test_every_row_is_in_the_slice_of_its_value_and_in_no_other():
    rng = np.random.default_rng(2)
    table = pa.table(
        {
            "city": pa.array([None if c == 5 else f"c{c}" for c in rng.integers(0, 9, 5_000)]),
            "hour": pa.array(rng.integers(0, 24, 5_000), pa.int64()),
        }
    )
    profile = TableProfile.of(table)
    slices = [one for name in ("hour", "city") for one in slices_of(Entry.parse(name), profile)]
    slices.insert(3, Slice(Entry.parse("hour >= 12 and city != 'c1'")))
    rows, raws = raw_columns(table)
    divider = Divider(slices, profile.layout.numeric)
    assert divider.columns == ["hour", "city"]
    frame = table.to_pandas()
    for one, places in zip(slices, divider.parts(raws, rows), strict=True):
        if one.entry.column == "city":
            wanted = frame["city"] == one.value
        elif one.entry.column:
            wanted = frame["hour"] == int(one.value)
        else:
            wanted = (frame["hour"] >= 12) & frame["city"].notna() & (frame["city"] != "c1")
        assert places.tolist() == np.flatnonzero(wanted).tolist(), one.label


def test_a_table_without_rows_or_without_the_column():
    slices = [
        Slice(Entry.parse("city"), "a"),
        Slice(Entry.parse("hour"), "7"),
        Slice(Entry.parse("hour > 3")),
    ]
    divider = Divider(slices, {"hour"})
    for table in ({"city": pa.array([], pa.string()), "hour": np.array([])}, {"other": [1, 2]}):
        rows, raws = raw_columns(table)
        assert [part.size for part in divider.parts(raws, rows)] == [0, 0, 0]
