"""Rows read by columns are those that the column types give one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from mirante.store import AlertRow, Store
from mirante.store.rows import read_rows
from mirante.store.schema import alerts

T0 = datetime(2013, 2, 8, 5, 0, 0, 7, tzinfo=UTC)
ODD = "\x00 \x1b \ud800 é\u202e"


def _alert(number: int) -> AlertRow:
    return AlertRow(
        f"{number}",
        ODD,
        {ODD: "x", "n": f"{number}"},
        "model/m@champion",
        "critical",
        "firing",
        T0 + timedelta(microseconds=number),
        fired_at=None if number % 2 else T0,
        value=[None, math.inf, 0.1, -0.0][number % 4],
        summary="" if number % 3 else ODD,
        historic=bool(number % 2),
    )


def test_every_value_comes_back(store: Store) -> None:
    rows = [_alert(number) for number in range(8)]
    store.alerts.save_all(rows)
    query = select(alerts).order_by(alerts.c.active_at)
    with store._database.reading() as snapshot:
        one_by_one = [AlertRow(**row._mapping) for row in snapshot.execute(query)]
        assert read_rows(snapshot, query, AlertRow) == one_by_one == rows
        assert read_rows(snapshot, query.where(alerts.c.id == "none"), AlertRow) == []


@dataclass(frozen=True)
class _Some:
    state: str
    more: list[Any] = field(default_factory=list)
    id: str = ""
    other: int = 7


def test_fields_without_a_column_have_their_defaults(store: Store) -> None:
    store.alerts.save_all([_alert(0), _alert(1)])
    query = select(alerts.c.id, alerts.c.state).order_by(alerts.c.id)
    with store._database.reading() as snapshot:
        first, second = read_rows(snapshot, query, _Some)
    assert (first, second.id) == (_Some("firing", [], "0", 7), "1")
    assert first.more is not second.more


def test_nan_is_not_none(store: Store) -> None:
    store.alerts.save_all([AlertRow("a", "r", {}, "s", "info", "firing", T0, value=math.nan)])
    (found,) = store.alerts.list()
    assert found.value is not None
    assert math.isnan(found.value)
    assert found.fired_value is None
