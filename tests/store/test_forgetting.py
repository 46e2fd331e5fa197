"""Forgetting rows: labels and the rows that windows kept, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mirante.store import Store, WindowRow
from mirante.store.forgetting import forgotten_cursor

_NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _put(store: Store, subject: str, ids: list[str], *, hours: int = 0) -> None:
    notes = [{"id": name, "columns": [{"column": "mail", "value": f"{name}@example.org"}]} for name in ids]
    start = _NOW + timedelta(hours=hours)
    row = WindowRow(
        subject, "1", start, start + timedelta(hours=1), 3, profile=b"p", verdicts={"top_outliers": notes}
    )
    store.windows.put(row)


def test_labels_and_outlier_rows_of_a_model_go(store: Store) -> None:
    for model in ("m", "m@x"):
        store.labels.write(model, ["a", "b", "c"], [0.0, 1.0, "late"], _NOW)
        for alias in ("champion", "shadow"):
            _put(store, f"model/{model}@{alias}", ["a", "b"])
            _put(store, f"model/{model}@{alias}", ["c"], hours=1)
    store.windows.put(WindowRow("table/t", "1", _NOW, _NOW + timedelta(hours=1)))
    assert store.forget("m", ["a", "c", "absent"]) == {"labels": 2, "outlier_rows": 4}
    assert store.labels.count("m") == 1
    assert store.labels.count("m@x") == 3
    kept = store.windows.list("model/m@champion", with_profile=True)
    assert [[note["id"] for note in row.verdicts["top_outliers"]] for row in kept] == [["b"], []]
    assert [row.profile for row in kept] == [b"p", b"p"]
    other = store.windows.list("model/m@x@champion")
    assert [[note["id"] for note in row.verdicts["top_outliers"]] for row in other] == [["a", "b"], ["c"]]
    assert store.forget("m", ["a", "c"]) == {"labels": 0, "outlier_rows": 0}


def test_monitors_can_tell_that_something_was_forgotten(store: Store) -> None:
    assert store.cursors.get(forgotten_cursor("m")) is None
    store.forget("m", [])
    assert store.cursors.get(forgotten_cursor("m")) is None
    store.forget("m", ["a"])
    store.forget("m", ["a"])
    assert store.cursors.get(forgotten_cursor("m")) == {"times": 2}
    with store.transaction() as connection:
        assert store.cursors.get(forgotten_cursor("m"), connection=connection, hold=True) == {"times": 2}


def test_more_ids_than_a_query_takes(store: Store) -> None:
    ids = [f"id{number}" for number in range(70_000)]
    store.labels.write("m", ids, [0.0] * len(ids), _NOW)
    assert store.forget("m", ids)["labels"] == len(ids)


def test_no_byte_of_what_is_forgotten_stays_in_the_files(tmp_path: Path) -> None:
    """Of SQLite: also not in pages that are free, nor in the log beside the file, while others read."""
    url = f"sqlite:///{tmp_path}/mirante.db"
    with Store(url) as store, Store(url) as beside:
        ids = [f"PERSON-{number:06}-END" for number in range(3_000)]
        store.labels.write("m", ids, [0.0] * len(ids), datetime(2026, 1, 2, tzinfo=UTC))
        assert beside.labels.count("m") == len(ids)
        gone = ids[::3]
        assert store.forget("m", gone)["labels"] == 1_000
        kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert [one for one in gone if one.encode() in kept] == []
        assert sum(one.encode() in kept for one in ids) == 2_000
