"""The task of the service that keeps the store bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import mirante.app.retention as tested
from mirante.app.build import Parts, build
from mirante.app.retention import Aging
from mirante.app.sections import RetentionConfig
from mirante.app.settings import load_settings
from mirante.errors import StoreError
from mirante.monitors.config import ModelConfig
from mirante.readings import Reading
from mirante.store import EventRow, WindowRow

NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHURN = "model/churn@champion"
CONFIG = """
store: sqlite:///mirante.db
mlflow: {enabled: false}
retention: {full: 1d, hourly: 10d, daily: 100d, most_series: 7}
models:
  - {model: churn}
  - {model: old, paused: true}
"""


@dataclass
class Watch:
    """What the task asks of a watch."""

    config: ModelConfig
    monitor: Any
    only_counts: bool = False


@dataclass
class Monitor:
    memory: int


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    path = tmp_path / "mirante.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    with build(load_settings(path)) as made:
        yield made


def write(parts: Parts, model: str, days: float, count: int = 4) -> None:
    """Some readings within an hour, so many days ago, and one of now."""
    labels = {"model": model, "alias": "champion", "version": "1"}
    begin = (NOW - days * DAY).replace(minute=0)
    times = [begin + n * timedelta(minutes=10) for n in range(count)]
    parts.store.readings.write(Reading("missing_ratio", 0.5, time, labels) for time in [*times, NOW])


def put(parts: Parts, days: int, hours: int = 3) -> None:
    begin = (NOW - days * DAY).replace(hour=0, minute=0)
    for n in range(hours):
        start = begin + n * HOUR
        parts.store.windows.put(WindowRow(CHURN, "1", start, start + HOUR, 5, closed=True))


def left(parts: Parts, model: str) -> int:
    return sum(len(one.times) for one in parts.store.readings.series(subject=f"model/{model}@champion"))


def judged(parts: Parts) -> None:
    """Let the rules see all that is there: nothing goes before."""
    parts.engine.advance(NOW, lambda _: None)


def churn(parts: Parts, memory: int = 0) -> Watch:
    return Watch(parts.settings.models[0], Monitor(memory))


def test_what_is_old_becomes_few_and_what_is_paused_stays(parts: Parts) -> None:
    for model in ("churn", "old", "forgotten"):
        write(parts, model, 3)
    put(parts, 40)
    judged(parts)
    Aging(parts, lambda: [churn(parts)]).advance(NOW)
    assert {model: left(parts, model) for model in ("churn", "old", "forgotten")} == {
        "churn": 2,
        "old": 5,
        "forgotten": 2,
    }
    assert [row.rows for row in parts.store.windows.list(CHURN)] == [15]


def test_what_no_rule_has_seen_waits(parts: Parts) -> None:
    write(parts, "churn", 3)
    aging = Aging(parts, lambda: [churn(parts)])
    aging.advance(NOW)
    assert left(parts, "churn") == 5
    judged(parts)
    aging.advance(NOW + HOUR)
    assert left(parts, "churn") == 5  # it is looked at again after some hours
    aging.advance(NOW + 6 * HOUR)
    assert left(parts, "churn") == 2


def test_without_its_monitor_a_model_waits(parts: Parts) -> None:
    write(parts, "churn", 3)
    judged(parts)
    Aging(parts, lambda: [Watch(parts.settings.models[0], None)]).advance(NOW)
    assert left(parts, "churn") == 5


def test_windows_that_the_monitor_needs_or_labels_change_stay(parts: Parts) -> None:
    put(parts, 12)
    judged(parts)
    Aging(parts, lambda: [churn(parts, memory=24)]).advance(NOW)
    assert len(parts.store.windows.list(CHURN)) == 3
    slow = Watch(parts.settings.models[0].model_copy(update={"label_delay": 20 * DAY}), Monitor(0))
    Aging(parts, lambda: [slow]).advance(NOW)
    assert len(parts.store.windows.list(CHURN)) == 3
    Aging(parts, lambda: [churn(parts)]).advance(NOW)
    assert len(parts.store.windows.list(CHURN)) == 1


def test_readings_that_labels_change_stay_as_they_came(parts: Parts) -> None:
    """Windows of ten minutes are measured anew, and write to the readings of each."""
    write(parts, "churn", 3)
    judged(parts)
    config = parts.settings.models[0].model_copy(update={"window": "10m", "label_delay": 5 * DAY})
    Aging(parts, lambda: [Watch(config, Monitor(0))]).advance(NOW)
    assert left(parts, "churn") == 5


def test_what_discovery_has_not_found_yet_waits(parts: Parts) -> None:
    write(parts, "churn", 3)
    put(parts, 40)
    parts.store.readings.write(
        Reading("system_cpu_percent", 1.0, NOW - 3 * DAY + n * timedelta(seconds=1), {"host": "a"})
        for n in range(4)
    )
    parts.store.readings.write([Reading("system_cpu_percent", 1.0, NOW, {"host": "a"})])
    judged(parts)
    found = replace(parts, settings=parts.settings.model_copy(update={"discover": True}))
    Aging(found, list).advance(NOW)
    assert left(parts, "churn") == 5
    assert len(parts.store.windows.list(CHURN)) == 3
    [host] = parts.store.readings.series(subject="host/a")
    assert len(host.times) == 2
    Aging(found, lambda: [churn(parts)]).advance(NOW)
    assert left(parts, "churn") == 2


def test_a_turn_takes_its_time_and_the_next_goes_on(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "_PATIENCE", -1.0)
    for model in ("churn", "forgotten"):
        write(parts, model, 3)
    judged(parts)
    aging = Aging(parts, lambda: [churn(parts)])
    aging.advance(NOW)
    assert left(parts, "churn") == 5
    monkeypatch.setattr(tested, "_PATIENCE", 30.0)
    aging.advance(NOW + timedelta(minutes=5))
    assert (left(parts, "churn"), left(parts, "forgotten")) == (2, 2)


def test_an_empty_store_has_nothing_old(parts: Parts) -> None:
    Aging(parts, list).advance(NOW)
    write(parts, "churn", 3)
    judged(parts)
    Aging(parts, list).advance(NOW)
    assert left(parts, "churn") == 2


def test_series_go_where_all_is_over_and_history_with_them(parts: Parts) -> None:
    """Those of a model go only when it is said that they are over; nobody says so of a host that is gone."""
    long_ago = NOW - 120 * DAY
    labels = {"model": "churn", "alias": "champion"}
    for feature in ("over", "silent"):
        parts.store.readings.write([Reading("missing_ratio", 0.1, long_ago, {**labels, "feature": feature})])
    parts.store.readings.write([Reading("system_cpu_percent", 1.0, long_ago, {"host": "gone"})])
    parts.store.readings.write(
        [Reading("missing_ratio", 0.1, long_ago, {"model": "old", "alias": "champion"})]
    )
    parts.store.endings.settle(CHURN, lambda _, labels: "over" if labels["feature"] == "over" else "")
    parts.store.readings.write([Reading("system_cpu_percent", 1.0, NOW, {"host": "a"})])
    parts.store.events.add(EventRow("monitor", NOW - 400 * DAY, "lease_taken"))
    judged(parts)
    Aging(parts, lambda: [churn(parts)]).advance(NOW)
    (left_one,) = parts.store.readings.series(subject=CHURN)
    assert left_one.labels["feature"] == "silent"
    assert parts.store.readings.subject_names() == ["host/a", CHURN, "model/old@champion"]
    assert parts.store.events.list() == []


def test_history_that_a_turn_had_no_time_for_goes_at_the_next(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.store.events.add(EventRow("monitor", NOW - 400 * DAY, "lease_taken"))
    monkeypatch.setattr(tested, "_PATIENCE", -1.0)
    aging = Aging(parts, list)
    aging.advance(NOW)
    assert len(parts.store.events.list()) == 1
    monkeypatch.setattr(tested, "_PATIENCE", 30.0)
    aging.advance(NOW + timedelta(minutes=5))
    assert parts.store.events.list() == []
    parts.store.events.add(EventRow("monitor", NOW - 400 * DAY, "lease_taken"))
    aging.advance(NOW + timedelta(minutes=10))
    assert len(parts.store.events.list()) == 1  # it is looked at again after some hours


def test_a_subject_that_fails_keeps_no_other_from_its_turn(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told in the same words at each turn, so that the scheduler says it once, until it succeeds."""
    for model in ("a", "churn", "forgotten"):
        write(parts, model, 3)
    parts.store.events.add(EventRow("monitor", NOW - 400 * DAY, "lease_taken"))
    judged(parts)
    whole = tested.condense_windows

    def condense(store: Any, subject: str, *given: Any, **more: Any) -> Any:
        if subject == "model/a@champion":
            raise ValueError("a profile that cannot be read")
        return whole(store, subject, *given, **more)

    monkeypatch.setattr(tested, "condense_windows", condense)
    aging = Aging(parts, lambda: [churn(parts)])
    said = r"^old data stays as it is: model/a@champion \(ValueError: a profile that cannot be read\)$"
    for turn in range(3):
        with pytest.raises(StoreError, match=said):
            aging.advance(NOW + turn * timedelta(minutes=5))
        assert [left(parts, model) for model in ("churn", "forgotten")] == [2, 2]
        assert parts.store.events.list() == []
    monkeypatch.setattr(tested, "condense_windows", whole)
    aging.advance(NOW + 6 * HOUR)
    aging.advance(NOW + 6 * HOUR + timedelta(minutes=5))


def test_many_that_fail_are_told_in_short_and_what_is_gone_not_at_all(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects = [f"host/{n}" for n in range(7)]
    monkeypatch.setattr(parts.store.readings, "subject_names", lambda: subjects)
    monkeypatch.setattr(parts.store.condensing, "condense", lambda *_, **__: 1 / 0)
    aging = Aging(parts, list)
    with pytest.raises(StoreError, match=r"host/0 \(Zero.*host/4 \(ZeroDivisionError: [^;]*; 2 more$"):
        aging.advance(NOW)
    subjects.clear()
    aging.advance(NOW + 6 * HOUR)


def test_a_store_that_does_not_answer_ends_the_turn(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """No subject is taken for tried while nothing can be."""
    for model in ("a", "churn"):
        write(parts, model, 3)
    judged(parts)
    with monkeypatch.context() as patch:

        def away(*_: object, **__: object) -> None:
            raise StoreError("nobody answers")

        patch.setattr(parts.store.condensing, "condense", away)
        aging = Aging(parts, lambda: [churn(parts)])
        with pytest.raises(StoreError, match=r"^nobody answers$"):
            aging.advance(NOW)
    aging.advance(NOW + timedelta(minutes=5))
    assert (left(parts, "a"), left(parts, "churn")) == (5, 2)
    aging.advance(NOW + 6 * HOUR)
    assert left(parts, "a") == 2


def test_the_cap_is_that_of_the_config(parts: Parts) -> None:
    write(parts, "churn", 3)
    labels = {"model": "churn", "alias": "champion"}
    readings = [Reading("missing_ratio", 0.1, NOW, {**labels, "feature": f"{n}"}) for n in range(9)]
    assert parts.store.readings.write(readings) == 6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hourly": "1d"}, "is 1d and full is 2d; .* full <= hourly <= daily"),
        ({"daily": "7d"}, "is 7d and hourly is 30d"),
        ({"full": "60d"}, "is 30d and full is 60d"),
    ],
)
def test_what_becomes_coarser_needs_an_order(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RetentionConfig(**given)
