"""How the service is, as far as its store says: for pages that another process shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["reported_health"]


def reported_health(store: Store, now: datetime, patience: timedelta) -> dict[str, Any]:
    """Return what the service wrote of itself last, in the form of its ``/healthz``.

    Parameters
    ----------
    store : Store
        The service writes its own readings there, at each evaluation of the rules.
    now : datetime
        The present.
    patience : timedelta
        For how long it may write nothing before it counts as not running.

    Returns
    -------
    dict
        ``status`` is ``ok``, ``degraded`` while a task fails, or ``silent``; ``last_seen`` is None when it
        never wrote anything.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> from mirante.readings import Reading
    >>> from mirante.store import Store
    >>> now, minute = datetime(2013, 2, 8, tzinfo=UTC), timedelta(minutes=1)
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
    ...     store.readings.write([Reading("monitor_queue_length", 0, now, {"queue": "outbox"})])
    ...     [reported_health(store, now + n * minute, 3 * minute)["status"] for n in (1, 5)]
    1
    ['ok', 'silent']
    """
    names = ["monitor_queue_length", "monitor_task_failing"]
    found = store.readings.latest(subject="monitor", names=names)
    seen = max((one.time for one in found if one.name == "monitor_queue_length"), default=None)
    # what a task of an earlier configuration said last does not count: it runs no more
    tasks = [one for one in found if one.name == "monitor_task_failing" and seen and one.time >= seen]
    silent = seen is None or now - seen > patience
    failing = any(one.value for one in tasks)
    return {
        "status": "silent" if silent else "degraded" if failing else "ok",
        "last_seen": None if seen is None else seen.isoformat(),
        "tasks": {one.labels.get("task", ""): {"error": one.note if one.value else ""} for one in tasks},
    }
