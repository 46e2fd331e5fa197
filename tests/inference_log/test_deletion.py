import json
import random
import subprocess
import sys
import threading
import time

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirante.capture.privacy import Privacy
from mirante.capture.recorder import Recorder
from mirante.errors import ConflictError, InputError
from mirante.inference_log import requests
from mirante.inference_log.names import make_named_folder
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.segments import SegmentWriter
from tests.inference_log.rows import ids, rows

PEOPLE = 7


def write(root, numbers, *, process="p", seal=True, customers=None):
    """Rows in one segment; customer n % 7 has row n."""
    numbers = list(numbers)
    kept = [n % PEOPLE for n in numbers] if customers is None else customers
    folder = make_named_folder(make_named_folder(root, "m"), "1")
    writer = SegmentWriter(folder, process=process, clock=lambda: float(numbers[0]))
    for start in range(0, len(numbers), 10):
        part = numbers[start : start + 10]
        writer.append(rows(part, customer=pa.array(kept[start : start + 10])))
    writer.sync()
    if seal:
        writer.close()
    return writer


def left(root):
    return sorted(ids(InferenceLog(root).scan("m")), key=lambda name: int(name[2:]))


def delete(root, *values, column="customer", **more):
    return InferenceLog(root).delete(values, column=column, by="the tests", **more)


def test_rows_go_from_sealed_and_dead_segments_and_the_rest_stays(tmp_path):
    write(tmp_path, range(30))
    write(tmp_path, range(30, 60), process="q", seal=False).abandon()
    told = []
    done = delete(tmp_path, "3", forget=lambda model, names: told.extend(names) or {"labels": len(names)})
    gone = [f"id{n}" for n in range(60) if n % PEOPLE == 3]
    assert (done.rows, done.segments, done.waiting, done.unread) == (len(gone), 2, [], [])
    assert sorted(told) == sorted(gone)
    assert left(tmp_path) == [f"id{n}" for n in range(60) if n % PEOPLE != 3]
    for path in tmp_path.rglob("*.parquet"):
        assert not any(f"{name}\x00".encode() in path.read_bytes() for name in gone)
    [line] = InferenceLog(tmp_path).deletions()
    assert line | {"rows": 9, "segments": 2, "labels": 9, "by": "the tests", "column": "customer"} == line
    assert line["asked"] == [requests.digest("3", requests.key_of(tmp_path))]
    assert requests.pending(tmp_path) == []
    again = delete(tmp_path, "3")
    assert (again.rows, again.finished) == (0, True)
    assert len(InferenceLog(tmp_path).deletions()) == 2


def test_by_id_in_some_models_alone(tmp_path):
    for model in ("a", "b"):
        with Recorder(model, tmp_path) as recorder:
            recorder.log({"x": 1}, 0, id="mine")
            recorder.log({"x": 2}, 0, id="other")
    told = []
    done = delete(
        tmp_path, "mine", column="__id", models=["a"], forget=lambda *said: told.append(said) or {"labels": 1}
    )
    assert done.rows == 1
    assert told[0] == ("a", ["mine"])
    assert {model for model, _ in told} == {"a"}
    log = InferenceLog(tmp_path)
    assert [ids(log.scan(model)) for model in ("a", "b")] == [["other"], ["mine", "other"]]


@pytest.mark.parametrize(
    ("values", "asked", "gone"),
    [
        ([1, 2, 1], "1", [0, 2]),
        ([1.0, None, 1.5], "1", [0]),
        ([1.0, None, 1.5], "1.5", [2]),
        (["x'; DROP", "", "1"], "x'; DROP", [0]),
        (["1", "1.0", "2"], "1.0", [0, 1]),
        ([True, False, None], "1", [0]),
        ([pd.Timestamp("2026-01-01", tz="UTC")] * 3, "2026-01-01T00:00:00.000000+00:00", [0, 1, 2]),
        ([None, None, None], "None", []),
    ],
)
def test_a_value_is_found_in_whatever_type_the_column_is(tmp_path, values, asked, gone):
    write(tmp_path, range(3), customers=values)
    assert delete(tmp_path, asked).rows == len(gone)
    assert left(tmp_path) == [f"id{n}" for n in range(3) if n not in gone]


def test_hashed_values_are_found_with_the_key(tmp_path):
    privacy = Privacy(hash=["customer"], key="correct horse battery")
    for kept in (privacy, None):
        with Recorder("m", tmp_path, privacy=kept) as recorder:
            for number in range(6):
                recorder.log({"customer": number % 3}, 0, id=f"id{number}")
    assert delete(tmp_path, "1").rows == 2
    assert delete(tmp_path, "1", digests=lambda text: [privacy.digest(text) or ""]).rows == 2
    assert len(left(tmp_path)) == 8


def test_a_recorder_that_writes_seals_what_it_has_and_goes_on(tmp_path):
    with Recorder("m", tmp_path, flush_interval=0.05) as recorder:
        for number in range(20):
            recorder.log({"customer": number % 2}, 0, id=f"id{number}")
        assert recorder.flush(10)
        done = delete(tmp_path, "1", wait=20)
        assert (done.rows, done.finished) == (10, True)
        recorder.log({"customer": 1}, 0, id="id20")
        assert recorder.flush(10)
    assert left(tmp_path) == [f"id{n}" for n in range(20) if not n % 2] + ["id20"]
    assert recorder.dropped == 0


def test_a_recorder_that_does_not_seal_is_told_and_waited_for(tmp_path):
    write(tmp_path, range(5), process="q")
    writer = write(tmp_path, range(10, 20), seal=False)
    told = []
    done = delete(tmp_path, "3", wait=0.0, forget=lambda _, names: told.extend(names) or {})
    assert (done.rows, done.waiting_rows, done.finished) == (1, 2, False)
    assert "id10" in told, "labels go at once"
    assert InferenceLog(tmp_path).deletions() == []
    writer.append(rows([20, 24], customer=pa.array([6, 3])))
    [again] = InferenceLog(tmp_path).carry_out()
    assert not again.finished
    writer.tick()  # it was asked to seal
    [last] = InferenceLog(tmp_path).carry_out()
    assert (last.rows, last.finished) == (4, True)
    assert left(tmp_path) == [f"id{n}" for n in [*range(5), *range(10, 21)] if n % PEOPLE != 3]
    [line] = InferenceLog(tmp_path).deletions()
    assert line["rows"] == 4
    assert InferenceLog(tmp_path).carry_out() == []


def test_two_deletions_at_once_are_refused(tmp_path):
    write(tmp_path, range(5))
    with requests.alone(tmp_path), pytest.raises(ConflictError, match="already"):
        delete(tmp_path, "3", wait=0.1)


@pytest.mark.parametrize("values", [[], [""]])
def test_no_value_deletes_nothing(tmp_path, values):
    write(tmp_path, range(5))
    with pytest.raises(InputError, match="no value"):
        delete(tmp_path, *values)
    with pytest.raises(InputError, match="nobody"):
        InferenceLog(tmp_path).delete(["1"], by=" ")
    with pytest.raises(InputError, match="no inference log"):
        delete(tmp_path / "not there", "1")
    assert len(left(tmp_path)) == 5


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_readers_on_their_way_get_every_other_row_once(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("log")
    write(root, range(40))
    log, cursor, got = InferenceLog(root), None, []
    for _ in range(4):
        table, cursor = log.read_new("m", cursor, limit_rows=data.draw(st.integers(1, 15)))
        got += ids(table)
        delete(root, str(data.draw(st.integers(0, PEOPLE - 1))))
    while table is not None:
        table, cursor = log.read_new("m", cursor, limit_rows=7)
        got += ids(table)
    assert len(got) == len(set(got))
    assert set(left(root)) <= set(got)
    assert json.dumps(cursor) == '{"1": {"p": {"done": 1, "part": {}}}}'


def test_a_reader_in_another_thread_never_sees_half(tmp_path):
    write(tmp_path, range(400))
    stop, wrong = threading.Event(), []

    def read():
        log = InferenceLog(tmp_path)
        while not stop.is_set():
            found = log.scan("m", columns=["__id", "customer"])
            there = [f"id{n}" for n in range(400) if n % PEOPLE in set(found["customer"].to_pylist())]
            if ids(found) != there or log.damage:
                wrong.append((found.num_rows, log.damage))

    reader = threading.Thread(target=read)
    reader.start()
    for person in range(PEOPLE):
        delete(tmp_path, str(person))
        time.sleep(0.02)
    stop.set()
    reader.join()
    assert wrong == []
    assert left(tmp_path) == []
    assert InferenceLog(tmp_path).verify() == []


def test_damage_is_told_and_the_copy_of_a_damaged_segment_goes_too(tmp_path):
    write(tmp_path, range(30), seal=False).abandon()
    [path] = tmp_path.rglob("*.arrow")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert InferenceLog(tmp_path).repair().damage
    [copy] = tmp_path.rglob("*.damaged")
    assert delete(tmp_path, "99").unread == [
        f"{copy}: kept after damage; what is damaged in it cannot be searched"
    ]
    assert copy.exists()
    done = delete(tmp_path, "3")
    assert done.rows
    assert not copy.exists()
    [sealed] = tmp_path.rglob("*.parquet")
    content = bytearray(sealed.read_bytes())
    content[200] ^= 1
    sealed.write_bytes(content)
    assert "left out" in delete(tmp_path, "4").unread[0]


def test_the_rights_of_a_file_stay(tmp_path):
    write(tmp_path, range(30))
    [path] = tmp_path.rglob("*.parquet")
    path.chmod(0o600)
    assert delete(tmp_path, "3").rows
    assert path.stat().st_mode & 0o777 == 0o600


DELETE = """
import sys
from mirante.inference_log.reader import InferenceLog

def forget(model, ids):
    print(*ids, flush=True)  # the segment is rewritten next
    return {"labels": len(ids)}

InferenceLog(sys.argv[1]).delete([sys.argv[2]], column="customer", by="k", forget=forget)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_a_kill_at_any_moment_loses_no_other_row_and_the_request_is_gone_on_with(tmp_path):
    for number in range(12):
        write(tmp_path, range(number * 200, number * 200 + 200), process=f"p{number}")
    chance, half = random.Random(20130208), 0
    for person in range(PEOPLE - 1):
        before = set(left(tmp_path))
        process = subprocess.Popen(
            [sys.executable, "-c", DELETE, str(tmp_path), str(person)], stdout=subprocess.PIPE
        )
        lines = [process.stdout.readline() for _ in range(chance.randrange(1, 12))]
        time.sleep(chance.uniform(0, 0.004))
        process.kill()
        lines.append(process.stdout.read())  # communicate() would pass over what readline has read ahead
        process.stdout.close()
        process.wait(timeout=20)
        told = b" ".join(lines).decode().split()
        log = InferenceLog(tmp_path)
        assert log.verify() == []
        there = set(left(tmp_path))
        others = {f"id{n}" for n in range(2400) if n % PEOPLE > person}
        assert others <= there
        assert before - there <= set(told), "labels go before their rows"
        half += bool(requests.pending(tmp_path)) and there < before
        started = requests.pending(tmp_path)
        log.carry_out()
        if started or there < before:
            assert set(left(tmp_path)) == others
        else:
            delete(tmp_path, str(person))
    assert set(left(tmp_path)) == {f"id{n}" for n in range(2400) if n % PEOPLE == PEOPLE - 1}
    lines = InferenceLog(tmp_path).deletions()
    assert [line["rows"] for line in lines] == [
        len([n for n in range(2400) if n % PEOPLE == person]) for person in range(PEOPLE - 1)
    ]
    assert [path.name for path in tmp_path.rglob("*") if path.name.endswith((".del", ".tmp", "~"))] == []
    assert half > 0, "no kill came in the middle: the moments need to be others"
