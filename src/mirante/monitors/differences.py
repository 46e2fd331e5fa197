"""What is different between two baselines: columns, missing values, task, what they were made for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from mirante.errors import InputError
from mirante.monitors.check.words import percent
from mirante.profiles import CategoricalProfile, NumericProfile
from mirante.profiles.between import Between, between_levels, between_numbers
from mirante.stats.calibration import LARGEST_LEVEL
from mirante.stats.twosample import chi2, z_proportions
from mirante.stats.twosample.kolmogorov import kolmogorov_p
from mirante.stats.twosample.levels import merge_rare

if TYPE_CHECKING:
    from mirante.monitors.baseline import ModelBaseline

__all__ = ["BaselineDifference", "ColumnDifference", "difference_of"]

FLOOR = 0.03
_MADE_FOR = ("window", "timezone", "alarm_budget")
_MISSING_PART = 1.0 / 3.0  # of the floor: a share of missing values matters earlier, as in the monitor


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """One column that both baselines have, as the same kind.

    Parameters
    ----------
    column : str
        Its name.
    kind : {"numeric", "categorical"}
        What it is.
    distance, low, high : float
        Kolmogorov-Smirnov distance or total variation, and its bounds: see `mirante.profiles.between`.
    p_value : float
        Of the lower bound (KS) or of χ² over the levels that both counted; NaN where a side has no values.
    missing : tuple of float
        Share of missing values in the first and in the second.
    missing_p : float
        Of their difference.
    change : str
        What changed most, such as ``median 2 -> 31``.
    moved, missing_moved : bool
        Whether values, and the share of missing ones, differ by more than floor and chance.
    """

    column: str
    kind: str
    distance: float
    low: float
    high: float
    p_value: float
    missing: tuple[float, float]
    missing_p: float
    change: str
    moved: bool
    missing_moved: bool


@dataclass(frozen=True, slots=True)
class BaselineDifference:
    """What is different between two baselines.

    Parameters
    ----------
    columns : tuple of ColumnDifference
        Those that moved first, the largest distance first; then the others by name.
    only_first, only_second : tuple of str
        Columns that the other has not.
    kinds : mapping of str to tuple
        Columns that are numeric in one and categorical in the other.
    task : tuple of str
        Of both.
    made_for : mapping of str to tuple
        Window, time zone and alarm budget where they are not the same.
    performance : mapping of str to tuple of float
        Each measure in both, NaN where one has it not. It is shown and not judged.
    rows : tuple of int
        Of both.
    floor, alpha : float
        What it was held against.
    """

    columns: tuple[ColumnDifference, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    kinds: Mapping[str, tuple[str, str]]
    task: tuple[str, str]
    made_for: Mapping[str, tuple[str, str]]
    performance: Mapping[str, tuple[float, float]]
    rows: tuple[int, int]
    floor: float
    alpha: float

    @property
    def moved(self) -> tuple[str, ...]:
        """Columns whose values or share of missing values differ."""
        return tuple(one.column for one in self.columns if one.moved or one.missing_moved)

    @property
    def differs(self) -> bool:
        """Whether anything but the performance differs."""
        others = (self.only_first, self.only_second, self.kinds, self.made_for)
        return bool(self.moved) or any(others) or self.task[0] != self.task[1]


def difference_of(
    first: ModelBaseline, second: ModelBaseline, *, floor: float = FLOOR, alpha: float = 0.01
) -> BaselineDifference:
    """Compare two baselines, column by column.

    Parameters
    ----------
    first, second : ModelBaseline
        Of any model versions. Each was counted at edges of its own; distances are bounded where that counts.
    floor : float, default 0.03
        Distance up to which values count as the same; a third of it for shares of missing values.
    alpha : float, default 0.01
        Chance that two baselines of the same data are called different; above 0, at most 0.2.

    Returns
    -------
    BaselineDifference
        The same with the sides exchanged, in all that it judges.

    Raises
    ------
    InputError
        If floor or alpha are out of range.

    Examples
    --------
    >>> import pandas as pd
    >>> from mirante.monitors.baseline import ModelBaseline
    >>> from mirante.monitors.windows import WindowClock
    >>> ages = [float(age % 60) for age in range(900)]
    >>> made = [
    ...     ModelBaseline.fit(pd.DataFrame({"age": [age + more for age in ages]}), [0.5] * 900,
    ...                       clock=WindowClock("1d"))
    ...     for more in (0.0, 9.0)
    ... ]
    >>> found = difference_of(*made)
    >>> found.differs, found.moved, found.columns[0].change
    (True, ('age',), 'median 29 -> 38')
    """
    if not 0.0 < alpha <= LARGEST_LEVEL:
        raise InputError(f"alpha is {alpha}; give a chance above 0 and at most {LARGEST_LEVEL}, such as 0.01")
    if not 0.0 <= floor < 1.0:
        raise InputError(f"the floor is {floor}; give a distance from 0 to below 1, such as 0.03")
    before, after = first.profile.columns, second.profile.columns
    shared = [name for name in before if name in after]
    kinds = {name: (_kind(before[name]), _kind(after[name])) for name in shared}
    same = [name for name in shared if kinds[name][0] == kinds[name][1]]
    level = alpha / max(2 * len(same), 1)
    columns = [_column(before[name], after[name], floor, level) for name in same]
    columns.sort(key=lambda one: (not (one.moved or one.missing_moved), -_number(one.distance), one.column))
    made_for = {key: (str(first.about.get(key, "")), str(second.about.get(key, ""))) for key in _MADE_FOR}
    measures = dict.fromkeys([*first.performance, *second.performance])
    return BaselineDifference(
        tuple(columns),
        tuple(name for name in before if name not in after),
        tuple(name for name in after if name not in before),
        MappingProxyType({name: pair for name, pair in kinds.items() if pair[0] != pair[1]}),
        (first.task, second.task),
        MappingProxyType({key: pair for key, pair in made_for.items() if pair[0] != pair[1]}),
        MappingProxyType(
            {
                name: (first.performance.get(name, math.nan), second.performance.get(name, math.nan))
                for name in measures
            }
        ),
        (first.profile.rows, second.profile.rows),
        floor,
        alpha,
    )


def _kind(column: NumericProfile | CategoricalProfile) -> str:
    return "numeric" if isinstance(column, NumericProfile) else "categorical"


def _number(value: float) -> float:
    return value if value == value else 0.0


def _column(
    before: NumericProfile | CategoricalProfile,
    after: NumericProfile | CategoricalProfile,
    floor: float,
    level: float,
) -> ColumnDifference:
    if isinstance(before, NumericProfile) and isinstance(after, NumericProfile):
        found, p_value, change = _numbers(before, after)
    elif isinstance(before, CategoricalProfile) and isinstance(after, CategoricalProfile):
        found, p_value, change = _levels(before, after)
    else:
        raise InputError(f"the column {before.name!r} is numeric in one profile and categorical in the other")
    sides = [np.array([one.n, one.missing]) for one in (before, after)]
    shares = tuple(float(one[1] / one.sum()) if one.sum() else math.nan for one in sides)
    missing_p = z_proportions(*sides).p_value if all(one.sum() for one in sides) else math.nan
    missing_moved = missing_p < level and abs(shares[1] - shares[0]) > floor * _MISSING_PART
    return ColumnDifference(
        before.name,
        _kind(before),
        found.distance,
        found.low,
        found.high,
        p_value,
        (shares[0], shares[1]),
        missing_p,
        change,
        bool(found.low > floor and p_value < level),
        bool(missing_moved),
    )


def _numbers(before: NumericProfile, after: NumericProfile) -> tuple[Between, float, str]:
    found = between_numbers(before, after)
    if not (before.n and after.n):
        return found, math.nan, ""
    told = {
        "median": [one.quantile(0.5) for one in (before, after)],
        "spread": [before.std, after.std],
        "90th percentile": [one.quantile(0.9) for one in (before, after)],
    }
    pairs = {word: [f"{value:.4g}" for value in pair] for word, pair in told.items()}
    change = next((f"{word} {' -> '.join(pair)}" for word, pair in pairs.items() if pair[0] != pair[1]), "")
    return found, kolmogorov_p(found.low, before.n, after.n), change


def _levels(before: CategoricalProfile, after: CategoricalProfile) -> tuple[Between, float, str]:
    found = between_levels(before, after)
    if not (before.n and after.n):
        return found, math.nan, ""
    names = list(dict.fromkeys([*before.levels, *after.levels]))
    place = {name: number for number, name in enumerate(names)}
    counts = np.zeros((2, len(names) + 1))
    for side, one in enumerate((before, after)):
        counts[side, [place[name] for name in one.levels]] = one.counts
        counts[side, -1] = one.other
    both = counts.sum(axis=0)
    groups = merge_rare(both, float(min(before.n, after.n)))
    merged = [np.bincount(groups, weights=side, minlength=int(groups.max()) + 1) for side in counts]
    shares = counts[:, :-1] / [[before.n], [after.n]]
    most = int(np.abs(shares[1] - shares[0]).argmax()) if names else 0
    told = [percent(float(share)) for share in shares[:, most]] if names else ["", ""]
    change = f"{names[most]} {' -> '.join(told)}" if told[0] != told[1] else ""
    return found, chi2(*merged).p_value, change
