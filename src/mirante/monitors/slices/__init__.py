"""Slices that people declare: parts of a model's rows that are judged and measured for themselves."""

from mirante.monitors.slices.declared import Slice
from mirante.monitors.slices.entry import Entry

__all__ = ["Entry", "Slice"]
