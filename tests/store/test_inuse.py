"""Whether another program has a store open."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from datetime import timedelta

import pytest

from mirante.errors import ConflictError
from mirante.store import Store
from mirante.store.database import Database
from mirante.store.inuse import check_unused

_HOLDER = """
import sys
from mirante.store import Store
with Store(sys.argv[1]) as store:
    store.readings.count()
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_name_in_the_address_hides_nobody(postgres_url: str) -> None:
    named = f"{postgres_url}&application_name=ours"
    with closing(Database(postgres_url)) as database, Store(named) as store:
        store.readings.count()
        with pytest.raises(ConflictError, match="another program has the store"):
            check_unused(database)
        with store.transaction(), pytest.raises(ConflictError, match="another program"):
            check_unused(database)


def test_a_service_that_is_not_seen_has_its_lease_until_it_is_over(postgres_url: str) -> None:
    with Store(postgres_url) as store:
        mine = store.lease.take("me", after=None, host="web-1", process=77, lasting=timedelta(hours=1))
        assert mine is not None
    with closing(Database(postgres_url)) as database:
        with pytest.raises(ConflictError, match=r"process 77 on web-1 has the store .*lease is over"):
            check_unused(database)
        with Store(postgres_url) as store:
            store.lease.release(mine.token)
        check_unused(database)


def test_another_program_is_told_and_its_end_too(url: str) -> None:
    Store(url).close()
    with closing(Database(url)) as database:
        check_unused(database)
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            with pytest.raises(
                ConflictError, match=r"another program has the store .* open; stop the service"
            ):
                check_unused(database)
            process.communicate()
        check_unused(database)
        with database.transaction() as connection:  # and this program can go on
            connection.exec_driver_sql("DELETE FROM mirante_cursors")
