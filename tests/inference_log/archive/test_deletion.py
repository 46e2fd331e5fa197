"""Deletion, retention and damage where the rows are in the archive."""

import random
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta

import pytest
from pyarrow import fs

from mirante.errors import ArchiveError
from mirante.inference_log import InferenceLog, requests
from mirante.inference_log.archive.address import file_system
from mirante.inference_log.archive.objects import MARK, ObjectStore
from mirante.inference_log.deletion import ARCHIVE
from tests.inference_log.archive.log import EACH, LATER, START, all_ids, here, record
from tests.inference_log.rows import ids

NEEDLE = "zz-customer-of-whom-nothing-may-be-left"


@pytest.fixture
def log(url, tmp_path):
    """Six hours in the archive and two here; one of the customers is in an hour of each."""
    record(tmp_path, 8, needle={hour * EACH + 3: NEEDLE for hour in (1, 4, 7)})
    log = InferenceLog(tmp_path, url)
    assert log.move("m", START + timedelta(hours=7)).segments == 6
    return log


def everything(log, url):
    """Return every byte that is anywhere, by name."""
    found = {str(path): path.read_bytes() for path in log.root.rglob("*") if path.is_file()}
    system, base = file_system(url)
    for info in system.get_file_info(fs.FileSelector(base, recursive=True)):
        if info.type == fs.FileType.File:
            with system.open_input_file(info.path) as file:
                found[info.path] = file.read()
    return found


def holding(log, url, what=NEEDLE):
    return [name for name, data in everything(log, url).items() if what.encode() in data]


def test_the_rows_of_one_are_nowhere_afterwards(log, url):
    assert len(holding(log, url)) == 3, "the search finds what there is"
    _, cursor = log.read_new("m", None, limit_rows=EACH + 1)
    told = []
    done = log.delete(
        [NEEDLE], column="customer", by="me", forget=lambda model, found: told.extend(found) or {"labels": 1}
    )
    gone = ["id23", "id83", "id143"]
    assert (done.rows, done.segments, done.waiting, done.unread) == (3, 3, [], [])
    assert sorted(told) == sorted(gone)
    assert holding(log, url) == []
    assert [name for name in everything(log, url) if name.endswith((".part", ".del", "~"))] == []
    left = [name for name in all_ids(8) if name not in gone]
    for each in (log, InferenceLog(log.root, url), InferenceLog(log.root / "lost", url)):
        assert ids(each.scan("m")) == (left if each.root == log.root else left[: 6 * EACH - 2])
        assert each.verify() == []
    assert log.stat()[0].deleted == 3
    rest, _ = log.read_new("m", cursor)
    assert ids(rest) == [name for name in left if int(name[2:]) > EACH], "cursors stay right"
    assert [line["rows"] for line in log.deletions()] == [3]


def test_what_a_killed_mover_left_half_goes_too(log, url):
    [second] = [name for name in log.archive.segments("m", "1") if name.number == 1]
    key = log.archive.key("m", "1", second)
    data = log.archive.objects.read(key)
    (log.root / "m/1" / f"{second}.parquet").write_bytes(data)  # killed before it was gone here
    if url.startswith("file:"):
        system, base = file_system(url)
        with system.open_output_stream(f"{base}/m/1/.{second}.parquet.part") as file:
            file.write(data)
        assert len(holding(log, url)) == 5
    leftover = log.archive.workplace / f"{second}.parquet"
    leftover.write_bytes(data)
    assert log.delete([NEEDLE], column="customer", by="me").rows == 3
    assert holding(log, url) == []
    assert ids(log.scan("m")) == [name for name in all_ids(8) if name not in {"id23", "id83", "id143"}]
    assert log.move("m", LATER).segments == 3


def test_an_archive_that_is_away_is_gone_on_with(log, url, monkeypatch):
    def away(self, *args, **more):
        raise ArchiveError("it is away")

    monkeypatch.setattr(ObjectStore, "read", away)
    done = log.delete([NEEDLE], column="customer", by="me")
    assert (done.rows, done.waiting, done.finished, done.unread) == (1, [ARCHIVE], False, ["it is away"])
    assert log.carry_out()[0].waiting == [ARCHIVE]
    assert requests.pending(log.root)
    monkeypatch.undo()
    [done] = log.carry_out()
    assert (done.rows, done.segments, done.finished) == (3, 3, True)
    assert holding(log, url) == []
    assert [line["rows"] for line in log.deletions()] == [3]
    assert log.carry_out() == []


def test_old_segments_go_from_the_archive_first(log, url):
    kept = log.retain("m", START + timedelta(hours=8), older_than=timedelta(hours=5))
    assert (kept.segments, kept.rows, kept.unreachable) == (3, 3 * EACH, "")
    assert ids(log.scan("m")) == ids(InferenceLog(log.root, url).scan("m")) == all_ids(8)[3 * EACH :]
    sizes = [one.size for one in log.archive.segments("m", "1").values()]
    left = log.retain("m", START).left_bytes
    assert log.retain("m", START, max_bytes=left - sizes[0] - 1).segments == 2
    assert ids(log.scan("m")) == all_ids(8)[5 * EACH :]
    assert log.retain("m", START + timedelta(days=9), older_than=timedelta(0)).segments == 3
    assert log.scan("m").num_rows == 0
    assert [one.key for one in log.archive.objects.list("")] == [MARK]


def test_rows_here_are_not_kept_longer_because_the_archive_is_away(log, monkeypatch):
    def away(self, *args, **more):
        raise ArchiveError("it is away")

    monkeypatch.setattr(ObjectStore, "read", away)
    kept = log.retain("m", START + timedelta(days=9), older_than=timedelta(days=1))
    assert (kept.segments, kept.unreachable) == (2, "it is away")
    assert here(log.root) == []
    monkeypatch.undo()
    assert log.retain("m", START + timedelta(days=9), older_than=timedelta(days=1)).segments == 6


def test_damage_in_the_archive_is_told_by_object_and_batch(log, url):
    first, second = list(log.archive.segments("m", "1"))[:2]
    for name, place in ((first, 100), (second, -30)):
        key = log.archive.key("m", "1", name)
        data = bytearray(log.archive.objects.read(key))
        data[place] ^= 1
        log.archive.objects.put_bytes(key, bytes(data))
    where = f"{log.archive.name}/m/1"
    for each in (log, InferenceLog(log.root, url)):
        one, two = each.verify()
        assert one.startswith(f"{where}/{first}.parquet: 20 rows of group 0 left out: ")
        assert two.startswith(f"{where}/{second}.parquet: left out: the checksum of its footer is wrong")
        assert ids(each.scan("m")) == all_ids(8)[2 * EACH :]
        assert len(each.damage) == 2
    assert len(log.delete(["nobody"], column="customer", by="me").unread) == 1, "what was not searched"


DELETE = """
import sys
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

for kind, name in ((ObjectStore, "put"), (ObjectStore, "crc"), (Archive, "add")):
    told(kind, name)
InferenceLog(sys.argv[1], sys.argv[2]).delete([sys.argv[3]], column="customer", by="k")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_a_deletion_that_is_killed_loses_no_other_row(url, tmp_path):
    record(tmp_path, 6)
    log = InferenceLog(tmp_path, url)
    log.move("m", LATER)
    chance, left, cursor, got = random.Random(7), set(all_ids(6)), None, []
    for person in range(6):
        table, cursor = log.read_new("m", cursor, limit_rows=17)
        got += ids(table)
        command = [sys.executable, "-c", DELETE, str(tmp_path), url, f"customer-{person}-x"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(chance.randrange(1, 12)):
            if not process.stdout.readline():
                break
            process.stdin.write(b"\n")
            process.stdin.flush()
        time.sleep(chance.uniform(0.0, 0.01))
        process.kill()
        process.wait()
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.close()
        gone = {name for name in left if int(name[2:]) % 7 == person}
        there = set(ids(InferenceLog(tmp_path, url).scan("m")))
        assert left - gone <= there <= left
        log.carry_out()
        left -= gone
        for each in (log, InferenceLog(tmp_path, url)):
            assert set(ids(each.scan("m"))) == left
            assert each.verify() == []
        assert holding(log, url, f"customer-{person}-x") == []
    while table is not None:
        table, cursor = log.read_new("m", cursor, limit_rows=17)
        got += ids(table)
    assert len(got) == len(set(got))
    assert left <= set(got)
