"""Series keep apart what is theirs."""

from __future__ import annotations

from sqlalchemy import select

from mirante.readings import Reading
from mirante.store import Store
from mirante.store.schema import series
from mirante.store.series import read_series
from mirante.store.types import from_micros


def test_series_with_neighbouring_ids_are_not_mixed(store: Store) -> None:
    written = [
        Reading("x", 10 * host + minute, from_micros(minute), {"host": str(host)})
        for minute in range(4)
        for host in range(4)
        if minute <= host
    ]
    store.readings.write(written)
    with store.transaction() as connection:
        found = read_series(connection, select(series))
    assert [one.values.tolist() for one in found] == [
        [float(10 * host + minute) for minute in range(host + 1)] for host in range(4)
    ]
    assert all(len(one.times) == len(one.values) == len(one.notes) for one in found)
