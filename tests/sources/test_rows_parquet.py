"""Rows of Parquet folders: listing, cursor, reading."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from mirante.errors import InputError
from mirante.sources.rows.config import ColumnChoice, ParquetConfig
from mirante.sources.rows.drawing import sample_portions, scan_portions
from mirante.sources.rows.filecursor import FileCursor
from mirante.sources.rows.listing import Stat, open_listing
from mirante.sources.rows.parquet import ParquetFolder

START = datetime(2026, 1, 1, tzinfo=UTC)


class Seconds:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def write(path, numbers, *, time=True, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"n": list(numbers), **more})
    if time:
        at = pa.array([START + timedelta(hours=int(n)) for n in numbers], pa.timestamp("us", "UTC"))
        table = table.append_column("at", at)
    pq.write_table(table, path, row_group_size=4)


def folder(path, seconds=None, columns=None, **config):
    source = ParquetConfig(**{"parquet": str(path), "time": "at"} | config)
    options = {} if seconds is None else {"monotonic": seconds}
    found = ParquetFolder(source, source.columns(columns), **options)
    if seconds is not None:
        found._listing.monotonic = seconds
    return found


def read_all(source, cursor=None, **options):
    numbers = []
    while True:
        table, cursor = source.read_new("m", json.loads(json.dumps(cursor)), **options)
        if table is None:
            return numbers, cursor
        assert table.num_rows <= options.get("limit_rows", 10**9)
        numbers += table["n"].to_pylist()


def test_new_files_are_read_whole_once(tmp_path):
    write(tmp_path / "a.parquet", range(10))
    source = folder(tmp_path)
    assert read_all(source) == (list(range(10)), {**read_all(source)[1]})
    _, cursor = read_all(source)
    write(tmp_path / "deep" / "er" / "b.pq", range(10, 15))
    assert read_all(source, cursor)[0] == list(range(10, 15))
    assert read_all(folder(tmp_path), cursor)[0] == list(range(10, 15))  # also after a restart


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 100])
def test_a_file_in_portions_is_read_once_across_restarts(tmp_path, limit):
    for place in range(4):
        write(tmp_path / f"{place}.parquet", range(place * 11, place * 11 + 11))
    numbers, cursor = [], None
    while True:  # each portion by another process
        table, cursor = folder(tmp_path).read_new("m", cursor, limit_rows=limit)
        if table is None:
            break
        numbers += table["n"].to_pylist()
    assert numbers == list(range(44))
    assert len(cursor["files"]) == 4 * 16


def test_a_file_that_cannot_be_read_for_a_while_goes_on_where_it_was(tmp_path, monkeypatch):
    write(tmp_path / "a.parquet", range(10))
    write(tmp_path / "b.parquet", range(10, 20))
    seconds = Seconds()
    source = folder(tmp_path, seconds)
    first, cursor = source.read_new("m", None, limit_rows=4)
    opened = source._open

    def fail(name):
        if name == "a.parquet":
            raise OSError("the network is away")
        return opened(name)

    monkeypatch.setattr(source, "_open", fail)
    second, cursor = source.read_new("m", cursor, limit_rows=4)  # of the other file, and not to its end
    monkeypatch.setattr(source, "_open", opened)
    seconds.now = 601
    rest, _ = read_all(source, cursor)
    assert first["n"].to_pylist() + second["n"].to_pylist() == [0, 1, 2, 3, 10, 11, 12, 13]
    assert sorted(rest) == [4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18, 19]


def test_ids_are_the_file_and_the_row_where_there_is_no_column(tmp_path):
    write(tmp_path / "d" / "a.parquet", range(6))
    first, cursor = folder(tmp_path).read_new("m", None, limit_rows=4)
    second, _ = folder(tmp_path).read_new("m", cursor, limit_rows=4)
    found = pa.concat_tables([first, second])["__id"].to_pylist()
    assert found == [f"d/a.parquet#{row}" for row in range(6)]
    assert scan_portions(folder(tmp_path), ["__id"])["__id"].to_pylist() == found


def test_hive_folders_are_columns_only_where_they_are_named(tmp_path):
    write(tmp_path / "day=2026-01-03" / "region=S%20P" / "a.parquet", [1, 2], time=False)
    write(tmp_path / "day=__HIVE_DEFAULT_PARTITION__" / "region=x" / "b.parquet", [3], time=False)
    named = folder(tmp_path, time="day", columns=ColumnChoice(include=["n", "region"]))
    with capture_logs() as logs:
        table, _ = named.read_new("m", None)
    assert table["__time"].to_pylist()[0].isoformat() == "2026-01-03T00:00:00+00:00"
    assert table["region"].to_pylist() == ["S P", "S P"]
    assert [(line["event"], line["rows"]) for line in logs] == [
        ("rows without a time that can be read are left out", 1)
    ]
    plain = folder(tmp_path, time="day")
    assert plain.features() == ["n"]
    assert "region" not in plain.read_new("m", None)[0].column_names
    assert plain.earliest() == datetime(2026, 1, 3, tzinfo=UTC)


def test_files_that_are_being_written_wait(tmp_path):
    write(tmp_path / "whole.parquet", range(20))
    data = (tmp_path / "whole.parquet").read_bytes()
    seconds, growing = Seconds(), tmp_path / "growing.parquet"
    source = folder(tmp_path, seconds)
    growing.write_bytes(data[:50])
    numbers, cursor = read_all(source)
    assert numbers == list(range(20))
    growing.write_bytes(data[: len(data) // 2])
    assert read_all(source, cursor)[0] == []
    (tmp_path / "empty.parquet").touch()
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary" / "x.parquet").write_bytes(data)
    (tmp_path / ".x.parquet.swp").write_bytes(data)
    growing.write_bytes(data)
    assert read_all(source, cursor)[0] == list(range(20))


def test_a_file_that_stays_broken_is_told_once(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing")
    seconds = Seconds()
    source = folder(tmp_path, seconds)
    with capture_logs() as logs:
        for now in (0, 10, 700, 1_500, 3_000):
            seconds.now = now
            assert source.read_new("m", None)[0] is None
    assert [line["event"] for line in logs] == ["a file cannot be read; it is tried again"]
    assert logs[0]["file"] == "broken.parquet"


def test_a_file_that_is_rewritten_is_told_and_not_counted_again(tmp_path):
    seconds = Seconds()
    write(tmp_path / "a.parquet", range(10))
    source = folder(tmp_path, seconds)
    _, cursor = read_all(source)
    write(tmp_path / "new", range(30))
    (tmp_path / "new").rename(tmp_path / "a.parquet")
    with capture_logs() as logs:
        numbers, cursor = read_all(source, cursor)
        assert (numbers, read_all(source, cursor)[0]) == ([], [])
    assert [(line["event"], line["file"]) for line in logs] == [
        ("a file was rewritten after it was read; its rows stay counted", "a.parquet")
    ]


def test_a_file_that_is_rewritten_in_place_is_found_in_time(tmp_path):
    seconds = Seconds()
    write(tmp_path / "a.parquet", range(10))
    long_ago = 1_700_000_000
    os.utime(tmp_path, (long_ago, long_ago))
    source = folder(tmp_path, seconds)
    _, cursor = read_all(source)
    write(tmp_path / "a.parquet", range(30))
    os.utime(tmp_path, (long_ago, long_ago))
    with capture_logs() as logs:
        _, cursor = read_all(source, cursor)
        assert logs == []
        seconds.now = 601
        read_all(source, cursor)
    assert [line["file"] for line in logs] == ["a.parquet"]


def test_files_that_vanish_are_told_and_may_come_again(tmp_path):
    for name in "abc":
        write(tmp_path / f"{name}.parquet", [ord(name)])
    source = folder(tmp_path)
    _, cursor = read_all(source)
    shutil.move(tmp_path / "a.parquet", tmp_path / "a.gone")
    with capture_logs() as logs:
        numbers, cursor = read_all(source, cursor)
        read_all(source, cursor)
        shutil.move(tmp_path / "a.gone", tmp_path / "a.parquet")
        assert (numbers, read_all(source, cursor)[0]) == ([], [])
    assert [(line["event"], line["files"]) for line in logs] == [
        ("files that were read have vanished; their rows stay counted", 1)
    ]


def test_a_file_rewritten_while_it_is_read_is_left(tmp_path):
    write(tmp_path / "a.parquet", range(10))
    source = folder(tmp_path)
    _, cursor = source.read_new("m", None, limit_rows=4)
    write(tmp_path / "a.parquet", range(100, 120))
    with capture_logs() as logs:
        assert read_all(folder(tmp_path), cursor)[0] == []
    assert [line["event"] for line in logs] == [
        "a file was rewritten while it was read; what is left of it is not"
    ]


def test_schemas_may_change_and_columns_may_go(tmp_path):
    write(tmp_path / "1.parquet", [1], extra=[1])
    write(tmp_path / "2.parquet", [2], extra=["text"], late=[0.5])
    write(tmp_path / "3.parquet", [3])
    table, _ = folder(tmp_path).read_new("m", None)
    assert table["extra"].to_pylist() == ["1", "text", None]
    assert table["late"].to_pylist() == [None, 0.5, None]


def test_a_file_without_the_time_stops_with_its_name(tmp_path):
    write(tmp_path / "1.parquet", [1])
    write(tmp_path / "2.parquet", [2], time=False, att=["2026-01-01"])
    with pytest.raises(InputError, match=r"source.time: 2.parquet has no column 'at'; the nearest is 'att'"):
        folder(tmp_path).read_new("m", None)


def test_an_empty_folder_a_missing_one_and_a_delta_table(tmp_path):
    assert folder(tmp_path).read_new("m", None)[0] is None
    assert folder(tmp_path).features() == []
    assert folder(tmp_path).earliest() is None
    with pytest.raises(InputError, match="is not there; give a folder of Parquet files"):
        folder(tmp_path / "x").read_new("m", None)
    (tmp_path / "_delta_log").mkdir()
    with pytest.raises(InputError, match="is a Delta table"):
        folder(tmp_path).read_new("m", None)


def test_files_without_rows_are_done_with(tmp_path):
    write(tmp_path / "a.parquet", [])
    table, cursor = folder(tmp_path).read_new("m", None)
    assert table is None
    assert FileCursor(cursor).finished("a.parquet")


def test_one_file_and_a_url_are_sources_too(tmp_path):
    write(tmp_path / "x y.parquet", range(3))
    assert read_all(folder(tmp_path / "x y.parquet"))[0] == [0, 1, 2]
    assert read_all(folder(f"file://{tmp_path}"))[0] == [0, 1, 2]


def test_a_file_system_that_is_not_local_is_listed_with_sizes(tmp_path):
    write(tmp_path / "day=1" / "a.parquet", range(3))
    (tmp_path / "day=1" / "_b.parquet").touch()
    listing = open_listing(f"file://{tmp_path}")
    listing.local = False
    names, stats = listing.look()
    assert names == ["day=1/a.parquet"]
    assert stats[names[0]].size == (tmp_path / "day=1" / "a.parquet").stat().st_size
    assert listing.stat("nothing") is None


def test_a_time_and_a_lot_read_what_they_need(tmp_path):
    for day in range(5):
        write(tmp_path / f"{day}.parquet", range(day * 24, day * 24 + 24), v=["1"] * 12 + ["2"] * 12)
    source = folder(tmp_path, version="v")
    found = scan_portions(source, ["n"], start=START + timedelta(hours=30), end=START + timedelta(hours=50))
    assert found["n"].to_pylist() == list(range(30, 50))
    drawn = sample_portions(
        source, "2", 5, start=START, end=START + timedelta(days=1), columns=["n", "nothing"]
    )
    assert drawn.column_names == ["n"]
    assert len(set(drawn["n"].to_pylist())) == 5
    assert min(drawn["n"].to_pylist()) >= 12
    assert source.earliest() == START
    assert source.earliest(START + timedelta(hours=30, minutes=1)) == START + timedelta(hours=31)
    assert source.earliest(START + timedelta(days=9)) is None


def test_bounds_are_counted_where_times_are_text(tmp_path):
    table = pa.table({"n": [1, 2], "at": ["2026-01-05T00:00:00+05:00", "2026-01-04"]})
    pq.write_table(table, tmp_path / "a.parquet")
    source = folder(tmp_path)
    assert source.earliest() == datetime(2026, 1, 4, tzinfo=UTC)
    late = scan_portions(source, ["n"], start=datetime(2026, 1, 4, 12, tzinfo=UTC))
    assert late["n"].to_pylist() == [1]


def test_ten_thousand_files_are_not_asked_for_each_time(tmp_path, monkeypatch):
    for day in range(50):
        (tmp_path / f"day={day}").mkdir()
        for part in range(20):
            (tmp_path / f"day={day}" / f"{part}.parquet").touch()
        os.utime(tmp_path / f"day={day}", (1_700_000_000, 1_700_000_000))
    os.utime(tmp_path, (1_700_000_000, 1_700_000_000))
    listing = open_listing(str(tmp_path))
    assert len(listing.look()[0]) == 1_000
    asked, scan = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: asked.append(path) or scan(path))
    names, stats = listing.look()
    assert (len(names), stats, asked) == (1_000, {}, [])
    (tmp_path / "day=7" / "new.parquet").touch()
    names, stats = listing.look()
    assert (len(names), len(stats), len(asked)) == (1_001, 21, 1)


def test_a_cursor_is_small_and_forgets_only_what_is_long_gone():
    cursor = FileCursor(None)
    stat = Stat(1, 1)
    names = [f"day={n}/part-{n}.parquet" for n in range(10_000)]
    for name in names:
        cursor.finish(name, stat)
    assert len(json.dumps(cursor.state)) < 170_000
    assert cursor.forget(names) == 0
    assert cursor.forget(names[100:]) == 100
    assert cursor.finished(names[0])
    for n in range(25_000):
        cursor.finish(f"old/{n}", stat)
    assert cursor.forget([]) == 35_000
    assert len(cursor.state["files"]) == 20_000 * 16
    assert not cursor.finished(names[0])


READER = """
import resource, sys
from mirante.sources.rows.config import ParquetConfig
from mirante.sources.rows.opening import open_source
source = open_source(ParquetConfig(parquet=sys.argv[1], time="at"))
source.features()
before, rows, cursor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0, None
while (found := source.read_new("m", cursor))[0] is not None:
    rows, cursor = rows + found[0].num_rows, found[1]
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_million_rows_take_little_memory(tmp_path):
    rng = np.random.default_rng(0)
    at = pa.array(1_767_225_600_000_000 + np.arange(250_000), pa.timestamp("us", "UTC"))
    columns = {f"c{n}": rng.random(250_000) for n in range(30)}  # 240 bytes a row
    for place in range(4):
        pq.write_table(pa.table({"at": at, **columns}), tmp_path / f"{place}.parquet", compression=None)
    answer = subprocess.run(
        [sys.executable, "-c", READER, tmp_path], capture_output=True, text=True, check=True
    ).stdout
    rows, kilobytes = map(int, answer.split())
    assert rows == 1_000_000
    assert kilobytes < 190_000, "all of them are 240 MB"
