"""The monitor of one model version: it reads rows, fills windows, judges and measures them."""

from mirante.monitors.model.advance import Advance
from mirante.monitors.model.measuring import awaits_labels
from mirante.monitors.model.monitor import ModelMonitor, rows_cursor
from mirante.monitors.model.volume import VolumeMonitor, counted_until

__all__ = ["Advance", "ModelMonitor", "VolumeMonitor", "awaits_labels", "counted_until", "rows_cursor"]
