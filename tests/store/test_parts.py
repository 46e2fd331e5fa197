"""What profiles have in common is in the database once, and goes when nothing needs it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from mirante.parted import join
from mirante.store import Store, WindowRow
from mirante.store.schema import profile_parts, windows

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
COMMON = os.urandom(5_000)


def _row(hour: int, profile: bytes) -> WindowRow:
    start = START + hour * HOUR
    return WindowRow("model/m@a", "1", start, start + HOUR, 5, closed=True, profile=profile)


def _held(store: Store) -> tuple[int, int]:
    with store.transaction() as connection:
        count = connection.execute(select(func.count()).select_from(profile_parts)).scalar_one()
        longest = connection.execute(select(func.max(func.length(windows.c.profile)))).scalar_one()
    return count, longest


def test_profiles_come_out_as_they_went_in(store: Store) -> None:
    rows = [_row(n, join(COMMON, b"own %d" % n)) for n in range(20)]
    rows += [_row(20, b"whole"), _row(21, b""), _row(22, join(b"another", b"own"))]
    for row in rows:
        store.windows.put(row)
    assert _held(store) == (2, len(b"MRTC") + 16 + len(b"own 10"))
    assert store.windows.list("model/m@a", with_profile=True) == rows
    assert list(store.windows.walk("model/m@a")) == rows
    assert store.windows.get("model/m@a", START) == rows[0]
    assert store.windows.before("model/m@a", "1", START + HOUR) == rows[0]
    assert all(row.profile == b"" for row in store.windows.list("model/m@a"))


def test_another_program_reads_them_too(url: str) -> None:
    row = _row(0, join(COMMON, b"own"))
    with Store(url) as one, Store(url) as other:
        one.windows.put(row)
        assert other.windows.get("model/m@a", START) == row


def test_what_no_window_needs_is_swept_away(store: Store) -> None:
    for n in range(3):
        store.windows.put(_row(n, join(COMMON, b"own")))
    store.windows.put(_row(3, join(b"old", b"own")))
    assert store.windows.parts.sweep() == 0
    store.windows.put(_row(3, b"whole"))
    assert store.windows.parts.sweep() == 1
    assert _held(store)[0] == 1
    store.windows.put(_row(3, join(b"old", b"own")))
    assert store.windows.get("model/m@a", START + 3 * HOUR) == _row(3, join(b"old", b"own"))


def test_many_layouts_are_not_all_remembered(store: Store) -> None:
    rows = [_row(n, join(b"%d" % n, b"own")) for n in range(70)]
    for row in rows:
        store.windows.put(row)
    assert store.windows.list("model/m@a", with_profile=True) == rows
