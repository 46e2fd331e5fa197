"""Readings to MLflow: each subject's into its monitoring run, in large batches, once per key and step."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mirante.errors import TrackingError
from mirante.readings import Reading, is_provisional, subject_of
from mirante.store import Store
from mirante.tracking.client import asking, brief_requests, server_name
from mirante.tracking.names import reading_key
from mirante.tracking.reach import reachable
from mirante.tracking.runs import EXPERIMENT, MonitoringRuns

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["MlflowSink"]

_PAGE = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_Run = tuple[str, str | None]  # subject and model version
_Points = dict[str, dict[int, float]]  # key, then time in ms, then value


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

    Attributes
    ----------
    sent, repeated, refused : int
        Points since the start: sent; left out because MLflow has that key and step; older than 1970.
    """

    def __init__(
        self,
        store: Store,
        client_factory: Callable[[], MlflowClient],
        *,
        experiment: str = EXPERIMENT,
        probe: Callable[[str], bool] = reachable,
    ) -> None:
        self._store = store
        self._client_factory = client_factory
        self._experiment = experiment
        self._probe = probe
        self._runs: MonitoringRuns | None = None
        self._cursor = ""
        self._written: dict[str, _Written] = {}
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
                raise
            finally:
                for written in self._written.values():
                    written.steps.clear()  # whole histories; only the highest steps are worth their memory
            return self.sent - before

    def _ship(self, limit: int) -> None:
        runs = self._connected()
        sequence = int((self._store.cursors.get(self._cursor) or {}).get("sequence", 0))
        while limit > 0:
            page = self._store.readings.after(sequence, limit=min(limit, _PAGE))
            if not page:
                return
            for run, points in self._by_run(reading for _, reading in page).items():
                self._send(runs, runs.run_for(run[0], model_version=run[1]), points)
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
            version = reading.labels.get("version") if "model" in reading.labels else None
            found[subject_of(reading.labels), version][reading_key(reading)][milliseconds] = reading.value
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
        runs.log(run_id, [(key, value, step, step) for step, key, value in flat])
        written.add(new)
        self.sent += len(flat)
        self.repeated += sum(len(values) for values in points.values()) - len(flat)

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
