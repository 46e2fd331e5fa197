"""A large store, made in a few minutes: 800 models, 20 hosts, 20 million readings, alerts, windows, notices.

Series, alerts, notices, windows and all that is small goes in by the store's own ways. Readings are too many
for that: they are inserted as the same rows, in the order of the table, while nobody else has it open.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from mirante.alerts.rules import Rule, default_rules
from mirante.app.sections import RetentionConfig
from mirante.profiles import TableProfile
from mirante.readings import Reading, model_subject
from mirante.store import (
    AlertRow,
    BaselineRow,
    EventRow,
    NoticeRow,
    ProposalRow,
    SilenceRow,
    Store,
    WindowRow,
)
from mirante.store.ages import Ages
from mirante.store.proposals import ACCEPT_BASELINE, MOVE_ALIAS
from mirante.store.types import to_micros

__all__ = ["BIG", "NOW", "RAW_HOST", "Sizes", "USUAL", "make_rules", "make_store"]

NOW = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
BIG = model_subject("big-model", "champion")
USUAL = model_subject("model-0007", "champion")
RAW_HOST = "host/web-00"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WHOLE = (
    "predictions",
    "drift_share",
    "outlier_ratio",
    "prediction_latency_seconds_mean",
    "prediction_latency_seconds_p50",
    "prediction_latency_seconds_p95",
    "prediction_latency_seconds_p99",
    "performance_accuracy",
    "performance_log_loss",
)
FEATURE = ("drift_effect", "drift_detected", "drift_ks", "drift_p_value", "missing_ratio")
HOST = (
    "system_cpu_percent",
    "system_memory_percent",
    "system_disk_percent",
    "system_processes",
    "system_network_sent_bytes_total",
    "system_network_received_bytes_total",
)
PROFILES = 8  # distinct ones; making a thousand would take longer than all else


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the store becomes."""

    models: int = 800
    features: int = 3
    big_features: int = 50
    hosts: int = 20
    open_alerts: int = 400
    old_alerts: int = 30_000
    full_models: int = 20


def window_times() -> list[datetime]:
    """Return the starts of a year of windows: each hour of the last 30 days, each day before."""
    end = NOW.replace(minute=0) - HOUR
    hours = [end - n * HOUR for n in range(30 * 24)]
    midnight = hours[-1].replace(hour=0)
    days = [midnight - n * DAY for n in range(1, 336)]
    return sorted(hours + days)


def host_times(*, raw: bool) -> list[datetime]:
    """Return the times of a host: each minute of two days (`raw`: of 30 days), then hours, then days."""
    end = NOW.replace(second=0)
    minutes = [end - timedelta(minutes=n) for n in range((30 if raw else 2) * 24 * 60)]
    hours = [] if raw else [minutes[-1].replace(minute=0) - n * HOUR for n in range(1, 28 * 24)]
    start = (hours or minutes)[-1].replace(hour=0, minute=0)
    return sorted(minutes + hours + [start - n * DAY for n in range(1, 336)])


def _drawn(name: str, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return values that look like a reading's."""
    noise = rng.random(size)
    if name == "predictions":
        return np.round(900 + 300 * np.sin(np.arange(size) / 3.8) + 90 * noise)
    if name in ("drift_detected", "drift_share"):
        return (noise > 0.97).astype(float) * (1.0 if name == "drift_detected" else 0.34)
    if name.startswith("system_network"):
        return np.cumsum(np.round(1e6 * noise))
    if name.startswith("system"):
        return 20 + 30 * noise + 25 * (noise > 0.999)
    scale = {"drift_p_value": 1.0, "performance_accuracy": 0.1, "performance_log_loss": 0.2}.get(name, 0.05)
    floor = {"performance_accuracy": 0.75, "performance_log_loss": 0.3}.get(name, 0.0)
    return floor + scale * noise + 0.3 * (noise > 0.985)


def _model_labels(model: str) -> dict[str, str]:
    return {"model": model, "alias": "champion", "version": "3"}


def _all_labels(sizes: Sizes) -> Iterator[tuple[str, dict[str, str]]]:
    for number in range(sizes.models - 1):
        yield from _of_model(f"model-{number:04}", sizes.features)
    yield from _of_model("big-model", sizes.big_features)
    for number in range(sizes.hosts):
        yield from ((name, {"host": f"web-{number:02}"}) for name in HOST)


def _of_model(model: str, features: int) -> Iterator[tuple[str, dict[str, str]]]:
    labels = _model_labels(model)
    yield from ((name, labels) for name in WHOLE)
    yield from ((name, {**labels, "feature": f"feature_{n:02}"}) for n in range(features) for name in FEATURE)


def _notes(name: str, values: list[float]) -> Any:
    if name != "drift_detected":
        return repeat("", len(values))
    said = (
        "the column did not drift: median 12.1 as in the baseline (KS 0.02, alarms from 0.06; 912 rows).",
        "the column drifted: median 12.1 -> 31.4 (KS 0.33, alarms from 0.06; 912 rows against 26,115).",
    )
    return [said[value == 1.0] for value in values]


def _fill_readings(path: Path) -> int:
    """Insert all readings, series by series; the numbers of arrival are those of the order of time."""
    rng = np.random.default_rng(20260301)
    shapes = {"model": window_times(), "host": host_times(raw=False), RAW_HOST: host_times(raw=True)}
    micros = {name: [to_micros(moment) for moment in times] for name, times in shapes.items()}
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-400000"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("DROP INDEX mirante_readings_sequence")
    raw.execute("DELETE FROM mirante_readings")
    found = raw.execute("SELECT id, name, subject FROM mirante_series ORDER BY id").fetchall()
    count = len(found)
    total = 0
    raw.execute("BEGIN")
    for place, (id_, name, subject) in enumerate(found):
        times = micros.get(subject) or micros[subject.partition("/")[0]]
        values = _drawn(name, len(times), rng).tolist()
        # a time of windows comes in all models at about the same moment
        sequence = range(place + 1, count * len(times) + place + 1, count)
        rows = zip(repeat(id_), times, values, _notes(name, values), sequence, strict=False)
        raw.executemany("INSERT INTO mirante_readings VALUES (?, ?, ?, ?, ?)", rows)
        total += len(times)
    most = count * max(map(len, micros.values())) + count
    first = min(map(min, micros.values()))
    for name, value in {"readings": most, "readings_rows": total, "readings_first": first}.items():
        raw.execute("UPDATE mirante_counters SET value = ? WHERE name = ?", (value, name))
    raw.execute("CREATE UNIQUE INDEX mirante_readings_sequence ON mirante_readings (sequence)")
    raw.execute("COMMIT")
    raw.close()
    return total


def _condense(path: Path) -> None:
    """Do what the upkeep does with old readings: they lie in blocks then; those of one host stay rows."""
    kept = RetentionConfig()
    ages = Ages(NOW - kept.full, NOW - kept.hourly, NOW - kept.daily, ZoneInfo("UTC"))
    with Store(f"sqlite:///{path}") as store:
        for subject in store.readings.subject_names():
            if subject != RAW_HOST:
                store.condensing.condense(subject, ages, arrived=10**15)


def _table(rng: np.random.Generator, rows: int, features: int) -> dict[str, Any]:
    shift = rng.normal(0, 0.2)
    table: dict[str, Any] = {
        f"feature_{n:02}": rng.normal(n + shift, 1 + n, rows)
        if n % 5
        else rng.choice([f"level {level}" for level in range(12)], rows)
        for n in range(features)
    }
    return {**table, "prediction": rng.random(rows)}


def _verdict(name: str, drifted: bool, rng: np.random.Generator) -> dict[str, Any]:
    effect = float(rng.uniform(0.2, 0.4) if drifted else rng.uniform(0.0, 0.05))
    names = ("ks", "psi", "jensenshannon", "hellinger", "total_variation", "wasserstein")
    return {
        "column": name, "kind": "numeric", "drifted": drifted, "level": 2.7e-5, "scale": 1, "score": "ks",
        "value": effect, "threshold": 0.0612, "p_value": 1e-9 if drifted else 0.4123, "effect": effect,
        "direction": "median 12.1 -> 31.4", "n_baseline": 26_115, "n_window": 912, "smallest_effect": 0.0723,
        "scores": {score: float(rng.uniform(0, 0.1)) for score in names}, "missing_ratio": 0.021,
        "missing_threshold": 0.05, "missing_detected": False, "new_category_ratio": 0.0,
        "sentence": f"{name} {'drifted' if drifted else 'did not drift'}: median 12.1 -> 31.4 "
        f"(KS {effect:.2f}, alarms from 0.06; 912 rows against 26,115).", "missing_sentence": "",
    }  # fmt: skip


def _fill_windows(store: Store, model: str, features: int, times: list[datetime]) -> None:
    """Write a baseline and windows as a monitor does."""
    rng = np.random.default_rng(features)
    subject = model_subject(model, "champion")
    baseline = TableProfile.of(_table(rng, 20_000, features))
    profiles = [
        TableProfile.of(_table(rng, 900, features), like=baseline).to_bytes() for _ in range(PROFILES)
    ]
    names = [f"feature_{n:02}" for n in range(features)] + ["prediction"]
    strange = [
        {"id": f"{n}", "time": NOW.isoformat(), "score": -4.0 - n, "method": "forest", "columns": []}
        for n in range(10)
    ]
    last = max(times)
    with store.transaction() as connection:
        store.baselines.put(
            BaselineRow(subject, "3", times[0], baseline.rows, baseline.to_bytes(), "training"),
            connection=connection,
        )
        for place, start in enumerate(times):
            columns = {name: _verdict(name, bool(rng.random() > 0.97), rng) for name in names}
            drifted = sum(one["drifted"] for one in columns.values())
            notes = {
                "outliers": 11, "top_outliers": strange, "timezone": "UTC",
                "performance": {"accuracy": 0.81, "log_loss": 0.43, "labels": 900},
                "drifted": drifted > 0, "drift_share": drifted / len(names), "columns": columns,
                "latency": {"mean": 0.01, "p50": 0.008, "p95": 0.02, "p99": 0.05},
            }  # fmt: skip
            store.windows.put(
                WindowRow(
                    subject, "3", start, start + (HOUR if last - start < 30 * DAY else DAY), 912, closed=True,
                    verdicts=notes, profile=profiles[place % PROFILES],
                ),
                connection=connection,
            )  # fmt: skip


def _alert(number: int, state: str, sizes: Sizes, rng: np.random.Generator) -> AlertRow:
    """Return an alert; the first hundred open ones are of the big model's, the rest of anybody's."""
    big = number < 100 or number % 100 == 0
    model = "big-model" if big else f"model-{int(rng.integers(0, sizes.models - 1)):04}"
    feature = f"feature_{int(rng.integers(0, 50 if big else 3)):02}"
    ago = DAY * float(rng.uniform(1, 365) if state == "resolved" else rng.uniform(0, 1.2))
    begun = NOW - ago
    severity = str(rng.choice(["critical", "warning", "info"], p=[0.2, 0.6, 0.2]))
    return AlertRow(
        f"{number:032x}", f"rule_{number % 40}", {**_model_labels(model), "feature": feature},
        model_subject(model, "champion"), severity, state, begun,
        fired_at=None if state == "pending" else begun + timedelta(minutes=5),
        resolved_at=begun + timedelta(hours=3) if state == "resolved" else None,
        value=0.31, fired_value=0.33, reading_time=begun.replace(minute=0, second=0, microsecond=0),
        summary=f"{feature} of {model} moved",
        note=f"{feature} drifted: median 12.1 -> 31.4 (KS 0.33, alarms from 0.06; 912 rows against 26,115).",
    )  # fmt: skip


def _notices(alerts: list[AlertRow]) -> Iterator[NoticeRow]:
    for number, alert in enumerate(alerts):
        for place, channel in enumerate(("email", "slack")):
            moment = alert.fired_at or alert.active_at
            payload = {
                "alerts": [{"labels": dict(alert.labels), "threshold": "drift_effect > 0.1"}] * 3,
                "links": {"mlflow": "http://127.0.0.1:5000/#/models/m"}, "text": "x" * 600,
            }  # fmt: skip
            yield NoticeRow(
                f"{2 * number + place:032x}", channel, "first firing", moment, moment, 1, "delivered",
                delivered_at=moment, alert_ids=(alert.id,), payload=payload,
            )  # fmt: skip


def _fill_alerts(store: Store, sizes: Sizes) -> None:
    rng = np.random.default_rng(7)
    states = ["firing" if n % 8 else "pending" for n in range(sizes.open_alerts)]
    alerts = [
        _alert(number, state, sizes, rng)
        for number, state in enumerate([*states, *["resolved"] * sizes.old_alerts])
    ]
    store.alerts.save_all(alerts)
    fired = [alert for alert in alerts if alert.fired_at is not None]
    store.outbox.add_all(list(_notices(fired)))
    events = [
        EventRow(alert.subject, alert.active_at, "alert_fired", alert.summary, {"alert": alert.id})
        for alert in fired
    ]
    moved = [
        EventRow(BIG, NOW - 30 * DAY * n, "alias_moved", f"champion moved to version {9 - n}")
        for n in range(1, 6)
    ]
    store.events.add_all([*events, *moved])
    for number in range(60):
        matchers, until = {"model": f"model-{number:04}"}, NOW + HOUR * (number - 40)
        begun = NOW - 3 * DAY
        store.silences.add(SilenceRow(f"{number:032x}", matchers, begun, until, "ana", "maintenance", begun))


def _fill_proposals(store: Store) -> None:
    """Write proposals of both kinds: some that wait, more that are decided."""
    for number in range(60):
        kind, waits = (ACCEPT_BASELINE if number % 2 else MOVE_ALIAS), number < 8
        store.proposals.add(
            ProposalRow(
                f"{number:032x}", kind, model_subject(f"model-{number:04}", "champion"),
                "open" if waits else "rejected", NOW - DAY * number, f"{number:032x}", "feature_01 drifted",
                decided_at=None if waits else NOW - DAY * number + HOUR, author=None if waits else "ana",
                reason=None if waits else "spring campaign",
            )
        )  # fmt: skip


def make_rules(sizes: Sizes) -> list[Rule]:
    """Return rules as a service of so many models has them: those of Mirante, and some of its own."""
    asked = ("drift_effect > 0.3", "performance_accuracy < 0.76", "missing_ratio > 0.3", "predictions < 700")
    own = [
        Rule(
            f"rule_{number}",
            asked[number % len(asked)],
            where={} if number < len(asked) else {"model": f"model-{number % sizes.models:04}"},
            for_=timedelta(minutes=5),
            summary="{{ $labels.model }} moved",
        )
        for number in range(200)
    ]
    return [*default_rules(), *own]


def make_store(path: Path, sizes: Sizes) -> None:
    """Make the store at `path`, and print how long it took and what is in it."""
    begin = time.perf_counter()
    times = window_times()
    with Store(f"sqlite:///{path}") as store:
        store.readings.write(Reading(name, 0.0, times[0], of) for name, of in _all_labels(sizes))
    count = _fill_readings(path)
    _condense(path)
    print(f"{count:,} readings, {time.perf_counter() - begin:.0f} s")
    with Store(f"sqlite:///{path}") as store:
        _fill_alerts(store, sizes)
        _fill_proposals(store)
        _fill_windows(store, "big-model", sizes.big_features, times)
        for number in range(sizes.models - 1):
            own = times if number < sizes.full_models else times[-24:]
            _fill_windows(store, f"model-{number:04}", sizes.features, own)
    print(f"the whole store, {path.stat().st_size / 1e9:.1f} GB, {time.perf_counter() - begin:.0f} s")
