"""`kill -9` while the readings of an older store are folded into blocks: each is there once afterwards."""

from __future__ import annotations

import os
import random
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event, text

from mirante.readings import Reading
from mirante.store import Store, condensing
from mirante.store.ages import Ages
from mirante.store.condensing import CondensingPart
from mirante.store.database import Database
from tests.faults.lives import Lives
from tests.store.blocks.packed import give_up, spans

KILLS = int(os.environ.get("MIRANTE_KILLS", "6"))
SEED = int(os.environ.get("MIRANTE_SEED", "0")) or random.SystemRandom().randrange(10**6)
SERIES, HOURS = 6, 24 * 20
NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
# hours that came as hours: what is folded stays as many, and can be told one by one
AGES = Ages(NOW - 2 * DAY, NOW - 60 * DAY, NOW - 90 * DAY, ZoneInfo("UTC"))
_DONE, _MIDWAY = "done", "midway"


def folding(url: str, place: int, pipe: Pipe) -> None:
    """Fold in several transactions; stop at one of the statements that write, or before a commit."""
    condensing._AT_ONCE = HOURS  # type: ignore[misc]  # so that there are as many as series
    count = 0

    def step(*given: Any) -> None:
        nonlocal count
        statement = given[2] if len(given) > 2 else "COMMIT"
        count += statement.lstrip().split()[0].upper() in {"INSERT", "UPDATE", "DELETE", "COMMIT"}
        if count == place:
            pipe.send((_MIDWAY, count))
            time.sleep(60)

    with closing(Database(url)) as database:
        event.listen(database.engine, "before_cursor_execute", step)
        event.listen(database.engine, "commit", step)
        CondensingPart(database).condense("host/a", AGES, arrived=10**9)
    pipe.send((_DONE, count))
    time.sleep(60)


def _told(store: Store) -> list[Any]:
    return [
        (one.labels["disk"], one.times.tolist(), one.values.tolist(), one.notes)
        for one in store.readings.series()
    ]


def _twice(store: Store) -> int:
    """Return how many rows lie in the span of a block."""
    query = (
        "SELECT count(*) FROM mirante_readings r JOIN mirante_blocks b ON b.series_id = r.series_id "
        "AND r.time BETWEEN b.first_time AND b.last_time"
    )
    with store.transaction() as connection:
        return int(connection.execute(text(query)).scalar_one())


def test_each_reading_is_there_once_wherever_the_fold_is_killed(empty_url: str) -> None:
    rng = random.Random(SEED)
    lives = Lives(folding)
    with Store(empty_url) as store:
        store.readings.write(
            Reading(
                "system_disk_percent",
                rng.random(),
                NOW - hour * timedelta(hours=1),
                {"host": "a", "disk": f"{n}"},
                f"note {hour}" if hour % 17 == 0 else "",
            )
            for n in range(SERIES)
            for hour in range(HOURS)
        )
        before = _told(store)
        with lives.process(empty_url, -1) as (_, (said, most)):
            assert said == _DONE
        give_up(store)
        kills, partly = 0, 0
        while kills < KILLS:
            with lives.process(empty_url, rng.randint(1, most)) as (_, (said, _)):
                pass
            packed = {id_ for id_, *_ in spans(store)}
            assert (_told(store), _twice(store), store.recount()) == (before, 0, 0), f"seed {SEED}"
            if said == _DONE:  # the lives before had left it less than that
                assert len(packed) == SERIES
                give_up(store)
                continue
            kills += 1
            partly += 0 < len(packed) < SERIES
        CondensingPart(store._database).condense("host/a", AGES, arrived=10**9)
        assert (_told(store), _twice(store), store.recount()) == (before, 0, 0)
        assert sum(size for *_, size in spans(store)) == SERIES * (HOURS - 48 - 1)
    whole = SERIES * HOURS
    which = empty_url.partition(":")[0]
    print(f"{which}: {kills} kills, {partly} with a part folded, 0 of {whole} lost or twice")
