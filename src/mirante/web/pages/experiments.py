"""The list of experiments: what needs a person first, then what runs; by name, page by page."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from mirante.readings import split_subject, subject_of
from mirante.web.pages.query import Query
from mirante.web.pages.render import render
from mirante.web.pages.states import URGENCY, severity_state

if TYPE_CHECKING:
    from mirante.readings import Reading
    from mirante.store import Store

__all__ = ["ExperimentRow", "experiment_rows", "experiments_page", "rows_of"]

_PER_PAGE = 50
_READ = (
    "mlflow_experiment_runs",
    "experiment_failed_share",
    "experiment_run_seconds_p50",
    "traces",
)


@dataclass(slots=True)
class ExperimentRow:
    """One experiment of the list.

    Parameters
    ----------
    subject, name : str
        Which.
    state : str
        By its worst alert: ``critical``, ``warning`` or ``ok``.
    alerts : int
        Alerts that fire.
    runs : dict of str to float
        By status; those that ended are missing until all have been counted.
    failed_share, median_seconds : float
        Of the runs that ended within a day; NaN when none did.
    requests : dict of str to float
        Traces of the last window by status; empty where traces are not watched.
    window : datetime or None
        When that window began.
    last : datetime or None
        When it was last looked at.
    """

    subject: str
    name: str
    state: str = "ok"
    alerts: int = 0
    runs: dict[str, float] = field(default_factory=dict)
    failed_share: float = math.nan
    median_seconds: float = math.nan
    requests: dict[str, float] = field(default_factory=dict)
    window: datetime | None = None
    last: datetime | None = None

    @property
    def total(self) -> float:
        """All its runs that are known of."""
        return sum(self.runs.values())

    @property
    def traces(self) -> float:
        """Requests of the last window; NaN where traces are not watched."""
        return sum(self.requests.values()) if self.requests else math.nan

    @property
    def running(self) -> float:
        """Runs that have not ended."""
        return self.runs.get("running", 0.0) + self.runs.get("scheduled", 0.0)


def experiments_page(store: Store, query: Query) -> str:
    """Return the list of experiments as HTML.

    Parameters
    ----------
    store : Store
        What is shown.
    query : Query
        ``find`` (a part of the name) narrows it; ``page`` is the page.
    """
    every = experiment_rows(store)
    servers = [] if every else list(store.readings.latest(names=("mlflow_server_up",)))
    silent = next((one for one in servers if one.value == 0), None)
    wanted = query.get("find").strip().casefold()
    found = [one for one in every if wanted in one.name.casefold()]
    shown, page, pages = query.cut(found, "page", _PER_PAGE)
    return render(
        "experiments.html",
        query,
        experiments=shown,
        empty=not every,
        server=bool(servers or query.mlflow),
        away=silent and {"server": silent.labels.get("server", ""), "why": silent.note},
        traced=any(one.requests for one in every),
        total=len(every),
        running=int(sum(one.running for one in every)),
        search=len(every) > _PER_PAGE // 4 or bool(wanted),
        page=page,
        pages=pages,
    )


def experiment_rows(store: Store) -> list[ExperimentRow]:
    """Return all experiments that are watched, what needs a person first, then those with running runs.

    Parameters
    ----------
    store : Store
        Has their newest readings and the open alerts.
    """
    rows = rows_of(store.readings.latest(names=_READ))
    states: defaultdict[str, list[str]] = defaultdict(list)
    for alert in store.alerts.open():
        if alert.state == "firing":
            states[alert.subject].append(severity_state(alert.severity))
    for subject, found in states.items():
        if subject in rows:
            rows[subject].alerts = len(found)
            rows[subject].state = min(found, key=lambda state: URGENCY[state])
    return sorted(
        rows.values(), key=lambda row: (URGENCY[row.state], -row.running, -row.total, row.name.casefold())
    )


def rows_of(latest: Iterable[Reading]) -> dict[str, ExperimentRow]:
    """Return what newest readings say of their experiments, by subject; of alerts nothing.

    Parameters
    ----------
    latest : iterable of Reading
        Those that rows have no use for are passed over.
    """
    rows: dict[str, ExperimentRow] = {}
    for one in latest:
        if one.name in _READ:
            subject = subject_of(one.labels)
            row = rows.setdefault(subject, ExperimentRow(subject, split_subject(subject)[1]))
            _take(row, one)
    return rows


def _take(row: ExperimentRow, reading: Reading) -> None:
    if reading.name == "mlflow_experiment_runs":
        row.runs[reading.labels.get("status", "")] = reading.value
    elif reading.name == "experiment_failed_share":
        row.failed_share = reading.value
    elif reading.name == "traces":
        if row.window is None or reading.time > row.window:
            row.requests, row.window = {}, reading.time
        if reading.time == row.window:
            row.requests[reading.labels.get("status", "")] = reading.value
    else:
        row.median_seconds = reading.value
    row.last = reading.time if row.last is None else max(row.last, reading.time)
