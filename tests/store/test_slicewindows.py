"""Slices of windows: one row per subject, version, slice and start."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mirante.store import SliceWindowRow, Store

_DAY = timedelta(days=1)
_START = datetime(2013, 2, 8, 5, tzinfo=UTC)
_SUBJECT = "model/m@champion"
_ROW = SliceWindowRow(
    _SUBJECT, "1", "region", 'E\x00U "<', _START, _START + _DAY, 93, True, "region=EU", 20, 1, "age", 0.25,
    {"drifted": ["age"], "sentences": ["age moved."]}, {"accuracy": 0.5}, b"\x00profile",
)  # fmt: skip


def test_a_slice_comes_back_whole_and_is_replaced(store: Store) -> None:
    store.slice_windows.put([])
    assert not store.slice_windows.any_of(_SUBJECT)
    store.slice_windows.put([_ROW])
    assert store.slice_windows.any_of(_SUBJECT)
    assert not store.slice_windows.any_of(_SUBJECT + "2")
    assert store.slice_windows.kept(_SUBJECT, "1") == [_ROW]
    store.slice_windows.put([replace(_ROW, rows=94)])
    assert [row.rows for row in store.slice_windows.kept(_SUBJECT, "1")] == [94]
    assert store.slice_windows.kept(_SUBJECT, "2") == []


def test_lists_are_of_judged_windows_without_profiles(store: Store) -> None:
    later = replace(_ROW, start=_START + _DAY, effect=math.nan, strongest="")
    other = replace(_ROW, value="US", label="region=US")
    store.slice_windows.put([later, other, _ROW, replace(_ROW, start=_START + 2 * _DAY, closed=False)])
    found = store.slice_windows.list(_SUBJECT)
    assert [(row.start, row.value) for row in found] == [
        (_START, _ROW.value), (_START, "US"), (later.start, _ROW.value),
    ]  # fmt: skip
    assert found[0] == replace(_ROW, profile=b"")
    assert math.isnan(found[2].effect)
    bare = store.slice_windows.list(_SUBJECT, with_verdicts=False, until=later.start, of=_ROW.slice)
    assert bare == [replace(_ROW, profile=b"", verdicts={}, performance={})]
    assert len(store.slice_windows.list(_SUBJECT, since=later.start)) == 1
    assert [row.start for row in store.slice_windows.newest(_SUBJECT, "1")] == [later.start, _START]


def test_performance_comes_later_and_profiles_go(store: Store) -> None:
    store.slice_windows.put([_ROW, replace(_ROW, start=_START + _DAY)])
    figures = {_ROW.slice: {"accuracy": 0.9}, ("gone", "x"): {"accuracy": 0.1}}
    store.slice_windows.measured(_SUBJECT, "1", _START, figures)
    store.slice_windows.measured(_SUBJECT, "1", _START, {})
    first, second = store.slice_windows.list(_SUBJECT)
    assert (first.performance, second.performance) == ({"accuracy": 0.9}, {"accuracy": 0.5})
    store.slice_windows.drop_profiles(_SUBJECT, "1", [(*_ROW.slice, _START)])
    store.slice_windows.drop_profiles(_SUBJECT, "1", [])
    assert [row.start for row in store.slice_windows.kept(_SUBJECT, "1")] == [_START + _DAY]
    assert store.slice_windows.list(_SUBJECT)[0].verdicts == _ROW.verdicts


def test_open_ones_are_discarded_and_a_transaction_holds(store: Store) -> None:
    store.slice_windows.put([_ROW, replace(_ROW, value="US", closed=False)])
    store.slice_windows.discard_open(_SUBJECT, "1")
    assert [row.value for row in store.slice_windows.kept(_SUBJECT, "1")] == [_ROW.value]
    try:
        with store.transaction() as connection:
            store.slice_windows.put([replace(_ROW, value="US")], connection=connection)
            raise OSError
    except OSError:
        pass
    assert len(store.slice_windows.list(_SUBJECT)) == 1
