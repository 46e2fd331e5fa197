"""Which parameters a metric goes with: rank correlations, and a small forest that may find more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mirante.stats.association import rank_correlation
from mirante.tracking.runs.columns import RunColumns, TextColumn

__all__ = ["Importance", "ParamImportance", "param_importance"]

Caution = Literal["few_runs", "explains_little", "correlated_params", ""]

_FEWEST = 20
_FEW = 100
_MOST_RUNS = 3_000
_MOST_PARAMS = 40
_MOST_LEVELS = 20
_TREES = 60
_REPEATS = 3
_LITTLE = 0.1
_TOGETHER = 0.8


@dataclass(frozen=True, slots=True)
class ParamImportance:
    """How a metric goes with one parameter. It is no proof of cause: whoever chose the values had reasons.

    Parameters
    ----------
    param : str
        Its name.
    kind : {"number", "text"}
        How it was read; texts have at most 20 different values.
    runs : int
        Finished runs with it and with the metric.
    strength : float
        0 to 1: of a number, how strong Spearman's correlation is; of a text, the share of the ranks'
        variance that its values explain (epsilon squared of Kruskal and Wallis).
    rho : float
        The correlation with its sign; NaN for a text.
    p_value : float
        That there is none; corrected for all parameters by Benjamini and Hochberg.
    forest : float
        How much of the metric's variance the forest loses on runs that it did not see when the parameter is
        shuffled; NaN without a forest. Of parameters that go together each takes a part of the other's.
    """

    param: str
    kind: Literal["number", "text"]
    runs: int
    strength: float
    rho: float
    p_value: float
    forest: float = np.nan


@dataclass(frozen=True, slots=True)
class Importance:
    """The parameters of one metric, those with the strongest hold first.

    Parameters
    ----------
    metric : str
        Its name.
    runs : int
        Finished runs with a finite value.
    explained : float
        The forest's R² on runs that it did not see; NaN without a forest: fewer than 20 runs.
    cautions : tuple of {"few_runs", "explains_little", "correlated_params"}
        Fewer than 100 runs; R² below 0.1; two numeric parameters with a rank correlation above 0.8.
    params : tuple of ParamImportance
        Those with two values or more.
    """

    metric: str
    runs: int
    explained: float
    cautions: tuple[str, ...]
    params: tuple[ParamImportance, ...]


def param_importance(columns: RunColumns, metric: str, *, seed: int = 0) -> Importance | None:
    """Say which parameters a metric goes with, over finished runs.

    Parameters
    ----------
    columns : RunColumns
        The runs.
    metric : str
        Its name.
    seed : int
        Of the draw of at most 3,000 runs, and of the forest: the same runs give the same answer.

    Returns
    -------
    Importance or None
        None where no parameter has two values, or fewer than 8 runs have the metric.
    """
    values = columns.metrics[metric].dense(len(columns))
    rows = np.flatnonzero((columns.statuses == "FINISHED") & np.isfinite(values))
    if len(rows) < 8:
        return None
    count = len(rows)
    if count > _MOST_RUNS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST_RUNS, replace=False))
    found = [
        read
        for name, column in columns.params.items()
        if (read := _read(name, column, rows, len(columns))) is not None
    ]
    if not found:
        return None
    target = values[rows]
    params = [_alone(one, target) for one in found]
    order = np.argsort([-one.strength for one in params], kind="stable")[:_MOST_PARAMS]
    found, params = [found[place] for place in order], [params[place] for place in order]
    explained, shares = _forest([one.values for one in found], target, seed)
    params = _corrected([_with(one, share) for one, share in zip(params, shares, strict=True)])
    params.sort(
        key=lambda one: -(one.forest if np.isfinite(one.forest) and explained > _LITTLE else one.strength)
    )
    cautions = (
        *(("few_runs",) if count < _FEW else ()),
        *(("explains_little",) if np.isfinite(explained) and explained < _LITTLE else ()),
        *(("correlated_params",) if _together(found) else ()),
    )
    return Importance(metric, count, explained, cautions, tuple(params))


@dataclass(frozen=True, slots=True)
class _Param:
    name: str
    kind: Literal["number", "text"]
    values: NDArray[np.float64]  # NaN where a run has none


def _read(name: str, column: TextColumn, rows: NDArray[np.intp], count: int) -> _Param | None:
    numbers = column.numbers()
    used = column.codes if numbers is None else numbers
    dense = np.full(count, np.nan)
    dense[column.rows] = used
    values = dense[rows]
    distinct = len(np.unique(values[np.isfinite(values)]))
    if distinct < 2 or np.isfinite(values).sum() < max(8, len(rows) // 2):
        return None
    if numbers is None and distinct > _MOST_LEVELS:
        return None
    return _Param(name, "text" if numbers is None else "number", values)


def _alone(one: _Param, target: NDArray[np.float64]) -> ParamImportance:
    known = np.isfinite(one.values)
    values, goal = one.values[known], target[known]
    if one.kind == "number":
        found = rank_correlation(values, goal)
        rho, p_value = (found.rho, found.p_value) if np.isfinite(found.rho) else (0.0, 1.0)
        return ParamImportance(one.name, "number", len(values), abs(rho), rho, p_value)
    from scipy.stats import kruskal

    groups = [goal[values == level] for level in np.unique(values)]
    if _constant(goal):
        return ParamImportance(one.name, "text", len(values), 0.0, np.nan, 1.0)
    statistic, p_value = kruskal(*groups)
    strength = (
        float(np.clip((statistic - len(groups) + 1) / (len(goal) - len(groups)), 0.0, 1.0))
        if len(goal) > len(groups)
        else 0.0
    )
    return ParamImportance(one.name, "text", len(values), strength, np.nan, float(p_value))


def _with(one: ParamImportance, share: float) -> ParamImportance:
    return ParamImportance(one.param, one.kind, one.runs, one.strength, one.rho, one.p_value, share)


def _corrected(params: Sequence[ParamImportance]) -> list[ParamImportance]:
    from scipy.stats import false_discovery_control

    adjusted = false_discovery_control([one.p_value for one in params])
    return [
        ParamImportance(one.param, one.kind, one.runs, one.strength, one.rho, float(p), one.forest)
        for one, p in zip(params, adjusted, strict=True)
    ]


def _forest(
    params: Sequence[NDArray[np.float64]], target: NDArray[np.float64], seed: int
) -> tuple[float, list[float]]:
    """Return R² on a third of the runs, kept back, and what shuffling each parameter there costs of it."""
    nothing = [float("nan")] * len(params)
    if len(target) < _FEWEST or _constant(target):
        return float("nan"), nothing
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    table = np.column_stack(params)
    table[~np.isfinite(table)] = np.finfo(np.float32).min / 2  # a value of its own, below all others
    table = np.clip(table, np.finfo(np.float32).min, np.finfo(np.float32).max)
    scale = float(np.max(np.abs(target)))
    goal = target / scale if scale > 1e100 else target
    order = np.random.default_rng(seed).permutation(len(goal))
    held, seen = order[: len(goal) // 3], order[len(goal) // 3 :]
    if _constant(goal[held]):
        return float("nan"), nothing
    forest = RandomForestRegressor(_TREES, min_samples_leaf=3, random_state=seed, n_jobs=1)
    forest.fit(table[seen], goal[seen])
    explained = float(forest.score(table[held], goal[held]))
    lost = permutation_importance(forest, table[held], goal[held], n_repeats=_REPEATS, random_state=seed)
    return explained, [float(max(one, 0.0)) for one in lost.importances_mean]


def _constant(values: NDArray[np.float64]) -> bool:
    return bool((values == values[0]).all())


def _together(params: Sequence[_Param]) -> bool:
    numbers = [one.values for one in params if one.kind == "number"][:10]
    for place, first in enumerate(numbers):
        for second in numbers[place + 1 :]:
            known = np.isfinite(first) & np.isfinite(second)
            if abs(rank_correlation(first[known], second[known]).rho) > _TOGETHER:
                return True
    return False
