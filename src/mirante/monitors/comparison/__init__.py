"""Two versions of a model on the same rows: how far they agree, where they differ, and which is better."""

from __future__ import annotations

from mirante.monitors.comparison.answers import compare_answers
from mirante.monitors.comparison.result import Agreement, Comparison, Measure, Side, SliceGap

__all__ = ["Agreement", "Comparison", "Measure", "Side", "SliceGap", "compare_answers"]
