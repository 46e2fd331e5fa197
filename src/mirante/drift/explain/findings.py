"""What an explanation says: columns by their part of the shift, and the slices in which they moved."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from mirante.drift.words import figure, share
from mirante.notebook import html_result, html_table

__all__ = ["Contribution", "Explanation", "SliceFinding"]


@dataclass(frozen=True, slots=True)
class Contribution:
    """One column's part of the shift.

    Parameters
    ----------
    column : str
        Its name.
    kind : str
        ``numeric`` or ``categorical``.
    moved : bool
        Whether its values or its share of missing values moved by more than chance explains.
    divergence : float
        Jensen-Shannon divergence of its bins, missing values among them, in bits: 0 to 1; NaN when a side
        has no rows.
    chance : float
        What the divergence is on average when nothing has changed.
    contribution : float
        ``divergence - chance`` where the column moved, else 0: 0 to 1.
    weight : float
        Its importance; 1 when none was given.
    share : float
        Its part of the sum of all columns' ``weight * contribution``: 0 to 1.
    where : str
        The bin that contributes most, as a condition; empty when a side has no rows.
    before, after : float
        Share of the rows in that bin, in baseline and window.
    effect : float
        KS distance or total variation of the values, 0 to 1; NaN when there was nothing to compare.
    direction : str
        Where the values moved: ``median 2 -> 31``, ``UA: 18 % -> 26 %``.
    sentence : str
        The same for people.
    """

    column: str
    kind: str
    moved: bool
    divergence: float
    chance: float
    contribution: float
    weight: float
    share: float
    where: str
    before: float
    after: float
    effect: float
    direction: str
    sentence: str


@dataclass(frozen=True, slots=True)
class SliceFinding:
    """A slice of the rows that explains where a column moved.

    Parameters
    ----------
    column : str
        What moved.
    aspect : str
        ``values``, or ``missing``: its share of missing values.
    kind : str
        ``inside``: the column moved inside the slice, and not or much less outside. ``mix``: it moved
        because the slices of `by` have other shares than before, and hardly inside them.
    by : str
        The column that cuts the slices.
    slice : str
        As a condition: ``carrier = EV``, ``6 < hour <= 9``, ``carrier missing``. Of a ``mix``, the slice
        whose share moved most.
    level : str or None
        The category of the slice.
    low, high : float or None
        The ends of its range: above `low`, up to `high`; None where there is none.
    measure : str
        ``KS`` (numbers), ``total variation`` (categories), ``share`` (missing values).
    inside : float
        The shift inside the slice; of a ``mix``, of all rows. 0 to 1.
    outside : float
        The shift of the other rows; of a ``mix``, what is left of it once the baseline's rows are given the
        window's shares of slices. 0 to 1.
    direction : str
        Where it moved inside the slice (``mix``: in all rows): `figure`, `before` and `after` as text.
    figure : str
        What is told of it: ``median`` of numbers (``90th percentile`` or ``10th percentile`` where the median
        stayed), the category whose share moved most, ``missing`` of missing values.
    before, after : float
        That figure in baseline and window: a number, or a share from 0 to 1.
    n_inside, n_outside : int
        Rows of the window that were compared; of a ``mix``, those of the slice and the others.
    baseline_inside, baseline_outside : int
        The same of the baseline.
    share_before, share_after : float
        Share of the slice in baseline and window, of all their rows.
    p_value : float
        That the shift is as large outside, or that the mix has no effect; corrected for everything that was
        looked at.
    without : tuple of str
        Slices named before, whose rows were left out.
    sentence : str
        The same for people.
    """

    column: str
    aspect: str
    kind: str
    by: str
    slice: str
    level: str | None
    low: float | None
    high: float | None
    measure: str
    inside: float
    outside: float
    direction: str
    figure: str
    before: float
    after: float
    n_inside: int
    n_outside: int
    baseline_inside: int
    baseline_outside: int
    share_before: float
    share_after: float
    p_value: float
    without: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a window differs from its baseline.

    Parameters
    ----------
    columns : tuple of Contribution
        The strongest first.
    slices : tuple of SliceFinding
        The strongest of each column first; empty when no slice stands out, or none was looked at.
    looked : int
        How many pairs of a moved column and a slice were looked at; 0 without rows.
    rows, baseline_rows : int
        Rows of window and baseline.
    sentence : str
        A summary.
    """

    columns: tuple[Contribution, ...]
    slices: tuple[SliceFinding, ...]
    looked: int
    rows: int
    baseline_rows: int
    sentence: str

    def __str__(self) -> str:
        parts = [one.sentence for one in self.columns] + [one.sentence for one in self.slices]
        return "\n".join([self.sentence, *(f"  {part}" for part in parts)])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists, texts and numbers; a number that is unknown is None.

        Returns
        -------
        dict
            Ready for `json.dumps`.
        """
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    def _repr_html_(self) -> str:
        """Return two tables for a notebook, every text escaped."""
        columns = html_table(
            ("column", "part of the shift", "divergence", "chance", "where", "before", "after"),
            [
                (
                    one.column,
                    share(one.share),
                    figure(one.divergence),
                    figure(one.chance),
                    one.where,
                    share(one.before),
                    share(one.after),
                )
                for one in self.columns
            ],
        )
        found = html_table(
            ("column", "slice", "kind", "inside", "outside", "rows inside", "what was found"),
            [
                (
                    one.column,
                    one.slice,
                    one.kind,
                    f"{one.inside:.2f}",
                    f"{one.outside:.2f}",
                    f"{one.n_inside:,}",
                    one.sentence,
                )
                for one in self.slices
            ],
        )
        return html_result(self.sentence, columns, found)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
