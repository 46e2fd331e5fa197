import gc
import os
import random
import subprocess
import sys
import threading
import time
import weakref
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.capture.recorder import Recorder
from mirante.errors import InputError, MiranteWarning
from mirante.inference_log.drops import Drops, read_drops
from mirante.inference_log.reader import InferenceLog


@pytest.fixture
def recorder(tmp_path):
    with Recorder("m", tmp_path, flush_interval=0.05) as recorder:
        yield recorder


def read(recorder, *columns):
    assert recorder.flush(10)
    return InferenceLog(recorder._settings.root).scan("m", columns=columns or None)


def log_all(recorder, *calls):
    """Log each of `calls` and flush; return what the calls and the flush returned."""
    return [recorder.log(*call[:2], **(call[2] if len(call) > 2 else {})) for call in calls], recorder.flush(
        10
    )


def test_a_row_comes_back_as_it_went_in(recorder, tmp_path):
    at = datetime(2013, 2, 8, 12, tzinfo=UTC)
    given = recorder.log({"a": 1, "b": "x"}, 0.5, latency=0.01, id="mine", time=at)
    made = recorder.log({"b": "y", "a": 2}, 1, time=at)
    assert given == "mine"
    assert isinstance(made, str)
    assert read(recorder).to_pylist() == [
        {
            "a": 1,
            "b": "x",
            "__id": "mine",
            "__time": at,
            "__latency": 0.01,
            "__prediction": 0.5,
            "__version": "1",
        },
        {
            "a": 2,
            "b": "y",
            "__id": made,
            "__time": at,
            "__latency": None,
            "__prediction": 1.0,
            "__version": "1",
        },
    ]
    assert (recorder.recorded, recorder.dropped) == (2, 0)
    assert InferenceLog(tmp_path).models() == [("m", "1")]


@pytest.mark.parametrize(
    ("inputs", "prediction"),
    [
        ((1, "x"), 0.5),
        ([1, "x"], np.float64(0.5)),
        (np.array([1, "x"], dtype=object), np.array(0.5)),
        (pd.DataFrame({"a": [1], "b": ["x"]}), 0.5),
        (pl.DataFrame({"a": [1], "b": ["x"]}), 0.5),
        ({"a": np.int64(1), "b": np.str_("x")}, 0.5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_row_in_any_form_gives_one_id(tmp_path, inputs, prediction):
    with Recorder("m", tmp_path, columns=["a", "b"]) as recorder:
        name = recorder.log(inputs, prediction)
        assert read(recorder, "a", "b", "__prediction", "__id").to_pylist() == [
            {"a": 1, "b": "x", "__prediction": 0.5, "__id": name}
        ]


@pytest.mark.parametrize(
    ("inputs", "prediction"),
    [
        (pd.DataFrame({"a": [1], "b": ["x"]}), np.array([0.5])),
        ({"a": [1], "b": ["x"]}, [0.5]),
        ({"a": 1, "b": "x"}, [0.5]),
        ([{"a": 1, "b": "x"}], [0.5]),
        ([1, "x"], pd.Series([0.5], index=[7])),
        (np.array([[1, "x"]], dtype=object), [0.5]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_array_of_one_prediction_gives_a_list_of_one_id(tmp_path, inputs, prediction):
    with Recorder("m", tmp_path, columns=["a", "b"]) as recorder:
        [name] = recorder.log(inputs, prediction)
        assert read(recorder, "a", "b", "__prediction", "__id").to_pylist() == [
            {"a": 1, "b": "x", "__prediction": 0.5, "__id": name}
        ]


def test_a_batch(recorder):
    frame = pd.DataFrame({"a": range(1000), "b": ["x"] * 1000})
    times = np.datetime64("2013-02-08") + np.arange(1000).astype("timedelta64[s]")
    ids = recorder.log(frame, frame["a"] / 2, 0.25, time=times)
    assert len(set(ids)) == 1000
    table = read(recorder)
    assert table["__id"].to_pylist() == ids
    assert table["__prediction"].to_pylist() == [n / 2 for n in range(1000)]
    assert set(table["__latency"].to_pylist()) == {0.25}
    assert table["__time"].to_pylist()[-1] == datetime(2013, 2, 8, 0, 16, 39, tzinfo=UTC)
    assert recorder.log(frame.iloc[:0], []) == []
    assert recorder.log(frame.iloc[:2], [1, 2], id=["p", "q"]) == ["p", "q"]


def test_rows_with_other_keys_are_slower_and_right(recorder):
    recorder.log({"a": 1, "b": 2}, 0)
    recorder.log({"a": 3}, 1)
    recorder.log({"a": 4, "c": "z", 7: True}, 2)
    recorder.log({"b": 6, "a": 5}, 3)
    got = sorted(
        read(recorder, "a", "b", "c", "7", "__prediction").to_pylist(), key=lambda row: row["__prediction"]
    )
    assert [tuple(row.values()) for row in got] == [
        (1, 2, None, None, 0),
        (3, None, None, None, 1),
        (4, None, "z", True, 2),
        (5, 6, None, None, 3),
    ]


def test_versions_are_kept_apart(recorder, tmp_path):
    recorder.log({"a": 1}, 0)
    recorder.log({"a": 2}, 0, version="2/b")
    recorder.log(pd.DataFrame({"a": [3]}), [0], version=3)
    assert dict(zip(*read(recorder, "a", "__version").to_pydict().values(), strict=True)) == {
        1: "1",
        2: "2/b",
        3: "3",
    }
    assert InferenceLog(tmp_path).models() == [("m", "1"), ("m", "2/b"), ("m", "3")]


def test_many_versions_do_not_keep_many_files_open(recorder, tmp_path):
    for version in range(40):
        recorder.log({"a": version}, 0, version=str(version))
    assert read(recorder).num_rows == 40
    assert len(list(tmp_path.rglob("*.arrow"))) <= 16


def test_versions_that_come_back_are_read_like_the_others(recorder, tmp_path):
    reader, cursor, seen = InferenceLog(tmp_path), None, []
    for turn in range(3):
        for version in range(20):  # more than are kept open: each is evicted before its next turn
            recorder.log({"a": turn}, 0, version=str(version), id=f"{version}-{turn}")
        assert recorder.flush(10)
        table, cursor = reader.read_new("m", cursor)
        seen += table["__id"].to_pylist()
    assert sorted(seen) == sorted(f"{version}-{turn}" for version in range(20) for turn in range(3))
    assert reader.read_new("m", cursor)[0] is None


HARD = [
    1,
    None,
    float("nan"),
    2.5,
    np.float32(1),
    np.int8(3),
    Decimal("1.5"),
    2**70,
    True,
    datetime(2013, 2, 8),
    pd.NA,
    pd.NaT,
    "text",
    b"\xff",
    [1],
    {"k": 1},
    np.array([1, 2]),
    "\ud800",
    object(),
    np.datetime64("2013-02-08"),
]


def test_no_value_stops_the_thread(recorder):
    for _ in range(3):
        for value in HARD:
            recorder.log({"v": value, "n": 1}, 0.5)
        assert recorder.flush(10)
    table = read(recorder, "v", "n")
    assert table.num_rows == 3 * len(HARD)
    assert table["v"].type == pa.string()
    assert table["n"].to_pylist() == [1] * table.num_rows
    assert recorder.dropped == 0
    assert recorder.as_text["v"] > 0


@pytest.mark.parametrize("place", ["version", "latency", "time", "id", "prediction"])
@pytest.mark.filterwarnings("ignore:.*times could not be read:mirante.errors.MiranteWarning")
def test_no_value_beside_the_features_stops_the_thread(recorder, tmp_path, place):
    hard = [value for value in HARD if place != "prediction" or not isinstance(value, (list, np.ndarray))]
    for value in hard:
        given = {"prediction": 0.5, place: value}
        recorder.log({"n": 1}, given.pop("prediction"), **given)
        recorder.flush(10)
    recorder.log({"n": 2}, 0.5)
    assert recorder.flush(10)
    assert recorder.recorded + recorder.dropped == len(hard) + 1
    assert recorder.recorded >= len(hard) - 1
    table, _ = InferenceLog(tmp_path).read_new("m", None)
    assert table["n"].to_pylist().count(2) == 1
    assert table.num_rows == recorder.recorded


def test_each_hard_value_alone_and_then_a_number(tmp_path):
    for place, value in enumerate(HARD):
        with Recorder("m", tmp_path / str(place)) as recorder:
            recorder.log({"v": value}, 0 if isinstance(value, (list, np.ndarray)) else value)
            assert recorder.flush(10)
            recorder.log({"v": 1}, 1)
            assert read(recorder).num_rows == 2, value
            assert recorder.dropped == 0


NONSENSE = [
    ((1, 2), 0.5, {}),
    (None, 0.5, {}),
    (pd.DataFrame({"a": [1, 2]}), [1, 2, 3], {}),
    (pd.DataFrame({"a": [1, 2]}), 0.5, {}),
    ({"a": [1, 2], "b": [1]}, [1, 2], {}),
    (pd.DataFrame({"a": [1, 2]}), [1, 2], {"id": ["x"]}),
    (pd.DataFrame({"a": [1, 2]}), [1, 2], {"time": [1.0]}),
    (pd.DataFrame({"a": [1, 2]}), [1, 2], {"latency": [1.0]}),
]


@pytest.mark.parametrize(("inputs", "prediction", "more"), NONSENSE)
def test_nonsense_is_counted_told_once_and_never_raised(recorder, inputs, prediction, more):
    with pytest.warns(MiranteWarning, match="of model .m. w.* dropped"):
        [got], durable = log_all(recorder, (inputs, prediction, more))
    assert durable
    given = 2 if isinstance(inputs, (pd.DataFrame, dict)) else 1
    rows = max(given, len(prediction)) if isinstance(prediction, list) else given
    assert len(got) == rows if isinstance(got, list) else isinstance(got, str)
    assert (recorder.dropped, recorder.recorded) == (rows, 0)


def test_a_time_that_is_none_is_now_and_told(tmp_path):
    with Recorder("m", tmp_path, clock=lambda: datetime(2013, 2, 8)) as recorder:
        with pytest.warns(MiranteWarning, match="1 time could not be read"):
            log_all(recorder, ({"a": 1}, 0, {"time": "soon"}))
        recorder.log({"a": 1}, 0)
        recorder.log(pd.DataFrame({"a": [1, 2]}), [0, 0])
        assert set(read(recorder, "__time")["__time"].to_pylist()) == {datetime(2013, 2, 8, tzinfo=UTC)}


def test_over_capacity_rows_are_dropped_and_counted(tmp_path):
    with Recorder("m", tmp_path, capacity=10, flush_interval=60) as recorder:
        with pytest.warns(MiranteWarning, match="more than 10 rows waited"):
            ids, _ = log_all(recorder, *(({"a": n}, n) for n in range(25)))
        assert len(set(ids)) == 25
        assert (recorder.recorded, recorder.dropped) == (10, 15)
        assert read(recorder, "a")["a"].to_pylist() == list(range(10))
        recorder.log({"a": 26}, 0)
        assert recorder.flush(10)
        assert recorder.recorded == 11
    told = InferenceLog(tmp_path).dropped("m", datetime(2013, 2, 8, tzinfo=UTC))
    assert told == (15, "more than 10 rows waited")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    recorder = Recorder("m", tmp_path / "file" / "below")
    with pytest.warns(MiranteWarning, match="cannot write"):
        _, durable = log_all(recorder, ({"a": 1}, 0), (pd.DataFrame({"a": [1, 2]}), [0, 0]))
    assert not durable
    recorder.log({"a": 1}, 0)
    recorder.close()
    assert (recorder.recorded, recorder.dropped) == (0, 4)


def test_warnings_as_errors_do_not_reach_the_caller(tmp_path):
    (tmp_path / "file").touch()
    recorder = Recorder("m", tmp_path / "file")  # under pytest, warnings are errors already
    recorder.log({"a": 1}, 0)
    assert not recorder.flush(10)
    recorder.close()
    assert recorder.dropped == 1


def test_rows_dropped_at_the_end_are_told_too(tmp_path):
    recorder = Recorder("m", tmp_path, flush_interval=60)
    recorder.log({"a": 1}, 0)
    recorder._writer.refuse(2, "no sense")
    with pytest.warns(MiranteWarning, match="2 rows of model 'm' were dropped"):
        recorder.close()
    assert InferenceLog(tmp_path).dropped("m", datetime(2013, 2, 8, tzinfo=UTC)) == (2, "no sense")


def test_wrong_settings_are_told_at_once(tmp_path):
    for wrong in ({"flush_interval": 0}, {"capacity": 0}, {"segment_rows": 0}):
        with pytest.raises(InputError, match="must be above 0"):
            Recorder("m", tmp_path, **wrong)
    for model, root, version in ((None, tmp_path, "1"), ("m", None, "1"), ("m", tmp_path, None)):
        with pytest.raises(InputError, match="is None; rows are recorded below root/model/version"):
            Recorder(model, root, version=version)
    with pytest.raises(InputError, match=r"privacy is of type dict; give mirante\.Privacy"):
        Recorder("m", tmp_path, privacy={"drop": ["name"]})
    with pytest.raises(InputError, match="sample is 'half'"):
        Recorder("m", tmp_path, sample="half")


@pytest.mark.parametrize(
    ("inputs", "rows"),
    [
        (np.ones((4, 2, 2)), 4),
        (pa.table({"a": [1, 2, 3]}), 3),
        ([{"a": 1}, {"a": 2}], 2),
        (pd.Series([1, 2]), 1),
        (object(), 1),
    ],
)
@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")
def test_a_batch_that_makes_no_sense_is_as_many_dropped_rows_as_it_has(recorder, inputs, rows):
    recorder.log(inputs, 0.5, id=["x"] * 9)
    recorder.flush(10)
    assert (recorder.dropped, recorder.recorded) == (rows, 0)


def test_after_close_rows_are_counted_as_dropped(tmp_path):
    recorder = Recorder("m", tmp_path)
    recorder.log({"a": 1}, 0)
    recorder.close()
    recorder.close()
    recorder.log({"a": 1}, 0)
    recorder.log(pd.DataFrame({"a": [1, 2]}), [0, 0])
    assert recorder.flush()
    assert (recorder.recorded, recorder.dropped) == (1, 3)
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".parquet"]


def test_a_recorder_that_nobody_keeps_writes_its_rows_and_ends(tmp_path):
    recorder = Recorder("m", tmp_path, flush_interval=60)
    recorder.log({"a": 1}, 0)
    thread, gone = recorder._writer.thread, weakref.ref(recorder)
    del recorder
    gc.collect()
    assert gone() is None
    thread.join(10)
    assert not thread.is_alive()
    assert InferenceLog(tmp_path).scan("m").num_rows == 1


def test_rows_are_durable_within_the_interval_without_flush(recorder, tmp_path):
    recorder.log({"a": 1}, 0)
    log, until = InferenceLog(tmp_path), time.monotonic() + 10
    while not log.scan("m").num_rows and time.monotonic() < until:
        time.sleep(0.02)
    assert log.scan("m").num_rows == 1


def test_threads_lose_nothing_and_mix_nothing(tmp_path):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with Recorder("m", tmp_path, flush_interval=0.01, segment_rows=5_000) as recorder:

            def work(thread):
                for n in range(3_000):
                    value = thread * 1_000_000 + n
                    recorder.log({"a": value, "b": str(value)}, float(value))

            threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            table = read(recorder)
    finally:
        sys.setswitchinterval(before)
    assert sorted(table["a"].to_pylist()) == sorted(t * 1_000_000 + n for t in range(4) for n in range(3_000))
    assert table["b"].to_pylist() == [str(value) for value in table["a"].to_pylist()]
    assert table["__prediction"].to_pylist() == [float(value) for value in table["a"].to_pylist()]
    assert len(set(table["__id"].to_pylist())) == 12_000


FORK = """
import os, sys
from mirante.capture.recorder import Recorder
r = Recorder("m", sys.argv[1], flush_interval=60)
r.log({"a": 1}, 0)
if sys.argv[2] == "flushed":
    r.flush()
r.log({"a": 2}, 0)
pid = os.fork()
r.log({"a": 3 if pid else 4}, 0)
if pid == 0:
    r.close()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
r.log({"a": 5}, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("state", ["flushed", "waiting"])
def test_a_forked_child_writes_its_own_rows_and_the_exit_writes_the_parents(tmp_path, state):
    subprocess.run([sys.executable, "-c", FORK, str(tmp_path), state], check=True, timeout=60)
    table = InferenceLog(tmp_path).scan("m")
    assert sorted(table["a"].to_pylist()) == [1, 2, 3, 4, 5]
    assert len(set(table["__id"].to_pylist())) == 5
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".parquet"}


def test_what_a_dead_recorder_left_is_sealed_by_the_next(tmp_path):
    code = (
        "import os, sys; from mirante.capture.recorder import Recorder; r = Recorder('m', sys.argv[1])"
        "; r.log({'a': 1}, 0); r.flush(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    assert len(list(tmp_path.rglob("*.arrow"))) == 1
    with Recorder("m", tmp_path) as recorder:
        recorder.log({"a": 2}, 0)
    assert list(tmp_path.rglob("*.arrow")) == []
    assert sorted(InferenceLog(tmp_path).scan("m", columns=["a"])["a"].to_pylist()) == [1, 2]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("row"), st.integers(1, 5)),
        st.tuples(st.just("odd"), st.integers(1, 5)),
        st.tuples(st.just("batch"), st.integers(1, 30)),
        st.tuples(st.just("flush"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("read"), st.integers(1, 20)),
    ),
    max_size=20,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_any_order_of_log_flush_seal_and_read_gives_each_row_exactly_once(tmp_path_factory, steps):
    root = tmp_path_factory.mktemp("log")
    recorder = Recorder("m", root, segment_rows=11)
    log, cursor, written, got = InferenceLog(root), None, [], []
    for step, size in steps:
        if step == "row":
            written += [recorder.log({"a": n, "b": "x"}, n) for n in range(size)]
        elif step == "odd":
            written += [recorder.log({"a": n, f"c{size}": random.random()}, n) for n in range(size)]
        elif step == "batch":
            written += recorder.log({"a": list(range(size)), "b": ["y"] * size}, [0.5] * size)
        elif step == "flush":
            assert recorder.flush(10)
            assert recorder.recorded <= len(written)
        elif step == "restart":
            recorder.close()
            recorder = Recorder("m", root, segment_rows=11)
        else:
            table, cursor = log.read_new("m", cursor, limit_rows=size)
            got += [] if table is None else table["__id"].to_pylist()
    recorder.close()
    table, _ = log.read_new("m", cursor)
    got += [] if table is None else table["__id"].to_pylist()
    assert sorted(got) == sorted(written)
    assert recorder.dropped == 0


def test_why_rows_were_dropped_is_still_known_when_it_is_closed(tmp_path):
    with Recorder("m", tmp_path) as right:
        right.log({"a": 1}, 0.5)
    assert (right.dropped, right.reason) == (0, "")
    recorder = Recorder("n", tmp_path)
    recorder.log({"a": 1}, 0.5)
    recorder.drop(3, "a body was too large")
    with pytest.warns(MiranteWarning, match="a body was too large"):
        recorder.close()
    assert (recorder.dropped, recorder.reason) == (3, "a body was too large")
    assert read_drops(tmp_path / "n", datetime(1970, 1, 1, tzinfo=UTC)) == Drops(3, "a body was too large")
