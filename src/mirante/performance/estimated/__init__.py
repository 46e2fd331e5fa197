"""Performance before labels arrive: estimated from what the model says, with bands and thresholds.

`PerformanceEstimator` is fitted to rows with labels; `confidence` (CBPE) serves classifiers that give
probabilities, `losses` (DLE) regressions and classifiers without them.
"""

from mirante.performance.estimated.estimator import LEAST_ROWS, PerformanceEstimator
from mirante.performance.estimated.figures import BAND, HIGHER_IS_BETTER, Estimate
from mirante.performance.estimated.portion import Portion

__all__ = ["BAND", "HIGHER_IS_BETTER", "LEAST_ROWS", "Estimate", "PerformanceEstimator", "Portion"]
