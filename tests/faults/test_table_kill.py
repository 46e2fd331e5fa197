"""`kill -9` of what reads tables while they grow: each row is in exactly one window."""

import json
import os
import random
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from mirante.store import Store
from tests.faults.lives import Lives
from tests.faults.table_life import forked_life, live

KILLS = int(os.environ.get("MIRANTE_KILLS", "8"))
SEED = int(os.environ.get("MIRANTE_SEED", "0")) or random.SystemRandom().randrange(10**6)
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
STEP = 40  # rows that are written together
LONGEST = 0.7  # seconds of a life after its first look


def times_of(numbers):
    """A day before the windows for the baseline, then rows all over ten days."""
    return [
        START + (timedelta(minutes=n) if n < 100 else DAY + timedelta(minutes=n * 37 % 14_000))
        for n in numbers
    ]


class Parquet:
    def __init__(self, folder):
        self.folder = folder / "rows"
        self.folder.mkdir()

    def entry(self):
        return {"table": "files", "source": {"parquet": str(self.folder), "time": "at"}}

    def write(self, numbers):
        table = pa.table({"n": list(numbers), "at": pa.array(times_of(numbers), pa.timestamp("us", "UTC"))})
        path = self.folder / f"day={numbers[0] % 7}" / f"{numbers[0]}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(table, path, row_group_size=7)  # under its own name: it can be seen half-written


class Sqlite:
    def __init__(self, folder):
        self.path = folder / "shop.db"
        with sqlite3.connect(self.path) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, at TEXT)")
        connection.close()

    def entry(self):
        return {
            "table": "sqlite",
            "source": {"sql": f"sqlite:///{self.path}", "table": "t", "cursor": "id", "time": "at"},
        }

    def write(self, numbers):
        with sqlite3.connect(self.path, timeout=30) as connection:
            rows = [(n, n, at.isoformat()) for n, at in zip(numbers, times_of(numbers), strict=True)]
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        connection.close()


class Postgres:
    """Rows of two transactions at a time, of which the one that began first ends last."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        server.run("CREATE TABLE t (id bigint PRIMARY KEY, n bigint, at timestamptz)", name=name)

    def entry(self):
        source = {
            "sql": self.server.url(self.name),
            "table": "t",
            "cursor": "id",
            "time": "at",
            "overlap": "1h",
        }
        return {"table": "postgres", "source": source}

    def write(self, numbers):
        import psycopg

        half, place = (
            len(numbers) // 2,
            {"host": str(self.server.socket), "user": "mirante", "dbname": self.name},
        )
        insert = "INSERT INTO t VALUES (%s, %s, %s)"
        rows = [(n, n, at) for n, at in zip(numbers, times_of(numbers), strict=True)]
        with psycopg.connect(**place) as first, psycopg.connect(**place) as second:
            with first.cursor() as cursor:
                cursor.executemany(insert, rows[:half])
            with second.cursor() as cursor:
                cursor.executemany(insert, rows[half:])
            second.commit()
            time.sleep(0.01)


def test_each_row_is_in_one_window_however_often_it_is_killed(tmp_path, postgres_server):
    name = postgres_server.create()
    try:
        tables = [Parquet(tmp_path), Sqlite(tmp_path), Postgres(postgres_server, name)]
        _kill_again_and_again(tmp_path, tables)
    finally:
        postgres_server.drop(name)


def _kill_again_and_again(tmp_path, tables):
    lots, written, over = random.Random(SEED), 100, threading.Event()
    store = f"sqlite:///{tmp_path / 'mirante.db'}"
    common = {"baseline": "first 1 window", "lateness": "0s", "window": "1d"}
    entries = [json.dumps(table.entry() | common) for table in tables]
    for table in tables:
        table.write(range(100))

    def grow():
        nonlocal written
        while not over.is_set():
            for table in tables:
                table.write(range(written, written + STEP))
            written += STEP
            time.sleep(0.05)

    now = START + DAY + timedelta(minutes=1)  # the first day is over, and no other
    live(store, now, entries, steps=1)
    writer = threading.Thread(target=grow)
    writer.start()
    moved, before, lives = 0, _cursors(store, entries), Lives(forked_life)
    try:
        for _ in range(KILLS):
            with lives.life(store, now, entries):
                time.sleep(lots.random() * LONGEST)
            moved += before != (before := _cursors(store, entries))
    finally:
        over.set()
        writer.join()
    live(store, now, entries, steps=2)
    live(store, START + 30 * DAY, entries, steps=1)
    assert moved >= KILLS // 3, "they were killed before they did anything"
    numbers = range(100, written)
    expected = {}
    for at in times_of(numbers):
        expected[at.date()] = expected.get(at.date(), 0) + 1
    with Store(store) as opened:
        for entry in map(json.loads, entries):
            windows = opened.windows.list(f"table/{entry['table']}")
            counted = {row.start.date(): row.rows for row in windows if row.closed and row.rows}
            assert counted == expected, f"{entry['table']}, MIRANTE_SEED={SEED}"
    print(
        f"{KILLS} kills, {moved} at work, {len(numbers)} rows in each of {len(tables)} tables, "
        f"in one window each; seed {SEED}"
    )


def _cursors(store, entries):
    with Store(store) as opened:
        return [opened.cursors.get(f"log/table/{json.loads(entry)['table']}/1") for entry in entries]
