"""A store as a month or a year of monitoring leaves it, made from a fixed seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from mirante.profiles import TableProfile
from mirante.readings import Reading
from mirante.store import AlertRow, BaselineRow, EventRow, Store, WindowRow

SUBJECT = "model/nyc-flight-delay@champion"
NEW_YORK = ZoneInfo("America/New_York")
FEATURES = ("dep_delay", "carrier", "origin", "dest", "sched_hour", "distance", "month", "prediction")
FIRST = datetime(2013, 2, 1, tzinfo=NEW_YORK)
BLIZZARD = (7, 8)
LABELS = {"model": "nyc-flight-delay", "alias": "champion", "version": "1"}


def columns(rng: np.random.Generator, rows: int, *, moved: bool = False) -> dict[str, object]:
    delay = rng.exponential(14.0, rows) - 8 + (30 if moved else 0)
    if moved:
        delay[rng.random(rows) < 0.5] = np.nan
    shares = [0.5, 0.3, 0.15, 0.05] if moved else [0.3, 0.3, 0.3, 0.1]
    return {
        "dep_delay": np.round(delay),
        "carrier": rng.choice(["UA", "B6", "EV", "DL"], rows, p=shares),
        "distance": rng.gamma(3.0, 350.0, rows),
        "prediction": np.clip(rng.beta(2, 6, rows) + (0.2 if moved else 0), 0, 1),
    }


def fill(store: Store, *, days: int = 28, firing: bool = True) -> None:
    """Write readings, windows, a baseline, events and alerts of `days` days from 1 February 2013."""
    rng = np.random.default_rng(7)
    readings: list[Reading] = []
    base = TableProfile.of(columns(rng, 27_000))
    store.baselines.put(BaselineRow(SUBJECT, "1", FIRST, base.rows, base.to_bytes(), "January"))
    for day in range(days):
        start = FIRST + timedelta(days=day)
        moved = day in BLIZZARD or 140 <= day <= 150
        readings += _model_day(rng, start, moved)
        if day in BLIZZARD:
            profile = TableProfile.of(columns(rng, 930, moved=True), like=base)
            store.windows.put(
                WindowRow(
                    SUBJECT, "1", start, start + timedelta(days=1), 930, 0, True, profile.to_bytes(), {}
                )
            )
    now = FIRST + timedelta(days=days)
    for step in range(60 * 12):
        readings += _host_moment(rng, now - timedelta(minutes=5 * (720 - step)), step)
    store.readings.write(readings)
    store.events.add(
        EventRow(SUBJECT, FIRST + timedelta(days=3), "alias_moved", "champion moved to version 1")
    )
    _alerts(store, now, firing)


def _model_day(rng: np.random.Generator, start: datetime, moved: bool) -> list[Reading]:
    weekly = 60 * np.sin(start.weekday())
    values = {
        "predictions": round(930 + weekly + rng.normal(0, 12)),
        "prediction_latency_seconds_p50": 0.0021 + rng.normal(0, 1e-4),
        "prediction_latency_seconds_p95": 0.0048 + rng.normal(0, 4e-4),
        "prediction_latency_seconds_p99": 0.0091 + abs(rng.normal(0, 2e-3)),
        "drift_share": 0.5 if moved else 0.0,
        "outlier_ratio": 0.05 if moved else 0.01 + rng.normal(0, 0.002),
        "performance_accuracy": (0.81 if moved else 0.89) + rng.normal(0, 0.01),
        "performance_roc_auc": (0.84 if moved else 0.92) + rng.normal(0, 0.01),
        "performance_log_loss": (0.45 if moved else 0.29) + rng.normal(0, 0.02),
    }
    out = [Reading(name, value, start, LABELS) for name, value in values.items()]
    for feature in FEATURES:
        drifted = moved and feature in {"dep_delay", "carrier", "prediction"}
        effect = float(np.clip((0.45 if drifted else 0.03) + rng.normal(0, 0.012), 0, 1))
        missing = (0.51 if moved else 0.02) + abs(rng.normal(0, 0.005)) if feature == "dep_delay" else 0.0
        note = f"{feature} moved: KS distance {effect:.2f}, threshold 0.05, 930 rows" if drifted else ""
        about = {**LABELS, "feature": feature}
        out.append(Reading("drift_effect", effect, start, about))
        out.append(Reading("drift_detected", float(drifted), start, about, note))
        out.append(Reading("missing_ratio", missing, start, about))
    return out


def _host_moment(rng: np.random.Generator, time: datetime, step: int) -> list[Reading]:
    labels = {"host": "gru-01"}
    return [
        Reading("system_cpu_percent", 30 + 15 * np.sin(step / 40) + rng.normal(0, 4), time, labels),
        Reading("system_memory_percent", 55 + step / 90, time, labels),
        Reading("system_disk_percent", 71.0, time, labels),
        Reading("system_network_sent_bytes_total", 4e9 + 3e7 * step, time, labels),
        Reading("system_network_received_bytes_total", 9e9 + 6e7 * step, time, labels),
        Reading("system_processes", 214 + rng.integers(0, 9), time, labels),
    ]


def _alerts(store: Store, now: datetime, firing: bool) -> None:
    start = FIRST + timedelta(days=BLIZZARD[0])
    for number, feature in enumerate(("dep_delay", "carrier", "prediction")):
        store.alerts.save(
            AlertRow(
                id=f"{number:032x}",
                rule="feature_drift",
                labels={**LABELS, "feature": feature},
                subject=SUBJECT,
                severity="warning",
                state="resolved",
                active_at=start,
                fired_at=start,
                resolved_at=start + timedelta(days=2),
                value=0.4,
                fired_value=0.45,
                reading_time=start,
                summary=f"{feature} of nyc-flight-delay moved",
                note=f"{feature} moved: KS distance 0.45, threshold 0.05, 930 rows",
            )
        )
    if firing:
        store.alerts.save(
            AlertRow(
                id="f" * 32,
                rule="missing_values",
                labels={**LABELS, "feature": "dep_delay"},
                subject=SUBJECT,
                severity="critical",
                state="firing",
                active_at=start,
                fired_at=start,
                value=0.51,
                fired_value=0.51,
                reading_time=start,
                summary="51 % of dep_delay is missing in nyc-flight-delay",
                note="dep_delay: 51 % of 930 rows are missing, the baseline has 2 %",
            )
        )


def filled_store(folder: Path, *, days: int = 28, firing: bool = True) -> Store:
    """Return an open store in `folder` with everything in it."""
    store = Store(f"sqlite:///{folder}/mirante.db")
    fill(store, days=days, firing=firing)
    return store


def utc(text: str) -> datetime:
    """Return an ISO text as an aware UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
