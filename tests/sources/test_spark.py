"""Spark: counts equal to the local ones however rows are spread, and every failure in one sentence."""

from __future__ import annotations

import datetime as dt
import importlib
import subprocess
import sys
import warnings
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante import TableProfile, profile_spark, profile_spark_files
from mirante.errors import InputError, MissingDependencyError
from mirante.monitors.windows import WindowClock
from mirante.sources.spark import counting, jobs
from mirante.sources.spark.counting import Cutting, added, count, counted, from_batch, to_batch
from mirante.sources.spark.files import SparkFiles, _dealt
from mirante.sources.spark.frames import SparkFrame
from mirante.sources.tables import profile_path

ROWS = 6_000
NEW_YORK = "America/New_York"


def made(rows=ROWS, seed=1):
    rng = np.random.default_rng(seed)
    start = np.datetime64("2024-03-08T00:00", "us")  # the clocks of New York go on on 10 March

    def holes(values, kind=None):
        return pa.array(values, kind, mask=rng.random(rows) < 0.1)

    cities = np.array(["Rio", "São Paulo", "007", "a,b", "Zürich 🚲"])
    return pa.table(
        {
            "price": holes(rng.lognormal(3, 1, rows)),
            "visits": holes(rng.integers(0, 40, rows)),
            "half.known `x`": pa.array(np.where(rng.random(rows) < 0.5, np.nan, rng.normal(size=rows))),
            "ends": pa.array(rng.choice([np.inf, -np.inf, 0.0, -0.0, 1.5], rows)),
            "small": holes(rng.normal(size=rows).astype(np.float32)),
            "cost": pa.array(
                [Decimal(int(n)) / 100 for n in rng.integers(0, 10**6, rows)], pa.decimal128(12, 2)
            ),
            "city": holes(rng.choice(cities, rows)),
            "member": holes(rng.random(rows) < 0.3),
            "raw": pa.array([bytes([n]) for n in rng.integers(0, 9, rows)]),
            "day": holes(rng.integers(19_000, 19_400, rows).astype(np.int32), pa.date32()),
            "at": pa.array(start + rng.integers(0, 4 * 86_400 * 10**6, rows), pa.timestamp("us", "UTC")),
            "plain": holes(start + rng.integers(0, 10**12, rows).astype("timedelta64[us]")),
            "PRICE": holes(rng.normal(size=rows)),  # Spark takes it for the first one, unless told otherwise
            "nothing": pa.nulls(rows),
        }
    )


@pytest.fixture(scope="module")
def table():
    return made()


@pytest.fixture(scope="module")
def baseline(table):
    return TableProfile.of(table.slice(0, 4_000))


@pytest.fixture(scope="module")
def frame(spark, table):
    # Arrow's times without zone come in as moments on the session's clock; this takes them back out
    numbered = spark.createDataFrame(table).toDF(*(f"c{place}" for place in range(table.num_columns)))
    plain = f"c{table.column_names.index('plain')}"
    return numbered.withColumn(plain, numbered[plain].cast("timestamp_ntz")).toDF(*table.column_names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, table):
    found = tmp_path_factory.mktemp("parquet")
    for number in range(5):
        part = table.slice(number * 1_200, 1_200)
        if number == 3:  # whole numbers in one file, and a column that is missing there
            part = part.set_column(1, "visits", part.column("visits").cast("int32")).drop_columns(["small"])
        target = found / f"year={2020 + number % 2}" / f"{number}.parquet"
        target.parent.mkdir(exist_ok=True)
        pq.write_table(part, target)
    return found


def by_window(table, baseline, length, zone):
    cut = WindowClock(length, zone).assign(table.column("at").to_numpy())
    return {window.start: TableProfile.of(table.take(places), like=baseline) for window, places in cut}


def by_moment(found):
    """By UTC: Python holds no local time of an hour that comes twice for equal to one elsewhere."""
    return {start.astimezone(dt.UTC): profile for start, profile in found.items()}


@pytest.mark.parametrize("parts", [1, 12])
def test_counts_are_the_local_ones(frame, table, baseline, parts):
    found = profile_spark(frame.repartition(parts), baseline=baseline)
    local = TableProfile.of(table, like=baseline)
    assert found == local
    assert found.rows == ROWS
    assert found.numbers.cells.tobytes() == local.numbers.cells.tobytes()
    assert found.categories.levels.tobytes() == local.categories.levels.tobytes()
    np.testing.assert_allclose(found.numbers.powers, local.numbers.powers, rtol=1e-9)
    np.testing.assert_allclose(found.numbers.sums, local.numbers.sums, rtol=1e-3, atol=1e-2)


def test_skewed_and_empty_parts(spark, frame, table, baseline):
    skewed = frame.repartition(16, frame.member)
    assert profile_spark(skewed, baseline=baseline) == TableProfile.of(table, like=baseline)
    nobody = profile_spark(frame.limit(0), baseline=baseline)
    assert nobody == TableProfile.empty(baseline)


def test_only_some_columns(frame, table, baseline):
    found = profile_spark(frame, baseline=baseline, columns=["city", "price"])
    assert found == TableProfile.of(table, like=baseline, columns=["city", "price"])


def test_a_column_that_is_gone_is_missing(frame, table, baseline):
    short = frame.toDF(*table.column_names[:-2], "other", "nothing").select("price")
    found = profile_spark(short, baseline=baseline)
    assert found == TableProfile.of(table.select(["price"]), like=baseline)
    assert found.columns["city"].missing == ROWS
    other = profile_spark(short, baseline=TableProfile.of({"x": [1.0]}))
    assert (other.rows, other.columns["x"].missing) == (ROWS, ROWS)


def test_kinds_that_changed_are_counted_as_local(spark, baseline):
    changed = pa.table({"price": ["1.5", "n/a", None, "2"], "city": [7, 1, None, 7]})
    small = baseline.only({"price", "city"})
    found = profile_spark(spark.createDataFrame(changed), baseline=small)
    assert found == TableProfile.of(changed, like=small)
    assert found.columns["price"].unreadable == 1


def test_windows_where_the_clocks_change(frame, table, baseline):
    found = profile_spark(frame.repartition(7), baseline=baseline, time="at", window="1d", timezone=NEW_YORK)
    local = by_window(table, baseline, "1d", NEW_YORK)
    assert by_moment(found) == local
    days = list(found)
    assert days == sorted(days)
    assert [day.isoformat() for day in days[2:4]] == [
        "2024-03-09T00:00:00-05:00",
        "2024-03-10T00:00:00-05:00",
    ]
    lengths = [later.timestamp() - day.timestamp() for day, later in pairwise(days)]
    assert 23 * 3600 in lengths
    assert sum(one.rows for one in found.values()) == ROWS


def test_windows_of_hours_where_an_hour_comes_twice(spark):
    times = np.datetime64("2024-11-03T04:00", "us") + np.arange(0, 5 * 3600, 300).astype("timedelta64[s]")
    rows = pa.table(
        {"x": np.arange(len(times), dtype=float), "at": pa.array(times, pa.timestamp("us", "UTC"))}
    )
    baseline = TableProfile.of(rows.select(["x"]))
    found = profile_spark(
        spark.createDataFrame(rows).repartition(3),
        baseline=baseline,
        time="at",
        window="1h",
        timezone=NEW_YORK,
    )
    assert by_moment(found) == by_window(rows, baseline, "1h", NEW_YORK)
    assert [one.rows for one in found.values()] == [12, 24, 12, 12]


def test_rows_without_a_time_are_told(spark, baseline):
    rows = pa.table({"price": [1.0, 2.0, 3.0], "plain": pa.array([None, 0, 10**12], pa.timestamp("us"))})
    small = baseline.only({"price"})
    with pytest.warns(match="1 rows have no time in 'plain' and are in no window"):
        found = profile_spark(spark.createDataFrame(rows), baseline=small, time="plain", window="1d")
    assert [(start.isoformat(), one.rows) for start, one in found.items()] == [
        ("1970-01-01T00:00:00+00:00", 1),
        ("1970-01-12T00:00:00+00:00", 1),
    ]


def test_a_date_is_a_day_on_the_clock(spark, baseline):
    days = pa.array([dt.date(2024, 3, 10), dt.date(2024, 3, 11), dt.date(2024, 3, 10)])
    rows = spark.createDataFrame(pa.table({"price": [1.0, 2.0, 3.0], "day": days}))
    found = profile_spark(rows, baseline=baseline.only({"price"}), time="day", window="1d", timezone=NEW_YORK)
    assert [(start.isoformat(), one.rows) for start, one in found.items()] == [
        ("2024-03-10T00:00:00-05:00", 2),
        ("2024-03-11T00:00:00-04:00", 1),
    ]


def test_edges_of_a_first_profile_are_chosen_from_all_rows_of_a_small_table(frame, table):
    found = profile_spark(frame, time="at", window="1d")
    whole = profile_spark(frame, columns=[name for name in table.column_names if name != "at"])
    local = TableProfile.of(table.drop_columns(["at"]))
    assert "at" not in whole.columns
    for name, column in local.columns.items():
        other = whole.columns[name]
        if hasattr(column, "edges"):
            np.testing.assert_array_equal(column.edges, other.edges)
            np.testing.assert_array_equal(column.tally.counts, other.tally.counts)
        else:
            assert (column.levels, column.counts.tolist()) == (other.levels, other.counts.tolist())
    assert sum(one.rows for one in found.values()) == ROWS


def test_edges_of_a_larger_table_come_from_a_sample(frame, folder, spark, monkeypatch):
    monkeypatch.setattr(jobs, "_SAMPLE_ROWS", 1_000)
    few = SparkFrame(frame).sample(["price", "city"]).num_rows
    assert 800 < few < 1_200
    first = profile_spark(frame, columns=["price"])
    assert first.rows == ROWS
    assert first.columns["price"].edges.size < 1_200
    assert profile_spark(frame, columns=["price"]) == first
    read = SparkFiles(spark, folder).sample(["price", "year"])
    assert 800 < read.num_rows < 1_200
    assert set(read.column("year").to_pylist()) == {2020.0, 2021.0}


def test_files_are_the_local_run(spark, folder, baseline, table):
    assert profile_spark_files(spark, folder, baseline=baseline) == profile_path(folder, baseline)
    first = profile_spark_files(spark, str(folder), columns=["price", "year", "city"])
    assert first.rows == ROWS
    assert first == profile_path(folder, first)
    assert first.columns["year"].maximum == 2021
    some = sorted(folder.rglob("*.parquet"))[:2]
    two = profile_spark_files(spark, some, baseline=baseline)
    assert two == profile_path(some[0], baseline) + profile_path(some[1], baseline)
    one = profile_spark_files(spark, f"file://{some[0]}", baseline=baseline)
    assert one == profile_path(some[0], baseline)


def test_files_by_window(spark, folder, baseline, table):
    some = baseline.only({"price", "visits", "city"})
    found = profile_spark_files(spark, folder, baseline=some, time="at", window="6h", timezone=NEW_YORK)
    assert by_moment(found) == by_window(table, some, "6h", NEW_YORK)
    assert len(found) == 16 + 1


def test_files_with_no_column_in_common_have_rows(spark, folder):
    found = profile_spark_files(spark, folder, baseline=TableProfile.of({"other": [1.0]}))
    assert (found.rows, found.columns["other"].missing) == (ROWS, ROWS)


def test_one_large_file_does_not_take_the_small_ones_along():
    groups = _dealt([Path(name) for name in "abcde"], [100, 1, 1, 1, 1], 2)
    assert groups == [[Path("a")], [Path(name) for name in "bcde"]]


@pytest.mark.parametrize(
    ("column", "kind"),
    [("array(1)", "array<int>"), ("named_struct('a', 1)", "struct<a:int>"), ("interval 2 month", "interval")],
)
def test_nested_columns_are_named(spark, column, kind):
    nested = spark.sql(f"select 1.0 as x, {column} as many")
    with pytest.raises(InputError, match=f"column 'many' holds {kind}"):
        profile_spark(nested)
    assert profile_spark(nested, columns=["x"]).rows == 1
    with pytest.raises(InputError, match="column 'many' holds"):
        profile_spark(nested, baseline=TableProfile.of({"many": [1.0]}))


def test_nested_columns_of_files_are_named(spark, tmp_path):
    pq.write_table(pa.table({"x": [1.0], "many": [[1, 2]]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column 'many' holds lists"):
        profile_spark_files(spark, tmp_path)


def test_a_value_that_cannot_be_counted_names_its_column(spark):
    bad = spark.sql("select id as y, cast(X'ff' as string) as x from range(4)")
    with pytest.raises(InputError, match=r"column 'x' .string. could not be counted: UnicodeDecodeError"):
        profile_spark(bad, baseline=TableProfile.of({"x": [1.0], "y": [1.0]}))
    timed = bad.selectExpr("*", "timestamp'2024-01-01' as at")
    with pytest.raises(InputError, match="column 'x'"):
        profile_spark(timed, baseline=TableProfile.of({"x": [1.0]}), time="at", window="1d")


def test_what_spark_says_is_told(spark):
    broken = spark.sql("select cast(if(id = 3, 'abc', '1') as int) as x from range(0, 4, 1, 2)")
    with pytest.raises(InputError, match=r"Spark failed while it counted 'x': \[CAST_INVALID_INPUT\]"):
        profile_spark(broken, baseline=TableProfile.of({"x": [1.0]}))
    with pytest.raises(InputError, match=r"Spark failed while it counted 'x': \[CAST_INVALID_INPUT\]"):
        profile_spark(broken)


def test_a_worker_that_lacks_a_module_is_told(spark, tmp_path, monkeypatch):
    """As where Mirante is not installed: workers get the name of a function, and import it from there."""
    (tmp_path / "driver_only.py").write_text("def work(batches):\n    yield from batches\n")
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("driver_only").work
    monkeypatch.setattr(jobs, "_counting", lambda sent, cutting: work)
    with pytest.raises(MissingDependencyError, match="workers cannot import 'driver_only'; install Mirante"):
        profile_spark(spark.range(3), baseline=TableProfile.of({"id": [1.0]}))


def test_a_file_that_the_worker_does_not_have(spark, folder, baseline, monkeypatch):
    class Torn(SparkFiles):
        def __init__(self, *args):
            super().__init__(*args)
            self._groups = [[Path("/not/there.parquet")]]
            self._batches._folders[Path("/not/there.parquet")] = {}

    with pytest.raises(
        InputError, match=r"a worker cannot read /not/there.parquet: .*same paths must be there"
    ):
        jobs.profile_table(Torn(spark, folder), baseline=baseline)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time": "at"}, "got 'time' and no 'window'"),
        ({"window": "1d"}, "got 'window' and no 'time'"),
        ({"columns": ["price", "absent"]}, "the table has no column 'absent'; it has 'price'"),
        ({"columns": []}, "no column to count"),
        ({"time": "absent", "window": "1d"}, "no column 'absent' of times"),
        ({"time": "city", "window": "1d"}, "the column of times, 'city', holds string"),
    ],
)
def test_arguments_that_are_wrong(frame, arguments, message):
    with pytest.raises(InputError, match=message):
        profile_spark(frame, **arguments)


def test_tables_that_are_none(spark, frame, folder, tmp_path):
    with pytest.raises(InputError, match="got dict; give a DataFrame of pyspark"):
        profile_spark({"x": [1]})
    with pytest.raises(InputError, match="the table has the column 'x' more than once"):
        profile_spark(spark.sql("select 1 as x, 2 as x"))
    with pytest.raises(InputError, match="has no rows; edges are chosen from one"):
        profile_spark(frame.limit(0))
    with pytest.raises(InputError, match=r"s4://bucket/day cannot be read: .* profile_spark may"):
        profile_spark_files(spark, "s4://bucket/day")
    with pytest.raises(InputError, match="got 2 paths, and s3://b/x is an address; give it alone"):
        profile_spark_files(spark, [folder, "s3://key:secret@b/x"])
    with pytest.raises(InputError, match="absent is not there"):
        profile_spark_files(spark, tmp_path / "absent")
    with pytest.raises(InputError, match="got no path"):
        profile_spark_files(spark, [])
    with pytest.raises(InputError, match="holds no Parquet file"):
        profile_spark_files(spark, tmp_path)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="a file cannot be read"):
        profile_spark_files(spark, tmp_path)
    with pytest.raises(InputError, match="no column 'city' of dates or timestamps; it is text"):
        profile_spark_files(spark, folder, time="city", window="1d")


def test_pandas_warning_alone_is_kept_back(frame, baseline):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        profile_spark(frame, baseline=baseline)
        profile_spark(frame, columns=["price"])
    assert [str(one.message) for one in caught if issubclass(one.category, FutureWarning)] == []
    with pytest.warns(FutureWarning, match="something else"), jobs.calm():
        warnings.warn("something else", FutureWarning, stacklevel=1)


def test_nothing_stays_behind(spark, frame, baseline):
    before = spark.sparkContext._jsc.getPersistentRDDs().size()
    profile_spark(frame, baseline=baseline, time="at", window="1d")
    assert spark.sparkContext._jsc.getPersistentRDDs().size() == before
    assert spark.sparkContext.statusTracker().getActiveJobsIds() == []


def test_without_pyspark_the_extra_is_named():
    program = (
        "import sys; sys.modules['pyspark'] = None\n"
        "import mirante\n"
        "try: mirante.profile_spark(None)\n"
        "except mirante.MissingDependencyError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'mirante[spark]'" in done.stdout


# What a worker does, without Spark.


def batches_of(table, size):
    return table.combine_chunks().to_batches(max_chunksize=size)


def test_many_windows_leave_in_between(table, baseline):
    cutting = Cutting("at", WindowClock("1h", NEW_YORK))
    rows = list(count(batches_of(table, 500), baseline, cutting, most=5))
    assert len(rows) > 4 * 24 + 1
    found, untimed = added(
        [row for batch in map(to_batch, ([one] for one in rows)) for row in from_batch(batch)], baseline
    )
    local = by_window(table, baseline, "1h", NEW_YORK)
    assert untimed == 0
    assert {dt.datetime.fromtimestamp(start / 1e6, dt.UTC): one for start, one in found.items()} == local


@pytest.mark.parametrize("size", [1, 999, 6_000])
def test_batches_of_any_size_add_up(table, baseline, size):
    some = table.slice(0, 300 if size == 1 else ROWS)
    found, untimed = added(count(batches_of(some, size), baseline, None), baseline)
    assert (found, untimed) == ({None: TableProfile.of(some, like=baseline)}, 0)


def test_no_batches_are_no_rows(baseline):
    assert added(count([], baseline, None), baseline) == ({}, 0)


def test_counting_says_which_column(baseline):
    nested = pa.RecordBatch.from_pydict({"city": [["a"]], "price": [1.0]})
    with pytest.raises(InputError, match=r"column 'city' .list<item: string>. could not be counted"):
        counted(nested, baseline)
    (row,) = count([nested], baseline, None)
    assert row[3].startswith("column 'city'")
    with pytest.raises(InputError, match="column 'city'"):
        added([row], baseline)


def test_an_older_worker_is_refused():
    assert counting.other_version(counting.__version__) is None
    assert "install the same version" in counting.other_version("0.0.0")


def test_a_reason_is_found_in_what_spark_says():
    assert jobs._reason("Boom happened\n\tat java") == "Boom happened"
    assert jobs._reason("Traceback (most recent call last):\n  x\nValueError: bad\n\n") == "ValueError: bad"
    assert jobs._reason("") == "it gave no reason"
