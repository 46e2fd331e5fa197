"""Realised performance: labels held against predictions by scikit-learn's measures, each with an interval.

Rows without a label or without a prediction (NaN, None) are left out. Nothing here warns: what cannot be
known is NaN, and `Realised.reasons` says why.
"""

from __future__ import annotations

from mirante.performance.realised.binary import classification
from mirante.performance.realised.classes import classes_said, classes_with_probabilities
from mirante.performance.realised.numbers import regression
from mirante.performance.realised.pairing import Pairs, pairs
from mirante.performance.realised.reliability import Bin, Reliability
from mirante.performance.realised.result import Realised

__all__ = [
    "Bin",
    "Pairs",
    "Realised",
    "Reliability",
    "classes_said",
    "classes_with_probabilities",
    "classification",
    "pairs",
    "regression",
]
