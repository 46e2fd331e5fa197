"""Prometheus' text format: the newest reading of every series, and the reference API's counters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mirante.readings import READINGS, Reading
from mirante.sinks.prometheus.metrics import LATENCY, PREDICTIONS, collectors_in
from mirante.store import Store

__all__ = ["render"]

_BAD_IN_NAME = re.compile(r"[^a-zA-Z0-9_:]")
_BAD_IN_LABEL = re.compile(r"[^a-zA-Z0-9_]")


class _Readings(Collector):
    """The newest reading of every series, as Prometheus' metric families."""

    def __init__(self, readings: list[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        newest: dict[tuple[str, tuple[tuple[str, str], ...]], Reading] = {}
        for reading in self._readings:
            name = _metric_name(reading.name)
            if name in {PREDICTIONS, LATENCY}:
                continue
            # names that differ only in what Prometheus refuses become one series, and a series may be
            # there once
            key = name, tuple(sorted((_label_name(label), value) for label, value in reading.labels.items()))
            if key not in newest or newest[key].time < reading.time:
                newest[key] = reading
        families: dict[str, dict[tuple[tuple[str, str], ...], Reading]] = {}
        for (name, labels), reading in sorted(newest.items()):
            families.setdefault(name, {})[labels] = reading
        for name, samples in families.items():
            yield _family(name, samples)


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


def _metric_name(name: str) -> str:
    clean = _BAD_IN_NAME.sub("_", name)
    return clean if clean and not clean[0].isdigit() else f"_{clean}"


def _label_name(label: str) -> str:
    clean = _BAD_IN_LABEL.sub("_", label)
    if not clean or clean[0].isdigit():
        clean = f"_{clean}"
    return re.sub(r"^__+", "_", clean)  # two underscores in front are Prometheus' own


def render(store: Store, *, registry: CollectorRegistry = REGISTRY) -> bytes:
    """Return Prometheus' text format: the newest reading of every series, and the reference API's counters.

    Parameters
    ----------
    store : Store
        Where the readings are.
    registry : prometheus_client.CollectorRegistry, optional
        Where `MLflowMetrics` of this process registered its metrics; prometheus_client's default if not
        given.

    Returns
    -------
    bytes
        UTF-8, content type ``text/plain; version=0.0.4; charset=utf-8``. Readings carry no time, as
        Prometheus refuses old ones.
    """
    together = CollectorRegistry()
    together.register(_Readings(store.readings.latest()))
    for collector in collectors_in(registry):
        together.register(collector)
    return generate_latest(together)
