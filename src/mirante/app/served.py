"""What serving processes tell beside the inference log, errors and broken signatures, as readings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mirante.readings import Reading

if TYPE_CHECKING:
    from mirante.inference_log import InferenceLog
    from mirante.inference_log.tallies import Tally
    from mirante.monitors.config import ModelConfig
    from mirante.store import Store

__all__ = ["ServedCounts"]

_TOLD_FOR = timedelta(days=1)
_AGAIN = timedelta(minutes=5)
_Key = tuple[str, tuple[tuple[str, str], ...]]


class ServedCounts:
    """Brings the counts of one model's serving processes to the store.

    A count is written when it changed, and every five minutes, so that a rule sees that it stands still.
    Before its first value a new one gets a 0 at the time of the look before, so that a rule sees it grow.

    Parameters
    ----------
    config : ModelConfig
        The model and the alias.
    store : Store
        Where readings go.
    log : InferenceLog
        Where the processes write.
    """

    def __init__(self, config: ModelConfig, store: Store, log: InferenceLog) -> None:
        self._config, self._store, self._log = config, store, log
        self._values: dict[str, dict[_Key, float]] = {}
        self._looked: dict[str, datetime] = {}
        self._told: dict[str, datetime] = {}

    def tell(self, versions: Collection[str], now: datetime) -> None:
        """Write what is new.

        Parameters
        ----------
        versions : collection of str
            Whose counts.
        now : datetime
            The present.
        """
        for version in versions:
            readings = self._readings(version, now)
            if readings:
                self._store.readings.write(readings)
            self._looked[version] = now

    def _readings(self, version: str, now: datetime) -> list[Reading]:
        tally = self._log.tally(self._config.model, version, now - _TOLD_FOR)
        labels = {"model": self._config.model, "alias": self._config.alias, "version": version}
        values = _values(tally, labels)
        before, looked = self._values.get(version, {}), self._looked.get(version)
        gone = dict.fromkeys(before.keys() - values.keys(), 0.0)  # nothing was counted for a day
        due = version not in self._told or now - self._told[version] >= _AGAIN
        changed = {key: value for key, value in (values | gone).items() if due or before.get(key) != value}
        new = [] if looked is None else [key for key in values if key not in before]
        if due and values:
            self._told[version] = now
        self._values[version] = values
        seeds = [Reading(name, 0.0, looked, dict(about)) for name, about in new] if looked else []
        return seeds + [Reading(name, value, now, dict(about)) for (name, about), value in changed.items()]


def _values(tally: Tally, labels: Mapping[str, str]) -> dict[_Key, float]:
    found = {}
    for status, number in tally.errors.items():
        found[_key("prediction_errors_total", {**labels, "status": status})] = float(number)
    for (column, kind), rows in tally.violations.items():
        about = {**labels, "feature": column, "kind": kind}
        found[_key("signature_violations_total", about)] = float(rows)
    return found


def _key(name: str, labels: Mapping[str, str]) -> _Key:
    return name, tuple(sorted(labels.items()))
