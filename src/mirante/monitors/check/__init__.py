"""One table against another, once: for pipelines, notebooks and the command line."""

from __future__ import annotations

from mirante.monitors.check.result import CheckResult, ColumnCheck, TableFinding, TableSide
from mirante.monitors.check.run import check

__all__ = ["CheckResult", "ColumnCheck", "TableFinding", "TableSide", "check"]
