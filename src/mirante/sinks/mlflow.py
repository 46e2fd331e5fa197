"""Readings to MLflow: each subject's into its monitoring run, in large batches, once per key and step."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from mirante.errors import TrackingError
from mirante.readings import Reading, is_provisional, subject_of
from mirante.store import Store
from mirante.tracking.baselines import logged_model_id
from mirante.tracking.client import asking, brief_requests, server_name
from mirante.tracking.names import reading_key
from mirante.tracking.reach import reachable
from mirante.tracking.registry import find_version
from mirante.tracking.runs import EXPERIMENT, MonitoringRuns

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["MlflowSink"]

_PAGE = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1) // _MILLISECOND
_SUMMARY = "monitoring/"  # before the keys of what the model itself shows
_OF_WINDOWS = frozenset(
    {"predictions", "prediction_latency_seconds_p95", "drift_share", "outlier_ratio", "duplicate_ratio"}
)
_MEASURES = re.compile(
    r"(performance|estimated)_(?!labels)(?!.*_(lower|upper|threshold|dropped|expected)$).+"
)

_Points = dict[str, dict[int, float]]  # key, then time in ms, then value


class _Run(NamedTuple):
    """What a monitoring run is about."""

    subject: str
    model: str | None
    version: str | None


@dataclass(slots=True)
class _Written:
    """What a run holds: the highest step of each key, and all steps of the keys that had to be looked up."""

    highest: dict[str, int]
    steps: dict[str, set[int]] = field(default_factory=dict)

    def add(self, points: _Points) -> None:
        for key, values in points.items():
            self.highest[key] = max(self.highest.get(key, -1), *values)
            if key in self.steps:
                self.steps[key].update(values)


class MlflowSink:
    """Ships readings from the store to MLflow, in order of arrival, and remembers in the store how far it
    came.

    A reading's step and timestamp are its time in milliseconds, so a run's charts are right by step and by
    time, and late readings find their place. A metric in MLflow cannot be changed: a reading that is
    revised after it was sent keeps its first value there (the store has the last), and counts in `repeated`.

    A version that was logged as a model shows some of them on its own page in MLflow too: of each quantity of
    whole windows the newest value, at most one a day, as ``monitoring/drift_share``. MLflow reads all of a
    model's values whenever it lists models, so the series are in the run alone.

    Nothing is sent twice: the run itself says what it holds. That costs one request per run after a start,
    and one per key when something is late or was sent just before a crash.

    Parameters
    ----------
    store : Store
        Where readings and the cursor are.
    client_factory : callable
        Gives the client; called when there is something to send.
    experiment : str, default "mirante"
        The experiment of the monitoring runs.
    probe : callable, default `mirante.tracking.reach.reachable`
        Tells whether a tracking URI answers, so that a server that is away costs two seconds.
    check : callable
        Called before each batch; raises when another service has taken the work over.

    Attributes
    ----------
    sent, repeated, refused : int
        Points since the start, without those of the models' own pages: sent; left out because MLflow has
        that key and step; older than 1970.
    """

    def __init__(
        self,
        store: Store,
        client_factory: Callable[[], MlflowClient],
        *,
        experiment: str = EXPERIMENT,
        probe: Callable[[str], bool] = reachable,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._client_factory = client_factory
        self._experiment = experiment
        self._probe = probe
        self._check = check
        self._runs: MonitoringRuns | None = None
        self._cursor = ""
        self._written: dict[str, _Written] = {}
        self._models: dict[str, str | None] = {}  # run: the logged model that it watches
        self._lock = threading.Lock()
        self.sent = 0
        self.repeated = 0
        self.refused = 0

    def ship(self, limit: int = 100_000) -> int:
        """Send what arrived in the store since the last time.

        Parameters
        ----------
        limit : int, default 100,000
            At most so many readings are read; the rest waits for the next call.

        Returns
        -------
        int
            How many points were sent; those that MLflow had already do not count.

        Raises
        ------
        TrackingError
            If MLflow is away or refuses. Nothing is lost: the same readings are sent by a later call.
        StoreError
            If the store fails.
        """
        with self._lock, brief_requests():
            before = self.sent
            try:
                self._ship(limit)
            except BaseException:
                # a request that failed may have arrived all the same, so ask the runs again
                self._runs = None
                self._written.clear()
                self._models.clear()
                raise
            finally:
                for written in self._written.values():
                    written.steps.clear()  # whole histories; only the highest steps are worth their memory
            return self.sent - before

    @property
    def position(self) -> int:
        """The place in the order of arrival up to which all was sent; 0 before MLflow was reached."""
        return int((self._store.cursors.get(self._cursor) or {}).get("sequence", 0))

    def _ship(self, limit: int) -> None:
        runs = self._connected()
        sequence = self.position
        while limit > 0:
            page = self._store.readings.after(sequence, limit=min(limit, _PAGE))
            if not page:
                return
            for run, points in self._by_run(reading for _, reading in page).items():
                run_id = runs.run_for(run.subject, model_version=run.version)
                self._send(runs, run_id, points)
                self._sum_up(runs, run_id, run, points)
            sequence = page[-1][0]
            self._store.cursors.set(self._cursor, {"sequence": sequence})
            limit -= len(page)

    def _connected(self) -> MonitoringRuns:
        client = self._runs.client if self._runs else self._client_factory()
        if not self._probe(client.tracking_uri):
            raise TrackingError(
                f"no MLflow server answers at {server_name(client.tracking_uri)}; readings wait in the store "
                "and are sent when it is back"
            )
        if self._runs is None:
            runs = MonitoringRuns(client, experiment=self._experiment)
            identity = runs.experiment_id()
            with asking(client, f"open the experiment {self._experiment!r}"):
                born = client.get_experiment(identity).creation_time
            # the experiment's birth tells one server's database from another's, whatever their addresses
            self._cursor = f"sink/mlflow/{identity}/{born}"
            self._runs = runs
        return self._runs

    def _by_run(self, readings: Iterable[Reading]) -> dict[_Run, _Points]:
        found: dict[_Run, _Points] = defaultdict(lambda: defaultdict(dict))
        for reading in readings:
            milliseconds = (reading.time - _EPOCH) // _MILLISECOND
            if (
                milliseconds < 0
            ):  # MLflow takes no time before 1970, and one such reading must not hold up the others
                self.refused += 1
                continue
            if is_provisional(reading):  # a metric cannot be changed; it comes again when it is final
                continue
            model = reading.labels.get("model")
            version = None if model is None else reading.labels.get("version")
            run = _Run(subject_of(reading.labels), model, version)
            found[run][reading_key(reading)][milliseconds] = reading.value
        return found

    def _send(self, runs: MonitoringRuns, run_id: str, points: _Points) -> None:
        written = self._written.get(run_id)
        if written is None:
            with asking(runs.client, f"read what the run {run_id} holds"):
                latest = (
                    runs.client.get_run(run_id).data.to_proto().metrics
                )  # unlike .metrics, it has the steps
            written = self._written[run_id] = _Written({metric.key: int(metric.step) for metric in latest})
        new = {
            key: values
            for key, all_values in points.items()
            if (values := self._new(runs, run_id, key, all_values))
        }
        flat = sorted((step, key, value) for key, values in new.items() for step, value in values.items())
        runs.log(run_id, [(key, value, step, step) for step, key, value in flat], check=self._check)
        written.add(new)
        self.sent += len(flat)
        self.repeated += sum(len(values) for values in points.values()) - len(flat)

    def _sum_up(self, runs: MonitoringRuns, run_id: str, run: _Run, points: _Points) -> None:
        """Show the newest values of whole windows on the model's own page, a day after the last ones."""
        written, due = self._written[run_id], {}
        for key, values in points.items():
            own, newest = f"{_SUMMARY}{key}", max(values)
            if _is_summary(key) and newest >= written.highest.get(own, -_DAY) + _DAY:
                due[own] = {newest: values[newest]}
        model = self._logged_model(runs, run_id, run) if due else None
        if model is not None:
            flat = [(key, value, step, step) for key, one in due.items() for step, value in one.items()]
            try:
                runs.log(run_id, flat, logged_model=model, check=self._check)
                written.add(due)
            except TrackingError:  # such as a model that was deleted, which must not hold up the series
                self._models[run_id] = None

    def _logged_model(self, runs: MonitoringRuns, run_id: str, run: _Run) -> str | None:
        """Return the logged model that a run watches; None for other subjects, and for what is not one."""
        if run_id not in self._models:
            self._models[run_id] = None
            if run.model is not None and run.version is not None:
                with suppress(TrackingError):  # a server without a registry takes readings all the same
                    with asking(runs.client, f"find version {run.version} of the model {run.model!r}"):
                        found = find_version(runs.client, run.model, run.version)
                    self._models[run_id] = None if found is None else logged_model_id(found)
        return self._models[run_id]

    def _new(self, runs: MonitoringRuns, run_id: str, key: str, values: dict[int, float]) -> dict[int, float]:
        """Return those of one key's values whose steps the run does not hold."""
        written = self._written[run_id]
        highest = written.highest.get(key, -1)
        if min(values) > highest:
            return values
        if key not in written.steps:
            with asking(runs.client, f"read the history of {key!r} in the run {run_id}"):
                written.steps[key] = {
                    int(point.step) for point in runs.client.get_metric_history(run_id, key)
                }
        there = written.steps[key]
        return {step: value for step, value in values.items() if step not in there}


def _is_summary(key: str) -> bool:
    return key in _OF_WINDOWS or _MEASURES.fullmatch(key) is not None
