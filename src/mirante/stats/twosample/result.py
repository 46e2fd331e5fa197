"""What a two-sample test returns."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TwoSample"]


class TwoSample(NamedTuple):
    """A statistic, its p-value and, where the test has any, its degrees of freedom.

    Examples
    --------
    >>> TwoSample(0.25, 0.5).freedom
    0
    """

    statistic: float
    p_value: float
    freedom: int = 0
