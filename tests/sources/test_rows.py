"""Sources of rows: their config, which column is what, rows in portions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from mirante.errors import ConfigError, InputError
from mirante.sources.rows.config import ColumnChoice, ParquetConfig, SourceConfig, SqlConfig
from mirante.sources.rows.drawing import draw_rows, join_rows, within
from mirante.sources.rows.mapping import LABEL, ColumnMap, to_times
from mirante.sources.rows.opening import open_source
from mirante.sources.rows.parquet import ParquetFolder
from mirante.sources.rows.sql import SqlTable

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SOURCE = TypeAdapter(SourceConfig)


def utc(times):
    return [None if time is None else time.astimezone(UTC).isoformat() for time in times.to_pylist()]


def test_a_text_is_a_folder_and_mappings_say_what_they_are():
    assert SOURCE.validate_python("scores") == ParquetConfig(parquet="scores")
    assert isinstance(SOURCE.validate_python({"sql": "sqlite:///x.db", "table": "t"}), SqlConfig)
    assert (
        SOURCE.validate_python({"parquet": "s3://bucket/x"}).within(Path("/srv")).parquet == "s3://bucket/x"
    )
    placed = SqlConfig(sql="sqlite:///x.db", table="t", password_file="pw").within(Path("/srv"))
    assert (placed.sql, str(placed.password_file)) == ("sqlite:////srv/x.db", "/srv/pw")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("postgresql://ana:geheim@db/shop", "is the address of a database; write source: {sql: "),
        ({"sql": "sqlite:///x.db"}, "needs either table or query, and not both"),
        ({"sql": "sqlite:///x.db", "query": "SELECT 1; DROP TABLE t"}, "query holds several statements"),
        ({"sql": "sqlite:///x.db", "query": "SELECT 1", "schema": "s"}, "schema is for a table"),
        ({"parquet": "x", "time": "at", "label": "at"}, "time and label are both the column 'at'"),
        ({"parquet": "x", "timezone": "Mars/Olympus"}, "the time zone 'Mars/Olympus' is unknown"),
        ({"parquet": "x", "tiem": "at"}, "tiem"),
    ],
)
def test_what_is_wrong_in_a_source_is_said(source, said):
    with pytest.raises((ConfigError, ValidationError), match=said.replace("{", r"\{")) as caught:
        SOURCE.validate_python(source)
    assert "geheim" not in str(caught.value).partition("[type=")[0]


def test_a_choice_that_leaves_nothing_is_refused():
    with pytest.raises((ConfigError, ValidationError), match="leave no column"):
        ColumnChoice(include=["a"], exclude=["a"])
    assert ColumnChoice(include=["b", "a"]).of(["a", "b", "c"]) == ["a", "b"]


def test_passwords_are_not_shown():
    config = SqlConfig(sql="postgresql://ana:geheim@db/shop", table="t", time="at", cursor="id")
    source = open_source(config)
    assert "geheim" not in repr(config) + source.root
    other = SqlConfig(sql="postgresql://ana@db/shop", password="env:PW", table="t", time="at", cursor="id")
    assert open_source(other, environ={"PW": "geheim"}).root == "postgresql+psycopg://ana:***@db/shop (t)"
    with pytest.raises(ConfigError, match="environment variable 'PW'"):
        open_source(other, environ={})
    both = SqlConfig(sql="postgresql://ana:x@db/shop", password="y", table="t", time="at", cursor="id")
    with pytest.raises(ConfigError, match="has a password too; keep one"):
        open_source(both)
    with pytest.raises(ConfigError, match="is not the address of a database"):
        open_source(SqlConfig(sql="nothing:geheim", table="t"))


def test_sources_are_opened_by_their_kind(tmp_path):
    assert isinstance(open_source(ParquetConfig(parquet=str(tmp_path))), ParquetFolder)
    assert isinstance(open_source(SqlConfig(sql="sqlite:///x.db", table="t")), SqlTable)
    with pytest.raises(InputError, match=r"source.parquet: s4://db/x cannot be opened"):
        open_source(ParquetConfig(parquet="s4://ana:geheim@db/x?token=1"))


def test_times_of_all_kinds_become_utc():
    naive = [datetime(2026, 7, 1, 12), None]
    assert utc(to_times(pa.array(naive, pa.timestamp("ns")), "UTC")) == ["2026-07-01T12:00:00+00:00", None]
    assert utc(to_times(pa.array(naive, pa.timestamp("s")), "America/Sao_Paulo")) == [
        "2026-07-01T15:00:00+00:00",
        None,
    ]
    zoned = pa.array([NOON], pa.timestamp("ms", "Asia/Tokyo"))
    assert utc(to_times(zoned, "America/Sao_Paulo")) == ["2026-01-31T12:00:00+00:00"]
    assert utc(to_times(pa.array([NOON.date()]), "America/Sao_Paulo")) == ["2026-01-31T03:00:00+00:00"]
    texts = ["2026-07-01", " 2026-07-01 12:00:00.5 ", "2026-07-01T12:00:00+02:00", "20260701T12", "", "soon"]
    assert utc(to_times(pa.array(texts).dictionary_encode(), "America/Sao_Paulo")) == [
        "2026-07-01T03:00:00+00:00",
        "2026-07-01T15:00:00.500000+00:00",
        "2026-07-01T10:00:00+00:00",
        "2026-07-01T15:00:00+00:00",
        None,
        None,
    ]
    assert utc(to_times(pa.nulls(1), "UTC")) == [None]


def test_hours_that_come_twice_or_never_are_read():
    clocks = pa.array([datetime(2026, 11, 1, 1, 30), datetime(2026, 3, 8, 2, 30)])
    assert utc(to_times(clocks, "America/New_York")) == [
        "2026-11-01T05:30:00+00:00",
        "2026-03-08T06:59:59.999999+00:00",
    ]


def test_times_that_cannot_be_are_missing_and_numbers_are_refused():
    odd = pa.array([datetime(1, 1, 1), datetime(1900, 1, 1), datetime(9999, 12, 31)])
    assert utc(to_times(odd, "UTC")) == [None, "1900-01-01T00:00:00+00:00", None]
    with pytest.raises(InputError, match="holds int64, which could be of any unit"):
        to_times(pa.array([1]), "UTC")
    with pytest.raises(InputError, match=r"source.time: the column 'at' holds int64"):
        ColumnMap(time="at").rows(pa.table({"at": [1]}), pa.array(["a"]))


def test_columns_become_those_of_the_log():
    raw = pa.table(
        {
            "key": [7.0, None, 9.5],
            "at": ["2026-01-31", None, "2026-02-01"],
            "score": pa.array(["0.1", "0.2", "0.3"]).cast(pa.float32()),
            "v": pa.array([1, 2, 3], pa.int8()),
            "truth": [True, None, False],
            "took": [1, 2, 3],
            "age": pa.array([1, 2, 3], pa.int16()),
            "tags": [["a"], [], None],
            "plan": pa.array(["a", "b", "a"]).dictionary_encode(),
            "__id": ["x", "y", "z"],
        }
    )
    columns = ColumnMap("at", "key", "score", "v", "truth", "took")
    rows, untimed = columns.rows(raw, pa.nulls(3, pa.string()))
    assert untimed == 1
    assert rows.column_names == [
        "age", "tags", "plan", "__id", "__time", "__latency", "__prediction", "__version", LABEL
    ]  # fmt: skip
    assert rows["__id"].to_pylist() == ["7", "9.5"]
    assert rows["__version"].to_pylist() == ["1", "3"]
    assert rows["__latency"].to_pylist() == [1.0, 3.0]
    assert rows["tags"].to_pylist() == ['["a"]', None]
    assert rows["plan"].type == pa.string()
    assert rows[LABEL].to_pylist() == [True, False]


def test_a_column_named_prediction_is_one():
    columns = ColumnMap(time="at")
    rows, _ = columns.rows(pa.table({"at": ["2026-01-31"], "prediction": [0.5]}), pa.array(["a"]))
    assert rows["__prediction"].to_pylist() == [0.5]
    assert columns.raw(["at", "prediction"], ["__prediction"]) == ["prediction"]
    without = ColumnMap(time="at", exclude=("prediction",))
    assert without.raw(["at", "prediction"], ["__prediction"]) == []


def test_include_lets_columns_in_that_have_a_meaning_too():
    columns = ColumnMap(time="at", id="key", include=("key", "age"), exclude=("age",))
    assert columns.features(["at", "key", "age", "x"]) == ["key"]


def test_a_column_that_is_not_there_is_named_with_the_nearest():
    columns = ColumnMap(time="at", label="truth", include=("aeg",), aside=("seq",))
    with pytest.raises(InputError, match=r"source.time: orders has no column 'at'; the nearest is 'att'"):
        columns.check(["att", "age"], "orders")
    with pytest.raises(InputError, match=r"source.label: orders has no column 'truth'"):
        columns.check(["at", "age"], "orders")
    with pytest.raises(InputError, match=r"source.cursor: orders has no column 'seq'"):
        columns.check(["at", "age", "truth"], "orders")
    with pytest.raises(
        InputError, match=r"columns.include: orders has no column 'aeg'; the nearest is 'age'"
    ):
        columns.check(["at", "age", "truth", "seq"], "orders")
    with pytest.raises(InputError, match=r"columns.exclude: orders has no column 'x'"):
        ColumnMap(exclude=("x",)).check(["age"], "orders")
    with pytest.raises(InputError, match="has no column that is watched"):
        ColumnMap(time="at").check(["at"], "orders")


def test_latency_is_a_number():
    with pytest.raises(InputError, match=r"source.latency: the column 'took' holds text"):
        ColumnMap(latency="took").rows(pa.table({"took": ["fast"]}), pa.array(["a"]))


def test_portions_become_one_table():
    parts = [pa.table({"x": [1, 2]}), pa.table({"x": [0.5], "y": ["a"]})]
    assert join_rows(parts, None).to_pydict() == {"x": [1.0, 2.0, 0.5], "y": [None, None, "a"]}
    assert join_rows(parts, ["y", "z"])["z"].to_pylist() == [None] * 3
    assert join_rows(parts, ["y", "z"], strict=False).column_names == ["y"]
    assert join_rows([], ["y"], strict=False).num_rows == 0


def test_a_lot_is_fair_and_the_same_each_time():
    parts = [pa.table({"x": list(range(start, start + 100))}) for start in range(0, 1_000, 100)]
    drawn = draw_rows(iter(parts), 300, ["x"], 0)
    assert drawn.num_rows == 300
    assert drawn == draw_rows(iter(parts), 300, ["x"], 0)
    assert abs(sum(drawn["x"].to_pylist()) / 300 - 499.5) < 60
    with pytest.raises(InputError, match="must be at least 1"):
        draw_rows([], 0, ["x"], 0)


def test_ends_of_a_time_are_half_open():
    times = pa.array([NOON + timedelta(hours=n) for n in range(3)], pa.timestamp("us", "UTC"))
    table = pa.table({"__time": times})
    assert within(table, NOON, NOON + timedelta(hours=1)).num_rows == 1
    assert within(table, None, None).num_rows == 3
