"""The answers of both sides as one table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CPU_SHARE", "Row", "as_markdown", "rows_of"]

CPU_SHARE = 0.2  # of NannyML's CPU seconds: the bar
_RESAMPLES = 10_000
_ROUNDING = 1e-12  # a difference that is no larger is one of floating point


class Row(NamedTuple):
    """One measure of one case: mean absolute errors, chunks in the band, chunks called bad, CPU seconds."""

    case: str
    measure: str
    chunks: int
    error: float
    their_error: float
    inside: int
    their_inside: int
    beyond: int
    their_beyond: int
    seconds: float
    their_seconds: float
    low: float  # 95 % interval of the difference of the errors, ours less theirs
    high: float

    @property
    def met(self) -> bool:
        """Whether the bars are met."""
        return (self.error <= self.their_error or self.low <= _ROUNDING) and (
            self.seconds <= CPU_SHARE * self.their_seconds
        )

    @property
    def verdict(self) -> str:
        """Say it, and where only chance keeps the errors apart, that too."""
        if not self.met:
            return "MISSED"
        return "met" if self.error <= self.their_error else "met (not told apart)"


def rows_of(case: str, ours: dict[str, Any], theirs: dict[str, Any]) -> list[Row]:
    """Return a row for each measure; chunks in which a measure does not exist are left out on both sides."""
    rows = []
    for measure, truth in ours["truth"].items():
        mine, peer = ours["found"][measure], theirs["found"][measure]
        if len(truth) != len(peer["value"]):
            raise ValueError(f"{case}: NannyML made {len(peer['value'])} chunks and Mirante {len(truth)}")
        known = [
            place
            for place, value in enumerate(truth)
            if math.isfinite(value)
            and math.isfinite(mine["value"][place])
            and math.isfinite(peer["value"][place])
        ]
        inside, beyond = [], []
        apart = np.array([[abs(side["value"][at] - truth[at]) for at in known] for side in (mine, peer)])
        errors = [float(np.mean(side)) for side in apart]
        for side in (mine, peer):
            inside.append(sum(side["lower"][at] <= truth[at] <= side["upper"][at] for at in known))
            beyond.append(int(sum(side["beyond"][at] for at in known)))
        rows.append(
            Row(
                case,
                measure,
                len(known),
                *errors,
                *inside,
                *beyond,
                ours["seconds"],
                theirs["seconds"],
                *_interval(apart[0] - apart[1]),
            )
        )
    return rows


def _interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the mean difference of chunks: they are drawn again, with replacement."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(differences), (_RESAMPLES, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def as_markdown(rows: Sequence[Row], peer: str) -> str:
    """Return the table, ours first in each pair."""
    lines = [
        f"Mirante / {peer}. Mean absolute error of the estimate, chunk by chunk; the interval of its "
        "difference (paired bootstrap over the chunks; below 0 Mirante's is the smaller); chunks whose "
        "realised measure lay in the band; chunks whose estimate was beyond the threshold (NannyML's is "
        "two-sided); CPU seconds of fitting and estimating, and their ratio.",
        "",
        "| data | measure | chunks | error | difference, 95 % | in band | beyond | CPU s | ratio | bars |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        digits = ".5f" if row.their_error < 1 else ".2f"
        lines.append(
            f"| {row.case} | {row.measure} | {row.chunks} "
            f"| {row.error:{digits}} / {row.their_error:{digits}} | {row.low:+.1e} to {row.high:+.1e} "
            f"| {row.inside} / {row.their_inside} | {row.beyond} / {row.their_beyond} "
            f"| {row.seconds:.3f} / {row.their_seconds:.2f} | {row.seconds / row.their_seconds:.2f} "
            f"| {row.verdict} |"
        )
    return "\n".join(lines)
