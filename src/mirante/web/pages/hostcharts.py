"""The charts of a host, in groups; what is not there is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.i18n import Translator, translator
from mirante.web.pages.charts import Chart, chart_of, thinned_series
from mirante.web.pages.query import Query, TimeRange

if TYPE_CHECKING:
    from mirante.store import Series, Store

__all__ = ["ChartGroup", "host_charts"]

_MOST_LINES = 8


@dataclass(frozen=True, slots=True)
class ChartGroup:
    """Charts under one heading; a page with one group has none."""

    title: str
    charts: list[Chart]


def host_charts(
    store: Store, subject: str, span: TimeRange, marks: Sequence[Any], query: Query
) -> list[ChartGroup]:
    """Return a host's charts.

    Parameters
    ----------
    store : Store
        Where its readings are.
    subject : str
        The host.
    span : TimeRange
        The stretch.
    marks : sequence
        Events and alerts, on each chart.
    query : Query
        Gives the language.
    """
    _ = translator(query.locale)
    found: dict[str, list[Series]] = {}
    for one in thinned_series(store, subject, _NAMES, span):
        found.setdefault(one.name, []).append(one)
    drawing = _Drawing(found, marks, query)
    groups = (
        ChartGroup(_("CPU and memory"), _whole(drawing, _)),
        ChartGroup(_("Disks"), _disks(drawing, _)),
        ChartGroup(_("Network"), _network(drawing, _)),
        ChartGroup(_("Container"), _container(drawing, _)),
        ChartGroup("GPU", _gpus(drawing, _)),
    )
    return [group for group in groups if group.charts]


_NAMES = (
    *("system_cpu_percent", "system_memory_percent", "system_disk_percent", "system_swap_percent"),
    *("system_load1", "system_load5", "system_load15", "system_cpus", "system_processes"),
    *("system_disk_read_bytes_total", "system_disk_written_bytes_total", "system_mount_percent"),
    *("system_network_sent_bytes_total", "system_network_received_bytes_total"),
    *("system_network_errors_total", "system_network_dropped_total"),
    *("system_container_cpu_percent", "system_container_memory_percent"),
    "system_container_throttled_seconds_total",
    *("system_gpu_percent", "system_gpu_memory_percent"),
    *("system_gpu_temperature_celsius", "system_gpu_power_watts"),
)


class _Drawing:
    """Makes charts of the series of one host."""

    def __init__(self, found: Mapping[str, list[Series]], marks: Sequence[Any], query: Query) -> None:
        from mirante.views.figures import draw_marks

        self.found, self._query = found, query
        self._marks = draw_marks(marks, locale=query.locale)

    def lines(self, names: Mapping[str, str], *, rate: bool = False) -> list[Any]:
        """Return the series of some readings as lines with names for people."""
        lines = []
        for name, text in names.items():
            for one in sorted(self.found.get(name, ()), key=lambda s: sorted(s.labels.items())):
                line = _line(one, text, rate=rate)
                if line is not None:
                    lines.append(line)
        return lines[:_MOST_LINES]

    def chart(
        self,
        key: str,
        title: str,
        lines: Sequence[Any],
        unit: str,
        *,
        limits: Mapping[str, float] | None = None,
    ) -> list[Chart]:
        """Return one chart, or none where there is nothing to draw."""
        from mirante.views.figures import metric_draft

        if not lines:
            return []
        draft = metric_draft(
            lines,
            title=title,
            unit=unit,
            events=self._marks,
            thresholds=limits or {},
            zero=True,
            locale=self._query.locale,
        )
        return [chart_of(key, title, draft)]


def _whole(drawing: _Drawing, _: Translator) -> list[Chart]:
    used = {
        "system_cpu_percent": _("CPU"),
        "system_memory_percent": _("memory"),
        "system_disk_percent": _("disk"),
    }
    swap = drawing.lines({"system_swap_percent": _("swap")})
    load = {
        "system_load1": _("1 minute"),
        "system_load5": _("5 minutes"),
        "system_load15": _("15 minutes"),
    }
    cores = drawing.found.get("system_cpus", ())
    limits = {_("cores"): float(one.values[-1]) for one in cores}
    return [
        *drawing.chart("usage", _("In use"), drawing.lines(used) + _lively(swap), "percent"),
        *drawing.chart("load", _("Load"), drawing.lines(load), "", limits=limits),
        *drawing.chart("processes", _("Processes"), drawing.lines({"system_processes": _("processes")}), ""),
    ]


def _disks(drawing: _Drawing, _: Translator) -> list[Chart]:
    traffic = {
        "system_disk_read_bytes_total": _("read"),
        "system_disk_written_bytes_total": _("written"),
    }
    return [
        *drawing.chart(
            "mounts", _("File systems in use"), drawing.lines({"system_mount_percent": ""}), "percent"
        ),
        *drawing.chart("disk_traffic", _("Disk traffic"), drawing.lines(traffic, rate=True), "bytes/s"),
    ]


def _network(drawing: _Drawing, _: Translator) -> list[Chart]:
    traffic = {
        "system_network_sent_bytes_total": _("sent"),
        "system_network_received_bytes_total": _("received"),
    }
    faults = {
        "system_network_errors_total": _("errors"),
        "system_network_dropped_total": _("dropped"),
    }
    return [
        *drawing.chart("network", _("Network traffic"), drawing.lines(traffic, rate=True), "bytes/s"),
        *drawing.chart(
            "network_faults",
            _("Network faults"),
            _lively(drawing.lines(faults, rate=True)),
            _("packets per second"),
        ),
    ]


def _container(drawing: _Drawing, _: Translator) -> list[Chart]:
    used = {"system_container_cpu_percent": _("CPU"), "system_container_memory_percent": _("memory")}
    held = {"system_container_throttled_seconds_total": _("held back")}
    return [
        *drawing.chart("container", _("In use, of the container's limits"), drawing.lines(used), "percent"),
        *drawing.chart(
            "throttled",
            _("Held back by the CPU limit"),
            _lively(drawing.lines(held, rate=True)),
            _("seconds per second"),
        ),
    ]


def _gpus(drawing: _Drawing, _: Translator) -> list[Chart]:
    used = {"system_gpu_percent": _("load"), "system_gpu_memory_percent": _("memory")}
    return [
        *drawing.chart("gpu", _("GPU in use"), drawing.lines(used), "percent"),
        *drawing.chart(
            "gpu_heat", _("Temperature"), drawing.lines({"system_gpu_temperature_celsius": "GPU"}), "°C"
        ),
        *drawing.chart("gpu_power", _("Power"), drawing.lines({"system_gpu_power_watts": "GPU"}), "W"),
    ]


def _line(one: Series, text: str, *, rate: bool) -> Any:
    """Return a series as a line; a counter as its rate per second, with a gap where the machine restarted."""
    from mirante.views.figures import Line

    which = one.labels.get("mount") or one.labels.get("gpu") or ""
    name = f"{text} {which}".strip()
    if not rate:
        return Line(name, one.times, one.values)
    if len(one.times) < 2:
        return None
    seconds = np.diff(one.times) / np.timedelta64(1, "s")
    steps = np.diff(one.values)
    return Line(name, one.times[1:], np.where(steps >= 0, steps, np.nan) / seconds)


def _lively(lines: Sequence[Any]) -> list[Any]:
    """Keep lines that are ever above zero: a chart of nothing says nothing."""
    return [line for line in lines if np.any(line.values > 0)]
