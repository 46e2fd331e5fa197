"""Some of a baseline's columns: those that the config lets in."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from mirante.drift.monitor import DriftMonitor
from mirante.errors import InputError
from mirante.sources.rows.mapping import absent

if TYPE_CHECKING:
    from mirante.monitors.baseline import ModelBaseline
    from mirante.sources.rows.config import ColumnChoice

__all__ = ["watched_columns"]


def watched_columns(baseline: ModelBaseline, choice: ColumnChoice | None) -> ModelBaseline:
    """Return a baseline that judges some of its columns only.

    Drift and missing values are of the columns that are left, and the alarm budget is shared between these.
    Outliers stay what they were, rows that are strange in all that the model is given, and so does the
    estimate of performance.

    Parameters
    ----------
    baseline : ModelBaseline
        Of all columns.
    choice : ColumnChoice, optional
        Which are watched; all when None. ``prediction`` is one of them.

    Returns
    -------
    ModelBaseline

    Raises
    ------
    InputError
        If the choice names a column that the baseline has not, with the nearest, or leaves none.

    Examples
    --------
    >>> import pandas as pd
    >>> from mirante.monitors.baseline import ModelBaseline
    >>> from mirante.monitors.windows import WindowClock
    >>> from mirante.sources.rows.config import ColumnChoice
    >>> rows = pd.DataFrame({"age": [41.0, 38.0, 52.0], "plan": ["pro", "basic", "pro"]})
    >>> found = ModelBaseline.fit(rows, [0.2, 0.7, 0.4], clock=WindowClock("1d"))
    >>> list(watched_columns(found, ColumnChoice(exclude=["age"])).profile.columns)
    ['plan', 'prediction']
    """
    if choice is None:
        return baseline
    names = list(baseline.profile.columns)
    for key, asked in (("include", choice.include or ()), ("exclude", choice.exclude)):
        for name in asked:
            if name not in names:
                raise InputError(absent(f"columns.{key}", name, names, "the baseline"))
    kept = choice.of(names)
    if kept == names:
        return baseline
    if not kept:
        raise InputError("columns.include and columns.exclude leave no column of the baseline; include one")
    former, profile = baseline.drift, baseline.profile.only(kept)
    floor = former.floor
    drift = DriftMonitor(
        profile,
        own_windows=[one.only(kept) for one in former.own_windows],
        own_starts=former.own_starts,
        alarm_budget=former.alarm_budget,
        window=former.window,
        floor={name: value for name, value in floor.items() if name in kept}
        if isinstance(floor, dict)
        else floor,
        kind=former.kind,
        pooled=former.pooled,
    )
    about = MappingProxyType({**baseline.about, "inputs": list(baseline.features)})
    return replace(baseline, profile=profile, drift=drift, about=about)
