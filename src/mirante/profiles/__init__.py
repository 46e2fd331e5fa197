"""Profiles: mergeable summaries of tables, counted at a baseline's own edges."""

from __future__ import annotations

from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.numeric import NumericProfile
from mirante.profiles.table import TableProfile

__all__ = ["CategoricalProfile", "NumericProfile", "TableProfile"]
