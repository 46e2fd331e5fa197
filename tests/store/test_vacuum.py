"""Space of what was deleted is given back, and nothing else goes."""

from __future__ import annotations

import shutil
from collections import namedtuple
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from mirante.errors import StoreError
from mirante.readings import Reading
from mirante.store import Store
from mirante.store.database import Database
from mirante.store.schema import readings
from mirante.store.vacuum import vacuum
from tests.store.filled import contents

_TIME = datetime(2026, 3, 1, tzinfo=UTC)


def _used(url: str) -> None:
    """Write ten thousand readings, and delete most of them."""
    with Store(url) as store:
        store.readings.write(Reading("x", n, _TIME + n * timedelta(seconds=1)) for n in range(10_000))
        with store.transaction() as connection:
            connection.execute(delete(readings).where(readings.c.time > _TIME + timedelta(seconds=100)))


@pytest.mark.parametrize("full", [False, True])
def test_it_gives_space_back(url: str, full: bool) -> None:
    _used(url)
    before = contents(url)
    with closing(Database(url)) as database:
        done = vacuum(database, full=full)
        again = vacuum(database, full=full)
    assert contents(url) == before
    if full or url.startswith("sqlite"):
        assert done.after < done.before / 2
    assert again.before == done.after
    assert again.after == pytest.approx(again.before, rel=0.3)


def test_the_tables_of_others_do_not_count(postgres_url: str) -> None:
    Store(postgres_url).close()
    with closing(Database(postgres_url)) as database:
        before = vacuum(database).after
        with database.transaction() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE runs AS SELECT repeat('x', 1000) FROM generate_series(1, 5000)"
            )
        assert vacuum(database).after == before


def test_a_disk_without_room_is_said_before(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _used(sqlite_url)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1_000_000))
    with (
        closing(Database(sqlite_url)) as database,
        pytest.raises(StoreError, match=r"has 1 MB free, and to write mirante\.db anew takes up to \d+ MB"),
    ):
        vacuum(database)
