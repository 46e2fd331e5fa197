import json
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.capture.recorder import Recorder
from mirante.errors import InputError
from mirante.inference_log.frames import encode_frame
from mirante.inference_log.kinds import fit
from mirante.inference_log.names import make_named_folder
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.segments import SegmentWriter, list_segments
from tests.inference_log.rows import ids, rows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def writer(root, model="m", version="1", process="p", **more):
    folder = make_named_folder(make_named_folder(Path(root), model), version)
    return SegmentWriter(folder, process=process, clock=lambda: 0.0, **more)


def everything(log, cursor=None, **more):
    got = []
    while True:
        table, cursor = log.read_new("m", cursor, **more)
        cursor = json.loads(json.dumps(cursor))
        if table is None:
            return got, cursor
        got += ids(table)


def test_nothing_there(tmp_path):
    log = InferenceLog(tmp_path / "not yet")
    assert log.models() == []
    assert log.read_new("m", None) == (None, {})
    assert log.scan("m").num_rows == 0
    assert log.scan("m", columns=["__time"]).column_names == ["__time"]
    assert log.repair().sealed == 0


def test_models_of_any_name_come_back(tmp_path):
    names = ["../../etc/passwd", "a/b", "x\x00y", "long" * 100, "plain"]
    for model in names:
        w = writer(tmp_path, model, "v/1")
        w.append(rows([1]))
        w.close()
    writer(tmp_path, "empty")
    (tmp_path / "stray file").touch()
    log = InferenceLog(tmp_path)
    assert log.models() == sorted((model, "v/1") for model in names)
    assert ids(log.scan("../../etc/passwd")) == ["id1"]


def test_rows_come_once_while_a_segment_is_written_and_sealed(tmp_path):
    w, log = writer(tmp_path), InferenceLog(tmp_path)
    w.append(rows(range(5)))
    table, cursor = log.read_new("m", None)
    assert ids(table) == [f"id{n}" for n in range(5)]
    assert table["__version"].to_pylist() == ["1"] * 5
    assert log.read_new("m", cursor) == (None, cursor)
    w.append(rows(range(5, 8)))
    w.close()
    table, cursor = InferenceLog(tmp_path).read_new("m", json.loads(json.dumps(cursor)))
    assert ids(table) == ["id5", "id6", "id7"]
    assert cursor == {"1": {"p": {"done": 1, "part": {}}}}


def test_a_limit_cuts_anywhere_and_loses_nothing(tmp_path):
    w = writer(tmp_path, max_rows=30)
    for begin in range(0, 100, 7):
        w.append(rows(range(begin, min(begin + 7, 100))))
    w.tick()
    got, cursor = everything(InferenceLog(tmp_path), limit_rows=4)
    assert got == [f"id{n}" for n in range(100)]
    w.close()
    assert everything(InferenceLog(tmp_path), cursor)[0] == []
    with pytest.raises(InputError, match="limit_rows is 0"):
        InferenceLog(tmp_path).read_new("m", None, limit_rows=0)


def test_cursors_of_deleted_segments_are_forgotten(tmp_path):
    for version in ("1", "2"):
        w = writer(tmp_path, version=version)
        w.append(rows([1]))
        w.close()
    log = InferenceLog(tmp_path)
    _, cursor = everything(log)
    assert set(cursor) == {"1", "2"}
    shutil.rmtree(tmp_path / "m" / "1")
    next(iter(list_segments(tmp_path / "m" / "2").values())).unlink()
    assert log.read_new("m", cursor) == (None, {})


def test_segments_of_different_types_become_one_table(tmp_path):
    w = writer(tmp_path, version="1")
    w.append(rows([1], a=pa.array([1]), b=pa.array([1.5]), only=pa.array([True])))
    w.close()
    w = writer(tmp_path, version="2")
    w.append(rows([2], a=pa.array([2.5]), b=pa.array(["text"])))
    w.close()
    table = InferenceLog(tmp_path).scan("m")
    assert table.column_names == [
        "x",
        "a",
        "b",
        "only",
        "__id",
        "__time",
        "__latency",
        "__prediction",
        "__version",
    ]
    assert table.select(["a", "b", "only", "__version"]).to_pylist() == [
        {"a": 1.0, "b": "1.5", "only": True, "__version": "1"},
        {"a": 2.5, "b": "text", "only": None, "__version": "2"},
    ]
    assert InferenceLog(tmp_path).read_new("m", None)[0].equals(table)


@pytest.mark.parametrize("sealed", [False, True])
def test_scan_cuts_by_time_and_reads_only_what_it_must(tmp_path, sealed):
    w = writer(tmp_path)
    for day in range(20):
        w.append(rows(range(day * 10, day * 10 + 10), seconds=[day * 86_400 + n for n in range(10)]))
    if sealed:
        w.close()
    log = InferenceLog(tmp_path)
    at = [EPOCH + timedelta(days=day) for day in range(21)]
    assert ids(log.scan("m", start=at[3], end=at[5])) == [f"id{n}" for n in range(30, 50)]
    assert ids(log.scan("m", start=at[3] + timedelta(seconds=8), end=at[4] + timedelta(seconds=1))) == [
        "id38",
        "id39",
        "id40",
    ]
    assert log.scan("m", start=at[20]).num_rows == 0
    assert log.scan("m", end=at[2], columns=["__prediction", "x"]).column_names == ["__prediction", "x"]
    with pytest.raises(InputError, match="no segment has the columns"):
        log.scan("m", columns=["y"])
    with pytest.raises(InputError, match="no time zone"):
        log.scan("m", start=datetime(2013, 1, 1))
    [file] = log._places._files.values()
    loaded = []
    real = file.load
    file.load = lambda pieces, columns=None: loaded.extend(pieces) or real(pieces, columns)
    log.scan("m", start=at[3], end=at[5])
    assert sum(piece.rows for piece in loaded) == (200 if sealed else 20)
    w.close()


def test_damage_is_told_and_the_rest_is_read_once(tmp_path):
    w = writer(tmp_path)
    for begin in (0, 10, 20):
        w.append(rows(range(begin, begin + 10)))
    log = InferenceLog(tmp_path)
    _, cursor = log.read_new("m", None, limit_rows=12)
    [path] = list_segments(tmp_path / "m" / "1").values()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8  # in the second batch, of which two rows were read
    path.write_bytes(data)
    w.abandon()
    assert ids(log.read_new("m", cursor)[0]) == [f"id{n}" for n in range(20, 30)]
    assert len(log.damage) == 1
    assert len(log.repair().damage) == 1
    got, _ = everything(InferenceLog(tmp_path), cursor)
    assert got == [f"id{n}" for n in range(20, 30)]


def test_a_segment_sealed_between_listing_and_reading(tmp_path):
    w = writer(tmp_path)
    w.append(rows(range(5)))
    log = InferenceLog(tmp_path)
    listed = list_segments(tmp_path / "m" / "1")
    _, cursor = log.read_new("m", None, limit_rows=2)
    w.close()
    log._places.segments = lambda folder: listed  # still shows the stream
    assert ids(log.read_new("m", cursor)[0]) == ["id2", "id3", "id4"]
    log._places.segments = lambda folder: {}  # shows neither, as a listing in the middle of a renaming may
    assert log.read_new("m", cursor) == (None, cursor)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 1), st.integers(1, 6)),
        st.tuples(st.just("widen"), st.integers(0, 1), st.integers(1, 3)),
        st.tuples(st.just("sync"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("seal"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("die"), st.integers(0, 1), st.integers(0, 40)),
        st.tuples(st.just("repair"), st.just(0), st.just(0)),
        st.tuples(st.just("read"), st.just(0), st.integers(1, 12)),
        st.tuples(st.just("reopen"), st.just(0), st.just(0)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_any_order_of_steps_gives_each_row_exactly_once(steps):
    with tempfile.TemporaryDirectory() as root:
        serial = iter(range(100_000))
        lives = iter(range(100_000))

        def begin(version):
            return writer(root, version=str(version), process=f"p{next(lives)}", max_rows=7)

        writers, log, cursor, written, got = [begin(0), begin(1)], InferenceLog(root), None, [], []
        for step, which, size in steps:
            if step in {"append", "widen"}:
                numbers = [next(serial) for _ in range(size)]
                more = {f"w{size}": pa.array(["t"] * size)} if step == "widen" else {}
                writers[which].append(rows(numbers, **more))
                written += [f"id{n}" for n in numbers]
            elif step == "sync":
                writers[which].sync()
            elif step == "seal":
                writers[which].close()
            elif step == "die":
                writers[which].sync()
                current = writers[which]._current
                writers[which].abandon()
                if current is not None:
                    with current.path.open("ab") as file:
                        file.write(
                            encode_frame(fit(rows([-1]), current.schema), current.head, current.rows)[
                                : size * 9
                            ]
                        )
                writers[which] = begin(which)
            elif step == "repair":
                assert log.repair().damage == []
            elif step == "read":
                table, cursor = log.read_new("m", cursor, limit_rows=size)
                got += ids(table)
                cursor = json.loads(json.dumps(cursor))
            else:
                log = InferenceLog(root)
        rest, cursor = everything(log, cursor)
        for w in writers:
            w.close()
        again, _ = everything(log, cursor)
        assert sorted(got + rest + again) == sorted(written)
        assert sorted(ids(log.scan("m"))) == sorted(written)


def sampled(log, most, version="1", **more):
    more.setdefault("columns", ["__id"])
    return log.sample("m", version, most, **more)


def test_a_sample_of_all_rows_is_the_scan_of_one_version(tmp_path):
    for version, process, first in (("1", "p", 0), ("1", "q", 50), ("2", "p", 500)):
        w = writer(tmp_path, version=version, process=process, max_rows=20)
        for begin in range(first, first + 50, 10):
            w.append(rows(range(begin, begin + 10)))
        if process == "p":
            w.close()
    log = InferenceLog(tmp_path)
    start, end = (EPOCH + timedelta(seconds=n) for n in (15, 65))
    found = sampled(log, 1_000, start=start, end=end, columns=["x", "gone", "__prediction"])
    assert found.column_names == ["x", "__prediction"]
    assert sorted(found["x"].to_pylist()) == [float(n) for n in range(15, 65)]
    assert found.num_rows == sampled(log, 50, start=start, end=end).num_rows == 50
    assert sampled(log, 50, version="3").num_rows == 0
    assert sampled(InferenceLog(tmp_path / "not there"), 50).num_rows == 0


def test_a_sample_is_uniform_over_segments_and_the_same_each_time(tmp_path):
    for process, numbers in (("p", range(30)), ("q", range(30, 36)), ("r", range(36, 60))):
        w = writer(tmp_path, process=process)
        w.append(rows(numbers[:4]))
        w.append(rows(numbers[4:]))
        if process == "q":
            w.close()
    log = InferenceLog(tmp_path)
    assert ids(sampled(log, 20)) == ids(sampled(InferenceLog(tmp_path), 20)) != ids(sampled(log, 20, seed=1))
    counts = dict.fromkeys((f"id{n}" for n in range(60)), 0)
    for seed in range(300):
        got = ids(sampled(log, 20, seed=seed))
        assert len(set(got)) == 20
        for one in got:
            counts[one] += 1
    # 100 of 300 each, standard deviation 8
    assert all(abs(count - 100) < 5 * 8.2 for count in counts.values())


def test_a_sample_of_segments_that_differ_has_one_kind_of_column(tmp_path):
    whole = writer(tmp_path, process="p")
    whole.append(rows(range(5), c=pa.array([1, 2, 3, 4, 5])))
    text = writer(tmp_path, process="q")
    text.append(rows(range(5, 10), c=pa.array(["a"] * 5)))
    writer(tmp_path, process="r").append(rows(range(10, 15)))
    found = sampled(InferenceLog(tmp_path), 12, columns=["c"])
    assert found.schema == pa.schema([("c", found.schema.field("c").type)])
    assert found.num_rows == 12
    assert set(found["c"].to_pylist()) <= {"1", "2", "3", "4", "5", "a", None}


def test_a_sample_of_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="most is 0 and must be at least 1"):
        sampled(InferenceLog(tmp_path), 0)
    with pytest.raises(InputError, match="has no time zone"):
        sampled(InferenceLog(tmp_path), 5, start=datetime(2026, 1, 1))


def test_the_newest_rows_of_all_versions_and_a_cursor_behind_them(tmp_path):
    log = InferenceLog(tmp_path)
    assert (log.newest("m", 3).num_rows, log.present("m")) == (0, {})
    for version in ("1", "2"):
        with Recorder("m", tmp_path, version=version, segment_rows=10) as recorder:
            for n in range(25):
                recorder.log({"x": n}, 0, id=f"{version}.{n}", time=float(n) + int(version) * 100)
    newest = log.newest("m", 4)
    assert ids(newest) == ["2.21", "2.22", "2.23", "2.24"]
    assert ids(log.newest("m", 30))[:6] == ["1.20", "1.21", "1.22", "1.23", "1.24", "2.0"]
    assert log.newest("m", 2, columns=["x"]).to_pydict() == {"x": [23, 24]}
    cursor = log.present("m")
    assert log.read_new("m", cursor)[0] is None
    with Recorder("m", tmp_path) as recorder:
        recorder.log({"x": 1}, 0, id="new")
    assert ids(log.read_new("m", cursor)[0]) == ["new"]


def test_batches_and_an_export_are_what_a_scan_is(tmp_path):
    for version in ("1", "2"):
        with Recorder("m", tmp_path, version=version, segment_rows=10) as recorder:
            for n in range(25):
                recorder.log({"x": n if version == "1" else n / 2}, 0, time=float(n))
    log = InferenceLog(tmp_path)
    start, end = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)
    schema, tables = log.batches("m", start=start, end=end)
    assert pa.Table.from_batches([b for t in tables for b in t.to_batches()], schema).equals(
        log.scan("m", start=start, end=end)
    )
    target = tmp_path / "rows.parquet"
    assert log.export("m", target, start=start, end=end, version="2", columns=["x", "__time"]) == 15
    assert pq.read_table(target)["x"].to_pylist() == [n / 2 for n in range(5, 20)]
    assert log.export("nobody", tmp_path / "none.csv") == 0
    with pytest.raises(InputError, match="no segment has"):
        log.export("m", tmp_path / "other.csv", columns=["y"])
