"""What a backfill did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mirante.store import AlertRow

__all__ = ["Backfilled"]


@dataclass(slots=True)
class Backfilled:
    """What a backfill did.

    Parameters
    ----------
    subject, version, timezone : str
        Whose windows, and the clock that they are cut on.
    start, end : datetime
        From the first window to the last; half-open.
    windows, drifted : int
        Windows that were written, and how many of them drifted.
    completed : int
        Windows of an earlier backfill whose labels had not been due then.
    waiting : int
        Windows that were written and whose labels are not due yet.
    rows : int
        Rows in the windows that were written.
    readings : int
        Readings that are new in the store, or changed.
    alerts : list of AlertRow
        As they are in the store now.
    kept : int
        Windows that the service had judged, and that stay as they were.
    known : int
        Windows that an earlier backfill had written, and that stay as they were.
    left : int
        Windows that the service is at work on, or will be.
    seconds : float
        How long it took.
    """

    subject: str
    version: str
    timezone: str
    start: datetime
    end: datetime
    windows: int = 0
    drifted: int = 0
    completed: int = 0
    waiting: int = 0
    rows: int = 0
    readings: int = 0
    alerts: list[AlertRow] = field(default_factory=list)
    kept: int = 0
    known: int = 0
    left: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it.

        Examples
        --------
        >>> from datetime import UTC
        >>> t = datetime(2026, 1, 1, tzinfo=UTC)
        >>> Backfilled("model/churn@champion", "3", "UTC", t, t, windows=31).to_dict()["windows"]
        31
        """
        figures = ("windows", "drifted", "completed", "waiting", "rows", "readings", "kept", "known", "left")
        return {
            "subject": self.subject,
            "version": self.version,
            "timezone": self.timezone,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            **{name: getattr(self, name) for name in figures},
            "alerts": [_alert(row) for row in self.alerts],
            "seconds": round(self.seconds, 3),
        }


def _alert(row: AlertRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "rule": row.rule,
        "severity": row.severity,
        "labels": dict(row.labels),
        "active_at": row.active_at.isoformat(),
        "fired_at": None if row.fired_at is None else row.fired_at.isoformat(),
        "resolved_at": None if row.resolved_at is None else row.resolved_at.isoformat(),
        "summary": row.summary,
        "note": row.note,
    }
