"""Which windows are compared with which, and how many are in memory meanwhile."""

from __future__ import annotations

import weakref
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from mirante.profiles import TableProfile
from mirante.store import BaselineRow, Store
from mirante.views.tables.walk import batch_of, rows_of, walk
from tests.views.tables.conftest import HOUR, START, SUBJECT, Watched, window_row

HOSTILE = ("<script>alert(1)</script>", "two\nlines", "qu\"o'te", "nul\x00", "\ud800 half", "", "x" * 5_000)


def pairs(store: Store, **interval: datetime) -> list[tuple[str, datetime, datetime | None]]:
    return [
        (one.window.version, one.window.start, None if one.before is None else one.before.start)
        for one in walk(store, SUBJECT, **interval)
    ]


def test_each_window_is_compared_with_the_one_that_ends_where_it_begins(watched: Watched):
    starts = list(watched.frames)
    assert pairs(watched.store) == [
        ("1", start, before) for start, before in zip(starts, [None, *starts[:-1]], strict=True)
    ]


def test_windows_of_a_subject_without_slices_are_not_asked_for_them(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watched.store.slice_windows, "list", None)
    assert {one.slices for one in walk(watched.store, SUBJECT)} == {()}


def test_where_one_begins_to_read_makes_no_difference(watched: Watched):
    whole = [rows_of("drift_metrics", one) for one in walk(watched.store, SUBJECT)]
    starts = list(watched.frames)
    for place, start in enumerate(starts):
        part = walk(watched.store, SUBJECT, since=start, until=start + HOUR)
        assert [rows_of("drift_metrics", one) for one in part] == [whole[place]]


def test_versions_are_never_mixed(watched: Watched):
    start = START + 2 * HOUR
    for hour in range(2):
        profile = TableProfile.of(watched.frames[START], like=watched.baseline)
        watched.store.windows.put(window_row(start + hour * HOUR, profile, version="2"))
    found = [(version, at, before) for version, at, before in pairs(watched.store) if version == "2"]
    assert found == [("2", start, None), ("2", start + HOUR, start)]
    assert len([one for one in pairs(watched.store) if one[0] == "1" and one[2] is not None]) == 7


def test_a_gap_is_not_bridged(watched: Watched):
    profile = TableProfile.of(watched.frames[START], like=watched.baseline)
    late = START + timedelta(days=3)
    watched.store.windows.put(window_row(late, profile))
    watched.store.windows.put(window_row(late + HOUR, profile, closed=False))
    assert pairs(watched.store)[-1] == ("1", late, None), "and an open window is not among them"
    assert pairs(watched.store, since=late) == [("1", late, None)]


def test_another_baseline_begins_anew(watched: Watched):
    """Of the windows before it the store knows the baseline no more: what was judged stays as it was."""
    other = TableProfile.of(watched.base.assign(age=watched.base["age"] * 2))
    watched.store.baselines.put(BaselineRow(SUBJECT, "1", START, other.rows, other.to_bytes()))
    start = START + 8 * HOUR
    for hour in range(2):
        profile = TableProfile.of(watched.frames[START], like=other)
        watched.store.windows.put(window_row(start + hour * HOUR, profile))
    assert pairs(watched.store)[-3:] == [
        ("1", start - HOUR, start - 2 * HOUR),
        ("1", start, None),
        ("1", start + HOUR, start),
    ]
    rows = [row for one in walk(watched.store, SUBJECT) for row in rows_of("drift_metrics", one)]
    old = [row for row in rows if row["type"] == "baseline" and row["feature"] == "age"]
    assert len(old) == 8
    assert all(row.get("std_delta") is None for row in old)
    assert all(row["mean_delta"] is not None and row["ks"] is not None for row in old)


def test_a_damaged_profile_costs_its_own_rows_alone(watched: Watched):
    window = watched.store.windows.get(SUBJECT, START + HOUR)
    assert window is not None
    watched.store.windows.put(replace(window, profile=window.profile[:-9]))
    found = list(walk(watched.store, SUBJECT))
    assert [one.profile is None for one in found] == [False, True, *[False] * 6]
    assert [one.before is None for one in found] == [True, True, True, *[False] * 5]
    kinds = [row["kind"] for row in rows_of("profile_metrics", found[1])]
    assert kinds == ["table"]
    assert len(rows_of("drift_metrics", found[1])) == 5


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(store: Store, name: str):
    level = name.encode("utf-8", "replace").decode()  # values come through Arrow
    baseline = TableProfile.of({name: [1.0, 2.0], f"{name} ": [level, None]})
    for hour in range(2):
        store.windows.put(window_row(START + hour * HOUR, baseline, subject=f"model/{name}@a", version=name))
    (subject,) = store.windows.subjects()
    kept = name.encode("utf-8", "backslashreplace").decode()
    for one in walk(store, subject):
        found = batch_of("profile_metrics", rows_of("profile_metrics", one)).to_pylist()
        assert [row["feature"] for row in found] == [":table", kept, f"{kept} "]
        assert found[2]["frequent"] == [{"value": level, "n": 1}]
        assert {row["version"] for row in found} == {kept}
        batch_of("drift_metrics", rows_of("drift_metrics", one)).validate(full=True)


def test_memory_does_not_grow_with_the_windows(store: Store, monkeypatch: pytest.MonkeyPatch):
    """What lives is counted, not timed: profiles that were read and not let go."""
    baseline = TableProfile.of({"x": np.arange(100.0)})
    store.baselines.put(BaselineRow(SUBJECT, "1", START, 100, baseline.to_bytes()))
    for hour in range(200):
        profile = TableProfile.of({"x": np.arange(hour, hour + 50.0)}, like=baseline)
        for version in "123":
            store.windows.put(window_row(START + hour * HOUR, profile, version=version))
    living: weakref.WeakSet[TableProfile] = weakref.WeakSet()
    monkeypatch.setattr(TableProfile, "__hash__", object.__hash__)
    read = TableProfile.from_bytes.__func__

    def counted(cls, data, **more):
        profile = read(cls, data, **more)
        living.add(profile)
        return profile

    monkeypatch.setattr(TableProfile, "from_bytes", classmethod(counted))
    most = windows = 0
    for _ in walk(store, SUBJECT):
        windows += 1
        most = max(most, len(living))
    assert windows == 600
    assert most <= 3 + 3 + 2, (
        "the window, the last of each of three versions, what they are shared with, baselines"
    )


def test_many_versions_at_once_are_let_go(store: Store):
    baseline = TableProfile.of({"x": [1.0, 2.0]})
    for number in range(40):
        store.windows.put(window_row(START + number // 20 * HOUR, baseline, version=f"v{number:02}"))
    assert [one.before for one in walk(store, SUBJECT)] == [None] * 40
