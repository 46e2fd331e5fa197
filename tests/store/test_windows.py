"""Windows: one row per subject, start and version."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Text, select, type_coerce

from mirante.store import Store, WindowRow
from mirante.store.schema import windows

_DAY = timedelta(days=1)
_START = datetime(2013, 2, 8, 5, tzinfo=UTC)
_ROW = WindowRow(
    subject="model/m@champion",
    version="1",
    start=_START,
    end=_START + _DAY,
    rows=930,
    late=2,
    closed=True,
    profile=b"\x00\xffprofile",
    verdicts={"drifted": True, "columns": {"dep_delay": {"value": 0.25, "nan": None}}},
)


def test_a_window_comes_back_whole(store: Store) -> None:
    store.windows.put(_ROW)
    assert store.windows.get("model/m@champion", _START) == _ROW
    assert store.windows.get("model/m@champion", _START + _DAY) is None
    assert store.windows.get("model/x@champion", _START) is None


def test_long_verdicts_come_back_from_either_database(store: Store) -> None:
    # what they are compressed to has every character in it that text may have
    columns = {
        f"x{n}": {"value": math.sin(n), "missing": math.nan, "sentence": f"x{n} – {n}"} for n in range(900)
    }
    row = replace(_ROW, verdicts={"drifted": False, "columns": columns, "odd": "\0\ud800"})
    store.windows.put(row)
    for found in (store.windows.get(_ROW.subject, _START), store.windows.list(_ROW.subject)[0]):
        assert found is not None
        assert json.dumps(found.verdicts) == json.dumps(row.verdicts)
    with store.transaction() as connection:
        said = connection.execute(select(type_coerce(windows.c.verdicts, Text))).scalar_one()
    assert len(set(said)) == 128
    assert len(said.encode()) < 0.4 * len(json.dumps(row.verdicts))


def test_a_window_is_replaced(store: Store) -> None:
    store.windows.put(_ROW)
    grown = replace(_ROW, rows=931, closed=False, profile=b"other", verdicts={})
    store.windows.put(grown)
    assert store.windows.list(_ROW.subject, with_profile=True) == [grown]


def test_two_versions_share_a_window(store: Store) -> None:
    challenger = replace(_ROW, version="2", rows=7)
    store.windows.put(challenger)
    store.windows.put(_ROW)
    assert store.windows.get(_ROW.subject, _START) == _ROW  # the one with more rows
    assert store.windows.get(_ROW.subject, _START, version="2") == challenger
    assert [row.version for row in store.windows.list(_ROW.subject)] == ["1", "2"]


def test_the_list_is_in_order_and_without_profiles(store: Store) -> None:
    rows = [replace(_ROW, start=_START + day * _DAY, end=_START + (day + 1) * _DAY) for day in range(5)]
    for row in reversed(rows):
        store.windows.put(row)
    assert store.windows.list(_ROW.subject) == [replace(row, profile=b"") for row in rows]
    some = store.windows.list(_ROW.subject, since=rows[1].start, until=rows[3].start, with_profile=True)
    assert some == rows[1:3]


def test_versions_say_when_they_served(store: Store) -> None:
    def put(version: str, day: int, *, closed: bool = True) -> None:
        start = _START + day * _DAY
        store.windows.put(replace(_ROW, version=version, start=start, end=start + _DAY, closed=closed))

    for version, day in [("2", 3), ("1", 0), ("1", 1), ("2", 1), ("10", 3)]:
        put(version, day)
    put("2", 9, closed=False)
    put("3", 10, closed=False)
    found = store.windows.versions(_ROW.subject)
    assert [(one.version, (one.first - _START).days, (one.last - _START).days) for one in found] == [
        ("2", 1, 3),
        ("10", 3, 3),
        ("1", 0, 1),
    ]
    assert store.windows.versions("model/x@champion") == []


def test_putting_joins_a_transaction(store: Store) -> None:
    with store.transaction() as connection:
        store.windows.put(_ROW, connection=connection)
        assert store.windows.get(_ROW.subject, _START) is None
        assert store.windows.get(_ROW.subject, _START, connection=connection) == _ROW
    assert store.windows.get(_ROW.subject, _START) == _ROW


def test_a_walk_gives_all_closed_windows_in_order(store: Store) -> None:
    rows = [
        replace(_ROW, version=version, start=_START + day * _DAY, end=_START + (day + 1) * _DAY)
        for day in range(30)
        for version in ("1", "10", "2\x00")
    ]
    for row in reversed(rows):
        store.windows.put(row)
    store.windows.put(replace(_ROW, version="3", closed=False))
    store.windows.put(replace(_ROW, subject="model/other@a"))
    assert list(store.windows.walk(_ROW.subject)) == sorted(rows, key=lambda row: (row.start, row.version))
    part = store.windows.walk(_ROW.subject, since=rows[3].start, until=rows[9].start)
    assert [row.start for row in part] == [row.start for row in rows[3:9]]
    assert list(store.windows.walk("model/none@a")) == []
    assert store.windows.subjects() == [_ROW.subject, "model/other@a"]
    assert store.windows.before(_ROW.subject, "10", rows[6].start) == rows[4]
    assert store.windows.before(_ROW.subject, "10", _START) is None
    assert store.windows.before(_ROW.subject, "3", rows[6].start) is None


def test_a_digest_tells_what_changed(store: Store) -> None:
    def digest() -> tuple[bytes, list[str]]:
        return store.windows.digest(_ROW.subject, _START, _START + 2 * _DAY)

    nothing, none = digest()
    assert none == []
    store.windows.put(_ROW)
    first = digest()
    assert first[1] == ["1"]
    assert digest() == first
    changes = [
        replace(_ROW, version="2", closed=False),
        replace(_ROW, start=_START + 2 * _DAY),
        replace(_ROW, subject="model/other@a"),
    ]
    for row in changes:
        store.windows.put(row)
    assert digest() == first, "what is not in it makes no difference"
    seen = {nothing, first[0]}
    for row in (
        replace(_ROW, rows=931),
        replace(_ROW, verdicts={"drifted": False}),
        replace(_ROW, profile=b"longer than before"),
        replace(_ROW, end=_START + 2 * _DAY),
        replace(_ROW, version="3"),
    ):
        store.windows.put(row)
        seen.add(digest()[0])
    assert len(seen) == 7
