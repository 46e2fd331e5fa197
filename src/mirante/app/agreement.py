"""How far two aliases of a model say the same of the rows that both have answered, window by window."""

from __future__ import annotations

import math
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

from mirante.app.alias import AliasRecord
from mirante.errors import InputError
from mirante.inference_log.probabilities import vectors
from mirante.monitors.comparison import Side, compare_answers
from mirante.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mirante.inference_log import InferenceLog
    from mirante.monitors.config import ModelConfig
    from mirante.store import Store, WindowRow

__all__ = ["AgreementWatch", "pairs_of"]

_MOST_WINDOWS = 200  # of one step: a service that catches up with a year goes on at the next


def pairs_of(configs: Iterable[ModelConfig]) -> list[tuple[ModelConfig, ModelConfig]]:
    """Return the pairs of aliases of one model with the same windows; champion first, if it is one of them.

    Examples
    --------
    >>> from mirante.monitors.config import ModelConfig
    >>> configs = [ModelConfig(model="m", alias=one) for one in ("challenger", "champion")]
    >>> [(one.alias, other.alias) for one, other in pairs_of(configs)]
    [('champion', 'challenger')]
    """
    ordered = sorted((one for one in configs if not one.paused), key=lambda one: one.alias != "champion")
    return [
        (one, other)
        for one, other in combinations(ordered, 2)
        if (one.model, one.window, one.timezone) == (other.model, other.window, other.timezone)
    ]


class AgreementWatch:
    """Reads the windows that both aliases have closed, and says how far their answers agree.

    Parameters
    ----------
    first, second : ModelConfig
        Two aliases of one model with the same windows.
    store : Store
        Has the windows, and takes the readings.
    log : InferenceLog
        Has the answers.
    """

    def __init__(self, first: ModelConfig, second: ModelConfig, store: Store, log: InferenceLog) -> None:
        self._first, self._second = first, second
        self._store, self._log = store, log
        self.name = f"agreement/{first.model}@{first.alias}/{second.alias}"

    def advance(self) -> None:
        """Look at the windows that are new; where no id is shared, nothing is said."""
        kept = self._store.cursors.get(self.name)
        since = None if kept is None else datetime.fromisoformat(kept["after"])
        sides = [self._windows(one.subject, since) for one in (self._first, self._second)]
        starts = sorted(sides[0].keys() & sides[1].keys())[:_MOST_WINDOWS]
        if not starts:
            return
        readings = [
            reading
            for start in starts
            for one in sides[0][start]
            for other in sides[1][start]
            if one.version != other.version
            for reading in self._compared(one, other)
        ]
        state = AliasRecord(self._first, self._store).state
        # what is said of a version that the alias left is history: its series have ended
        former = [one for one in readings if state is not None and one.labels["version"] != state.version]
        current = [one for one in readings if state is None or one.labels["version"] == state.version]
        with self._store.transaction() as connection:
            self._store.readings.write(current, connection=connection)
            self._store.readings.write(former, arrive=False, connection=connection)
            self._store.cursors.set(self.name, {"after": starts[-1].isoformat()}, connection=connection)

    def _windows(self, subject: str, since: datetime | None) -> dict[datetime, list[WindowRow]]:
        found: dict[datetime, list[WindowRow]] = {}
        for row in self._store.windows.list(subject, since=since, with_verdicts=False):
            if row.closed and (since is None or row.start > since):
                found.setdefault(row.start, []).append(row)
        return found

    def _compared(self, one: WindowRow, other: WindowRow) -> list[Reading]:
        if not one.rows or not other.rows:
            return []
        said = self._answers(one.start, one.end)
        first, second = said.get(one.version, {}), said.get(other.version, {})
        shared = [id_ for id_ in first if id_ in second]
        if not shared:
            return []
        config = self._first
        labels = {**config.labels(one.version), "challenger": self._second.alias}
        sides = Side(config.alias, one.version), Side(self._second.alias, other.version)
        pair = [first[id_] for id_ in shared], [second[id_] for id_ in shared]
        try:
            found = compare_answers(*sides, pair, task=config.task, classes=config.classes)
        except InputError:  # of no row both answers are a value
            return []
        figures = {
            "challenger_shared": float(found.rows),
            "challenger_agreement": found.agreement.equal,
            "challenger_gap": found.agreement.gap,
        }
        return [
            Reading(name, value, one.start, labels)
            for name, value in figures.items()
            if not math.isnan(value)
        ]

    def _answers(self, start: datetime, end: datetime) -> dict[str, dict[str, Any]]:
        asked = ["__id", *self._log.prediction_columns(self._first.model), "__version"]
        rows = self._log.scan(self._first.model, start=start, end=end, columns=asked)
        columns = rows["__id"].to_pylist(), vectors(rows), rows["__version"].to_pylist()
        found: dict[str, dict[str, Any]] = {}
        for id_, said, version in zip(*columns, strict=True):
            found.setdefault(version, {})[id_] = said
        return found
