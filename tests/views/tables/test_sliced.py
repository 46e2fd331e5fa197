"""Declared slices are rows of both tables, and a slice that is measured later is written anew."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow.parquet as pq

from mirante.store.slicewindows import SliceWindowRow
from mirante.views.tables.files import write_tables
from mirante.views.tables.sliced import slice_profile, slice_verdicts
from mirante.views.tables.walk import rows_of, walk
from tests.views.tables.conftest import HOUR, START, SUBJECT, Watched

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sliced(
    value: str = "EU", *, start: datetime = START, version: str = "1", **more: object
) -> SliceWindowRow:
    found = {
        "rows": 40,
        "closed": True,
        "columns": 4,
        "drifted": 1,
        "strongest": "age",
        "effect": 0.4,
        **more,
    }
    said = {"drifted": ["age"], "missing": [], "sentences": ["age moved."]}
    return SliceWindowRow(SUBJECT, version, "region", value, start, start + HOUR, verdicts=said, **found)  # type: ignore[arg-type]


def test_a_slice_is_a_row_of_its_rows_and_its_performance():
    row = slice_profile(sliced(performance={"accuracy": 0.75, "roc_auc": None}))
    assert (row["slice_key"], row["slice_value"], row["feature"], row["rows"]) == (
        "region",
        "EU",
        ":table",
        40,
    )
    assert (row["performance_accuracy"], row["performance_roc_auc"]) == (0.75, None)


def test_its_verdicts_are_those_of_the_whole_and_of_the_column_that_moved_furthest():
    whole, column = slice_verdicts(sliced())
    assert (whole["feature"], whole["drifted"], whole["drift_share"]) == (":table", True, 0.25)
    assert (column["feature"], column["effect"], column["sentence"]) == ("age", 0.4, "age moved.")
    assert slice_verdicts(sliced(columns=0)) == []
    (calm,) = slice_verdicts(sliced(drifted=0, strongest=""))
    assert not calm["drifted"]


def test_slices_come_with_their_own_window_and_version(watched: Watched):
    watched.store.slice_windows.put(
        [
            sliced(),
            sliced("US"),
            sliced(start=START + HOUR),
            sliced(version="2"),
            sliced("open", closed=False),
        ]
    )
    found = {
        one.window.start: {
            row["slice_value"] for row in rows_of("drift_metrics", one) if row.get("slice_key")
        }
        for one in walk(watched.store, SUBJECT)
    }
    assert found.pop(START) == {"EU", "US"}
    assert found.pop(START + HOUR) == {"EU"}
    assert set().union(*found.values()) == set()


def test_a_slice_that_is_measured_later_is_written_anew(watched: Watched, tmp_path):
    watched.store.slice_windows.put([sliced()])
    assert write_tables(watched.store, tmp_path).files
    assert not write_tables(watched.store, tmp_path).files
    watched.store.slice_windows.measured(SUBJECT, "1", START, {("region", "EU"): {"accuracy": 0.5}})
    assert write_tables(watched.store, tmp_path).files
    paths = (tmp_path / "profile_metrics").glob("*.parquet")  # one for each month
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    assert [one["performance_accuracy"] for one in rows if one["slice_value"] == "EU"] == [0.5]
