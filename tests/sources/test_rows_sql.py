"""Rows of databases: SQLite files and a real PostgreSQL."""

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from mirante.errors import InputError, MissingDependencyError
from mirante.sources.rows import database
from mirante.sources.rows.config import SqlConfig
from mirante.sources.rows.drawing import sample_portions, scan_portions
from mirante.sources.rows.keycursor import KeyCursor, decode_key, encode_key
from mirante.sources.rows.selects import bound
from mirante.sources.rows.sql import SqlTable

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self, now=START + timedelta(days=300)):
        self.now = now

    def __call__(self):
        return self.now


def text_of(minutes):
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")


def source(url, clock=None, **config):
    said = SqlConfig(**{"sql": url, "table": "or ders", "time": "at", "cursor": "id"} | config)
    return SqlTable(said, said.columns(), clock=clock or Clock())


def read_all(rows, cursor=None, column="n", **options):
    numbers = []
    while True:
        table, cursor = rows.read_new("m", json.loads(json.dumps(cursor)), **options)
        if table is None:
            return numbers, cursor
        numbers += table[column].to_pylist()


@pytest.fixture
def shop(tmp_path):
    with sqlite3.connect(tmp_path / "a ?%41.db") as connection:
        connection.execute('CREATE TABLE "or ders" (id INTEGER PRIMARY KEY, n REAL, at TEXT, "a""b" TEXT)')
        yield connection
    connection.close()


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'a ?%41.db'}"


def insert(connection, ids, minutes=None):
    values = [(one, float(one), text_of(one if minutes is None else minutes), "x") for one in ids]
    connection.executemany('INSERT INTO "or ders" VALUES (?, ?, ?, ?)', values)
    connection.commit()


@pytest.mark.parametrize("by", [{"cursor": "id"}, {"cursor": None, "id": "id"}])
@pytest.mark.parametrize("limit", [1, 3, 1_000])
def test_rows_are_read_once_in_portions(shop, url, by, limit):
    insert(shop, range(1, 11))
    numbers, cursor = read_all(source(url, **by), limit_rows=limit)
    assert numbers == [float(n) for n in range(1, 11)]
    insert(shop, range(11, 14))
    assert read_all(source(url, **by), cursor, limit_rows=limit)[0] == [11.0, 12.0, 13.0]


@pytest.mark.parametrize("by", [{"cursor": "id"}, {"cursor": None, "id": "id"}])
def test_rows_that_are_committed_late_are_found_once(shop, url, by):
    rows = source(url, **by)
    insert(shop, [1, 2, 5])
    numbers, cursor = read_all(rows)
    insert(shop, [3, 4, 6])
    more, cursor = read_all(rows, cursor)
    assert sorted([*numbers, *more]) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert read_all(source(url, **by), cursor)[0] == []


def test_by_number_late_rows_are_looked_for_until_the_overlap_is_over(shop, url):
    clock = Clock()
    rows = source(url, clock, overlap="5m")
    insert(shop, [1, 3])
    _, cursor = read_all(rows)
    clock.now += timedelta(minutes=6)
    insert(shop, [9])
    _, cursor = read_all(rows, cursor)
    insert(shop, [2, 8])
    assert read_all(rows, cursor)[0] == [8.0]
    assert cursor["floor"] == 3


def test_by_time_late_rows_are_looked_for_within_the_overlap(shop, url):
    by = {"cursor": None, "id": "id", "overlap": "30m"}
    insert(shop, [100])
    _, cursor = read_all(source(url, **by))
    insert(shop, [200])
    _, cursor = read_all(source(url, **by), cursor)
    insert(shop, [90, 190, 200 - 29])
    assert sorted(read_all(source(url, **by), cursor)[0]) == [171.0, 190.0]


def test_many_rows_of_one_time_are_read_once(shop, url):
    insert(shop, range(1, 101), minutes=7)
    by = {"cursor": None, "id": "id"}
    numbers, cursor = read_all(source(url, **by), limit_rows=7)
    assert numbers == [float(n) for n in range(1, 101)]
    insert(shop, [101], minutes=7)
    assert read_all(source(url, **by), cursor, limit_rows=7)[0] == [101.0]


def test_rows_of_the_future_wait_until_it_comes(shop, url):
    clock = Clock(START + timedelta(minutes=50))
    by = {"cursor": None, "id": "id"}
    insert(shop, [10, 60, 40])
    with capture_logs() as logs:
        numbers, cursor = read_all(source(url, clock, **by))
    assert numbers == [10.0, 40.0]
    assert [line["event"] for line in logs] == ["rows whose time has not come yet wait"]
    clock.now += timedelta(minutes=20)
    assert read_all(source(url, clock, **by), cursor)[0] == [60.0]


@pytest.mark.parametrize("odd", ["", "soon"])
def test_texts_that_are_no_times_hold_nothing_up(shop, url, odd):
    by = {"cursor": None, "id": "id"}
    insert(shop, [1, 2, 3, 4])
    shop.execute('UPDATE "or ders" SET at = ? WHERE id < 4', [odd])
    shop.commit()
    with capture_logs():
        numbers, cursor = read_all(source(url, **by), limit_rows=2)
        insert(shop, [5])
        more, _ = read_all(source(url, **by), cursor, limit_rows=2)
    assert (numbers, more) == ([4.0], [5.0])


def test_rows_without_time_or_key_are_left_out(shop, url):
    insert(shop, [1, 2])
    shop.execute('UPDATE "or ders" SET at = NULL WHERE id = 1')
    shop.commit()
    with capture_logs() as logs:
        assert read_all(source(url))[0] == [2.0]
    assert [line["rows"] for line in logs] == [1]
    assert read_all(source(url, cursor=None, id="id"))[0] == [2.0]


def test_an_empty_table_is_no_error_and_then_begins(shop, url):
    numbers, cursor = read_all(source(url))
    assert (numbers, source(url).earliest()) == ([], None)
    insert(shop, [1])
    assert read_all(source(url), cursor)[0] == [1.0]


def test_a_query_is_a_table_with_its_colons_and_percents(shop, url):
    insert(shop, range(1, 6))
    query = "SELECT id, at, n AS m, 'a:b %' AS t FROM \"or ders\" WHERE id > 1 ORDER BY n LIMIT 3;"
    rows = source(url, table=None, query=query)
    table, _ = rows.read_new("m", None)
    assert table["m"].to_pylist() == [2.0, 3.0, 4.0]
    assert set(table["t"].to_pylist()) == {"a:b %"}


def test_the_watched_columns_are_quoted_and_the_cursor_is_none(shop, url):
    assert source(url).features() == ["n", 'a"b']
    insert(shop, [1])
    assert source(url).read_new("m", None)[0]['a"b'].to_pylist() == ["x"]
    assert source(url).read_new("m", None)[0]["__id"].to_pylist() == ["1"]


def test_a_time_and_a_lot_come_from_the_database(shop, url):
    insert(shop, range(0, 3_000, 10))
    rows = source(url)
    begin, end = START + timedelta(minutes=100), START + timedelta(minutes=200)
    found = scan_portions(rows, ["n", "__id"], start=begin, end=end)
    assert found["n"].to_pylist() == [float(n) for n in range(100, 200, 10)]
    assert sample_portions(rows, "", 4, start=begin, end=end, columns=["n"]).num_rows == 4
    assert rows.earliest() == START
    assert rows.earliest(begin + timedelta(seconds=1)) == begin + timedelta(minutes=10)
    assert sum(part.num_rows for part in rows.portions()) == 300


def test_what_is_not_there_is_named_with_the_nearest(shop, url, tmp_path):
    with pytest.raises(InputError, match=r"source.table: .* has no table 'oders'; the nearest is 'or ders'"):
        source(url, table="oders").read_new("m", None)
    with pytest.raises(InputError, match=r"source.time: .* has no column 'att'; the nearest is 'at'"):
        source(url, time="att").read_new("m", None)
    with pytest.raises(InputError, match=r"source.cursor: .* has no column 'idd'; the nearest is 'id'"):
        source(url, cursor="idd").read_new("m", None)
    with pytest.raises(InputError, match="source needs a cursor"):
        source(url, cursor=None).read_new("m", None)
    with pytest.raises(InputError, match="there is no SQLite file at"):
        source(f"sqlite:///{tmp_path}/no.db").names()
    with pytest.raises(InputError, match="syntax error"):
        source(url, table=None, query="SELEC 1").names()
    assert not (tmp_path / "no.db").exists()


def test_a_column_that_is_dropped_later_is_missing_and_one_that_is_needed_stops(shop, url):
    insert(shop, [1])
    rows = source(url)
    _, cursor = read_all(rows)
    shop.execute('ALTER TABLE "or ders" DROP COLUMN n')
    insert_short = 'INSERT INTO "or ders" (id, at) VALUES (2, ?)'
    shop.execute(insert_short, [text_of(2)])
    shop.commit()
    table, _ = rows.read_new("m", cursor)
    assert (table["__id"].to_pylist(), "n" in table.column_names) == (["2"], False)
    shop.execute('ALTER TABLE "or ders" RENAME COLUMN at TO at_utc')
    with pytest.raises(InputError, match="has no column 'at'; the nearest is 'at_utc'"):
        rows.read_new("m", cursor)


def test_numbers_as_times_are_refused(shop, url):
    shop.execute("CREATE TABLE stamps (id INTEGER PRIMARY KEY, at INTEGER)")
    shop.execute("INSERT INTO stamps VALUES (1, 1767225600)")
    shop.commit()
    with pytest.raises(InputError, match="which could be of any unit"):
        source(url, table="stamps").read_new("m", None)
    with pytest.raises(InputError, match="which could be of any unit"):
        scan_portions(source(url, table="stamps"), ["__id"], start=START)


def test_sqlite_cannot_be_written(shop, url):
    insert(shop, [1])
    rows = source(url, table=None, query='SELECT * FROM "or ders"')
    with rows._database.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql('DELETE FROM "or ders"')


def test_keys_of_all_kinds_survive_the_store():
    zoned = datetime(2026, 1, 1, 3, tzinfo=UTC)
    keys = [
        7,
        1.5,
        "x",
        zoned,
        zoned.replace(tzinfo=None),
        date(2026, 1, 1),
        Decimal("1.10"),
        UUID(int=7),
        b"\xff",
    ]
    assert [decode_key(json.loads(json.dumps(encode_key(key)))) for key in [*keys, None]] == [*keys, None]
    with pytest.raises(InputError, match="a key is a bool"):
        encode_key(True)


def test_a_key_cursor_is_bounded():
    cursor = KeyCursor()
    for start in range(0, 100_000, 1_000):
        cursor.take([(n, n) for n in range(start, start + 1_000)], at=start)
        cursor.drop(-1)
    assert cursor.floor == 79_999
    assert len(json.dumps(cursor.state)) < 170_000
    again = KeyCursor.of(cursor.state)
    assert again.unseen([(79_999, 79_999), (80_000, 80_000), (99_999, 99_999)]) == [(79_999, 79_999)]


def test_bounds_are_a_day_away():
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert bound(noon, date(2026, 1, 1), "UTC", upper=True) == date(2026, 2, 2)
    assert bound(noon, "2026-01-01", "UTC", upper=False) == "2026-01-30"
    assert bound(noon, noon, "UTC", upper=False) == noon - timedelta(days=1)
    naive = datetime(2026, 1, 1)
    assert bound(noon, naive, "America/Sao_Paulo", upper=True) == datetime(2026, 2, 1, 9)
    assert bound(None, naive, "UTC", upper=True) is None


def test_a_driver_that_is_not_there_is_named(monkeypatch):
    with pytest.raises(Exception, match=r"MySQLdb|mysql"):
        source("mysql://ana:geheim@127.0.0.1/shop").names()

    def missing(*_args, **_options):
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr("sqlalchemy.create_engine", missing)
    monkeypatch.setattr(
        database, "need", lambda *_args, **_options: (_ for _ in ()).throw(MissingDependencyError("x"))
    )
    with pytest.raises(MissingDependencyError):
        source("postgresql://ana@127.0.0.1/shop").names()


@pytest.fixture
def postgres(postgres_server):
    name = postgres_server.create()
    postgres_server.run(
        'CREATE SCHEMA "Sales"',
        'CREATE TABLE "Sales"."or ders" (id bigserial PRIMARY KEY, n double precision, at timestamptz, '
        "price numeric(10, 2), tags text[], ok boolean, local timestamp)",
        'GRANT ALL ON ALL TABLES IN SCHEMA "Sales" TO guarded',
        'GRANT USAGE ON SCHEMA "Sales" TO guarded',
        name=name,
    )
    yield postgres_server, name
    postgres_server.drop(name)


def fill(postgres, ids):
    server, name = postgres
    values = ", ".join(
        f"({one}, {one}, timestamptz '2026-01-01 00:00+00' + {one} * interval '1 minute', "
        f"1.25, '{{a,b}}', true, timestamp '2026-01-01 00:00' + {one} * interval '1 minute')"
        for one in ids
    )
    server.run(f'INSERT INTO "Sales"."or ders" VALUES {values}', name=name)


@pytest.mark.parametrize(
    "by", [{}, {"cursor": None, "id": "id"}, {"cursor": None, "id": "id", "time": "local"}]
)
def test_postgresql_is_read_once_in_portions(postgres, by):
    server, name = postgres
    fill(postgres, range(1, 30))
    rows = source(server.url(name), schema="Sales", **by)
    numbers, cursor = read_all(rows, limit_rows=8)
    assert numbers == [float(n) for n in range(1, 30)]
    fill(postgres, [31])
    more, cursor = read_all(rows, cursor)
    fill(postgres, [30])
    late, cursor = read_all(rows, cursor)
    assert (more, late, read_all(rows, cursor)[0]) == ([31.0], [30.0], [])
    found = scan_portions(rows, ["n"], start=START + timedelta(minutes=5), end=START + timedelta(minutes=7))
    assert found["n"].to_pylist() == [5.0, 6.0]
    assert rows.earliest(START + timedelta(minutes=5)) == START + timedelta(minutes=5)


def test_postgresql_values_become_plain_ones_and_names_are_found(postgres):
    server, name = postgres
    fill(postgres, [1])
    rows = source(server.url(name), schema="Sales", timezone="America/Sao_Paulo", time="local")
    table, _ = rows.read_new("m", None)
    assert table["price"].to_pylist() == [1.25]
    assert table["tags"].to_pylist() == ['["a", "b"]']
    assert table["ok"].to_pylist() == [True]
    assert table["__time"].to_pylist()[0].astimezone(UTC) == START + timedelta(hours=3, minutes=1)
    with pytest.raises(InputError, match="gives the column 'id' more than once"):
        source(server.url(name), table=None, query='SELECT id, id, at FROM "Sales"."or ders"').names()
    with pytest.raises(InputError, match="has no table 'orders'; the nearest is 'or ders'"):
        source(server.url(name), schema="Sales", table="orders").names()


def test_postgresql_transactions_are_read_only_and_passwords_stay_secret(postgres, tmp_path):
    server, name = postgres
    fill(postgres, [1])
    (tmp_path / "pw").write_text("geheim\n", encoding="utf-8")
    rows = source(server.url(name, "guarded"), schema="Sales", password_file=tmp_path / "pw")
    assert read_all(rows)[0] == [1.0]
    with pytest.raises(InputError, match="read-only transaction"), rows._database.connect() as connection:
        connection.exec_driver_sql('DELETE FROM "Sales"."or ders"')
    wrong = source(server.url(name, "guarded"), schema="Sales", password="falsch")
    with pytest.raises(InputError, match="password authentication failed") as caught:
        wrong.names()
    assert "falsch" not in str(caught.value)


def test_a_transaction_that_ends_late_is_read_when_it_ends(postgres):
    import psycopg

    server, name = postgres
    rows = source(server.url(name), schema="Sales")
    statement = 'INSERT INTO "Sales"."or ders" (n, at) VALUES (%s, timestamptz \'2026-01-01 00:00+00\')'
    with psycopg.connect(host=str(server.socket), user="mirante", dbname=name) as slow:
        slow.execute(statement, [1.0])
        server.run(statement % 2.0, name=name)
        numbers, cursor = read_all(rows)
        assert numbers == [2.0]
    assert read_all(rows, cursor)[0] == [1.0]


READER = """
import resource, sys
from mirante.sources.rows.config import SqlConfig
from mirante.sources.rows.opening import open_source
source = open_source(SqlConfig(sql=sys.argv[1], table="t", time="at", cursor="id"))
source.features()
before, rows, cursor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0, None
while (found := source.read_new("m", cursor))[0] is not None:
    rows, cursor = rows + found[0].num_rows, found[1]
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_many_rows_take_little_memory(tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as connection:
        columns = ", ".join(f"random() AS c{n}" for n in range(20))
        connection.execute(
            "CREATE TABLE t AS WITH RECURSIVE k(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM k LIMIT 60000) "
            f"SELECT id, '2026-01-01 00:00:00' AS at, {columns} FROM k"
        )
        connection.execute("CREATE UNIQUE INDEX i ON t (id)")
    connection.close()
    answer = subprocess.run(
        [sys.executable, "-c", READER, f"sqlite:///{tmp_path / 'x.db'}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows, kilobytes = map(int, answer.split())
    assert rows == 60_000
    assert kilobytes < 75_000, "all of them are over 90 MB as Python's objects"
