"""Samples for the two-sample tests: plain, with repeated values, with infinities."""

import numpy as np
from hypothesis import strategies as st

__all__ = ["TIED", "UNTIED", "VALUES", "cell_counts"]

VALUES = st.integers(-3, 3) | st.floats(-5, 5) | st.sampled_from([np.inf, -np.inf, 0.0, -0.0])
TIED = st.tuples(st.lists(VALUES, min_size=1, max_size=40), st.lists(VALUES, min_size=1, max_size=40))
"""Two samples that may repeat values, within and between them."""


def _cut(pooled: list[float], share: float) -> tuple[list[float], list[float]]:
    first = min(max(1, round(share * len(pooled))), len(pooled) - 1)
    return pooled[:first], pooled[first:]


UNTIED = st.builds(
    _cut,
    st.lists(st.floats(allow_nan=False), min_size=2, max_size=60, unique=True),
    st.floats(0, 1),
)
"""Two samples in which no value occurs twice."""


def cell_counts(reference, current):
    """Count two samples over their distinct values, each with an empty cell before it."""
    cells = np.unique(np.r_[reference, current])
    sides = []
    for values in (reference, current):
        counts = np.zeros(2 * cells.size + 1, np.int64)
        np.add.at(counts, 2 * np.searchsorted(cells, values) + 1, 1)
        sides.append(counts)
    return sides
