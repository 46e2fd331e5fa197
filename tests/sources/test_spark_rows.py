"""Tables that Spark knows by name: what is new by a cursor, counted by workers, as here."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest

from mirante.app.build import Parts
from mirante.errors import InputError
from mirante.monitors import elsewhere
from mirante.monitors.elsewhere import SparkCounting
from mirante.monitors.tables.config import TableConfig
from mirante.monitors.tables.watch import TableWatch
from mirante.sources.rows.config import SparkTableConfig
from mirante.sources.rows.opening import open_source
from mirante.sources.spark.config import SparkConfig
from mirante.sources.spark.rows import SparkRows
from mirante.sources.spark.session import SparkEngine
from mirante.store import Store

from ..monitors.test_tables import rows_of

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def engine(spark):
    with SparkEngine(SparkConfig(master="local[2]")) as found:
        yield found


def rows_in(engine, name, **more):
    config = SparkTableConfig(**({"spark": name, "time": "at", "cursor": "number"} | more))
    return SparkRows(config, config.columns(), engine)


def write(folder, days, first=0):
    frame = pd.concat([rows_of(day) for day in days], ignore_index=True)
    frame["at"] = frame["at"].astype("datetime64[us, UTC]")
    frame["number"] = range(first, first + len(frame))
    folder.mkdir(exist_ok=True)
    frame.to_parquet(folder / f"{days[0]}.parquet")


def test_what_is_new_is_what_is_over_the_cursor(engine, tmp_path):
    write(tmp_path / "orders", [0, 1])
    rows = rows_in(engine, f"parquet.`{tmp_path}/orders`")
    assert rows.features() == ["amount", "plan"]
    frame, cursor = rows.new_frame(None)
    assert cursor == {"past": "399"}
    assert (frame.count(), frame.columns) == (400, ["amount", "plan", "at"])
    assert rows.new_frame(cursor) is None
    write(tmp_path / "orders", [2], first=400)
    assert rows.new_frame(cursor)[0].count() == 200
    assert rows.read_new("orders", cursor) == (None, cursor)
    assert rows_in(engine, f"parquet.`{tmp_path}/orders`", cursor="at").new_frame(None)[1]["past"].isdigit()
    # rows of a time are read here, for baselines and samples
    assert rows.earliest(START + DAY) == pd.Timestamp(rows_of(1)["at"].min()).floor("us").to_pydatetime()
    assert rows.earliest(START + 9 * DAY) is None
    found = pa.concat_tables(
        list(rows.portions(["amount", "__time"], start=START + DAY, end=START + 2 * DAY))
    )
    assert sorted(found["amount"].to_pylist()) == sorted(rows_of(1)["amount"])
    assert (rows.versioned, rows.fingerprint()) == (False, "")


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_number_that_is_none_ends_nothing(engine, tmp_path, kind):
    """Spark takes NaN for more than any number."""
    (tmp_path / "odd").mkdir()

    def add(name, *numbers):
        frame = pd.DataFrame({"number": pa.array(numbers).to_numpy().astype(kind), "x": 1.0})
        frame.assign(at=START).to_parquet(tmp_path / "odd" / name)

    add("1", 1.0, math.nan, 2.5, math.inf)
    rows = rows_in(engine, f"parquet.`{tmp_path}/odd`")
    frame, cursor = rows.new_frame(None)
    assert (frame.count(), cursor) == (2, {"past": "2.5"})
    assert rows.new_frame(cursor) is None
    add("2", 3.0)
    assert rows.new_frame(cursor)[0].count() == 1


def test_times_that_are_dates_or_texts(engine, spark, tmp_path):
    days = pd.DataFrame({"at": [date(2026, 1, day) for day in (1, 2, 3)], "x": [1.0, 2.0, 3.0]})
    days.assign(said=["2026-01-01", "2026-01-02", "2026-01-03"]).to_parquet(tmp_path / "days.parquet")
    name = f"parquet.`{tmp_path}/days.parquet`"
    dated, texts = rows_in(engine, name, cursor="at"), rows_in(engine, name, time="said", cursor="said")
    for rows in (dated, texts):
        assert rows.new_frame({"past": "2026-01-01"})[1] == {"past": "2026-01-03"}
        assert rows.new_frame({"past": "2026-01-01"})[0].count() == 2
        assert rows.earliest(START + DAY) == START + DAY
        assert sum(part.num_rows for part in rows.portions(None, end=START + DAY)) == 1
    with pytest.raises(InputError, match=r"source\.cursor: .* has no column 'number'"):
        rows_in(engine, name).new_frame(None)
    with pytest.raises(InputError, match="Spark has no table 'nowhere'"):
        rows_in(engine, "nowhere").features()
    with pytest.raises(InputError, match="Delta tables need its package"):
        rows_in(engine, f"delta.`{tmp_path}`").features()
    spark.sql(f"SELECT array(x) AS number, at FROM {name}").createOrReplaceTempView("odd")
    with pytest.raises(InputError, match="holds array<double>; name a column of numbers"):
        rows_in(engine, "odd").new_frame(None)


def test_a_table_that_spark_counts_is_as_one_that_is_counted_here(engine, tmp_path, monkeypatch):
    write(tmp_path / "orders", range(4))
    monkeypatch.setattr(elsewhere, "_WIDE", 0)  # workers add up what others counted
    found = []
    for source in (
        {"parquet": str(tmp_path / "orders"), "time": "at"},
        {"spark": f"parquet.`{tmp_path}/orders`", "time": "at", "cursor": "number"},
    ):
        there = "spark" in source
        exclude = {"exclude": ["number"]}
        config = TableConfig(
            table="orders", source=source, baseline="first 2 windows", lateness="0s", columns=exclude,
            engine="spark" if there else "local",
        )  # fmt: skip
        parts = SimpleNamespace(spark=engine)
        with Store(f"sqlite:///{tmp_path}/{there}.db") as store:
            watch = TableWatch(
                config,
                store,
                open_rows=lambda config=config, parts=parts: Parts.source_of(parts, config),
                spark=SparkCounting(engine) if there else None,
            )
            step = watch.advance(START + 9 * DAY)
            assert step.rows == 400
            assert watch.advance(START + 9 * DAY).rows == 0
            found.append(
                [
                    (row.start, row.rows, row.verdicts["columns"], row.verdicts["outliers"])
                    for row in step.closed
                ]
            )
    assert found[0] == found[1]
    assert [row[1] for row in found[1]][:2] == [200, 200]


def test_a_table_of_spark_is_not_opened_by_its_config():
    with pytest.raises(InputError, match="only mirante up reads it"):
        open_source(SparkTableConfig(spark="shop.orders", cursor="number"))
