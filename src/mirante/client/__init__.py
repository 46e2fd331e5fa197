"""What a notebook uses: data frames of what is known, from a store or a service; frames that are judged."""

from __future__ import annotations

from mirante.client.connecting import connect
from mirante.client.judged import JudgedFrame
from mirante.client.judging import monitor
from mirante.client.labelling import label
from mirante.client.monitoring import Monitoring

__all__ = ["JudgedFrame", "Monitoring", "connect", "label", "monitor"]
