"""The summary of the demonstration: what went in, what came out, what fired."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mirante.demo.flights import FEATURES, Flights
from mirante.demo.replay import ReplayCounts
from mirante.demo.training import ALIAS, MODEL, Champion

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["alert_summary", "monitoring_summary", "training_summary"]


def training_summary(flights: Flights, champion: Champion) -> dict[str, Any]:
    """Return what was trained, and on what.

    Parameters
    ----------
    flights : Flights
        All of the year.
    champion : Champion
        The registered model.

    Returns
    -------
    dict
        For JSON.
    """
    return {
        "flights": len(flights),
        "flights_without_label": int(flights.labels.isna().sum()),
        "features": list(FEATURES),
        "training_runs": champion.runs,
        "champion": {
            "model": MODEL,
            "alias": ALIAS,
            "version": champion.version,
            "metrics": dict(champion.metrics),
        },
    }


def monitoring_summary(store: Store, zone: ZoneInfo, counts: ReplayCounts) -> dict[str, Any]:
    """Return what the replay did, and what is in the store.

    Parameters
    ----------
    store : Store
        Readings, alerts and notices.
    zone : ZoneInfo
        The clock that windows are cut on.
    counts : ReplayCounts
        Of the replay.

    Returns
    -------
    dict
        For JSON.
    """
    notices = [notice.status for notice in store.outbox.list(limit=100_000)]
    return {
        "rows_replayed": counts.rows,
        "rows_recorded": counts.rows_recorded,
        "rows_read_back": counts.rows_read,
        "rows_profiled": counts.rows_profiled,
        "rows_late": counts.rows_late,
        "windows": counts.windows,
        "labels": counts.labels,
        "readings": store.readings.count(),
        "alerts": alert_summary(store, zone),
        "notices": {status: notices.count(status) for status in ("delivered", "owed", "dead")},
        "replay_seconds": {name: round(value, 2) for name, value in counts.seconds.items()},
    }


def alert_summary(store: Store, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the alerts that fired, oldest first, each with the window at whose end it first fired.

    Parameters
    ----------
    store : Store
        Has the alerts.
    zone : ZoneInfo
        The clock that windows are cut on.

    Returns
    -------
    list of dict
        Rule, severity, labels, window (local date), times; and as they were when it fired: value, summary
        and the verdict's sentence.
    """
    told = {event.data["alert"]: event for event in store.events.list(kinds=["alert_fired"], limit=100_000)}
    rows = store.alerts.list(states=["firing", "resolved"], limit=100_000)
    fired = sorted((row.fired_at, row.rule, row.id, row) for row in rows if row.fired_at is not None)
    return [
        {
            "rule": row.rule,
            "severity": row.severity,
            "labels": dict(row.labels),
            "window": (fired_at - timedelta(microseconds=1)).astimezone(zone).date().isoformat(),
            "first_fired_at": fired_at.astimezone(zone).isoformat(),
            "resolved_at": None if row.resolved_at is None else row.resolved_at.astimezone(zone).isoformat(),
            "value": row.fired_value,
            "summary": told[row.id].text,
            "note": told[row.id].data["note"],
        }
        for fired_at, _, _, row in fired
    ]
