"""Distances between two sets of counts over the same bins. Each knows counts and nothing else.

All take whole or fractional counts (or shares) that are zero or more; only the shares matter, except where a
prior is stated. All are 0 when both sides have the same shares, and above 0 in two samples of the same
distribution: by how much depends on bins and rows, so none of them is a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from numpy.typing import ArrayLike

from mirante.stats.distances.shares import hellinger, jensenshannon, kl, l_infinity, psi, total_variation
from mirante.stats.distances.transport import wasserstein, wasserstein_binned

__all__ = [
    "DISTANCES",
    "hellinger",
    "jensenshannon",
    "kl",
    "l_infinity",
    "psi",
    "total_variation",
    "wasserstein",
    "wasserstein_binned",
]

# wasserstein is not among them: it needs to know where the bins lie
DISTANCES: Mapping[str, Callable[[ArrayLike, ArrayLike], float]] = MappingProxyType(
    {
        "psi": psi,
        "kl": kl,
        "jensenshannon": jensenshannon,
        "hellinger": hellinger,
        "total_variation": total_variation,
        "l_infinity": l_infinity,
    }
)
