"""A store with readings of every kind that lie in blocks, and all that can be read of it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select

from mirante.readings import Reading
from mirante.store import Store
from mirante.store.ages import Ages
from mirante.store.blocks.codec import unpack
from mirante.store.blocks.reading import COLUMNS
from mirante.store.blocks.writing import insert_rows, replace_blocks
from mirante.store.schema import blocks

NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL = 10**9
HOST = {"host": "a"}
HOSTILE = "ação \U0001f600 \x00 \ud800 'x\"; DROP"
NAMES = ("system_cpu_percent", "drift_detected", "drift_psi", "predictions")


def ages(now: datetime = NOW) -> Ages:
    """Return the default ages, with shorter ones for days."""
    return Ages(now - 2 * DAY, now - 10 * DAY, now - 60 * DAY, ZoneInfo("UTC"))


def fill(store: Store, days: int = 40) -> None:
    """Write hours of four names, and of one host minutes and gaps too; with all that is hard to keep."""
    rng = np.random.default_rng(days)
    hard = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1]
    times = [NOW - n * HOUR for n in range(24 * days)]
    for name in NAMES:
        values = (
            (rng.random(len(times)) > 0.9).astype(float)
            if name == "drift_detected"
            else rng.random(len(times))
        )
        some = dict(zip(rng.choice(len(times), len(hard), replace=False).tolist(), hard, strict=True))
        store.readings.write(
            Reading(name, some.get(n, float(values[n])), time, HOST, HOSTILE if n % 17 == 0 else "")
            for n, time in enumerate(times)
            if n % 29
        )
    minutes = [NOW - 20 * DAY - n * timedelta(seconds=61, microseconds=7) for n in range(300)]
    store.readings.write(Reading("minutes", float(n), time, HOST) for n, time in enumerate(minutes))
    store.readings.write([Reading("alone", 1.0, NOW - 30 * DAY, HOST, "once")])


def condense(store: Store, now: datetime = NOW, arrived: int = ALL) -> None:
    """Do what the upkeep does."""
    store.condensing.condense("host/a", ages(now), arrived=arrived)


def spans(store: Store) -> list[tuple[int, int, int, int]]:
    """Return series, first and last time, and size of all blocks."""
    with store.transaction() as connection:
        found = connection.execute(select(*COLUMNS).order_by(blocks.c.series_id, blocks.c.last_time))
        return [(row.series_id, row.first, row.last, row.size) for row in found]


def give_up(store: Store) -> int:
    """Make rows of all blocks, and return how many readings were in them."""
    with store.transaction() as connection:
        rows = connection.execute(select(*COLUMNS).order_by(blocks.c.series_id, blocks.c.last_time)).all()
        replace_blocks(connection, [(row.series_id, row.last) for row in rows], ())
        insert_rows(connection, unpack(rows))
    return sum(row.size for row in rows)


def _plain(found: list[Any]) -> list[Any]:
    return [
        (
            one.name,
            dict(one.labels),
            one.times.tolist(),
            [repr(value) for value in one.values.tolist()],
            one.notes,
        )
        for one in found
    ]


def reads(store: Store) -> dict[str, Any]:
    """Return what every call that reads readings gives, in intervals that cut blocks and such that do not."""
    about = store.readings
    told: dict[str, Any] = {
        "subjects": about.subjects(),
        "latest": [(one.key, repr(one.value), one.time, one.note) for one in about.latest()],
        "after": [(number, one.key, one.time) for number, one in about.after(0)],
        "measure": (dict(store.measure().rows), store.measure().first_time),
        "recount": store.recount(),
        "count": [about.count(), about.count(["drift_psi", "minutes"]), about.count(where=HOST)],
    }
    whole = (NOW - 70 * DAY, NOW + DAY)
    for since, until in [
        whole,
        (NOW - 25 * DAY, NOW - 3 * DAY),
        (NOW - 12 * DAY, NOW),
        (NOW - 40 * HOUR, NOW),
    ]:
        span: dict[str, Any] = {"since": since, "until": until}
        chart: dict[str, Any] = {"subject": "host/a", **span}
        names = [*NAMES, "minutes", "alone"]
        pages = [about.page_end(limit, **span) for limit in (1, 2, 5, 40, 700, 100_000)]
        told[f"{since} {until}"] = {
            "series": _plain(about.series(**span)),
            "above": _plain(about.series("predictions", above=0.7, **span)),
            "recent": [_plain(about.recent(points=points, **span)) for points in (1, 3, 60, 10_000)],
            "thinned": [_plain(about.thinned(names, points=points, **chart)) for points in (4, 50, 10_000)],
            "most": _plain(about.thinned(names, points=20, most=3, **chart)),
            "highest": _plain(about.highest(names, step=7 * HOUR, **chart)),
            "high": _plain(about.highest(names, step=DAY, above=0.8, **chart)),
            "more": [about.has_more(count, **span) for count in (0, 50, 300, 900, 1_300)],
            "counts": [
                about.count(**span),
                about.count(["minutes"], **span),
                about.count(where=HOST, **span),
            ],
            "pages": pages,
        }
    return {**told, "recent of all": _plain(about.recent(points=90)), "all": _plain(about.series())}
