"""Monitors of tables: their config, their baselines, windows and snapshots."""

import sqlite3
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from mirante.errors import ConfigError, InputError
from mirante.monitors.tables.baseline import baseline_of_rows
from mirante.monitors.tables.config import TableConfig
from mirante.monitors.tables.kept import kept_baseline, mark_of
from mirante.monitors.tables.rows import JudgedRows, SnapshotRows
from mirante.monitors.tables.watch import TableWatch
from mirante.sources.rows.drawing import scan_portions
from mirante.sources.rows.opening import open_source

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def rows_of(day, count=200, shift=0.0, **more):
    rng = np.random.default_rng(day)
    seconds = day * 86_400 + np.sort(rng.random(count)) * 86_399
    return pd.DataFrame(
        {
            "at": pd.Timestamp(START) + pd.to_timedelta(seconds, unit="s"),
            "amount": rng.normal(40 + shift, 10, count),
            "plan": rng.choice(["basic", "pro"], count),
            **more,
        }
    )


def write(folder, day, *args, **options):
    place = folder / "orders" / f"day={day:03d}"
    place.mkdir(parents=True, exist_ok=True)
    rows_of(day, *args, **options).to_parquet(place / "part.parquet")


def config_of(folder, **more):
    said = {"table": "orders", "source": {"parquet": "orders", "time": "at"}, "lateness": "1h"} | more
    return TableConfig(**said).within(folder)


def closed(step):
    return [((row.start - START).days, row.rows, row.verdicts["drifted"]) for row in step.closed]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"source": {"parquet": "x"}}, "source.time is missing"),
        ({"source": {"parquet": "x", "time": "at", "label": "y"}}, "source.label is for models"),
        ({"source": {"sql": "sqlite:///x", "table": "t", "time": "at"}}, "source.cursor is missing"),
        ({"baseline": "first 0 windows"}, "a number of windows from 1 to 400"),
        ({"kind": "snapshot", "baseline": "first 3 windows"}, "a snapshot's baseline is a file"),
        ({"window": "7h"}, "does not fit into days"),
        ({"baseline_kind": "last"}, "is no kind of baseline"),
        ({"table": ""}, "at least 1 character"),
        ({"table": "a\nb"}, "should match pattern"),
    ],
)
def test_what_is_wrong_in_an_entry_is_said(tmp_path, more, said):
    with pytest.raises((ConfigError, ValidationError), match=said):
        config_of(tmp_path, **more)


def test_how_many_windows_are_the_baseline_follows_from_the_kind(tmp_path):
    first = {
        kind: config_of(tmp_path, baseline_kind=kind).first_windows
        for kind in (None, "fixed", "previous", "sliding", "sliding 5", "seasonal 4")
    }
    assert first == {None: 14, "fixed": 14, "previous": 1, "sliding": 14, "sliding 5": 5, "seasonal 4": 14}
    assert config_of(tmp_path, baseline="first 1 window").first_windows == 1
    assert config_of(tmp_path, baseline="x.csv").baseline_file == tmp_path / "x.csv"
    assert config_of(tmp_path).stale_after == 3 * DAY + timedelta(hours=1, minutes=1)


def test_first_windows_are_the_baseline_and_the_rest_is_judged(tmp_path, store):
    for day in range(3):
        write(tmp_path, day)
    config = config_of(tmp_path, baseline="first 5 windows")
    watch = TableWatch(config, store)
    assert watch.advance(START + 3 * DAY).closed == ()
    (waiting,) = store.readings.latest(subject="table/orders")
    assert (waiting.name, waiting.value) == ("table_rows_read_total", 0.0)
    for day in (5, 6, 7, 8, 9):  # two days have no rows, and are no windows of the baseline
        write(tmp_path, day, shift=15.0 if day == 8 else 0.0)
    step = watch.advance(START + 10 * DAY)
    assert closed(step) == [(7, 200, False), (8, 200, True)]
    assert kept_baseline(store, config).baseline.profile.rows == 1_000
    assert {tuple(reading.labels) for reading in step.readings} == {("table",), ("table", "feature")}
    assert step.late == 0
    slices = [row.verdicts.get("estimated") for row in step.closed]
    assert slices == [None, None]


def test_a_restart_goes_on_without_the_rows_of_the_baseline(tmp_path, store):
    for day in range(6):
        write(tmp_path, day)
    config = config_of(tmp_path, baseline="first 4 windows")
    TableWatch(config, store).advance(START + 5 * DAY + timedelta(hours=2))
    for day in range(4):
        (tmp_path / "orders" / f"day={day:03d}" / "part.parquet").unlink()
    write(tmp_path, 6)
    step = TableWatch(config, store).advance(START + 7 * DAY + timedelta(hours=2))
    assert closed(step) == [(5, 200, False), (6, 200, False)]
    assert {row.version for row in store.windows.list("table/orders")} == {"1"}
    assert store.events.list("table/orders") == []


def test_another_baseline_is_another_version_and_does_not_judge_again(tmp_path, store):
    for day in range(8):
        write(tmp_path, day)
    TableWatch(config_of(tmp_path, baseline="first 2 windows"), store).advance(START + 6 * DAY)
    config = config_of(tmp_path, baseline="first 3 windows")
    step = TableWatch(config, store).advance(START + 9 * DAY)
    assert closed(step) == [(5, 200, False), (6, 200, False), (7, 200, False)]
    days = [
        ((row.start - START).days, row.version) for row in store.windows.list("table/orders") if row.closed
    ]
    assert days == [(2, "1"), (3, "1"), (4, "1"), (5, "2"), (6, "2"), (7, "2")]
    (event,) = store.events.list("table/orders")
    assert (event.kind, event.data) == ("baseline_accepted", {"version": "2"})


@pytest.mark.parametrize("name", ["normal.parquet", "normal.csv"])
def test_a_file_is_the_baseline_until_it_is_another_one(tmp_path, store, name):
    normal = pd.concat(
        [rows_of(-day) for day in range(1, 11)] if name == "" else [rows_of(day) for day in range(10)]
    )
    save = normal.to_csv if name.endswith("csv") else normal.to_parquet
    save(tmp_path / name, index=False)
    write(tmp_path, 20)
    write(tmp_path, 21, shift=15.0)
    config = config_of(tmp_path, baseline=name)
    watch = TableWatch(config, store)
    assert closed(watch.advance(START + 22 * DAY + timedelta(hours=2))) == [(20, 200, False), (21, 200, True)]
    kept = kept_baseline(store, config)
    assert (kept.version, kept.baseline.drift.own_starts[0], len(kept.baseline.drift.own_windows)) == (
        "1", datetime(2026, 1, 1), 10
    )  # fmt: skip
    (tmp_path / name).unlink()
    with capture_logs() as logs:
        TableWatch(config, store).advance(START + 23 * DAY)
    assert [line["event"] for line in logs] == ["the baseline's file is gone; the known one goes on"]
    (rows_of(3, shift=15.0).to_csv if name.endswith("csv") else rows_of(3, shift=15.0).to_parquet)(
        tmp_path / name
    )
    write(tmp_path, 23, shift=15.0)
    watch.advance(START + 24 * DAY + timedelta(hours=2))
    assert kept_baseline(store, config).version == "2"


def test_a_file_that_was_never_there_is_an_error(tmp_path, store):
    write(tmp_path, 0)
    with pytest.raises(InputError, match=r"no.parquet is not there"):
        TableWatch(config_of(tmp_path, baseline="no.parquet"), store).advance(START)


def test_previous_windows_need_no_baseline(tmp_path, store):
    for day, shift in enumerate([0, 0, 15, 15]):
        write(tmp_path, day, 2_000, shift)
    step = TableWatch(config_of(tmp_path, baseline_kind="previous"), store).advance(START + 5 * DAY)
    assert closed(step)[:3] == [(1, 2_000, False), (2, 2_000, True), (3, 2_000, False)]


def test_columns_are_let_in_and_out(tmp_path, store):
    for day in range(4):
        write(tmp_path, day, note=[f"n{day}"] * 200, extra=1)
    config = config_of(tmp_path, baseline="first 2 windows", columns={"exclude": ["note", "extra"]})
    step = TableWatch(config, store).advance(START + 4 * DAY + timedelta(hours=2))
    assert {r.labels["feature"] for r in step.readings if "feature" in r.labels} == {"amount", "plan"}
    wrong = config_of(tmp_path, table="b", columns={"include": ["amout"]})
    with pytest.raises(
        InputError, match=r"columns.include: .* has no column 'amout'; the nearest is 'amount'"
    ):
        TableWatch(wrong, store).advance(START)


def test_a_column_named_prediction_is_watched_like_any_other(tmp_path, store):
    for day in range(4):
        write(tmp_path, day, prediction=np.random.default_rng(day).random(200) + (day == 3))
    step = TableWatch(config_of(tmp_path, baseline="first 3 windows"), store).advance(START + 5 * DAY)
    assert step.closed[0].verdicts["columns"]["prediction"]["drifted"]


def test_hostile_columns_do_not_stop_it(tmp_path, store):
    for day in range(4):
        odd = {
            "nothing": [None] * 200,
            "constant": 7,
            "<script>": np.where(np.arange(200) % 2, np.inf, np.nan),
            "ids": [f"{day}-{n}\x00\n'" for n in range(200)],
            "lists": [[n] for n in range(200)],
        }
        write(tmp_path, day, **odd)
    step = TableWatch(config_of(tmp_path, baseline="first 2 windows"), store).advance(START + 5 * DAY)
    assert len(step.closed) == 2
    assert "<script>" in step.closed[0].verdicts["columns"]


def test_a_type_that_changes_and_a_column_that_goes_are_seen(tmp_path, store):
    for day in range(3):
        write(tmp_path, day)
    folder = tmp_path / "orders"
    rows_of(3).assign(amount="lots").to_parquet(folder / "3.parquet")
    rows_of(4).drop(columns="plan").to_parquet(folder / "4.parquet")
    step = TableWatch(config_of(tmp_path, baseline="first 3 windows"), store).advance(
        START + 5 * DAY + DAY / 2
    )
    changed, gone = (row.verdicts["columns"] for row in step.closed)
    assert changed["amount"]["missing_detected"]
    assert gone["plan"]["missing_detected"]
    assert not gone["amount"]["missing_detected"]


def test_windows_are_cut_on_the_clock_of_the_entry_and_times_read_on_that_of_the_source(tmp_path, store):
    folder = tmp_path / "orders"
    folder.mkdir()
    for day in range(1, 4):
        at = [pd.Timestamp(2026, 1, day, hour) for hour in range(24)]
        pd.DataFrame({"at": at, "n": range(24)}).to_parquet(folder / f"{day}.parquet")
    zone = "America/Sao_Paulo"
    source = {"parquet": "orders", "time": "at", "timezone": zone}
    config = config_of(tmp_path, source=source, timezone=zone, baseline="first 1 window")
    step = TableWatch(config, store).advance(START + 9 * DAY)
    assert [(row.start.isoformat(), row.rows) for row in step.closed[:2]] == [
        ("2026-01-02T03:00:00+00:00", 24),
        ("2026-01-03T03:00:00+00:00", 24),
    ]


def snapshot_of(folder, **more):
    source = {"sql": "sqlite:///shop.db", "table": "customers", "id": "id"}
    said = {"table": "customers", "kind": "snapshot", "source": source} | more
    return TableConfig(**said).within(folder)


def fill(folder, rows, shift=0.0):
    rng = np.random.default_rng(rows)
    with sqlite3.connect(folder / "shop.db") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY, age REAL)")
        connection.execute("DELETE FROM customers")
        ages = enumerate(rng.normal(40 + shift, 10, rows).tolist())
        connection.executemany("INSERT INTO customers VALUES (?, ?)", ages)
    connection.close()


def test_a_snapshot_is_counted_once_in_each_window(tmp_path, store):
    fill(tmp_path, 500)
    watch = TableWatch(snapshot_of(tmp_path), store)
    assert watch.advance(START).closed == ()  # it is the baseline
    fill(tmp_path, 600)
    assert watch.advance(START + DAY / 2).closed == ()
    assert closed(watch.advance(START + DAY)) == [(1, 600, False)]
    fill(tmp_path, 700, 15.0)
    assert watch.advance(START + DAY * 1.5).closed == ()
    step = TableWatch(snapshot_of(tmp_path), store).advance(START + 2 * DAY)
    assert closed(step) == [(2, 700, True)]
    (total,) = store.readings.latest(subject="table/customers", names=["table_rows_read_total"])
    assert total.value == 1_300.0
    assert step.closed[0].verdicts["top_outliers"][0]["time"] == (START + 2 * DAY).isoformat()


def test_a_folder_that_did_not_change_is_not_counted_again(tmp_path, store):
    write(tmp_path, 0)
    said = {"table": "orders", "kind": "snapshot", "source": {"parquet": "orders"}, "window": "1h"}
    config = TableConfig(**said, baseline_kind="previous", columns={"exclude": ["at"]}).within(tmp_path)
    watch = TableWatch(config, store)
    hour = timedelta(hours=1)
    assert [len(watch.advance(START + n * hour).closed) for n in range(4)] == [0, 1, 0, 0]
    write(tmp_path, 1, 900, 15.0)
    (row,) = watch.advance(START + 4 * hour).closed
    assert (row.rows, row.verdicts["drifted"]) == (1_100, True)


def test_an_empty_snapshot_waits_and_one_that_is_emptied_says_so(tmp_path, store):
    fill(tmp_path, 0)
    watch = TableWatch(snapshot_of(tmp_path), store)
    assert watch.advance(START).closed == ()
    fill(tmp_path, 300)
    watch.advance(START + DAY)
    fill(tmp_path, 0)
    (row,) = watch.advance(START + 2 * DAY).closed
    assert row.rows == 0
    (rows,) = store.readings.latest(subject="table/customers", names=["table_rows"])
    assert rows.value == 0.0


def test_a_mark_follows_what_is_asked_for_and_no_password(tmp_path):
    source = {"sql": "postgresql://ana@db/shop", "table": "t", "time": "at", "cursor": "id"}
    config = config_of(tmp_path, source=source)
    other = config_of(tmp_path, source={**source, "password": "geheim", "overlap": "1h"})
    assert mark_of(config) == mark_of(other)
    inside = config_of(tmp_path, source={**source, "sql": "postgresql://ana:geheim@db/shop"})
    assert mark_of(config) == mark_of(inside)
    assert mark_of(config) != mark_of(config_of(tmp_path, source={**source, "timezone": "Asia/Tokyo"}))
    assert mark_of(config) != mark_of(config_of(tmp_path, source=source, window="1h"))
    assert mark_of(config) == mark_of(
        config_of(tmp_path, source=source, interval="1h", alarm_budget="1 per 7d")
    )


def test_a_baseline_without_rows_is_refused(tmp_path):
    write(tmp_path, 0)
    config = config_of(tmp_path)
    rows = scan_portions(open_source(config.source), ["amount", "__time", "__prediction"], end=START)
    with pytest.raises(InputError, match=r"the baseline \(here\) has no rows"):
        baseline_of_rows(rows, config, "here")


def test_rows_of_a_baseline_are_passed_over_and_snapshots_have_all(tmp_path):
    write(tmp_path, 0)
    write(tmp_path, 1)
    source = open_source(config_of(tmp_path).source)
    table, _ = JudgedRows(source, "7", START + DAY).read_new("m", None)
    assert (table.num_rows, set(table["__version"].to_pylist())) == (200, {"7"})
    rows = SnapshotRows(source)
    assert rows.read_new("m", None) == (None, {})
    assert rows.scan("m", start=START, columns=["amount"]).num_rows == 400
    assert rows.sample("m", "1", 10, columns=["amount"]).num_rows == 10
    assert rows.root == JudgedRows(source, "7", None).root
