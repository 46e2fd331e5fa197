"""whylogs: both tables logged, ``calculate_drift_scores`` with its defaults.

A column is flagged where its category is DRIFT (p < 0.05, the KS test read off sketches); the table where any
column is.
"""

from __future__ import annotations

import pandas as pd
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

from adapters.flags import Check, Columns, Flags

DISTRIBUTION = "whylogs"


def prepare(reference: pd.DataFrame, columns: Columns, _mode: str) -> Check:
    """Return the check against the profile of a reference."""
    names = list(columns.names)
    base = whylogs.log(reference[names]).view()

    def check(current: pd.DataFrame) -> Flags:
        view = whylogs.log(current[names]).view()
        scores = calculate_drift_scores(target_view=view, reference_view=base, with_thresholds=True)
        drifted = tuple(name for name in names if (scores.get(name) or {}).get("drift_category") == "DRIFT")
        return Flags(drifted, bool(drifted))

    return check
