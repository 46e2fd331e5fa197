"""The past of what is read from files and databases: models that are scored in batches, and tables."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from mirante.app.backfill import backfill
from mirante.app.settings import load_settings
from mirante.errors import InputError
from mirante.monitors.batch import BatchRows
from mirante.monitors.model import ModelMonitor
from mirante.monitors.tables.watch import TableWatch
from mirante.sources.rows.opening import open_source
from mirante.store import EventRow, Store
from tests.monitors.conftest import make_rows

from .conftest import DAY, FIRST, START

CONFIG = """
store: sqlite:///batch.db
mlflow: {{tracking_uri: "{uri}"}}
host: {{enabled: false}}
{entries}
alerts:
  channels: {{chat: {{type: webhook, url: "http://127.0.0.1:9/notice"}}}}
  routes: {{channels: [chat], group_wait: 0s}}
"""
MODEL = """models:
  - model: {name}
    window: 1d
    lateness: 1h
    label_delay: 2d
    source: {{{where}, time: at, prediction: score, id: key, label: truth{more}}}
"""
TABLE = """tables:
  - table: orders
    window: 1d
    source: {{{where}, time: at, id: key}}
    columns: {{include: [age, plan]}}
    baseline: {baseline}
"""


def rows(*days, count=60, shift=0.0):
    """The rows of `World.record` and `World.label`, as a job that scores in batches keeps them."""
    parts = []
    for day in days:
        features, predictions, times = make_rows(day, count, shift=shift)
        truth = (np.random.default_rng([7, abs(day)]).random(count) < predictions).astype(float)
        keys = [f"row-{day}-{number}" for number in range(count)]
        parts.append(features.assign(at=times, score=predictions, truth=truth, key=keys))
    return pd.concat(parts, ignore_index=True)


def write(folder, kind, frame):
    """Write the rows, and return what a config calls the place."""
    if kind == "parquet":
        (folder / "scores").mkdir(exist_ok=True)
        for day, part in frame.groupby(frame["at"].dt.date):
            part.to_parquet(folder / "scores" / f"{day}.parquet")
        return "parquet: scores"
    with closing(sqlite3.connect(folder / "scores.sqlite")) as database:
        text = frame.assign(at=frame["at"].dt.strftime("%Y-%m-%dT%H:%M:%S.%f"))
        text.to_sql("scores", database, index=False, if_exists="append")
        database.commit()
    return 'sql: "sqlite:///scores.sqlite", table: scores'


def settings_of(folder, entries, uri="http://127.0.0.1:9"):
    path = folder / "batch.yaml"
    path.write_text(CONFIG.format(uri=uri, entries=entries))
    return load_settings(path)


def run(settings, name, first, last, **options):
    since, until = FIRST + timedelta(days=first), FIRST + timedelta(days=last)
    return backfill(settings, name, since, until, clock=lambda: START + 100 * DAY, **options)


def judged(store, subject):
    return [(row.start, row.rows, row.closed, row.verdicts["columns"]) for row in store.windows.list(subject)]


@pytest.mark.server
@pytest.mark.parametrize("kind", ["parquet", "sql"])
def test_a_model_that_is_scored_in_batches_has_the_past_that_a_log_would_have(world, kind):
    world.record(*range(6))
    world.record(6, 7, shift=15.0)
    world.label(*range(8))
    world.run(0, 8)
    frame = pd.concat([rows(*range(6)), rows(6, 7, shift=15.0)])
    where = write(world.folder, kind, frame)
    settings = settings_of(world.folder, MODEL.format(name=world.name, where=where, more=""), world.uri)
    done = run(settings, world.name, 0, 8)
    assert (done.windows, done.rows, done.version) == (8, 480, world.version)
    assert done.drifted >= 1
    assert done.alerts
    with Store(settings.store_address()) as store, world.store() as theirs:
        assert judged(store, world.subject) == judged(theirs, world.subject)
        found = store.windows.list(world.subject)
        for ours, one in zip(found, theirs.windows.list(world.subject), strict=True):
            assert ours.verdicts["performance"] == pytest.approx(one.verdicts["performance"])
        assert all(
            row.state == "resolved" and row.historic for row in store.alerts.list(subject=world.subject)
        )
        assert store.outbox.owed() == 0
        assert store.outbox.list() == []
        config = settings.models[0]
        again = run(settings, world.name, 0, 8)
        assert (again.windows, again.known, again.readings) == (0, 8, 0)
        # a service goes on where the past ends
        write(world.folder, kind, rows(8))
        batch = BatchRows(open_source(config.source), store, config.subject)
        monitor = ModelMonitor(config, world.version, world.baseline, store, batch)
        step = monitor.advance(START + 9 * DAY + 2 * timedelta(hours=1))
        assert [(row.start, row.rows) for row in step.closed] == [(START + 8 * DAY, 60)]
        assert step.late == 0


@pytest.mark.server
def test_rows_are_of_the_version_that_they_say_or_that_the_alias_had(world):
    frame = rows(0, 1, 2).assign(v=[world.version] * 60 + ["77"] * 60 + [world.version] * 60)
    where = write(world.folder, "parquet", frame)
    said = settings_of(
        world.folder, MODEL.format(name=world.name, where=where, more=", version: v"), world.uri
    )
    assert run(said, world.name, 0, 3).rows == 120
    (world.folder / "batch.db").unlink()
    moved = settings_of(world.folder, MODEL.format(name=world.name, where=where, more=""), world.uri)
    with Store(moved.store_address()) as store:
        data = {"from": "77", "to": world.version}
        store.events.add(EventRow(world.subject, START + 2 * DAY, "alias_moved", "moved", data))
    assert run(moved, world.name, 0, 3).rows == 60
    with pytest.raises(
        InputError, match=r"has no row of .*version .* that is judged; its first row is of 2026"
    ):
        run(moved, world.name, 5, 9)


@pytest.mark.parametrize("kind", ["parquet", "sql"])
@pytest.mark.parametrize("baseline", ["first 8 windows", "normal.parquet"])
def test_a_table_has_a_past_and_goes_on_after_it(tmp_path, kind, baseline):
    columns = ["at", "key", "age", "plan"]
    rows(*range(-30, 0), count=100)[columns].to_parquet(tmp_path / "normal.parquet")
    frame = pd.concat([rows(*range(10)), rows(10, 11, shift=20.0)])[columns]
    where = write(tmp_path, kind, frame)
    settings = settings_of(tmp_path, TABLE.format(where=where, baseline=baseline))
    first = 8 if baseline.startswith("first") else 0
    done = run(settings, "orders", 0, 12)
    assert (done.subject, done.version, done.windows) == ("table/orders", "1", 12 - first)
    assert done.waiting == 0  # there are no labels of a table
    assert done.rows == 60 * (12 - first)
    assert done.drifted >= 2
    assert {row.rule for row in done.alerts}
    assert run(settings, "table/orders", 0, 12).windows == 0
    with Store(settings.store_address()) as store:
        assert all(row.historic for row in store.alerts.list(subject="table/orders"))
        write(tmp_path, kind, rows(12)[columns])
        watch = TableWatch(settings.tables[0], store)
        step = watch.advance(START + 13 * DAY + timedelta(hours=1))
        assert [(row.start, row.rows) for row in step.closed] == [(START + 12 * DAY, 60)]
        assert step.late == 0


@pytest.mark.parametrize(
    ("entry", "name", "options", "said"),
    [
        ({}, "orders", {"version": "1"}, "--version is of a model, and orders is a table"),
        ({"baseline": "first 20 windows"}, "orders", {}, "its first 20 windows with rows are not over"),
        (
            {},
            "orders",
            {"first": 0, "last": 2},
            "that is judged; its first row is of 2026-01-01 .* its baseline",
        ),
        ({"kind": "snapshot", "baseline": None}, "orders", {}, "is looked at as a whole"),
        ({}, "order", {}, "no MLflow server answers"),
    ],
)
def test_why_a_table_has_no_past_is_said(tmp_path, entry, name, options, said):
    where = write(tmp_path, "parquet", rows(*range(4)))
    text = TABLE.format(where=where, baseline=entry.get("baseline", "first 3 windows"))
    if "kind" in entry:
        text = text.replace("    baseline: None\n", "    kind: snapshot\n")
    settings = settings_of(tmp_path, text)
    span = options.pop("first", 0), options.pop("last", 4)
    with pytest.raises(Exception, match=said):
        run(settings, name, *span, **options)


def test_a_name_of_a_model_and_a_table_is_asked_about(tmp_path):
    where = write(tmp_path, "parquet", rows(0))
    entries = TABLE.format(where=where, baseline="first 3 windows")
    entries += MODEL.format(name="orders", where=where, more="")
    with pytest.raises(InputError, match="'orders' is a model and a table; name model/orders@ALIAS"):
        run(settings_of(tmp_path, entries), "orders", 0, 1)
