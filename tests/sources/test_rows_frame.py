"""Rows of data frames: pandas, Polars and Arrow are one table, and each row is read once."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from structlog.testing import capture_logs

from mirante.errors import InputError
from mirante.sources.rows.config import FrameConfig
from mirante.sources.rows.drawing import sample_portions, scan_portions
from mirante.sources.rows.frame import FrameRows, frame_table
from mirante.sources.rows.opening import open_source

START = datetime(2026, 1, 1, tzinfo=UTC)


def polars_of(frame):
    zone = frame["at"].dt.tz
    if zone is None:
        return pl.from_pandas(frame)
    known = pl.from_pandas(frame.assign(at=frame["at"].dt.tz_convert(None)))
    return known.with_columns(pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone)))


KINDS = {
    "pandas": lambda frame: frame,
    "polars": polars_of,
    "lazy": lambda frame: polars_of(frame).lazy(),
    "arrow": lambda frame: pa.table(polars_of(frame)),
    "batch": lambda frame: polars_of(frame).to_arrow().combine_chunks().to_batches()[0],
    "mapping": lambda frame: {name: frame[name] for name in frame},
}


def rows_of(frame, **config):
    said = FrameConfig(**{"time": "at", **config})
    return FrameRows(frame, said, said.columns())


def frame_of(hours, **more):
    at = [pd.NaT if hour is None else pd.Timestamp(START) + pd.Timedelta(hours=hour) for hour in hours]
    return pd.DataFrame(
        {"at": pd.Series(at, dtype="datetime64[us, UTC]"), "x": np.arange(len(at)), "y": 1.5, **more}
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", None])
def test_every_kind_of_frame_gives_the_same_rows_in_the_order_of_time(kind, zone):
    frame = frame_of([30, 2, None, 2, 9], name=["é", None, "c", "a\x00b", "</script>"])
    local = frame.assign(at=frame["at"].dt.tz_convert("America/New_York").dt.tz_localize(None))
    frame = local if zone is None else frame.assign(at=frame["at"].dt.tz_convert(zone))
    with capture_logs() as said:
        rows = rows_of(KINDS[kind](frame), timezone="America/New_York" if zone is None else "UTC")
    table, cursor = rows.read_new("m", None)
    assert [line["rows"] for line in said] == [1]
    assert table["x"].to_pylist() == [1, 3, 4, 0]
    assert table["name"].to_pylist() == [None, "a\x00b", "</script>", "é"]
    assert [time - START for time in table["__time"].to_pylist()] == [
        timedelta(hours=hour) for hour in (2, 2, 9, 30)
    ]
    assert len(set(table["__id"].to_pylist())) == 4
    assert rows.read_new("m", cursor)[0] is None
    assert (rows.earliest(), rows.latest()) == (START + timedelta(hours=2), START + timedelta(hours=30))
    assert rows.earliest(START + timedelta(hours=10)) == START + timedelta(hours=30)
    found = scan_portions(rows, ["x"], start=START + timedelta(hours=2), end=START + timedelta(hours=9))
    assert found.to_pydict() == {"x": [1, 3]}
    assert sample_portions(rows, "", 9, start=START + timedelta(hours=3), columns=["x"])["x"].to_pylist() == [
        4,
        0,
    ]


def test_an_hour_that_comes_twice_and_one_that_never_is():
    frame = pd.DataFrame({"at": ["2026-11-01 01:30", "2026-03-08 02:30"], "x": [1, 2]})
    table, _ = rows_of(frame, timezone="America/New_York").read_new("m", None)
    assert [f"{time:%m-%d %H:%M}" for time in table["__time"].to_pylist()] == ["03-08 06:59", "11-01 05:30"]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("how", [{}, {"id": "x"}, {"cursor": "x"}])
def test_a_later_frame_gives_what_was_added(whole, how):
    first, second = frame_of([5, 1, 3, 3]), frame_of([9, 7]).assign(x=[11, 10])
    table, cursor = rows_of(first, **how).read_new("m", None)
    assert table.num_rows == 4
    later = pd.concat([second, first]) if whole else second
    table, cursor = rows_of(later, **how).read_new("m", cursor)
    assert sorted((time - START) / timedelta(hours=1) for time in table["__time"].to_pylist()) == [7, 9]
    assert rows_of(later, **how).read_new("m", cursor)[0] is None


def test_with_an_id_late_rows_are_found_and_copies_count():
    first = frame_of([5, 1, 3, 3], key=["a", "b", "c", "c"])
    table, cursor = rows_of(first, id="key").read_new("m", None)
    assert table["__id"].to_pylist() == ["b", "c", "c", "a"]
    late = frame_of([2, 3, 9], key=["d", "c", "e"])
    table, cursor = rows_of(pd.concat([first, late]), id="key").read_new("m", cursor)
    assert sorted(table["__id"].to_pylist()) == ["c", "d", "e"]
    for again in (first, late, pd.concat([first, late])):
        assert rows_of(again, id="key").read_new("m", cursor)[0] is None


def test_what_is_remembered_stays_small_and_no_row_comes_twice():
    count = 45_000
    frame = pd.DataFrame({"at": pd.Timestamp(START) + pd.to_timedelta(np.arange(count), unit="s")})
    frame = frame.assign(key=np.arange(count), x=1.0)
    got, cursor = [], None
    for end in (30_000, 30_010, 44_000, count, count):
        while True:
            table, cursor = rows_of(frame[:end], id="key").read_new("m", cursor, limit_rows=7_000)
            if table is None:
                break
            got += table["__id"].to_pylist()
        assert sum(len(one["ids"]) for one in cursor["seen"]) <= 20_000 * 8
        assert len(got) == end
    assert len(set(got)) == count


@settings(deadline=None, max_examples=60)
@given(
    parts=st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=8), max_size=5),
    limit=st.integers(1, 6),
    whole=st.booleans(),
)
def test_any_frames_in_any_portions_give_each_row_once(parts, limit, whole):
    """Rows that come late are read too, since they have ids; of copies within one frame each counts."""
    number, cursor, got, there = 0, None, [], []
    for part in parts:
        fresh = []
        for hour, _ in part:
            fresh.append((hour, f"k{number}"))
            number += 1
        there += fresh
        shown = there if whole else fresh
        frame = frame_of([hour for hour, _ in shown], key=pd.Series([key for _, key in shown], dtype="str"))
        rows = rows_of(frame, id="key")
        while True:
            table, cursor = rows.read_new("m", cursor, limit_rows=limit)
            if table is None:
                break
            got += table["__id"].to_pylist()
    assert sorted(got) == sorted(key for _, key in there)


@pytest.mark.parametrize(
    "values",
    [
        [3, 1, 2],
        [3.0, 1.0, 2.0],
        ["c", "a", "b"],
        pd.to_datetime(["2026-01-03", "2026-01-01", "2026-01-02"]),
        pd.to_datetime(["2026-01-03", "2026-01-01", "2026-01-02"]).tz_localize("Asia/Tokyo"),
    ],
)
def test_any_column_with_an_order_is_a_cursor(values):
    frame = frame_of([1, 1, 1], c=values)
    table, cursor = rows_of(frame[1:], cursor="c").read_new("m", None)
    assert table["x"].to_pylist() == [1, 2]
    assert rows_of(frame, cursor="c").read_new("m", cursor)[0]["x"].to_pylist() == [0]


def test_rows_without_a_cursor_are_left_out_and_told():
    with capture_logs() as said:
        rows = rows_of(frame_of([1, 2, 3], c=[2.0, np.nan, 1.0]), cursor="c")
    assert rows.read_new("m", None)[0]["x"].to_pylist() == [2, 0]
    assert said[0]["event"] == "rows without a cursor are left out"


def test_odd_columns_become_text_and_periods_keep_their_names():
    frame = frame_of(
        [1, 2],
        mixed=[1, "a"],
        period=pd.period_range("2026-01", periods=2, freq="M"),
        group=pd.Categorical(["u", "v"]),
        lists=[[1], [2]],
    )
    table = scan_portions(rows_of(frame))
    assert table["mixed"].to_pylist() == ["1", "a"]
    assert table["period"].to_pylist() == ["2026-01", "2026-02"]
    assert table["group"].to_pylist() == ["u", "v"]
    assert table["lists"].type == pa.string()
    assert rows_of(pd.DataFrame({"at": [START], 7: [1]})).features() == ["7"]


def test_a_frame_without_a_row_is_one():
    rows = rows_of(frame_of([]))
    assert rows.read_new("m", None)[0] is None
    assert (rows.earliest(), rows.latest(), rows.fingerprint(), rows.versioned) == (None, None, "", False)


@pytest.mark.parametrize(
    ("frame", "config", "said"),
    [
        ([1, 2], {}, "got list; give a table: pandas, Polars"),
        (pd.DataFrame([[1, 2]], columns=["at", "at"]), {}, "column 'at' more than once"),
        (frame_of([1]), {"time": "att"}, "source.time: the frame has no column 'att'; the nearest is 'at'"),
        (frame_of([1]), {"time": "x"}, "source.time: the column 'x' holds int64, which could be of any unit"),
        (frame_of([1], c=[1.5]), {"cursor": "c"}, "source.cursor: the column 'c' holds double"),
        (frame_of([1], c=[True]), {"cursor": "c"}, "source.cursor: the column 'c' holds bool"),
        (frame_of([1])[["at"]], {}, "no column that is watched"),
    ],
)
def test_what_is_no_frame_or_lacks_a_column_is_said(frame, config, said):
    with pytest.raises(InputError, match=said):
        rows_of(frame, **config)


def test_a_cursor_stays_of_one_kind():
    _, cursor = rows_of(frame_of([1], c=[1]), cursor="c").read_new("m", None)
    with pytest.raises(InputError, match="was read by 1, and its cursor holds string now"):
        rows_of(frame_of([1], c=["a"]), cursor="c").read_new("m", cursor)


def test_a_frame_is_not_opened_by_its_config():
    with pytest.raises(InputError, match="the frame is in memory"):
        open_source(FrameConfig(time="at"))


def test_arrow_streams_of_any_kind_are_tables():
    class Stream:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table({"at": ["2026-01-01"], "x": [1]}).__arrow_c_stream__(requested_schema)

    assert frame_table(Stream()).num_rows == 1
