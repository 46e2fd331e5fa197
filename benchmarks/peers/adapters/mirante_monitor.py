"""Mirante: the baseline's profile; the current table counted like it and judged by a new ``DriftMonitor``."""

from __future__ import annotations

import pandas as pd

from adapters.flags import Check, Columns, Flags
from mirante.drift.monitor import DriftMonitor
from mirante.profiles.table import TableProfile

DISTRIBUTION = "mirante"


def prepare(reference: pd.DataFrame, columns: Columns, _mode: str) -> Check:
    """Return the check against the profile of a reference."""
    baseline = TableProfile.of(reference, columns=columns.names)

    def check(current: pd.DataFrame) -> Flags:
        profile = TableProfile.of(current, like=baseline)
        verdict = DriftMonitor(baseline, alarm_budget="1 in 100 windows").update(profile)
        return Flags(verdict.drifted_columns, verdict.drifted)

    return check
