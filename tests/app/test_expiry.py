"""Which alerts and labels are old enough by the settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from structlog.testing import capture_logs

from mirante.app.build import Parts, build
from mirante.app.expiry import expire, measurable
from mirante.app.sections import RetentionConfig
from mirante.app.settings import load_settings
from mirante.monitors.config import ModelConfig
from mirante.store import AlertRow, NoticeRow
from mirante.store.schema import label_models

NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
CONFIG = """
store: sqlite:///mirante.db
mlflow: {enabled: false}
retention: {history: 100d, labels: 10d}
models:
  - {model: churn, window: 1d, lateness: 1d, label_delay: 2d, label_lateness: 1d}
  - {model: slow, window: 1d, lateness: 0s, label_delay: 30d, label_lateness: 9d}
  - {model: slow, alias: shadow}
  - {model: old, paused: true}
"""


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    path = tmp_path / "mirante.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    with build(load_settings(path)) as made:
        yield made


def alert(subject: str, days: float) -> AlertRow:
    time = NOW - days * DAY
    return AlertRow(f"{subject} {days}", "r", {}, subject, "info", "resolved", time, resolved_at=time)


def test_alerts_go_after_the_history_and_those_of_paused_subjects_stay(parts: Parts) -> None:
    rows = [alert(f"model/{name}@champion", days) for name in ("churn", "old") for days in (99, 101)]
    parts.store.alerts.save_all(rows)
    with capture_logs() as log:
        assert expire(parts, [], NOW)
    assert sorted(row.id for row in parts.store.alerts.list()) == [
        "model/churn@champion 99",
        "model/old@champion 101",
        "model/old@champion 99",
    ]
    (said,) = log
    assert (said["event"], said["alerts"], said["labels"]) == ("what has been over for long went", 1, 0)


def kept(parts: Parts, models: tuple[str, ...]) -> list[str]:
    return [model for model in models if parts.store.labels.count(model)]


def test_labels_stay_for_as_long_as_they_change_a_window(parts: Parts) -> None:
    """Of models that the config does not name there may be some that are found later."""
    models = ("churn", "slow", "found", "old", "unknown")
    for model in models:
        parts.store.labels.write(model, ["a"], [1.0], NOW)
    found = [ModelConfig(model="found", window="1d", lateness="0s", label_delay="19d", label_lateness="0s")]
    unknown = measurable(ModelConfig(model="unknown")) / DAY
    days = {"churn": 10.0, "found": 20.0, "slow": 40.0, "unknown": max(10.0, unknown)}
    expire(parts, found, NOW)
    for day in sorted(set(days.values())):
        assert expire(parts, found, NOW + day * DAY - timedelta(minutes=1))
        assert set(kept(parts, models)) == {"old"} | {one for one, last in days.items() if last >= day}
        assert expire(parts, found, NOW + day * DAY)
    assert kept(parts, models) == ["old"]


@pytest.mark.parametrize("name", ["", "\ud800", "a\x00b", "x" * 600])
def test_the_name_of_a_model_may_be_any_text(parts: Parts, name: str) -> None:
    """A label came with it once; that of others must go all the same."""
    with parts.store.transaction() as connection:
        connection.execute(insert(label_models).values(model=name))
    if name:
        parts.store.labels.write(name, ["a"], [1.0], NOW)
    parts.store.labels.write("churn", ["a"], [1.0], NOW)
    for days in (0, 40):
        assert expire(parts, [], NOW + days * DAY)
    assert kept(parts, ("churn", name)) == []


def test_labels_go_also_where_history_fails(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    parts.store.labels.write("churn", ["a"], [1.0], NOW)
    expire(parts, [], NOW)

    def fail(*_: object, **__: object) -> None:
        raise ValueError("an event that cannot be read")

    monkeypatch.setattr(parts.store.expiring, "history", fail)
    with pytest.raises(ValueError, match="cannot be read"):
        expire(parts, [], NOW + 40 * DAY)
    assert kept(parts, ("churn",)) == []


def test_where_there_is_no_time_it_says_so(parts: Parts) -> None:
    parts.store.alerts.save(alert("model/churn@champion", 101))
    assert not expire(parts, [], NOW, lambda: False)
    assert expire(parts, [], NOW)


def test_a_notice_that_is_owed_stays_with_its_alert(parts: Parts) -> None:
    row = replace(alert("model/churn@champion", 101), id="a")
    parts.store.alerts.save(row)
    parts.store.outbox.add(NoticeRow("n", "mail", "resolved", row.active_at, row.active_at, alert_ids=("a",)))
    assert expire(parts, [], NOW)
    assert len(parts.store.alerts.list()) == len(parts.store.outbox.list()) == 1


def test_a_history_of_less_than_a_week_is_refused() -> None:
    with pytest.raises(ValueError, match=r"is 6d; what flaps, .* needs at least 7d"):
        RetentionConfig(history=6 * DAY)
    assert RetentionConfig().history == RetentionConfig().labels == 365 * DAY
