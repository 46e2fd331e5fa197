"""Two-sample tests, on raw values and on counts.

A plain name takes what its test is stated in: raw values for the tests of order (`ks`, `cramer_von_mises`,
`mann_whitney`), counts for the tests of levels (`chi2`, `g_test`, `z_proportions`). The other form says in
its name what it takes: ``…_counts`` for counts over the same ordered cells, ``…_values`` for raw values.
Counts are rows for each cell and never running, except in `ks_distance`. `TESTS` lists both forms of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from mirante.stats.twosample.cramer import cramer_von_mises, cramer_von_mises_counts
from mirante.stats.twosample.kolmogorov import kolmogorov_limit, kolmogorov_p, ks, ks_counts, ks_distance
from mirante.stats.twosample.levels import chi2, chi2_values, g_test, g_test_values, merge_rare, rare_p
from mirante.stats.twosample.proportions import z_proportions, z_proportions_values
from mirante.stats.twosample.ranks import (
    mann_whitney,
    mann_whitney_corrected,
    mann_whitney_counts,
    rank_skew,
    skew_corrected,
    superiority,
    tie_variance,
)
from mirante.stats.twosample.result import TwoSample

__all__ = [
    "TESTS",
    "Forms",
    "TwoSample",
    "chi2",
    "chi2_values",
    "cramer_von_mises",
    "cramer_von_mises_counts",
    "g_test",
    "g_test_values",
    "kolmogorov_limit",
    "kolmogorov_p",
    "ks",
    "ks_counts",
    "ks_distance",
    "mann_whitney",
    "mann_whitney_corrected",
    "mann_whitney_counts",
    "merge_rare",
    "rank_skew",
    "rare_p",
    "skew_corrected",
    "superiority",
    "tie_variance",
    "z_proportions",
    "z_proportions_values",
]


class Forms(NamedTuple):
    """The two forms of one test, and what holds for both.

    Parameters
    ----------
    values, counts : callable
        Take reference and current, and return a `TwoSample`.
    ordered : bool
        Whether the order of values or cells means something; otherwise they are levels.
    signed : bool
        Whether the statistic has a direction, so that exchanged sides change it. p is the same in any case.
    """

    values: Callable[[Any, Any], TwoSample]
    counts: Callable[[Any, Any], TwoSample]
    ordered: bool
    signed: bool


TESTS: Mapping[str, Forms] = MappingProxyType(
    {
        "ks": Forms(ks, ks_counts, ordered=True, signed=False),
        "cramer_von_mises": Forms(cramer_von_mises, cramer_von_mises_counts, ordered=True, signed=False),
        "mann_whitney": Forms(mann_whitney, mann_whitney_counts, ordered=True, signed=True),
        "chi2": Forms(chi2_values, chi2, ordered=False, signed=False),
        "g_test": Forms(g_test_values, g_test, ordered=False, signed=False),
        "z_proportions": Forms(z_proportions_values, z_proportions, ordered=False, signed=True),
    }
)
