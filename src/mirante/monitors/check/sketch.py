"""A column's two distributions in a few bars."""

from __future__ import annotations

import numpy as np

from mirante.monitors.check.result import Sketch
from mirante.profiles import CategoricalProfile, NumericProfile

__all__ = ["sketch_of"]

_BARS = 24
_LEVELS = 8
_TAIL = 0.005  # beyond these quantiles of either side nothing is drawn, or one outlier would flatten all


def sketch_of(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> Sketch:
    """Return the shares of a column's values in a few bars, the same for both tables.

    Parameters
    ----------
    reference, current : NumericProfile or CategoricalProfile
        Counted at the same edges or levels.

    Returns
    -------
    Sketch
        24 ranges of numbers, or the 8 levels that are most frequent on either side and the rest; none where
        a side has no values.

    Examples
    --------
    >>> base = NumericProfile.of("x", np.array([0.0, 1.0, 2.0]))
    >>> sketch = sketch_of(base, base)
    >>> len(sketch.bars), round(sum(sketch.reference), 6)
    (24, 1.0)
    """
    if not (reference.n and current.n):
        return Sketch((), (), ())
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        return _of_numbers(reference, current)
    if isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        return _of_levels(reference, current)
    return Sketch((), (), ())


def _of_numbers(reference: NumericProfile, current: NumericProfile) -> Sketch:
    low = min(one.quantile(_TAIL) for one in (reference, current))
    high = max(one.quantile(1.0 - _TAIL) for one in (reference, current))
    if not (np.isfinite(low) and np.isfinite(high)):
        return Sketch((), (), ())
    if not high > low:
        around = max(abs(low) * 1e-3, 0.5)
        low, high = low - around, high + around
    walls = 2.0 * np.linspace(low / 2, high / 2, _BARS + 1)  # the width may be more than a float holds
    shares = [tuple((one.histogram(walls)[1] / one.n).tolist()) for one in (reference, current)]
    return Sketch(("",) * _BARS, shares[0], shares[1], float(low), float(high))


def _of_levels(reference: CategoricalProfile, current: CategoricalProfile) -> Sketch:
    before, after = reference.counts / reference.n, current.counts / current.n
    top = np.argsort(-np.maximum(before, after), kind="stable")[:_LEVELS]
    top = top[np.argsort(-before[top], kind="stable")]
    rest = (1.0 - float(before[top].sum()), 1.0 - float(after[top].sum()))
    bars = [reference.levels[place] for place in top]
    shares = [before[top].tolist(), after[top].tolist()]
    if (
        1e-9 < max(rest) <= 2.0 * float(np.maximum(before, after).max())
    ):  # a larger one would flatten the rest
        bars.append("…")
        for share, left in zip(shares, rest, strict=True):
            share.append(max(left, 0.0))
    return Sketch(tuple(bars), tuple(shares[0]), tuple(shares[1]))
