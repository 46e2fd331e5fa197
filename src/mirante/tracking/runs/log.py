"""Logging for the reference API: into the caller's active MLflow run, else into the subject's monitoring run.

Nothing here raises because of MLflow, and a server that is away costs two seconds once and nothing for a
minute.
"""

from __future__ import annotations

import platform
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from mirante.errors import MiranteError
from mirante.tracking.client import asking, connect, tracking_uri
from mirante.tracking.names import encode_key
from mirante.tracking.reach import Reach, within
from mirante.tracking.runs.monitoring import MonitoringRuns

__all__ = [
    "current_run_id",
    "forget_connections",
    "host_subject",
    "log_artifact",
    "log_metrics",
    "log_params_run",
    "send_metrics",
]

T = TypeVar("T")

_DEADLINE = 15.0  # seconds that the caller of the reference API waits for a server that answered a moment ago


def current_run_id() -> str | None:
    """Return the id of the caller's active MLflow run, without importing MLflow.

    Returns
    -------
    str or None
        None if there is none in this thread.
    """
    mlflow = sys.modules.get("mlflow")
    active = getattr(mlflow, "active_run", None)  # None while another thread is still importing MLflow
    run = active() if active else None
    return str(run.info.run_id) if run else None


def host_subject(host: str | None = None) -> str:
    """Return the subject of a host; of this one by default.

    Examples
    --------
    >>> host_subject("web-1")
    'host/web-1'
    """
    return f"host/{host or platform.node() or 'localhost'}"


class _Steps:
    """The next step per run and key: 0, 1, 2, … in the caller's run; in a monitoring run time in ms."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def next(self, run_id: str, key: str, *, at_least: int) -> int:
        with self._lock:
            step = max(self._last.get((run_id, key), -1) + 1, at_least)
            self._last[run_id, key] = step
            return step


_reach = Reach()
_steps = _Steps()
_runs: dict[str, MonitoringRuns] = {}


def forget_connections() -> None:
    """Forget which servers were there or away, and that a warning was given, as a fresh process would."""
    global _reach, _steps
    _reach = Reach()
    _steps = _Steps()
    _runs.clear()


def _attempt(work: Callable[[MonitoringRuns], T], uri: str | None = None) -> T | None:
    """Run `work` against the server if it is there; on any failure warn once and return None."""
    try:
        uri = uri or tracking_uri()
        if uri is None:
            reason = (
                "no server is configured (set MLFLOW_TRACKING_URI, or install full MLflow for a local store)"
            )
        elif not _reach.ready(uri):
            reason = "no server answers there"
        else:
            runs = _runs.get(uri)
            if runs is None:
                runs = _runs.setdefault(uri, MonitoringRuns(connect(uri)))
            remote = uri.startswith(("http://", "https://"))
            return within(_DEADLINE, lambda: work(runs)) if remote else work(runs)
    except Exception as error:  # the caller's results matter more than their copy in MLflow
        reason = str(error) if isinstance(error, MiranteError) else f"{type(error).__name__}: {error}"
        if uri is not None:
            _reach.failed(uri)
            _runs.pop(uri, None)
    _reach.warn(uri, reason)
    return None


def send_metrics(
    metrics: Mapping[str, float],
    *,
    subject: str | None = None,
    run_id: str | None = None,
    clock: Callable[[], float] = time.time,
) -> bool:
    """Log metrics in one request and say whether they arrived; see `log_metrics`.

    Parameters
    ----------
    metrics : mapping of str to float
        Names and values.
    subject : str, optional
        Whose monitoring run to use when there is no `run_id`; this host's by default.
    run_id : str, optional
        The caller's run, for threads of our own, which do not see it.
    clock : callable, default `time.time`
        Seconds since 1970.

    Returns
    -------
    bool
        False if they were not logged; a warning was given once.
    """
    now = int(clock() * 1000)

    def work(runs: MonitoringRuns) -> bool:
        target = run_id or runs.run_for(subject or host_subject())
        at_least = 0 if run_id else now
        keys = [(encode_key(name), float(value)) for name, value in metrics.items()]
        runs.log(
            target, [(key, value, now, _steps.next(target, key, at_least=at_least)) for key, value in keys]
        )
        return True

    return bool(_attempt(work))


def log_metrics(metrics: Mapping[str, float], *, subject: str | None = None) -> None:
    """Log metrics to the caller's active MLflow run, else to the subject's monitoring run.

    Never raises: with no server, or one that does not answer, there is one `MiranteWarning` per process.

    Parameters
    ----------
    metrics : mapping of str to float
        Names and values; names that MLflow refuses are encoded.
    subject : str, optional
        ``host/web-1``, ``model/m@champion``, …; this host by default.
    """
    send_metrics(metrics, subject=subject, run_id=current_run_id())


def log_artifact(
    path: Path | str,
    *,
    subject: str | None = None,
    artifact_path: str | None = None,
    run_id: str | None = None,
    uri: str | None = None,
) -> bool:
    """Log a file to the caller's active MLflow run, else to the subject's monitoring run. Never raises.

    Parameters
    ----------
    path : path
        The file.
    subject : str, optional
        Whose monitoring run; this host's by default.
    artifact_path : str, optional
        A folder among the run's artifacts.
    run_id : str, optional
        A run to take instead.
    uri : str, optional
        The tracking URI; what MLflow would use itself by default.

    Returns
    -------
    bool
        False if it was not logged; a warning was given once.
    """
    active = run_id or current_run_id()

    def work(runs: MonitoringRuns) -> bool:
        target = active or runs.run_for(subject or host_subject())
        with asking(runs.client, f"log {Path(path).name} to the run {target}"):
            runs.client.log_artifact(target, str(path), artifact_path)
        return True

    return bool(_attempt(work, uri))


def log_params_run(
    name: str,
    params: Mapping[str, str],
    *,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    subject: str | None = None,
) -> str | None:
    """Make one small finished run, such as for an alert that fires: parameters of a run cannot change later.

    It becomes a child of the caller's active run, else of the subject's monitoring run. Never raises.

    Parameters
    ----------
    name : str
        The run's name.
    params : mapping of str to str
        Its parameters; MLflow takes 6,000 characters for each.
    metrics : mapping of str to float, optional
        Its metrics.
    tags : mapping of str to str, optional
        Further tags beside ``mirante.subject``.
    subject : str, optional
        What it is about; this host by default.

    Returns
    -------
    str or None
        The run's id, None if it was not logged.
    """
    active = current_run_id()
    about = subject or host_subject()
    now = int(time.time() * 1000)

    def work(runs: MonitoringRuns) -> str:
        from mlflow.entities import Metric, Param

        parent = active or runs.run_for(about)
        with asking(runs.client, f"log the run {name!r}"):
            home = runs.client.get_run(active).info.experiment_id if active else runs.experiment_id()
            own = {"mirante.kind": "event", "mirante.subject": about, "mlflow.parentRunId": parent}
            made = str(runs.client.create_run(home, tags=own | dict(tags or {}), run_name=name).info.run_id)
            runs.client.log_batch(
                made,
                metrics=[
                    Metric(encode_key(key), float(value), now, 0) for key, value in (metrics or {}).items()
                ],
                params=[Param(encode_key(key), str(value)[:6000]) for key, value in params.items()],
            )
            runs.client.set_terminated(made)
        return made

    return _attempt(work)
