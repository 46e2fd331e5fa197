"""The threshold from the baseline's own scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_SCORES", "contamination_offset", "score_sample", "threshold_at"]

MOST_SCORES = 10_001  # of the baseline that are kept for calibration

Floats = NDArray[np.float64]


def score_sample(scores: Floats) -> Floats:
    """Return scores in ascending order, thinned evenly where there are more than 10,001.

    Examples
    --------
    >>> score_sample(np.array([-0.4, -0.6, -0.5])).tolist()
    [-0.6, -0.5, -0.4]
    """
    ranked = np.sort(scores)
    places = np.linspace(0, len(ranked) - 1, min(len(ranked), MOST_SCORES)).round().astype(np.intp)
    return ranked[places]


def threshold_at(sample: Floats, share: float) -> float:
    """Return the score below which a share of new rows like the baseline's is expected.

    Parameters
    ----------
    sample : ndarray of float64, shape (n,)
        From `score_sample`.
    share : float
        0 to 1.

    Returns
    -------
    float
        The r-th smallest, with ``r = floor(share * (n + 1))`` and at least 1: a new row lies below it with
        probability r / (n + 1), whatever the scores' distribution. With less than one row expected (share
        below 1 / (n + 1)) it is the smallest.

    Examples
    --------
    >>> threshold_at(np.arange(99.0), 0.1), threshold_at(np.arange(99.0), 0.0)
    (9.0, 0.0)
    """
    rank = int(share * (len(sample) + 1) + 1e-9)  # 0.29 * 100 is below 29
    return float(sample[min(max(rank, 1), len(sample)) - 1])


def contamination_offset(scores: Floats, contamination: float | str, *, auto: float) -> float:
    """Return the score below which rows are outliers, as ``IsolationForest.fit`` sets it.

    Parameters
    ----------
    scores : ndarray of float64
        Of the baseline.
    contamination : float or "auto"
        The share of them below the offset.
    auto : float
        The offset for "auto".

    Returns
    -------
    float

    Examples
    --------
    >>> contamination_offset(np.array([-0.7, -0.5, -0.4]), 0.5, auto=-0.5)
    -0.5
    """
    if contamination == "auto":
        return auto
    return float(np.percentile(scores, 100.0 * float(contamination)))
