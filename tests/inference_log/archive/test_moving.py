import os
import random
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta

import pytest

from mirante.errors import ArchiveError, ConflictError, InputError
from mirante.inference_log import InferenceLog, requests
from mirante.inference_log.archive.moving import segments_due
from mirante.inference_log.archive.objects import ObjectStore
from tests.inference_log.archive.log import EACH, LATER, START, all_ids, here, record
from tests.inference_log.rows import ids, rows


def test_segments_go_when_they_are_old_enough_and_nobody_notices(url, tmp_path):
    writer = record(tmp_path, 5)
    writer.append(rows([1_000], seconds=[int(START.timestamp()) + 5 * 3600], customer=["open"]))
    writer.sync()
    log = InferenceLog(tmp_path, url)
    _, cursor = log.read_new("m", None, limit_rows=50)
    now = START + timedelta(hours=4)
    assert log.unmoved("m", now, older_than=timedelta(hours=2)) == 2
    moved = log.move("m", now, older_than=timedelta(hours=2))
    assert (moved.segments, moved.rows, moved.waiting) == (2, 2 * EACH, 0)
    assert moved.bytes == sum(one.size for one in log.archive.segments("m", "1").values())
    assert len(here(tmp_path / "m")) == 3
    assert log.move("m", LATER).segments == 3
    assert here(tmp_path / "m") == []
    assert [path.suffix for path in (tmp_path / "m/1").glob("[!.]*")] == [".arrow"], "what is written stays"
    for each in (log, InferenceLog(tmp_path, url)):
        assert ids(each.scan("m")) == [*all_ids(5), "id1000"]
        table, following = each.read_new("m", cursor)
        assert ids(table) == [*all_ids(5)[50:], "id1000"]
        assert each.read_new("m", following)[0] is None
        assert each.verify() == []
    assert log.move("m", LATER).segments == 0
    writer.close()


def test_a_row_of_the_future_keeps_no_segment_and_a_damaged_one_stays(url, tmp_path):
    writer = record(tmp_path, 2)
    writer.append(rows([7], seconds=[4_000_000_000], customer=["x"]))
    writer.close()
    ends = sorted((tmp_path / "m/1").glob("*.parquet"))
    for path in ends:
        os.utime(path, (START.timestamp(), START.timestamp() + 7200))
    assert len(segments_due(tmp_path, "m", START + timedelta(days=1))) == 3
    content = bytearray(ends[0].read_bytes())
    content[-20] ^= 1
    ends[0].write_bytes(content)
    log = InferenceLog(tmp_path, url)
    log.move("m", LATER)
    assert here(tmp_path / "m") == [ends[0].name]
    assert len(log.verify()) == 1


def test_it_stops_in_time_and_goes_on(url, tmp_path):
    record(tmp_path, 50)
    log = InferenceLog(tmp_path, url)
    assert log.move("m", LATER, patience=0.0).waiting == 50
    while (moved := log.move("m", LATER, patience=0.001)).segments:
        assert moved.segments % 10 == 0
    assert ids(log.scan("m")) == all_ids(50)


def test_it_waits_for_deletions(url, tmp_path):
    record(tmp_path, 2)
    log = InferenceLog(tmp_path, url)
    with requests.alone(tmp_path), pytest.raises(ConflictError):
        log.move("m", LATER)
    key = requests.key_of(tmp_path)
    request = requests.Request.of("__id", ["1"], ["1"], key=key, models=None, by="me", now=LATER)
    requests.keep(tmp_path, request)
    assert log.move("m", LATER).waiting == 2
    log.carry_out()
    assert log.move("m", LATER).segments == 2
    with pytest.raises(InputError, match="has no archive"):
        InferenceLog(tmp_path).move("m", LATER)


def test_one_that_is_not_taken_stays_and_what_was_taken_is_done_with(url, tmp_path, monkeypatch):
    record(tmp_path, 5)
    log, real, taken = InferenceLog(tmp_path, url), ObjectStore.put, []

    def put(self, path, key):
        if len(taken) == 2:
            raise ArchiveError("it is full")
        taken.append(key)
        return real(self, path, key)

    monkeypatch.setattr(ObjectStore, "put", put)
    with pytest.raises(ArchiveError, match="it is full"):
        log.move("m", LATER)
    assert len(here(tmp_path / "m")) == 3
    assert ids(log.scan("m")) == ids(InferenceLog(tmp_path, url).scan("m")) == all_ids(5)
    monkeypatch.undo()
    assert log.move("m", LATER).segments == 3


def test_a_server_that_goes_and_comes_back(moto, bucket, line, tmp_path):
    record(tmp_path, 4)
    url = moto.url(f"{bucket}/log", port=line.port)
    log = InferenceLog(tmp_path, url)
    log.move("m", START + timedelta(hours=3))
    _, cursor = log.read_new("m", None, limit_rows=EACH + 3)
    line.cut()
    with pytest.raises(ArchiveError, match="NETWORK_CONNECTION"):
        log.move("m", LATER)
    began = time.monotonic()
    late = InferenceLog(tmp_path, url)  # the service starts while it is away
    for each in (log, late):
        table, going = each.read_new("m", cursor)
        assert ids(table) == all_ids(4)[-EACH * len(here(tmp_path / "m")) :]
        for _ in range(20):
            assert each.read_new("m", going)[0] is None
        assert "NETWORK_CONNECTION" in each.archive_trouble
        with pytest.raises(ArchiveError):
            each.scan("m")
        recent = each.scan("m", start=START + timedelta(hours=3))
        assert ids(recent) == all_ids(4)[-EACH:], "what is here is read"
        assert each.stat()[0].rows == 4 * EACH
    assert time.monotonic() - began < 30
    line.mend()
    for each in (log, late):
        each.archive.objects.retry()
        table, done = each.read_new("m", going)
        assert sorted(ids(table)) == sorted(
            set(all_ids(4)[EACH + 3 :]) - set(all_ids(4)[-EACH * len(here(tmp_path / "m")) :])
        )
        assert each.read_new("m", done)[0] is None
        assert ids(each.scan("m")) == all_ids(4)
    assert log.move("m", LATER).segments == 2


MOVE = """
import sys
from datetime import datetime
from pathlib import Path
from mirante.inference_log import InferenceLog
from mirante.inference_log.archive.index import Archive
from mirante.inference_log.archive.objects import ObjectStore

def told(kind, name):
    real = getattr(kind, name)
    def step(*args, **more):
        print(name, flush=True)
        sys.stdin.readline()
        return real(*args, **more)
    setattr(kind, name, step)

for kind, name in ((ObjectStore, "put"), (ObjectStore, "crc"), (Archive, "add"), (Path, "unlink")):
    told(kind, name)
InferenceLog(sys.argv[1], sys.argv[2]).move("m", datetime.fromisoformat(sys.argv[3]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_a_kill_at_any_moment_loses_no_row_and_counts_none_twice(url, tmp_path):
    chance, hours, cursor, got, half = random.Random(2026), 0, None, [], 0
    log = InferenceLog(tmp_path, url)
    for _ in range(10):
        record(tmp_path, 4, first=hours)
        hours += 4
        command = [sys.executable, "-c", MOVE, str(tmp_path), url, LATER.isoformat()]
        mover = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(chance.randrange(1, 3 * len(here(tmp_path / "m")) + 2)):
            if not mover.stdout.readline():  # what it does next
                break
            mover.stdin.write(b"\n")
            mover.stdin.flush()
            table, cursor = log.read_new("m", cursor, limit_rows=chance.randrange(1, 60))
            got += ids(table)
        time.sleep(chance.uniform(0.0, 0.004))
        mover.kill()
        mover.wait()
        mover.stdout.close()
        with suppress(BrokenPipeError):
            mover.stdin.close()
        there = {one.key.rpartition("/")[2] for one in log.archive.objects.list("m")}
        half += bool(there & set(here(tmp_path / "m")))
        for each in (log, InferenceLog(tmp_path, url)):
            assert ids(each.scan("m")) == all_ids(hours)
            assert each.stat()[0].rows == hours * EACH
        while (found := log.read_new("m", cursor))[0] is not None:
            got += ids(found[0])
            cursor = found[1]
        assert sorted(got) == sorted(all_ids(hours))
        log.move("m", LATER)  # so that the next kill may come at any step again
    assert half, "no kill came in the middle: the moments need to be others"
    assert here(tmp_path / "m") == []
    assert [one.key for one in log.archive.objects.list("") if one.key.endswith(".part")] == []
    assert ids(InferenceLog(tmp_path / "lost", url).scan("m")) == all_ids(hours)
    assert log.verify() == []


def test_readers_see_every_row_once_at_any_moment_of_moving_and_deleting(url, tmp_path):
    record(tmp_path, 12)
    stop, wrong, scans = threading.Event(), [], []
    certain = [name for name in all_ids(12) if int(name[2:]) % 7 > 2]  # the others are being deleted

    def read(log):
        while not stop.is_set():
            found = ids(log.scan("m", columns=["__id"]))
            scans.append(len(found))
            if len(found) != len(set(found)) or not set(certain) <= set(found) or log.damage:
                wrong.append((len(found), log.damage))

    log = InferenceLog(tmp_path, url)
    others = [InferenceLog(tmp_path, log.archive), InferenceLog(tmp_path, url)]
    readers = [threading.Thread(target=read, args=(each,)) for each in others]
    for reader in readers:
        reader.start()
    for hour in range(3, 15, 2):
        log.move("m", START + timedelta(hours=hour))
    for person in range(3):
        log.delete([f"customer-{person}-x"], column="customer", by="me")
    stop.set()
    for reader in readers:
        reader.join()
    assert len(scans) > 2
    assert wrong == []
    assert here(tmp_path / "m") == []
    assert ids(log.scan("m")) == certain
