"""For how long each series may be silent before its reading counts as missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from mirante.readings import Reading, subject_of

if TYPE_CHECKING:
    from mirante.app.settings import Settings

__all__ = ["freshness"]

_UNKNOWN_MODEL = timedelta(days=7)
_EXPERIMENT = timedelta(minutes=15)  # what does not change is told every five minutes
_REGISTRY = timedelta(minutes=30)  # and here every ten
_RUNS = ("run_", "experiment_", "mlflow_experiment_")
_TRACES = ("trace", "assessment", "mlflow_traces", "logged_model_")


def freshness(
    settings: Settings,
    models: Mapping[str, timedelta | None],
    hosts: Mapping[str, timedelta] = MappingProxyType({}),
) -> Callable[[Reading], timedelta | None]:
    """Return what says for how long a reading's series may be silent; None for what is not watched here.

    Parameters
    ----------
    settings : Settings
        For the intervals of hosts, servers and rules.
    models : mapping of str to timedelta or None
        By subject, of models and tables; None for one that is paused.
    hosts : mapping of str to timedelta
        By name, from one reading to the next of the hosts that have an agent.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.app.settings import Settings
    >>> stale_after = freshness(Settings(), {})
    >>> stale_after(Reading("system_cpu_percent", 5.0, datetime(2013, 2, 8, tzinfo=UTC), {"host": "a"}))
    datetime.timedelta(seconds=180)
    """
    # A model that discovery has not come to yet is not passed over meanwhile.
    unknown_model = _UNKNOWN_MODEL if settings.discover else None

    experiments, watched_traces = settings.watched_experiments, settings.watched_traces
    registry = settings.watched_registry

    def stale_after(reading: Reading) -> timedelta | None:
        subject = subject_of(reading.labels)
        if subject.startswith("model/"):
            return models.get(subject, unknown_model)
        if subject.startswith("table/"):
            return models.get(subject)
        if subject.startswith("experiment/"):
            name, runs, traces = subject.removeprefix("experiment/"), experiments, watched_traces
            if reading.name.startswith(_RUNS):
                return max(_EXPERIMENT, 3 * runs.interval) if runs.watches(name) else None
            if reading.name.startswith(_TRACES) or "feature" in reading.labels:
                slow = 3 * traces.window + traces.lateness + traces.interval
                return slow if traces.watches(name) else None
        if subject.startswith("registry/"):
            return max(_REGISTRY, 3 * registry.interval) if registry.include else None
        if reading.name == "mlflow_server_up":
            return 3 * settings.mlflow.interval
        if subject.startswith("host/"):
            return 3 * max(settings.host.interval, hosts.get(subject.removeprefix("host/"), timedelta()))
        return 3 * settings.evaluation_interval

    return stale_after
