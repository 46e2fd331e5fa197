"""A column then and now: the baseline as bars, the window as a line or as bars beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError
from mirante.i18n import Translator, format_number, translator
from mirante.views import theme
from mirante.views.figures.common import Draft, empty_draft, new_draft, plain

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["distribution_draft", "distribution_figure", "drift_figure"]

_BINS = 40
_LEVELS = 20


class _Numeric(Protocol):
    """What is asked of `mirante.profiles.NumericProfile`."""

    edges: NDArray[np.float64]
    below: NDArray[np.int64]
    upto: NDArray[np.int64]
    n: int
    missing: int
    minimum: float
    maximum: float


def distribution_figure(
    baseline_profile: Any, window_profile: Any, *, title: str, subtitle: str = "", locale: str = "en"
) -> Figure:
    """Draw one column's profile in the baseline and in a window.

    Parameters
    ----------
    baseline_profile, window_profile : NumericProfile or CategoricalProfile
        Of the same column; None stands for "nothing there".
    title : str
        Written as plain text.
    subtitle : str
        A sentence below it (the verdict's); the row counts and missing shares when not given.
    locale : str, default "en"
        Language of Mirante's own words.

    Returns
    -------
    plotly.graph_objects.Figure
        Shares of the rows that are not missing, so that windows of any size compare.
    """
    return distribution_draft(
        baseline_profile, window_profile, title=title, subtitle=subtitle, locale=locale
    ).figure()


def distribution_draft(
    baseline_profile: Any, window_profile: Any, *, title: str, subtitle: str = "", locale: str = "en"
) -> Draft:
    """Return `distribution_figure` as plain data; the arguments are the same."""
    _ = translator(locale)
    if baseline_profile is None or window_profile is None or not (baseline_profile.n and window_profile.n):
        empty = _("the baseline") if not getattr(baseline_profile, "n", 0) else _("the window")
        return empty_draft(title, _("Nothing to compare: %(side)s has no values.", side=empty))
    draft = new_draft(title, subtitle=subtitle or _counts_text(baseline_profile, window_profile, _))
    if hasattr(baseline_profile, "edges"):
        grid = _grid(baseline_profile, window_profile)
        shares = _shares(baseline_profile, grid), _shares(window_profile, grid)
        _add_numeric(draft, shares[0], shares[1], grid, _)
    else:
        _add_levels(draft, _level_shares(baseline_profile), _level_shares(window_profile), _)
    return draft


def drift_figure(
    baseline_values: ArrayLike, current_values: ArrayLike, title: str, *, locale: str = "en"
) -> Figure:
    """Draw raw values of one column, then and now.

    Parameters
    ----------
    baseline_values, current_values : array-like, one-dimensional
        Numbers (NaN and infinite are left out and counted), or text.
    title : str
        Written as plain text.
    locale : str, default "en"
        Language of Mirante's own words.

    Returns
    -------
    plotly.graph_objects.Figure
        It holds shares per bin or per level, never the rows.

    Raises
    ------
    InputError
        If a side is not one-dimensional.

    Examples
    --------
    >>> figure = drift_figure([1.0, 2.0, 2.0], [2.0, 3.0, float("nan")], "age")
    >>> [trace.name for trace in figure.data]
    ['baseline', 'current']
    """
    _ = translator(locale)
    sides = [np.asarray(values) for values in (baseline_values, current_values)]
    for side in sides:
        if side.ndim != 1:
            raise InputError(
                f"drift_figure draws one column and got an array of shape {side.shape}; "
                "give one column, or a whole table to MLflowDashboard.add_drift_chart"
            )
    if all(side.dtype.kind in "biuf" or _all_numbers(side) for side in sides):
        return _raw_numbers([side.astype(np.float64) for side in sides], title, _).figure()
    return _raw_levels(sides, title, _).figure()


def _all_numbers(values: NDArray[Any]) -> bool:
    """Tell whether an object array holds numbers and missing values only."""
    return all(value is None or isinstance(value, (int, float, np.number)) for value in values.tolist())


def _raw_numbers(sides: Sequence[NDArray[np.float64]], title: str, _: Translator) -> Draft:
    finite = [side[np.isfinite(side)] for side in sides]
    if not (finite[0].size and finite[1].size):
        side = _("the baseline") if not finite[0].size else _("the current data")
        return empty_draft(title, _("Nothing to compare: %(side)s has no values.", side=side))
    low = min(float(np.quantile(side, 0.005)) for side in finite)
    high = max(float(np.quantile(side, 0.995)) for side in finite)
    distinct = np.unique(np.concatenate([np.unique(side) for side in finite]))
    grid = _bins(low, high, distinct if distinct.size <= _BINS else None)
    inside = [np.histogram(np.clip(side, grid[0], grid[-1]), grid)[0] / side.size for side in finite]
    counts = [(one.size, side.size - one.size) for one, side in zip(finite, sides, strict=True)]
    draft = new_draft(title, subtitle=_sides_text(counts, _, current=True))
    _add_numeric(draft, inside[0], inside[1], grid, _, current=True)
    return draft


def _raw_levels(sides: Sequence[NDArray[Any]], title: str, _: Translator) -> Draft:
    shares, counts = [], []
    for side in sides:
        # None and NaN are the two things that a text column calls missing
        known = [str(value) for value in side.tolist() if value is not None and value == value]
        levels, found = np.unique(np.array(known, dtype=object), return_counts=True) if known else ((), ())
        shares.append({str(level): count / len(known) for level, count in zip(levels, found, strict=True)})
        counts.append((len(known), len(side) - len(known)))
    if not all(shares):
        side_name = _("the baseline") if not shares[0] else _("the current data")
        return empty_draft(title, _("Nothing to compare: %(side)s has no values.", side=side_name))
    draft = new_draft(title, subtitle=_sides_text(counts, _, current=True))
    _add_levels(draft, shares[0], shares[1], _, current=True)
    return draft


def _grid(baseline: _Numeric, window: _Numeric) -> NDArray[np.float64]:
    """Return common bin edges that hold at least 99 % of both sides."""
    ends = []
    for side in (baseline, window):
        x, y = _steps(side)
        ends.append(np.interp([0.005 * side.n, 0.995 * side.n], y, x))
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    atoms = np.asarray(baseline.edges)
    held = int(np.sum(np.asarray(baseline.upto) - np.asarray(baseline.below)))
    return _bins(float(low), float(high), atoms if atoms.size <= _BINS and held == baseline.n else None)


def _bins(low: float, high: float, atoms: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return bin edges; few distinct evenly spaced values get one bin each, else a comb of gaps appears."""
    if atoms is not None and atoms.size > 1:
        step = float(np.min(np.diff(atoms)))
        first, last = min(low, float(atoms[0])), max(high, float(atoms[-1]))
        count = round((last - first) / step) + 1
        if count <= 2 * _BINS:
            return np.asarray(first + step * (np.arange(count + 1) - 0.5), dtype=np.float64)
    if high <= low:
        width = abs(low) * 0.05 or 0.5
        low, high = low - width, high + width
    return np.linspace(low, high, _BINS + 1)


def _steps(side: _Numeric) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cumulated counts as a polygon: between edges the rows are taken to lie evenly."""
    edges = np.repeat(np.asarray(side.edges, dtype=np.float64), 2)
    counts = np.stack([side.below, side.upto], axis=1).ravel().astype(np.float64)
    low = min(side.minimum, float(edges[0])) if edges.size else side.minimum
    high = max(side.maximum, float(edges[-1])) if edges.size else side.maximum
    return np.concatenate([[low], edges, [high]]), np.concatenate([[0.0], counts, [float(side.n)]])


def _shares(side: _Numeric, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of rows in each bin; what lies beyond the ends counts to the outermost bins."""
    x, y = _steps(side)
    # at a vertical step np.interp takes the last of the equal x: rows <= x, which is what is wanted
    upto = np.interp(grid, x, y)
    upto[0], upto[-1] = 0.0, float(side.n)
    return np.asarray(np.diff(upto) / side.n, dtype=np.float64)


def _add_numeric(
    draft: Draft,
    baseline: NDArray[np.float64],
    window: NDArray[np.float64],
    grid: NDArray[np.float64],
    _: Translator,
    *,
    current: bool = False,
) -> None:
    middle, width = (grid[:-1] + grid[1:]) / 2, np.diff(grid)
    draft.data.append(
        {
            "type": "bar",
            "x": middle,
            "y": baseline,
            "width": width,
            "name": _("baseline"),
            "marker": {"color": theme.colour("baseline")},
            "hovertemplate": "%{y:.2%}",
        }
    )
    draft.data.append(
        {
            "type": "scatter",
            "x": np.concatenate([grid[:1], grid]),
            "y": np.concatenate([[0.0], window, [0.0]]),
            "mode": "lines",
            "name": _("current") if current else _("window"),
            "hovertemplate": "%{y:.2%}",
            "line": {"shape": "hv", "width": 2.5, "color": theme.colour("series-2")},
        }
    )
    draft.layout["bargap"] = 0
    _share_axis(draft, _)


def _share_axis(draft: Draft, _: Translator) -> None:
    draft.axis("yaxis", tickformat=".0%", title={"text": _("share of rows")}, rangemode="tozero")


def _level_shares(profile: Any) -> dict[str, float]:
    pairs = zip(profile.levels, profile.counts, strict=True)
    shares = {level: float(count) / profile.n for level, count in pairs}
    if profile.other:
        shares["…"] = shares.get("…", 0.0) + profile.other / profile.n
    return shares


def _add_levels(
    draft: Draft,
    baseline: Mapping[str, float],
    window: Mapping[str, float],
    _: Translator,
    *,
    current: bool = False,
) -> None:
    """Draw the levels that matter: the most frequent of either side, the rest together."""
    most = {level: max(baseline.get(level, 0.0), window.get(level, 0.0)) for level in {*baseline, *window}}
    levels = sorted(most, key=lambda level: (-most[level], level))
    shown = [level for level in levels if level != "…"][:_LEVELS]
    shown.sort(key=lambda level: -baseline.get(level, 0.0))
    rest = [sum(side.values()) - sum(side.get(level, 0.0) for level in shown) for side in (baseline, window)]
    names = [plain(level, 28) or "∅" for level in shown]
    looks = (
        (_("baseline"), "baseline", baseline, rest[0]),
        (_("current") if current else _("window"), "series-2", window, rest[1]),
    )
    for name, token, side, other in looks:
        values = [side.get(level, 0.0) for level in shown]
        if max(rest) > 1e-9:
            values.append(other)
        marker = {"color": theme.colour(token)}
        positions = list(range(len(values)))
        bars = {"type": "bar", "x": positions, "y": values, "name": name, "marker": marker}
        draft.data.append({**bars, "hovertemplate": "%{y:.2%}"})
    if max(rest) > 1e-9:
        names.append(_("all others"))
    axis = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names}
    draft.layout.update(xaxis=axis, barmode="group", bargap=0.25)
    _share_axis(draft, _)


def _counts_text(baseline: Any, window: Any, _: Translator) -> str:
    return _sides_text([(side.n, side.missing) for side in (baseline, window)], _)


def _sides_text(counts: Sequence[tuple[int, int]], _: Translator, *, current: bool = False) -> str:
    names = (_("baseline"), _("current") if current else _("window"))
    parts = []
    for name, (known, missing) in zip(names, counts, strict=True):
        share = format_number(100 * missing / (known + missing), _.locale, digits=1)
        rows = format_number(known + missing, _.locale, digits=0)
        parts.append(_("%(name)s: %(rows)s rows, %(share)s %% missing", name=name, rows=rows, share=share))
    return " · ".join(parts)
