import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.inference_log.archive.index import Archive
from mirante.inference_log.archive.known import Archived
from mirante.inference_log.places import Places, last_rows, new_rows, version_folders
from mirante.inference_log.reader import InferenceLog
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import list_segments
from tests.inference_log.archive.log import EACH, LATER, START, all_ids, record
from tests.inference_log.rows import ids


@pytest.fixture
def log(tmp_path):
    record(tmp_path / "log", 10)
    log = InferenceLog(tmp_path / "log", f"file://{tmp_path}/archive")
    log.move("m", START + timedelta(hours=8))
    return log


def test_both_places_are_one_log(log, tmp_path):
    places = Places(log.root, log.archive)
    [(version, folder)] = places.versions("m")
    segments = places.segments(folder)
    assert (version, list(segments)) == ("1", sorted(segments))
    assert [isinstance(one, Archived) for one in segments.values()] == [True] * 7 + [False] * 3
    assert list(version_folders(log.root, None, log.archive)) == [("m", "1", folder)]
    assert log.models() == [("m", "1")]
    assert ids(log.newest("m", 3)) == all_ids(10)[-3:]
    assert ids(log.newest("m", 5 * EACH)) == all_ids(10)[-5 * EACH :]
    assert log.sample("m", "1", 30, columns=["__id"]).num_rows == 30
    assert log.export("m", tmp_path / "rows.parquet") == 10 * EACH
    assert ids(pq.read_table(tmp_path / "rows.parquet")) == all_ids(10)
    assert log.read_new("m", log.present("m"))[0] is None


def test_one_that_is_in_both_places_is_one(log):
    for name in log.archive.segments("m", "1"):
        path = log.root / "m/1" / f"{name}.parquet"
        path.write_bytes(log.archive.objects.read(log.archive.key("m", "1", name)))
    assert ids(log.scan("m")) == all_ids(10)
    assert (log.stat()[0].archived, log.stat()[0].rows) == (0, 10 * EACH)


def test_other_programs_read_the_archive_as_it_is(log, tmp_path):
    folder = tmp_path / "archive"
    rows = 7 * EACH
    assert pl.read_parquet(folder / "*/*/*.parquet").height == rows
    assert sum(len(pd.read_parquet(path)) for path in folder.glob("m/1/*.parquet")) == rows
    assert ds.dataset(folder / "m").to_table().num_rows == rows, "what is hidden is no row"


@pytest.mark.parametrize("hours", [1, 3])
def test_a_window_opens_only_the_segments_that_it_needs(tmp_path, hours):
    record(tmp_path / "log", 30)
    log = InferenceLog(tmp_path / "log", f"file://{tmp_path}/archive")
    log.move("m", LATER)
    opened = []
    real = Archive.place

    def place(self, model, version, stem):
        opened.append(str(stem))
        return real(self, model, version, stem)

    again = InferenceLog(log.root, f"file://{tmp_path}/archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Archive, "place", place)
        start = START + timedelta(hours=5)
        found = again.scan("m", start=start, end=start + timedelta(hours=hours), columns=["__id"])
        assert found.num_rows == hours * EACH
        assert len(opened) == hours
        assert again.scan("m", end=datetime(2000, 1, 1, tzinfo=UTC)).num_rows == 0
        assert len(opened) == hours
        # what nobody wrote down is learned once
        lost = InferenceLog(tmp_path / "lost", f"file://{tmp_path}/archive")
        assert lost.scan("m", end=datetime(2000, 1, 1, tzinfo=UTC)).num_rows == 0
        assert len(opened) == hours + 30
        assert lost.scan("m", end=datetime(2000, 1, 1, tzinfo=UTC)).num_rows == 0
        assert len(opened) == hours + 30


def test_not_more_segments_are_remembered_than_needed(tmp_path):
    record(tmp_path / "log", 80)
    log = InferenceLog(tmp_path / "log", f"file://{tmp_path}/archive")
    log.move("m", LATER)
    assert log.scan("m").num_rows == 80 * EACH
    assert len(log._places._files) == 64


def test_parts_of_a_segment(tmp_path):
    record(tmp_path, 1)
    [path] = list_segments(tmp_path / "m/1").values()
    file = SealedFile(path)
    tables, past, finished = new_rows(file, 15, 3)
    assert ([ids(table) for table in tables], past, finished) == ([["id15", "id16", "id17"]], 18, False)
    assert new_rows(file, 15, 5)[1:] == (20, True)
    assert new_rows(file, 20, 5) == ([], 20, True)
    assert [ids(table) for table in last_rows(file, 2, None)] == [["id18", "id19"]]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["record", "move", "reopen", "lose"]), st.integers(1, 3)),
        st.tuples(st.just("read"), st.integers(1, 50)),
        st.tuples(st.just("delete"), st.integers(0, 6)),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_any_order_of_steps_gives_each_row_exactly_once(steps):
    with tempfile.TemporaryDirectory() as folder:
        root, url = Path(folder, "log"), f"file://{folder}/archive"
        root.mkdir()
        log, hours, cursor, got, gone = InferenceLog(root, url), 0, None, [], set()
        for step, number in steps:
            if step == "record":
                record(root, number, first=hours, process=f"p{hours}")
                hours += number
            elif step == "move":
                log.move("m", START + timedelta(hours=hours - number + 1))
            elif step == "reopen":
                log = InferenceLog(root, url)
            elif step == "lose":  # what is kept beside the log can be found out again
                for path in root.rglob(".archived.json"):
                    path.unlink()
                log = InferenceLog(root, url)
            elif step == "delete":
                log.delete([f"customer-{number}-x"], column="customer", by="me")
                gone |= {f"id{n}" for n in range(hours * EACH) if n % 7 == number}
            else:
                table, cursor = log.read_new("m", cursor, limit_rows=number)
                got += [] if table is None else ids(table)
        while (found := log.read_new("m", cursor))[0] is not None:
            got += ids(found[0])
            cursor = found[1]
        left = set(ids(log.scan("m")))
        assert len(got) == len(set(got))
        assert left <= set(got) <= set(all_ids(hours))
        assert left == set(all_ids(hours)) - gone
