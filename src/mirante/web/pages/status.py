"""The page of the monitor's own state: its tasks, what waits to leave, its store, and what runs here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.errors import StoreError
from mirante.web.pages.query import Query, parse_time
from mirante.web.pages.render import render

if TYPE_CHECKING:
    from mirante.readings import Reading
    from mirante.store import ChannelRow, Store, StoreSize

__all__ = ["ShownTask", "status_page"]

_QUEUES = ("monitor_queue_length", "monitor_dropped_total", "monitor_late_total")
_ABOUT = (
    *("version", "python", "mlflow_client", "mlflow_server", "mlflow_address"),
    *("config", "locale", "timezone"),
)
_MOST_QUEUES = 50


@dataclass(frozen=True, slots=True)
class ShownTask:
    """A task ready for a template.

    Parameters
    ----------
    name : str
        Its name.
    running : bool
        Whether it is at work.
    interval, seconds : float or None
        From one start to the next, and how long the last run took.
    runs, failures : int
        Since the start.
    began_at, next_at, last_success : datetime or None
        Times.
    error : str
        First line of the last failure, while it lasts.
    """

    name: str
    running: bool
    interval: float | None
    seconds: float | None
    runs: int
    failures: int
    began_at: datetime | None
    next_at: datetime | None
    last_success: datetime | None
    error: str


def status_page(store: Store, health: Mapping[str, Any], query: Query) -> str:
    """Return the page of the monitor's own state as HTML.

    Parameters
    ----------
    store : Store
        What is measured.
    health : mapping
        What the service says of itself: ``status``, ``store``, ``started``, ``tasks``, ``lease`` and
        ``details``; all of it may be missing, where pages run without the service.
    query : Query
        Gives the language and the moment.
    """
    details = _mapping(health.get("details"))
    tasks = [_task(str(name), _mapping(said)) for name, said in _mapping(health.get("tasks")).items()]
    waits = _mapping(health.get("lease")).get("held") is False
    if waits:  # the store says of the other's tasks which of them fail, and no more
        tasks = [task for task in tasks if task.error]
    about = _mapping(details.get("about"))
    answers = health.get("store", "ok") == "ok"
    measured = _measured(store) if answers else None
    channels = [] if measured is None else _channels(store, details.get("channels"))
    return render(
        "status.html",
        query,
        store_ok=measured is not None,
        tasks=sorted(tasks, key=lambda task: (not task.error, task.name)),
        failing=[task.name for task in tasks if task.error],
        waits=waits,
        holder=_holder(_mapping(details.get("lease"))),
        started=parse_time(str(health.get("started") or "")),
        about={key: str(about.get(key) or "") for key in _ABOUT},
        zones=[str(zone) for zone in about.get("window_timezones") or ()],
        heartbeat=_heartbeat(details.get("heartbeat")),
        knows_heartbeat="heartbeat" in details,
        not_registered=[str(name) for name in details.get("not_registered") or ()],
        without_alias=[str(name) for name in details.get("without_alias") or ()],
        rules_error=str(details.get("rules_error") or ""),
        rules=details.get("rules"),
        size=measured,
        address=store.name,
        channels=channels,
        # those that once were are shown as well; pages without the service know those alone
        told_to_nobody=not details.get("channels", channels),
        queues=[] if measured is None else _queues(store),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _task(name: str, said: Mapping[str, Any]) -> ShownTask:
    def time(key: str) -> datetime | None:
        return parse_time(str(said.get(key) or ""))

    error = str(said.get("error") or "").strip()
    return ShownTask(
        name=name,
        running=bool(said.get("running")),
        interval=said.get("interval"),
        seconds=said.get("seconds") if said.get("runs") else None,
        runs=int(said.get("runs") or 0),
        failures=int(said.get("failures") or 0),
        began_at=time("began_at"),
        next_at=time("next_at"),
        last_success=time("last_success"),
        error=error.splitlines()[0] if error else "",
    )


def _holder(said: Mapping[str, Any]) -> dict[str, Any] | None:
    if not said:
        return None
    return {
        "host": str(said.get("host") or ""),
        "process": str(said.get("process") or ""),
        "since": parse_time(str(said.get("since") or "")),
    }


def _heartbeat(said: Any) -> dict[str, Any] | None:
    if not isinstance(said, Mapping):
        return None
    return {
        "last": parse_time(str(said.get("last") or "")),
        "withheld": [str(name) for name in said.get("withheld") or ()],
        "error": str(said.get("error") or ""),
    }


def _measured(store: Store) -> StoreSize | None:
    """Return the store's size; None when it does not answer: the page is wanted most of all then."""
    try:
        return store.measure()
    except StoreError:
        return None


def _channels(store: Store, configured: Any) -> list[tuple[str, ChannelRow | None]]:
    """Return the channels of the config, also those that never had a notice, and those that once were."""
    found = {row.channel: row for row in store.outbox.channels()}
    names: Sequence[Any] = configured if isinstance(configured, list | tuple) else ()
    return [(str(name), found.get(str(name))) for name in dict.fromkeys([*names, *sorted(found)])]


def _queues(store: Store) -> list[Reading]:
    found = store.readings.latest(names=_QUEUES)
    return sorted(found, key=lambda one: (_QUEUES.index(one.name), -one.value))[:_MOST_QUEUES]
