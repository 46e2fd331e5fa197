"""A monitor led through the past: what it would have found is kept as history, and nobody is told."""

from mirante.app.backfill.result import Backfilled
from mirante.app.backfill.run import backfill

__all__ = ["Backfilled", "backfill"]
