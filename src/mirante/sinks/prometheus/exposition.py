"""Prometheus' text format: the newest readings, alerts, notices, and the reference API's counters."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mirante.garbage import without_collection
from mirante.readings import READINGS
from mirante.sinks.prometheus.alerting import Alerting
from mirante.sinks.prometheus.metrics import LATENCY, PREDICTIONS, collectors_in
from mirante.store import Store

__all__ = ["Exposition"]

_BAD_IN_NAME = re.compile(r"[^a-zA-Z0-9_:]")
_BAD_IN_LABEL = re.compile(r"[^a-zA-Z0-9_]")
# At a NUL Prometheus' reader gives the whole scrape up.
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\0": "\N{SYMBOL FOR NULL}"})
_FORGOTTEN = 10_000  # so many texts of series that are over are kept, beside as many as go on
_NUMBERS = {"None": "NaN", "nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


class Exposition:
    """Writes what a store holds for Prometheus, again and again.

    Of a series only the number changes, so the text before it is made once and kept: about 150 bytes for each
    series. Those of runs come and go with the runs, and Prometheus remembers each of them: of these only so
    many are there.

    Parameters
    ----------
    store : Store
        Where readings, alerts and notices are.
    registry : prometheus_client.CollectorRegistry, optional
        Where `MLflowMetrics` of this process registered its metrics; prometheus_client's default if not
        given.
    most_series : int
        So many series of one subject, those that come first by name and labels; the gauge
        ``mirante_series_left_out`` counts the rest.
    most_of_runs : int
        So many series of single runs (those with a label ``run_id``), the newest; the same gauge counts the
        rest under the subject ``runs``.
    """

    def __init__(
        self,
        store: Store,
        *,
        registry: CollectorRegistry = REGISTRY,
        most_series: int = 20_000,
        most_of_runs: int = 2_000,
    ) -> None:
        self._store, self._registry, self._most = store, registry, most_series
        self._most_of_runs, self._runs_left_out = most_of_runs, 0
        self._of_runs: set[int] = set()
        self._known: set[int] = set()
        # By family, in the order in which they are written: the text before a number, and whose number it is.
        self._families: dict[str, dict[str, int]] = {}
        # Names that differ only in what Prometheus refuses become one series, and a series may be there once.
        self._twins: dict[int, int] = {}
        self._lock = threading.Lock()

    def render(self) -> bytes:
        """Return Prometheus' text format: readings, alerts, notices, and the reference API's counters.

        Returns
        -------
        bytes
            UTF-8, content type ``text/plain; version=0.0.4; charset=utf-8``. Readings carry no time, as
            Prometheus refuses old ones.
        """
        with self._lock:  # two scrapes at once would take twice the memory, and make each text twice
            readings = b"".join(self._written(self._newest()))
            runs_left_out = self._runs_left_out
        counts = self._store.readings.series_counts()
        left_out = {subject: count - self._most for subject, count in counts.items()}
        others = CollectorRegistry()
        others.register(_LeftOut(left_out | {"runs": runs_left_out}))
        others.register(Alerting(self._store.alerts.open(), self._store.outbox.tally()))
        for collector in collectors_in(self._registry):
            others.register(collector)
        return readings + generate_latest(others).replace(b"\0", "\N{SYMBOL FOR NULL}".encode())

    def _newest(self) -> dict[int, Any]:
        """Return the newest row of each series that is shown, after their texts are known."""
        rows = {row[0]: row for row in self._store.readings.newest(most=self._most)}
        if len(self._known) > 2 * len(rows) + _FORGOTTEN:
            self._forget()
        new = [id_ for id_ in rows if id_ not in self._known]
        if new:
            with without_collection():
                self._learn(new)
        runs = sorted(self._of_runs & rows.keys())
        for id_ in runs[: -self._most_of_runs]:
            del rows[id_]
        self._runs_left_out = max(0, len(runs) - self._most_of_runs)
        for twin, shown in self._twins.items():
            if twin in rows and (shown not in rows or rows[shown].micros < rows[twin].micros):
                rows[shown] = rows[twin]
        return rows

    def _forget(self) -> None:
        """Forget the texts of series, most of which are over; those that go on are learnt again."""
        self._known, self._of_runs, self._families, self._twins = set(), set(), {}, {}

    def _learn(self, ids: Collection[int]) -> None:
        """Make the texts of series, and put them in their places."""
        grown: set[str] = set()
        for id_, name, labels in self._store.readings.names_of(ids):
            family = _metric_name(name)
            if family in {PREDICTIONS, LATENCY}:
                continue
            if "run_id" in labels:
                self._of_runs.add(id_)
            text = _before_number(family, labels)
            shown = self._families.setdefault(family, {}).setdefault(text, id_)
            if shown != id_:
                self._twins[id_] = shown
            grown.add(family)
        for family in grown:
            self._families[family] = dict(sorted(self._families[family].items()))
        self._families = dict(sorted(self._families.items()))
        self._known.update(ids)

    def _written(self, rows: Mapping[int, Any]) -> Iterator[bytes]:
        for family, samples in self._families.items():
            lines = [
                f"{text}{_NUMBERS.get(number := repr(rows[id_].number), number)}\n"
                for text, id_ in samples.items()
                if id_ in rows
            ]
            if lines:
                yield _head(family).encode()
                yield "".join(lines).encode()


class _LeftOut(Collector):
    """Which subjects have more series than are there."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = {subject: count for subject, count in counts.items() if count > 0}

    def collect(self) -> Iterator[Metric]:
        if self._counts:
            text = "Series of a subject that are not here, since it has too many"
            family = GaugeMetricFamily("mirante_series_left_out", text, labels=["subject"])
            for subject, count in sorted(self._counts.items()):
                family.add_metric([subject], count)
            yield family


def _head(family: str) -> str:
    known = READINGS.get(family)
    text = f"{known.help} ({known.unit})" if known else f"The reading {family}"
    kind = "counter" if family.endswith("_total") else "gauge"
    return f"# HELP {family} {text}\n# TYPE {family} {kind}\n"


def _before_number(family: str, labels: Mapping[str, str]) -> str:
    # An empty label is none for Prometheus.
    clean = {_label_name(label): value for label, value in labels.items() if value}
    parts = ",".join([f'{label}="{clean[label].translate(_ESCAPES)}"' for label in sorted(clean)])
    text = f"{family}{{{parts}}} " if parts else f"{family} "
    return text if text.isascii() else text.encode("utf-8", "replace").decode()  # a surrogate has no UTF-8


@lru_cache(maxsize=10_000)
def _metric_name(name: str) -> str:
    clean = _BAD_IN_NAME.sub("_", name)
    return clean if clean and not clean[0].isdigit() else f"_{clean}"


@lru_cache(maxsize=10_000)
def _label_name(label: str) -> str:
    clean = _BAD_IN_LABEL.sub("_", label)
    if not clean or clean[0].isdigit():
        clean = f"_{clean}"
    return re.sub(r"^__+", "_", clean)  # two underscores in front are Prometheus' own
