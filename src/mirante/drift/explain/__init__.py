"""Why a window differs from its baseline: which columns moved, and in which slices of the rows."""

from mirante.drift.explain.explanation import explain
from mirante.drift.explain.findings import Contribution, Explanation, SliceFinding

__all__ = ["Contribution", "Explanation", "SliceFinding", "explain"]
