"""An experiment with traces on a real MLflow, and a source that looks at them."""

import importlib
import uuid
import warnings
from datetime import UTC, datetime, timedelta

from benchmarks.traces import Request, write
from mlflow import MlflowClient

from mirante.sources.traces import TracesConfig, TracesSource

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class World:
    """An experiment on the session's server, and a source that watches its traces alone."""

    def __init__(self, process, store, **config):
        self.client, self.store = MlflowClient(process.uri), store
        self.database = f"sqlite:///{process.folder}/mlflow.db"
        with warnings.catch_warnings():  # of SQLAlchemy's, about MLflow
            warnings.simplefilter("ignore")
            importlib.import_module("mlflow.store.tracking.sqlalchemy_store")
        self.name = f"assistant {uuid.uuid4().hex[:8]}"
        self.id = self.client.create_experiment(self.name)
        self.config = TracesConfig(include=[self.name], **{"reference_windows": 8, **config})
        self.now = START
        self.restart()

    def restart(self):
        self.source = TracesSource(self.config, self.store, lambda: self.client)

    def write(self, *requests):
        return write(self.database, self.id, list(requests))

    def hour(self, window, count=12, factor=1.0, errors=0, feedback=lambda _: ()):
        """Write the traces of an hour: latencies that are spread, the same each hour but for the factor."""
        begin = START + window * HOUR
        return self.write(
            *[
                Request(
                    begin + place * timedelta(seconds=200),
                    factor * (0.5 + place / count + 0.01 * (window % 5)),
                    "ERROR" if place < errors else "OK",
                    feedback(place),
                )
                for place in range(count)
            ]
        )

    def close(self, window, after=6 * MINUTE):
        """Look when a window has just closed."""
        self.now = START + (window + 1) * HOUR + after
        return self.source.advance(self.now)

    def said(self, reading, window=None, **labels):
        """Return values of a reading by the labels beside the experiment's; of a window, or the latest."""
        found = {}
        rows = self.store.readings.latest() if window is None else self.all(window)
        for one in rows:
            if one.name == reading and one.labels.get("experiment") == self.name:
                own = {k: v for k, v in one.labels.items() if k not in ("experiment", "experiment_id")}
                if labels.items() <= own.items():
                    found[tuple(v for k, v in sorted(own.items()) if k not in labels)] = one.value
        return found

    def all(self, window):
        start = START + window * HOUR
        return [one for _, one in self.store.readings.after(0) if one.time == start]
