"""Predictions of a model that is scored in batches."""

import sqlite3
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mirante.errors import ConfigError, InputError
from mirante.monitors.batch import BatchRows
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor
from mirante.sources.rows.opening import open_source
from mirante.store import BaselineRow, EventRow

from .conftest import START, make_rows

DAY = timedelta(days=1)


def score(folder, day, *, shift=0.0, **more):
    features, predictions, times = make_rows(day, 120, shift=shift)
    table = features.assign(at=times, score=predictions, **more)
    table["key"] = [f"{day}-{n}" for n in range(120)]
    folder.mkdir(exist_ok=True)
    table.to_parquet(folder / f"{day}.parquet")


def batch(tmp_path, store, **more):
    source = {"parquet": str(tmp_path / "scores"), "time": "at", "prediction": "score", "id": "key"} | more
    config = ModelConfig(model="churn", source=source, window="1d", lateness="1h", label_delay="12h")
    return config, BatchRows(open_source(config.source), store, config.subject, clock=lambda: START + 9 * DAY)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"log": "x"}, "source and log are both given"),
        ({"retention": "90d"}, "source and retention are both given"),
        ({"source": {"parquet": "x", "prediction": "p"}}, "source.time is missing"),
        ({"source": {"parquet": "x", "time": "at"}}, "source.prediction is missing"),
        (
            {"source": {"sql": "sqlite:///x", "table": "t", "time": "at", "prediction": "p"}},
            "source.cursor is missing",
        ),
    ],
)
def test_what_is_wrong_in_an_entry_is_said(more, said):
    whole = {"model": "churn", "source": {"parquet": "x", "time": "at", "prediction": "p"}} | more
    with pytest.raises((ConfigError, ValidationError), match=said):
        ModelConfig(**whole)


def test_rows_of_files_are_judged_as_those_of_a_log(tmp_path, store, baseline):
    config, rows = batch(tmp_path, store, version="v")
    score(tmp_path / "scores", 0, v=1)
    score(tmp_path / "scores", 1, v=[1] * 60 + [2] * 60)
    score(tmp_path / "scores", 2, v=1, shift=15.0)
    step = ModelMonitor(config, "1", baseline, store, rows).advance(START + 4 * DAY)
    assert [row.rows for row in step.closed[:3]] == [120, 60, 120]
    assert [step.closed[place].verdicts["drifted"] for place in (0, 2)] == [False, True]
    assert step.closed[0].verdicts["estimated"]["measures"]


def test_labels_of_the_table_give_the_performance(tmp_path, store, baseline):
    config, rows = batch(tmp_path, store, version="v", label="truth")
    truth = (np.random.default_rng(0).random(120) < 0.5).astype(float)
    truth[:20] = np.nan
    score(tmp_path / "scores", 0, v=1, truth=truth)
    step = ModelMonitor(config, "1", baseline, store, rows).advance(START + 3 * DAY)
    measured = {reading.name: reading.value for reading in step.readings}
    assert (measured["performance_labels"], measured["performance_labels_missing"]) == (100.0, 20.0)
    assert 0 < measured["performance_roc_auc"] < 1
    assert store.labels.get("churn", ["0-20"]).found.all()


@pytest.mark.parametrize("early", [0, 5])
def test_labels_that_are_filled_in_later_are_found(tmp_path, store, baseline, early):
    features, predictions, times = make_rows(0, 120)
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        table = features.assign(id=range(120), at=times.astype(str), score=predictions, truth=None)
        table.to_sql("scores", connection, index=False)
        connection.execute("UPDATE scores SET truth = id % 2 WHERE id < ?", (early,))
    connection.close()
    source = {"sql": f"sqlite:///{path}", "table": "scores", "cursor": "id", "time": "at"}
    source |= {"prediction": "score", "label": "truth"}
    config = ModelConfig(model="churn", source=source, window="1d", lateness="0s", label_delay="2d")
    store.baselines.put(BaselineRow(config.subject, "1", START, 1, b""))
    rows = BatchRows(open_source(config.source), store, config.subject)
    monitor = ModelMonitor(config, "1", baseline, store, rows)
    assert monitor.advance(START + DAY).measured == ((START,) if early else ())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE scores SET truth = id % 2")
    connection.close()
    step = monitor.advance(START + 3 * DAY)
    assert {r.name: r.value for r in step.readings}["performance_labels"] == 120.0
    assert monitor.advance(START + 4 * DAY).measured == ()


def test_without_a_column_of_versions_rows_are_of_the_version_of_their_time(tmp_path, store, baseline):
    config, rows = batch(tmp_path, store)
    for day in range(4):
        score(tmp_path / "scores", day)
    store.baselines.put(BaselineRow(config.subject, "1", START, 1, b""))
    assert set(rows.read_new("churn", None)[0]["__version"].to_pylist()) == {"1"}
    moved = START + 2 * DAY
    data = {"from": "1", "to": "2"}
    store.events.add(EventRow(config.subject, moved, "alias_moved", "", data))
    store.events.add(EventRow(config.subject, START + 3 * DAY, "alias_moved", "", {"from": "2", "to": "1"}))
    found = rows.read_new("churn", None)[0]
    known = pd.Series(found["__version"].to_pylist()).groupby(found["__time"].to_pandas().dt.day).unique()
    assert [list(one) for one in known] == [["1"], ["1"], ["2"], ["1"]]
    assert rows.sample("churn", "2", 500, columns=["age"]).num_rows == 120
    assert rows.scan("churn", columns=["__version", "age"]).column_names == ["__version", "age"]
    assert rows.scan("churn", end=START + DAY).num_rows == 120


def test_versions_of_rows_are_known_however_long_ago_the_alias_moved(tmp_path, store):
    """Moves are older than what is kept of history, yet rows of that time are read anew by a backfill."""
    config, rows = batch(tmp_path, store)
    for day in range(4):
        score(tmp_path / "scores", day)
        if day:
            data = {"from": f"{day}", "to": f"{day + 1}"}
            store.events.add(EventRow(config.subject, START + day * DAY, "alias_moved", "", data))
    before = rows.read_new("churn", None)[0]["__version"].to_pylist()
    assert dict.fromkeys(before) == dict.fromkeys("1234")
    store.expiring.history(START + 9 * DAY)
    assert rows.read_new("churn", None)[0]["__version"].to_pylist() == before
    data, later = {"from": "4", "to": "4"}, START + 9 * DAY
    more = [EventRow(config.subject, later + n * DAY, "alias_moved", "", data) for n in range(1_001)]
    store.events.add_all(more)  # more than are shown at once
    assert rows.read_new("churn", None)[0]["__version"].to_pylist() == before


def test_each_row_is_in_one_window_of_one_version_when_the_alias_moves(tmp_path, store, baseline):
    config, rows = batch(tmp_path, store)
    store.baselines.put(BaselineRow(config.subject, "1", START, 1, b""))
    former = ModelMonitor(config, "1", baseline, store, rows)
    score(tmp_path / "scores", 0)
    former.advance(START + DAY / 2)
    moved = START + DAY / 2
    former.retire(moved)
    store.events.add(EventRow(config.subject, moved, "alias_moved", "", {"from": "1", "to": "2"}))
    monitor = ModelMonitor(config, "2", baseline, store, rows)
    score(tmp_path / "scores", 1)
    for now in (moved, START + 3 * DAY):
        monitor.advance(now)
        former.advance(now)
    counted = {
        (row.version, (row.start - START).days): row.rows for row in store.windows.list(config.subject)
    }
    # rows that the former had read before it was known that the alias moves stay its own
    assert counted[("1", 0)] == 120
    assert counted[("2", 1)] == 120


def test_a_column_that_is_not_there_is_named(tmp_path, store):
    score(tmp_path / "scores", 0)
    _, rows = batch(tmp_path, store, label="truht")
    with pytest.raises(InputError, match=r"source.label: .* has no column 'truht'"):
        rows.read_new("churn", None)
