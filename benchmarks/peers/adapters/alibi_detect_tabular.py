"""alibi-detect's ``TabularDrift`` with its defaults: KS and chi-squared.

A column is flagged where its own p < 0.05; the table by the tool's own decision (Bonferroni at 0.05). Rows
with a missing value are dropped, since NaN makes p NaN, which counts as no drift.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from alibi_detect.cd import TabularDrift

from adapters.flags import Check, Columns, Flags

DISTRIBUTION = "alibi-detect"
_LEVEL = 0.05


def prepare(reference: pd.DataFrame, columns: Columns, _mode: str) -> Check:
    """Return the check against a reference that the detector holds as a matrix."""
    levels = {name: sorted(reference[name].dropna().unique()) for name in columns.categorical}

    def matrix(frame: pd.DataFrame) -> np.ndarray:
        made = np.empty((len(frame), len(columns.names)))
        for place, name in enumerate(columns.names):
            known = levels.get(name)
            made[:, place] = frame[name] if known is None else pd.Categorical(frame[name], known).codes
        return made[~np.isnan(made).any(axis=1)]

    places = range(len(columns.numeric), len(columns.names))
    detector = TabularDrift(
        matrix(reference), p_val=_LEVEL, categories_per_feature=dict.fromkeys(places) or None
    )

    def check(current: pd.DataFrame) -> Flags:
        answer = detector.predict(matrix(current), drift_type="batch", return_distance=False)["data"]
        p_values = zip(columns.names, answer["p_val"], strict=True)
        return Flags(tuple(name for name, p_value in p_values if p_value < _LEVEL), bool(answer["is_drift"]))

    return check
