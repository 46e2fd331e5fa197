"""`kill -9` in the midst of an upgrade from an older schema: it is done as a whole, or it did not happen."""

from __future__ import annotations

import os
import random
import time
from contextlib import closing
from multiprocessing.connection import Connection as Pipe
from typing import Any

import pytest
from sqlalchemy import text

from mirante.store import Store
from mirante.store.database import Database
from mirante.store.migrate import migrate, missing, revision
from mirante.store.migrate import upgrade as bring_up
from mirante.store.schema import HEAD
from tests.faults.lives import Lives

KILLS = int(os.environ.get("MIRANTE_KILLS", "8"))
SEED = int(os.environ.get("MIRANTE_SEED", "0")) or random.SystemRandom().randrange(10**6)
ROWS = 20_000
_SIGN = "migrating"


def upgrading(url: str, place: int, pipe: Pipe) -> None:
    """Upgrade, say so at one of the statements, and be slow from then on."""
    from sqlalchemy import event

    with closing(Database(url)) as database:
        count = 0

        def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            nonlocal count
            count += statement.lstrip().split()[0].upper() in {"CREATE", "ALTER", "UPDATE", "INSERT", "DROP"}
            if count == place:
                pipe.send(_SIGN)
                time.sleep(60)

        event.listen(database.engine, "before_cursor_execute", before)
        event.listen(database.engine, "commit", lambda _: (pipe.send(_SIGN), time.sleep(60)))
        bring_up(database)


def _fill(database: Database, schema: str) -> None:
    with database.transaction() as connection:
        migrate(connection, None, database.name, to=schema)
        connection.execute(
            text(
                "INSERT INTO mirante_series (id, digest, name, labels, subject) "
                "VALUES (1, 'a', 'x', '{}', 'host/a')"
            )
        )
        row = text("INSERT INTO mirante_readings VALUES (1, :time, 0.5, '', :sequence)")
        connection.execute(row, [{"time": n, "sequence": n} for n in range(1, ROWS + 1)])
        connection.execute(text("DELETE FROM mirante_counters"))
        connection.execute(text(f"INSERT INTO mirante_counters VALUES ('readings', {ROWS})"))


@pytest.mark.parametrize("schema", ["0001", "previous"])
def test_an_upgrade_is_whole_or_did_not_happen(empty_url: str, schema: str) -> None:
    rng = random.Random(SEED)
    lives = Lives(upgrading)
    with closing(Database(empty_url)) as database:
        with database.transaction() as connection:
            revisions = missing(connection, database.name)[1]
        schema = revisions[-2] if schema == "previous" else schema
        _fill(database, schema)
        # of the previous schema the steps are few, and the last place is just before the commit
        most = 30 if schema == "0001" else 4
        for _ in range(KILLS):
            with lives.life(empty_url, rng.randint(1, most)):
                pass
            with database.reading() as connection:
                found = revision(connection)
                rows = connection.execute(text("SELECT count(*) FROM mirante_readings")).scalar_one()
            assert (found, rows) == (schema, ROWS), f"seed {SEED}"
    began = time.monotonic()
    with Store(empty_url) as store:
        took = time.monotonic() - began
        assert store.readings.count() == ROWS
        size = store.measure()
        assert size.rows["readings"] in (
            0,
            ROWS,
        )  # no tally before 0003 knew it; the service counts at its start
        store.recount()
        assert store.measure().rows["readings"] == ROWS
    with closing(Database(empty_url)) as database, database.reading() as connection:
        assert revision(connection) == HEAD
    which = empty_url.partition(":")[0]
    print(f"{which} from {schema}: {KILLS} kills, 0 of {ROWS} rows lost, then {took:.2f} s")
