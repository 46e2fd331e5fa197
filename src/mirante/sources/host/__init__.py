"""The host that we run on: what it does as a whole, its file systems, its limits, its GPUs, its processes."""

from __future__ import annotations

from mirante.sources.host.monitor import SystemMonitor
from mirante.sources.host.source import HostSource
from mirante.sources.host.system import SystemMetrics

__all__ = ["HostSource", "SystemMetrics", "SystemMonitor"]
