"""Tables in files: read in batches, counted in memory that stays flat."""

from __future__ import annotations

from mirante.sources.tables.opening import TableFile, open_table
from mirante.sources.tables.profiling import profile_file, profile_path

__all__ = ["TableFile", "open_table", "profile_file", "profile_path"]
