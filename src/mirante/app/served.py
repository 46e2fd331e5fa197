"""What serving processes tell beside the inference log, errors and broken signatures, as readings."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mirante.inference_log.tallies import Tally
from mirante.readings import Reading

if TYPE_CHECKING:
    from mirante.inference_log import InferenceLog
    from mirante.monitors.config import ModelConfig
    from mirante.store import Store

__all__ = ["ServedCounts"]

_ERRORS, _VIOLATIONS = "prediction_errors_total", "signature_violations_total"
_AGAIN = timedelta(minutes=5)
_REMEMBERED = timedelta(days=30)
_Key = tuple[str, tuple[tuple[str, str], ...]]


class ServedCounts:
    """Brings the counts of one model's serving processes to the store, as counters that never fall.

    What each process counts more than when it was last looked at is added, once: processes that end, and
    files of theirs that are removed, take nothing away. What was added is kept with the readings, so that a
    restart of the service neither loses nor repeats any.

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
        self._counted: dict[str, _Counted] = {}
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
            before = self._counted.get(version) or self._kept(version)
            noted = self._log.tallies(self._config.model, version)
            after = self._begun(version, noted, now) if before is None else before.grown(noted, now)
            due = version not in self._told or now - self._told[version] >= _AGAIN
            readings = self._readings(version, before, after, due=due)
            if readings or due:
                with self._store.transaction() as connection:
                    self._store.readings.write(readings, connection=connection)
                    self._store.cursors.set(self._cursor(version), after.to_json(), connection=connection)
            self._counted[version] = after  # only now: what could not be written is told by the next look
            if due:
                self._told[version] = now

    def _cursor(self, version: str) -> str:
        return f"served/{self._config.subject}/{version}"

    def _kept(self, version: str) -> _Counted | None:
        kept = self._store.cursors.get(self._cursor(version))
        return None if kept is None else _Counted.from_json(kept)

    def _begun(self, version: str, noted: Mapping[str, Tally], now: datetime) -> _Counted:
        """Begin to count: where readings of before are, from them, for nothing may seem to happen now."""
        known = self._store.readings.latest(subject=self._config.subject, names=[_ERRORS, _VIOLATIONS])
        total = sum(noted.values(), Tally())
        errors, violations = dict(total.errors), dict(total.violations)
        for reading in known:
            of = reading.labels
            if of.get("version") != version or not math.isfinite(reading.value):
                continue
            if reading.name == _ERRORS:
                errors[of.get("status", "")] = int(reading.value)
            else:
                violations[of.get("feature", ""), of.get("kind", "")] = int(reading.value)
        return _Counted(Tally(errors, violations), {name: (one, now) for name, one in noted.items()}, now)

    def _readings(
        self, version: str, before: _Counted | None, after: _Counted, *, due: bool
    ) -> list[Reading]:
        labels = self._config.labels(version)
        values, now = _values(after.total, labels), after.looked
        known = {} if before is None else _values(before.total, labels)
        seeds = []
        if before is not None:
            looked = min(before.looked, now - timedelta(microseconds=1))  # also when the clock was set back
            seeds = [Reading(name, 0.0, looked, dict(of)) for name, of in values if (name, of) not in known]
        changed = {key: value for key, value in values.items() if due or known.get(key) != value}
        return seeds + [Reading(name, value, now, dict(of)) for (name, of), value in changed.items()]


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was counted of one version: altogether, and by each process when it was last seen."""

    total: Tally
    processes: Mapping[str, tuple[Tally, datetime]]
    looked: datetime

    def grown(self, noted: Mapping[str, Tally], now: datetime) -> _Counted:
        """Add what processes counted since; those that are not seen are remembered: they may come back."""
        total = self.total
        processes = {name: one for name, one in self.processes.items() if now - one[1] < _REMEMBERED}
        for name, tally in noted.items():
            last = processes[name][0] if name in processes else Tally()
            more = tally.beyond(last)
            total, processes[name] = total + more, (last + more, now)
        return _Counted(total, processes, now)

    def to_json(self) -> dict[str, Any]:
        return {
            "total": self.total.to_json(),
            "processes": {
                name: [*tally.to_json(), seen.isoformat()] for name, (tally, seen) in self.processes.items()
            },
            "looked": self.looked.isoformat(),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> _Counted:
        processes = {
            name: (Tally.from_json(tally), datetime.fromisoformat(seen))
            for name, (*tally, seen) in kept["processes"].items()
        }
        return cls(Tally.from_json(kept["total"]), processes, datetime.fromisoformat(kept["looked"]))


def _values(tally: Tally, labels: Mapping[str, str]) -> dict[_Key, float]:
    found = {}
    for status, number in tally.errors.items():
        found[_key(_ERRORS, {**labels, "status": status})] = float(number)
    for (column, kind), rows in tally.violations.items():
        about = {**labels, "feature": column, "kind": kind}
        found[_key(_VIOLATIONS, about)] = float(rows)
    return found


def _key(name: str, labels: Mapping[str, str]) -> _Key:
    return name, tuple(sorted(labels.items()))
