"""Limits of data quality, taken from the baseline: ranges, categories, copies, rows of a window, silence."""

from mirante.monitors.limits.duplicates import DistinctRows, row_hashes
from mirante.monitors.limits.judging import LimitFinding, LimitsJudge, limit_readings
from mirante.monitors.limits.learning import QualityLimits
from mirante.monitors.limits.silence import Silence

__all__ = [
    "DistinctRows",
    "LimitFinding",
    "LimitsJudge",
    "QualityLimits",
    "Silence",
    "limit_readings",
    "row_hashes",
]
