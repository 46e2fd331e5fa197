"""What a notebook reads: readings, windows and alerts as data frames, from a store or a running service."""

from __future__ import annotations

from mirante.client.connecting import connect
from mirante.client.labelling import label
from mirante.client.monitoring import Monitoring

__all__ = ["Monitoring", "connect", "label"]
