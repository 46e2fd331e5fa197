"""Load, swap, disk traffic and network faults of the whole machine."""

from __future__ import annotations

from collections.abc import Iterator

import psutil

from mirante.sources.host.figure import Figure

__all__ = ["machine_figures"]


def machine_figures() -> Iterator[Figure]:
    """Give what the kernel counts for the machine as a whole; what it does not have is left out.

    Examples
    --------
    >>> {figure.name for figure in machine_figures()} >= {"system_cpus", "system_swap_percent"}
    True
    """
    yield Figure("system_cpus", psutil.cpu_count() or 1)
    for minutes, load in zip((1, 5, 15), psutil.getloadavg(), strict=True):
        yield Figure(f"system_load{minutes}", load)
    yield Figure("system_swap_percent", psutil.swap_memory().percent)
    disks = psutil.disk_io_counters()  # None where there is no disk, as in some containers
    if disks is not None:
        yield Figure("system_disk_read_bytes_total", disks.read_bytes)
        yield Figure("system_disk_written_bytes_total", disks.write_bytes)
    network = psutil.net_io_counters()
    if network is not None:
        yield Figure("system_network_errors_total", network.errin + network.errout)
        yield Figure("system_network_dropped_total", network.dropin + network.dropout)
