"""Inhibition: while one alert fires, others that follow from it are not told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mirante.alerts.matchers import EVERYTHING, Matchers
from mirante.readings import SLICE

__all__ = ["BUILT_IN", "Inhibition", "Inhibitor"]


@dataclass(frozen=True, slots=True)
class Inhibition:
    """One reason for not telling of an alert: another one fires.

    Parameters
    ----------
    name : str
        By which it is known, and switched off.
    source, target : Matchers
        The alert that must fire, and those that are then held back; ``rule``, ``severity`` and ``subject``
        count as labels.
    equal : tuple of str
        Labels that both must have in common; one that both lack is equal.
    """

    name: str
    source: Matchers = EVERYTHING
    target: Matchers = EVERYTHING
    equal: tuple[str, ...] = ()


_SILENT = "~no_data|host_silent"
_NOT_SILENT = "!~no_data|host_silent"

BUILT_IN = (
    Inhibition(
        "silent_host",
        Matchers.of({"rule": _SILENT, "host": "~.+"}),
        Matchers.of({"rule": _NOT_SILENT}),
        ("host",),
    ),
    Inhibition(
        "silent_model",
        Matchers.of({"rule": _SILENT, "model": "~.+"}),
        Matchers.of({"rule": _NOT_SILENT}),
        ("model",),
    ),
    Inhibition(
        "silent_subject",
        Matchers.of({"rule": _SILENT, "subject": "~.+"}),
        Matchers.of({"rule": _NOT_SILENT}),
        ("subject",),
    ),
    # Drift and performance are computed here, not by the server: only a model's silence follows from its.
    Inhibition(
        "mlflow_down_models",
        Matchers.of({"rule": "mlflow_server_down"}),
        Matchers.of({"rule": "no_data", "model": "~.+"}),
    ),
    Inhibition(
        "mlflow_down_tasks",
        Matchers.of({"rule": "mlflow_server_down"}),
        Matchers.of({"rule": "task_failing", "task": "!~host|rules|self"}),
    ),
    Inhibition(
        "many_missing_values",
        Matchers.of({"rule": "many_missing_values", "feature": "~.+"}),
        Matchers.of({"rule": "~missing_values|feature_drift"}),
        ("model", "feature", SLICE),
    ),
    # What all rows show, each of their slices would tell once more.
    Inhibition(
        "all_rows_before_slices",
        Matchers.of({"model": "~.+", SLICE: ""}),
        Matchers.of({SLICE: "~.+"}),
        ("rule", "model", "alias", "version", "feature"),
    ),
)


class Inhibitor:
    """Knows which alerts fire that hold others back.

    Parameters
    ----------
    inhibitions : sequence of Inhibition
        Tried in order.

    Examples
    --------
    >>> inhibitor = Inhibitor(BUILT_IN)
    >>> inhibitor.fires("1f", {"rule": "no_data", "host": "web-1"})
    >>> inhibitor.holding({"rule": "high_cpu", "host": "web-1"})
    ('silent_host', '1f')
    >>> inhibitor.holding({"rule": "high_cpu", "host": "web-2"}) is None
    True
    """

    def __init__(self, inhibitions: Sequence[Inhibition]) -> None:
        self._inhibitions = tuple(inhibitions)
        # by inhibition and the values that are equal: ids of the sources that are no target as well, and of
        # those that are both
        self._sources: dict[tuple[int, tuple[str, ...]], tuple[dict[str, None], dict[str, None]]]
        self._sources = defaultdict(lambda: ({}, {}))
        self._of_rule: dict[str, list[tuple[int, Inhibition]]] = {}

    def fires(self, alert_id: str, labels: Mapping[str, str]) -> None:
        """Take note of an alert that fires."""
        for index, inhibition in self._may_fire_by(labels.get("rule", "")):
            if inhibition.source.accept(labels):
                both = inhibition.target.accept(labels)
                self._sources[index, _values(inhibition, labels)][both][alert_id] = None

    def ended(self, alert_id: str, labels: Mapping[str, str]) -> None:
        """Forget an alert that fires no more."""
        for index, inhibition in self._may_fire_by(labels.get("rule", "")):
            key = (index, _values(inhibition, labels))
            if key in self._sources:
                for ids in self._sources[key]:
                    ids.pop(alert_id, None)
                if not any(self._sources[key]):
                    del self._sources[key]

    def _may_fire_by(self, rule: str) -> list[tuple[int, Inhibition]]:
        """Return the inhibitions whose source can be of a rule: in a storm, most alerts are of none."""
        if rule not in self._of_rule:
            self._of_rule[rule] = [
                (index, inhibition)
                for index, inhibition in enumerate(self._inhibitions)
                if inhibition.source.may_accept({"rule": rule})
            ]
        return self._of_rule[rule]

    def holding(self, labels: Mapping[str, str]) -> tuple[str, str] | None:
        """Return the name of the inhibition that holds an alert back, and the id of its source; else None.

        An alert that is both source and target is held back by none that is both too: so not by itself, and
        no two hold each other back for ever.
        """
        for index, inhibition in enumerate(self._inhibitions):
            sources = self._sources.get((index, _values(inhibition, labels)))
            if sources is None or not inhibition.target.accept(labels):
                continue
            sources_only, both = sources
            found = next(iter(sources_only), None)
            if found is None and not inhibition.source.accept(labels):
                found = next(iter(both), None)
            if found is not None:
                return inhibition.name, found
        return None


def _values(inhibition: Inhibition, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in inhibition.equal)
