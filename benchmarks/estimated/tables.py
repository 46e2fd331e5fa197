"""The answers of both sides as one table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["CPU_SHARE", "Row", "as_markdown", "rows_of"]

CPU_SHARE = 0.2  # of NannyML's CPU seconds: the bar
_EQUAL = 1.005  # errors that differ by less are the same: both tools calibrate by isotonic regression


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

    @property
    def met(self) -> bool:
        """Whether the bars are met."""
        return self.error <= _EQUAL * self.their_error and self.seconds <= CPU_SHARE * self.their_seconds


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
        errors, inside, beyond = [], [], []
        for side in (mine, peer):
            errors.append(sum(abs(side["value"][at] - truth[at]) for at in known) / len(known))
            inside.append(sum(side["lower"][at] <= truth[at] <= side["upper"][at] for at in known))
            beyond.append(int(sum(side["beyond"][at] for at in known)))
        rows.append(
            Row(case, measure, len(known), *errors, *inside, *beyond, ours["seconds"], theirs["seconds"])
        )
    return rows


def as_markdown(rows: Sequence[Row], peer: str) -> str:
    """Return the table, ours first in each pair."""
    lines = [
        f"Mirante / {peer}. Mean absolute error of the estimate, chunk by chunk; chunks whose realised "
        "measure lay in the band; chunks whose estimate was beyond the threshold (NannyML's is two-sided); "
        "CPU seconds of fitting and estimating, and their ratio.",
        "",
        "| data | measure | chunks | error | in band | beyond | CPU s | ratio | bars |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        digits = ".5f" if row.their_error < 1 else ".2f"
        lines.append(
            f"| {row.case} | {row.measure} | {row.chunks} "
            f"| {row.error:{digits}} / {row.their_error:{digits}} "
            f"| {row.inside} / {row.their_inside} | {row.beyond} / {row.their_beyond} "
            f"| {row.seconds:.3f} / {row.their_seconds:.2f} | {row.seconds / row.their_seconds:.2f} "
            f"| {'met' if row.met else 'MISSED'} |"
        )
    return "\n".join(lines)
