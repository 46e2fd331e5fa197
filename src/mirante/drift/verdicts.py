"""What a judged window says: one verdict per column, with its reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from mirante.notebook import html_result, html_table
from mirante.readings import READINGS

__all__ = ["ColumnVerdict", "Finding", "WindowVerdict"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a column's tests found, in the form that a sentence needs.

    Parameters
    ----------
    score : str
        The statistic that speaks: ``ks``, ``superiority``, ``total_variation``, ``chi2`` or ``share``.
    value, threshold : float
        The statistic, and the value from which it alarms.
    p_value : float
        All tests of the column together; NaN when there was nothing to test.
    effect : float
        Size of the shift: KS distance or total variation; NaN when there was nothing to compare.
    smallest_effect : float
        A shift of this size would surely have been seen; above 1 when none could be.
    resolution : float
        The same if only the number of rows mattered, and the baseline's windows did not differ.
    direction : str
        Where it moved.
    scale : int
        Windows that were looked at together.
    subject : str
        What `value` is of, where the score needs one (the level).
    """

    score: str
    value: float
    threshold: float
    p_value: float
    effect: float
    smallest_effect: float
    resolution: float
    direction: str
    scale: int = 1
    subject: str = ""


@dataclass(frozen=True, slots=True)
class ColumnVerdict:
    """The judgement of one column of a window.

    Parameters
    ----------
    column : str
        Its name.
    kind : str
        ``numeric`` or ``categorical``.
    drifted : bool
        Whether it moved further than the budget allows to chance, and further than the floor.
    level : float
        The column's part of the window's false-alarm level; `p_value` is held against it.
    scale : int
        Windows that were looked at together: 1, or as many of the last ones as showed the shift best.
    score : str
        The statistic that speaks: ``ks``, ``superiority`` (share of pairs in which the window's value is
        larger), ``total_variation``, ``chi2`` or ``share`` (of one level).
    value, threshold : float
        The statistic, and the value from which it alarms.
    p_value : float
        All tests of the column together, corrected for their number and for that of the scales.
    effect : float
        Size of the shift: KS distance or total variation, 0 to 1.
    direction : str
        ``median 2 -> 31``, ``UA: 18 % -> 26 %``.
    n_baseline, n_window : int
        Values that were compared, missing ones left out; those of all windows of the scale.
    smallest_effect : float
        A shift of this size would surely have been seen; above 1 when none could be.
    scores : mapping of str to float
        All scores of the kind and of this window alone, under their reading names without ``drift_``.
    missing_ratio, missing_threshold : float
        Share of missing values, and the share from which it alarms.
    missing_detected : bool
        Whether the share of missing values left the baseline's range.
    new_category_ratio : float
        Share of values whose category the baseline never had; 0 for numbers. A baseline with more than 10,000
        categories does not know them all: what its own rest explains is taken off.
    sentence, missing_sentence : str
        The same for people, in English.
    """

    column: str
    kind: str
    drifted: bool
    level: float
    scale: int
    score: str
    value: float
    threshold: float
    p_value: float
    effect: float
    direction: str
    n_baseline: int
    n_window: int
    smallest_effect: float
    scores: Mapping[str, float]
    missing_ratio: float
    missing_threshold: float
    missing_detected: bool
    new_category_ratio: float
    sentence: str
    missing_sentence: str

    def drift_values(self) -> dict[str, float]:
        """Return what is said of its drift, by the names of readings.

        Returns
        -------
        dict of str to float
            ``drift_detected``, ``drift_effect``, ``drift_p_value`` and the scores that are readings.
        """
        named = {f"drift_{score}": value for score, value in self.scores.items()}
        return {name: value for name, value in named.items() if name in READINGS} | {
            "drift_p_value": self.p_value,
            "drift_effect": self.effect,
            "drift_detected": float(self.drifted),
        }


@dataclass(frozen=True, eq=False)
class WindowVerdict:
    """The judgement of one window.

    Parameters
    ----------
    rows : int
        Rows of the window.
    drifted_columns : tuple of str
        Names of the columns that drifted, in the order of the baseline.
    missing_columns : tuple of str
        Names of the columns whose share of missing values alarms.
    make : callable
        Gives the verdicts of the columns; called once, when they are asked for: sentences for a thousand
        quiet columns would cost more than judging them.
    strongest : tuple of str and float
        The column that moved furthest (of those that drifted, where any did), and how far: KS distance or
        total variation. Empty and NaN where nothing could be compared.
    """

    rows: int
    drifted_columns: tuple[str, ...]
    missing_columns: tuple[str, ...]
    make: Callable[[], Mapping[str, ColumnVerdict]] = field(repr=False)
    strongest: tuple[str, float] = ("", math.nan)

    @cached_property
    def columns(self) -> Mapping[str, ColumnVerdict]:
        """The verdict of each column by name, in the order of the baseline."""
        return MappingProxyType(dict(self.make()))

    @property
    def drifted(self) -> bool:
        """Whether any column drifted."""
        return bool(self.drifted_columns)

    @property
    def drift_share(self) -> float:
        """Share of the columns that drifted, 0 to 1; 0 without columns."""
        return len(self.drifted_columns) / len(self.columns) if self.columns else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, ready for JSON.

        Returns
        -------
        dict
        """
        return {
            "rows": self.rows,
            "drifted": self.drifted,
            "drift_share": self.drift_share,
            "drifted_columns": list(self.drifted_columns),
            "missing_columns": list(self.missing_columns),
            "columns": {name: asdict(column) for name, column in self.columns.items()},
        }

    def _repr_html_(self) -> str:
        """Return a table for a notebook: what drifted or misses first, every text escaped."""
        order = dict.fromkeys((*self.drifted_columns, *self.missing_columns, *self.columns))
        found = len(self.drifted_columns)
        sentence = f"{found} of {len(self.columns)} columns drifted in {self.rows:,} rows."
        rows = [(name, *_told(self.columns[name])) for name in order]
        return html_result(sentence, html_table(("column", "verdict", "effect", "p", "what was found"), rows))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WindowVerdict):
            return NotImplemented
        return (self.rows, self.columns) == (other.rows, other.columns)

    __hash__ = None  # type: ignore[assignment]  # holds a mapping


def _told(column: ColumnVerdict) -> tuple[str, ...]:
    words = ["drift"] * column.drifted + ["missing values"] * column.missing_detected
    sentences = [column.sentence, column.missing_sentence if column.missing_detected else ""]
    return (
        ", ".join(words) or "no drift",
        f"{column.effect:.3f}",
        f"{column.p_value:.3g}",
        " ".join(text for text in sentences if text),
    )
