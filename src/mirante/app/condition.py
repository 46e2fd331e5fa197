"""How the service is, in words that anybody with the page's token may read: no secret, no password."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import mirante
from mirante.tracking.client import server_name

if TYPE_CHECKING:
    from mirante.app.scheduler import TaskState
    from mirante.app.settings import Settings

__all__ = ["about", "task_states"]


def task_states(
    states: Mapping[str, TaskState], intervals: Mapping[str, timedelta]
) -> dict[str, dict[str, Any]]:
    """Return the tasks as JSON.

    Parameters
    ----------
    states : mapping of str to TaskState
        By name.
    intervals : mapping of str to timedelta
        From one start to the next.

    Examples
    --------
    >>> from mirante.app.scheduler import TaskState
    >>> told = task_states({"host": TaskState(runs=1, seconds=0.5)}, {"host": timedelta(minutes=1)})
    >>> told["host"]["interval"]
    60.0
    """
    return {
        name: {
            "runs": state.runs,
            "failures": state.failures,
            "seconds": state.seconds,
            "interval": intervals[name].total_seconds() if name in intervals else None,
            "running": state.running,
            "began_at": _text(state.began_at),
            "next_at": _text(state.next_at),
            "last_success": _text(state.last_success),
            "error": state.error,
        }
        for name, state in states.items()
    }


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def about(settings: Settings, *, server: str, zones: Sequence[str]) -> dict[str, Any]:
    """Return what runs here, and with which settings.

    Parameters
    ----------
    settings : Settings
        As the service was started with.
    server : str
        The version that the MLflow server says; empty when it is not known.
    zones : sequence of str
        The time zones that windows are cut in.

    Examples
    --------
    >>> from mirante.app.settings import Settings
    >>> about(Settings(), server="", zones=["UTC"])["config"] is None
    True
    """
    address = settings.mlflow.tracking_uri
    return {
        "version": mirante.__version__,
        "python": platform.python_version(),
        "config": None if settings.file is None else str(settings.file),
        "locale": settings.locale,
        "timezone": datetime.now().astimezone().tzname(),
        "window_timezones": sorted(set(zones)),
        "mlflow_client": _version("mlflow") or _version("mlflow-skinny"),
        "mlflow_server": server,
        "mlflow_address": "" if address is None else server_name(address),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
