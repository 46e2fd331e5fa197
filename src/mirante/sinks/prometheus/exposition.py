"""Prometheus' text format: the newest readings, alerts, notices, and the reference API's counters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mirante.readings import READINGS, Reading
from mirante.sinks.prometheus.alerting import Alerting
from mirante.sinks.prometheus.metrics import LATENCY, PREDICTIONS, collectors_in
from mirante.store import Store

__all__ = ["render"]

_BAD_IN_NAME = re.compile(r"[^a-zA-Z0-9_:]")
_BAD_IN_LABEL = re.compile(r"[^a-zA-Z0-9_]")


class _Readings(Collector):
    """The newest readings as Prometheus' metric families, and which subjects have more than are there."""

    def __init__(self, store: Store, most: int) -> None:
        self._readings = store.readings.latest(most=most)
        counts = store.readings.series_counts()
        self._left_out = {subject: count - most for subject, count in counts.items() if count > most}
        self._most = most

    def collect(self) -> Iterator[Metric]:
        families: dict[str, dict[tuple[tuple[str, str], ...], Reading]] = {}
        for reading in self._readings:
            name = _metric_name(reading.name)
            if name in {PREDICTIONS, LATENCY}:
                continue
            # names that differ only in what Prometheus refuses become one series, and a series may be
            # there once
            labels = tuple(sorted((_label_name(label), value) for label, value in reading.key[1]))
            samples = families.setdefault(name, {})
            if labels not in samples or samples[labels].time < reading.time:
                samples[labels] = reading
        for name in sorted(families):
            yield _family(name, families[name])
        if self._left_out:
            yield _left_out(self._left_out, self._most)


def _family(name: str, samples: Mapping[tuple[tuple[str, str], ...], Reading]) -> Metric:
    known = READINGS.get(name)
    text = f"{known.help} ({known.unit})" if known else f"The reading {name}"
    names = sorted({label for labels in samples for label, _ in labels})
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    family = kind(name, text, labels=names)
    for labels, reading in samples.items():
        given = dict(labels)
        family.add_metric([given.get(label, "") for label in names], reading.value)
    return family


def _left_out(counts: Mapping[str, int], most: int) -> Metric:
    text = f"Series of a subject that are not here, since it has more than {most}"
    family = GaugeMetricFamily("mirante_series_left_out", text, labels=["subject"])
    for subject, count in sorted(counts.items()):
        family.add_metric([subject], count)
    return family


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


def render(store: Store, *, registry: CollectorRegistry = REGISTRY, most_series: int = 20_000) -> bytes:
    """Return Prometheus' text format: readings, alerts, notices, and the reference API's counters.

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

    Returns
    -------
    bytes
        UTF-8, content type ``text/plain; version=0.0.4; charset=utf-8``. Readings carry no time, as
        Prometheus refuses old ones.
    """
    together = CollectorRegistry()
    together.register(_Readings(store, most_series))
    together.register(Alerting(store.alerts.open(), store.outbox.tally()))
    for collector in collectors_in(registry):
        together.register(collector)
    return generate_latest(together)
