"""The Parquet files: whole, the same at a second run, and readable by those who read Parquet."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mirante.errors import ConflictError, InputError
from mirante.locks import lock
from mirante.profiles import TableProfile
from mirante.store import BaselineRow, Store
from mirante.views.tables import files
from mirante.views.tables.columns import TABLES, schema_of
from mirante.views.tables.files import WrittenTables, file_name, write_tables
from mirante.views.tables.walk import rows_of, walk
from tests.views.tables.conftest import HOUR, START, SUBJECT, Watched, window_row


def parquet(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return each file's inode and content: a file that was written again has another inode."""
    found = sorted(folder.glob("*/*.parquet"))
    return {path.relative_to(folder).as_posix(): (path.stat().st_ino, path.read_bytes()) for path in found}


def test_files_hold_what_the_windows_say(watched: Watched, tmp_path: Path):
    done = write_tables(watched.store, tmp_path / "t")
    assert (done.files, done.unchanged) == (4, 0), "two months, two tables"
    for table in TABLES:
        expected = [row for one in walk(watched.store, SUBJECT) for row in rows_of(table, one)]
        found = pd.read_parquet(tmp_path / "t" / table)
        assert len(found) == len(expected)
        assert found["window_start"].min() == pd.Timestamp(START)
        frame = found.set_index(["window_start", "feature", *(["type"] if "type" in found else [])])
        assert not frame.index.duplicated().any()
    assert done.rows == sum(len(pd.read_parquet(tmp_path / "t" / table)) for table in TABLES)


def test_columns_say_what_they_are_in_the_file(watched: Watched, tmp_path: Path):
    write_tables(watched.store, tmp_path / "t")
    for table in TABLES:
        for path in (tmp_path / "t" / table).iterdir():
            schema = pq.read_schema(path)
            assert schema.equals(schema_of(table))
            said = json.loads(pq.read_metadata(path).metadata[b"mirante.columns"])
            assert list(said) == schema.names
            assert {pq.read_metadata(path).row_group(0).column(0).compression} == {"ZSTD"}


def test_a_second_run_writes_nothing(watched: Watched, tmp_path: Path):
    first = write_tables(watched.store, tmp_path / "t")
    before = parquet(tmp_path / "t")
    assert write_tables(watched.store, tmp_path / "t") == WrittenTables(0, first.files, 0)
    assert parquet(tmp_path / "t") == before


def test_only_what_is_new_is_written(watched: Watched, tmp_path: Path):
    folder = tmp_path / "t"
    write_tables(watched.store, folder)
    before = parquet(folder)
    window = watched.store.windows.get(SUBJECT, START + 5 * HOUR)
    assert window is not None
    measured = replace(window, verdicts={**window.verdicts, "performance": {"accuracy": 0.5}})
    watched.store.windows.put(measured)
    assert write_tables(watched.store, folder).files == 2
    after = parquet(folder)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {f"{table}/{file_name(SUBJECT, window.start)}" for table in TABLES}
    assert file_name(SUBJECT, window.start).endswith("-2026-02.parquet")
    (accuracy,) = pd.read_parquet(folder / "profile_metrics")["performance_accuracy"].dropna()
    assert accuracy == 0.5


def test_another_baseline_and_a_damaged_file_are_written_again(watched: Watched, tmp_path: Path):
    folder = tmp_path / "t"
    write_tables(watched.store, folder)
    whole = parquet(folder)
    (path, *_) = sorted((folder / "drift_metrics").iterdir())
    path.write_bytes(path.read_bytes()[:-30])
    assert write_tables(watched.store, folder).files == 2
    assert {name: data for name, (_, data) in parquet(folder).items()} == {
        name: data for name, (_, data) in whole.items()
    }
    baseline = watched.baseline
    row = BaselineRow(SUBJECT, "1", START + HOUR, baseline.rows, baseline.to_bytes())
    watched.store.baselines.put(row)
    assert write_tables(watched.store, folder).files == 4


def test_months_without_windows_stay(watched: Watched, tmp_path: Path, store: Store):
    folder = tmp_path / "t"
    write_tables(watched.store, folder)
    before = parquet(folder)
    with store.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM mirante_windows")
    assert write_tables(store, folder) == WrittenTables(0, 0, 0)
    assert parquet(folder) == before


def test_an_interval_chooses_months_and_writes_them_whole(watched: Watched, tmp_path: Path):
    february = datetime(2026, 2, 1, 1, tzinfo=UTC)
    done = write_tables(watched.store, tmp_path / "t", since=february)
    assert (done.files, len(parquet(tmp_path / "t"))) == (2, 2)
    found = pd.read_parquet(tmp_path / "t" / "profile_metrics")
    assert found["window_start"].nunique() == 4
    assert write_tables(watched.store, tmp_path / "t", until=START + HOUR).files == 2
    assert write_tables(watched.store, tmp_path / "t", since=february, until=february + HOUR).unchanged == 2
    assert write_tables(watched.store, tmp_path / "t", since=february + timedelta(days=90)).files == 0
    write_tables(watched.store, tmp_path / "none", since=february + timedelta(days=90))
    assert not (tmp_path / "none").exists()
    with pytest.raises(InputError, match="is not before"):
        write_tables(watched.store, tmp_path / "t", since=february, until=february)


def test_rows_are_written_in_groups(watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """So many rows are in memory, however many windows there are."""
    monkeypatch.setattr(files, "GROUP_ROWS", 20)
    pending: list[int] = []
    add = files._Draft.add

    def counted(self, rows):
        add(self, rows)
        pending.append(self._pending_rows)

    monkeypatch.setattr(files._Draft, "add", counted)
    write_tables(watched.store, tmp_path / "t")
    assert max(pending) < 20
    assert len(pending) == 16
    for path in (tmp_path / "t" / "drift_metrics").iterdir():
        metadata = pq.read_metadata(path)
        assert metadata.num_row_groups > 1


def test_subjects_have_files_of_their_own_whatever_their_names(store: Store, tmp_path: Path):
    profile = TableProfile.of({"x": [1.0]})
    subjects = ["model/a@b", "model/a b", "model/a\x00b", "../../etc/passwd", "x" * 4_000, "\ud800", ".."]
    for subject in subjects:
        store.windows.put(window_row(START, profile, subject=subject))
    assert write_tables(store, tmp_path / "t").files == 2 * len(subjects)
    names = {path.name for path in (tmp_path / "t" / "profile_metrics").iterdir()}
    assert len(names) == len(subjects)
    assert all(len(name) < 200 and name[0].isalnum() and name.isascii() for name in names)
    assert (
        sorted(path.name for path in tmp_path.iterdir()) == ["mirante.db", "t"] or (tmp_path / "t").is_dir()
    )
    assert len(pd.read_parquet(tmp_path / "t" / "profile_metrics")) == 2 * len(subjects)


def test_the_ends_of_time(store: Store, tmp_path: Path):
    profile = TableProfile.of({"x": [1.0]})
    last = datetime(9999, 12, 31, 22, tzinfo=UTC)
    for start in (last, last - timedelta(days=60)):
        store.windows.put(window_row(start, profile))
    assert write_tables(store, tmp_path / "t").files == 4
    assert {path.name[-15:] for path in (tmp_path / "t" / "drift_metrics").iterdir()} == {
        "9999-11.parquet",
        "9999-12.parquet",
    }


def test_only_one_writes(watched: Watched, tmp_path: Path):
    write_tables(watched.store, tmp_path / "t")
    handle = os.open(tmp_path / "t" / ".lock", os.O_RDWR)
    try:
        assert lock(handle)
        with pytest.raises(ConflictError, match="another process writes the tables in"):
            write_tables(watched.store, tmp_path / "t")
    finally:
        os.close(handle)


def test_a_place_that_cannot_be_written(watched: Watched, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written: .*; give another folder"):
        write_tables(watched.store, tmp_path / "file")


def test_a_fault_leaves_the_file_as_it_was(watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "t"
    write_tables(watched.store, folder)
    before = parquet(folder)
    watched.store.windows.put(window_row(START + 8 * HOUR, watched.baseline))
    monkeypatch.setattr(files, "rows_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_tables(watched.store, folder)
    assert parquet(folder) == before
    assert not list(folder.glob("*/.*"))


CHILD = """
import sys
from pathlib import Path
from mirante.store import Store
from mirante.views.tables import files
files.GROUP_ROWS = 10
files._FORMAT = sys.argv[3]  # so that all files are written anew
print("ready", flush=True)
with Store(sys.argv[1]) as store:
    print(files.write_tables(store, Path(sys.argv[2])).files, flush=True)
"""


def test_a_killed_writer_leaves_whole_files(watched: Watched, tmp_path: Path):
    folder, script = tmp_path / "t", tmp_path / "child.py"
    script.write_text(textwrap.dedent(CHILD))
    write_tables(watched.store, folder)
    expected = {path.relative_to(folder): pq.read_table(path) for path in folder.glob("*/*.parquet")}
    rng = random.Random(5)
    cut = 0
    for number in range(5):
        arguments = [sys.executable, str(script), watched.store.name, str(folder), str(number)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.0, 0.25))
            child.send_signal(signal.SIGKILL)
            cut += "4" not in child.stdout.read()
        found = {path.relative_to(folder): pq.read_table(path) for path in folder.glob("*/*.parquet")}
        assert found == expected
    assert cut, "no child was killed before its end"
    write_tables(watched.store, folder)
    assert not list(folder.glob("*/.*")), "what a killed writer left is gone"


def test_names_of_files():
    assert file_name("../x", datetime(2013, 12, 31, 23)).endswith("-2013-12.parquet")
    assert file_name("model/a@b", START) != file_name("model-a-b", START)
