"""The plain loop: a KS test for each numeric column, chi-squared for each text column, p < 0.05.

The table drifted where any p is below 0.05 over the number of columns. Missing values are dropped, since they
would make p NaN.
"""

from __future__ import annotations

import pandas as pd
from scipy import stats

from adapters.flags import Check, Columns, Flags

DISTRIBUTION = "scipy"
_LEVEL = 0.05


def _chi_squared(reference: pd.Series, current: pd.Series) -> float:
    counts = pd.concat([reference.value_counts(), current.value_counts()], axis=1).fillna(0).to_numpy()
    return float(stats.chi2_contingency(counts).pvalue) if len(counts) > 1 else 1.0


def prepare(reference: pd.DataFrame, columns: Columns, _mode: str) -> Check:
    """Return the check against a reference, with nothing done beforehand."""

    def check(current: pd.DataFrame) -> Flags:
        found = {}
        for name in columns.numeric:
            sides = [frame[name].to_numpy() for frame in (reference, current)]
            found[name] = stats.ks_2samp(*(side[side == side] for side in sides)).pvalue
        for name in columns.categorical:
            found[name] = _chi_squared(reference[name], current[name])
        flagged = tuple(name for name, p_value in found.items() if p_value < _LEVEL)
        return Flags(flagged, any(p_value < _LEVEL / len(found) for p_value in found.values()))

    return check
