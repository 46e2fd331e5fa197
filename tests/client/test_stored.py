from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mirante.client.stored import StoreBackend
from mirante.store import AlertRow, Store


def test_all_alerts_come_however_many(tmp_path: Path):
    time = datetime(2013, 2, 8, tzinfo=UTC)
    store = Store(f"sqlite:///{tmp_path}/m.db")
    rows = [
        AlertRow(str(n), "r", {}, "host/h", "info", "resolved", time + timedelta(seconds=n))
        for n in range(900)
    ]
    store.alerts.save_all(rows)
    backend = StoreBackend(store)
    assert backend.name == f"sqlite:///{tmp_path}/m.db"
    assert len(list(backend.alerts(None, None, None, None))) == 900
    assert list(backend.subjects()) == []
    backend.close()
    backend.close()
