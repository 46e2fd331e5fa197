import json
from datetime import UTC, datetime

from mirante.app.backfill import Backfilled
from mirante.store import AlertRow

T = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_is_json_with_its_alerts():
    row = AlertRow("1f", "r", {"x": "<script>\x00"}, "model/m@a", "info", "resolved", T, fired_at=T)
    done = Backfilled("model/m@a", "3", "UTC", T, T, windows=2, alerts=[row], seconds=1.23456)
    told = json.loads(json.dumps(done.to_dict()))
    assert (told["windows"], told["seconds"], told["from"]) == (2, 1.235, "2026-01-01T00:00:00+00:00")
    assert told["alerts"][0]["labels"] == {"x": "<script>\x00"}
    assert (told["alerts"][0]["fired_at"], told["alerts"][0]["resolved_at"]) == (T.isoformat(), None)
