"""What a judged window says: one verdict per column, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ColumnVerdict", "Finding", "WindowVerdict"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a column's tests found, before anything is decided.

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
    scores : dict of str to float
        All scores of the kind, under their reading names without ``drift_``.
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
    scores: dict[str, float]
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
    score : str
        The statistic that speaks: ``ks``, ``superiority`` (share of pairs in which the window's value is
        larger), ``total_variation``, ``chi2`` or ``share`` (of one level).
    value, threshold : float
        The statistic, and the value from which it alarms.
    p_value : float
        All tests of the column together.
    effect : float
        Size of the shift: KS distance or total variation, 0 to 1.
    direction : str
        ``median 2 -> 31``, ``UA: 18 % -> 26 %``.
    n_baseline, n_window : int
        Values that were compared, missing ones left out.
    smallest_effect : float
        A shift of this size would surely have been seen; above 1 when none could be.
    scores : mapping of str to float
        All scores of the kind, under their reading names without ``drift_``.
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


@dataclass(frozen=True, slots=True)
class WindowVerdict:
    """The judgement of one window.

    Parameters
    ----------
    drifted : bool
        Whether any column drifted.
    drift_share : float
        Share of the columns that did, 0 to 1; 0 without columns.
    columns : mapping of str to ColumnVerdict
        In the order of the baseline.
    rows : int
        Rows of the window.
    """

    drifted: bool
    drift_share: float
    columns: Mapping[str, ColumnVerdict] = field(default_factory=dict)
    rows: int = 0

    @property
    def drifted_columns(self) -> tuple[str, ...]:
        """Names of the columns that drifted."""
        return tuple(name for name, column in self.columns.items() if column.drifted)

    @property
    def missing_columns(self) -> tuple[str, ...]:
        """Names of the columns whose share of missing values alarms."""
        return tuple(name for name, column in self.columns.items() if column.missing_detected)
