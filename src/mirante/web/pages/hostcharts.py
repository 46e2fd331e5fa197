"""The charts of a host, in groups; what is not there is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mirante.i18n import Translator, translator
from mirante.web.pages.charts import Chart, thinned_series
from mirante.web.pages.drawing import ChartGroup, Drawing, lively
from mirante.web.pages.query import Query, TimeRange

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["host_charts"]


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
    found = thinned_series(store, subject, _NAMES, span)
    drawing = Drawing(found, marks, query, lambda labels: labels.get("mount") or labels.get("gpu") or "")
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


def _whole(drawing: Drawing, _: Translator) -> list[Chart]:
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
        *drawing.chart("usage", _("In use"), drawing.lines(used) + lively(swap), "percent"),
        *drawing.chart("load", _("Load"), drawing.lines(load), "", limits=limits),
        *drawing.chart("processes", _("Processes"), drawing.lines({"system_processes": _("processes")}), ""),
    ]


def _disks(drawing: Drawing, _: Translator) -> list[Chart]:
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


def _network(drawing: Drawing, _: Translator) -> list[Chart]:
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
            lively(drawing.lines(faults, rate=True)),
            _("packets per second"),
        ),
    ]


def _container(drawing: Drawing, _: Translator) -> list[Chart]:
    used = {"system_container_cpu_percent": _("CPU"), "system_container_memory_percent": _("memory")}
    held = {"system_container_throttled_seconds_total": _("held back")}
    return [
        *drawing.chart("container", _("In use, of the container's limits"), drawing.lines(used), "percent"),
        *drawing.chart(
            "throttled",
            _("Held back by the CPU limit"),
            lively(drawing.lines(held, rate=True)),
            _("seconds per second"),
        ),
    ]


def _gpus(drawing: Drawing, _: Translator) -> list[Chart]:
    used = {"system_gpu_percent": _("load"), "system_gpu_memory_percent": _("memory")}
    return [
        *drawing.chart("gpu", _("GPU in use"), drawing.lines(used), "percent"),
        *drawing.chart(
            "gpu_heat", _("Temperature"), drawing.lines({"system_gpu_temperature_celsius": "GPU"}), "°C"
        ),
        *drawing.chart("gpu_power", _("Power"), drawing.lines({"system_gpu_power_watts": "GPU"}), "W"),
    ]
