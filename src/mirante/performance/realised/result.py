"""What labels say about predictions: measures, their intervals, and why some are unknown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from mirante.performance.realised.reliability import Reliability
from mirante.stats.intervals import Interval

__all__ = ["Realised", "Reason"]

Reason = Literal[
    "no_pairs",
    "one_class",
    "never_said",
    "never_true",
    "label_zero",
    "one_row",
    "not_finite",
    "too_many",
    "too_few",
]
"""Why a measure has no value: no row has label and prediction; only one class is there; the class was never
said, or never true; a label is 0; one row says nothing; a value is infinite; there are too many classes, or
too few rows."""


@dataclass(frozen=True, slots=True)
class Realised(Mapping[str, float]):
    """The measures of labelled predictions: a mapping of name to value.

    Parameters
    ----------
    intervals : mapping of str to Interval
        Of each measure: its value and the ends of its 95 % interval, NaN where they are unknown.
    rows : int
        How many had a label and a prediction.
    reasons : mapping of str to str
        For each measure without a value: a word of `Reason`.
    reliability : Reliability, optional
        What came true at which probability; None where the model gives none, and of fewer than 20 rows.

    Examples
    --------
    >>> found = Realised({"accuracy": Interval(0.9, 0.85, 0.94)}, 150)
    >>> found["accuracy"], found.intervals["accuracy"].upper
    (0.9, 0.94)
    """

    intervals: Mapping[str, Interval]
    rows: int
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    reliability: Reliability | None = None

    def __post_init__(self) -> None:
        known = {name: why for name, why in self.reasons.items() if math.isnan(self.intervals[name].value)}
        object.__setattr__(self, "intervals", MappingProxyType(dict(self.intervals)))
        object.__setattr__(self, "reasons", MappingProxyType(known))

    def __getitem__(self, name: str) -> float:
        return self.intervals[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.intervals)

    def __len__(self) -> int:
        return len(self.intervals)
