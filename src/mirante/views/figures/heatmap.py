"""Features by windows: how far each one was from its baseline, and where the verdict was drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mirante.i18n import translator
from mirante.views import theme
from mirante.views.figures.common import EventLike, SeriesLike, empty_figure, local, new_figure, plain, utc64

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["drift_heatmap"]

_COLUMNS_DRAWN = 400
_SENTENCES = 1_500
_LINES_DRAWN = 12


@dataclass(frozen=True, slots=True)
class _Grid:
    """Features by windows; NaN where a feature has no reading."""

    features: list[str]
    times: NDArray[np.datetime64]
    effect: NDArray[np.float64]
    drifted: NDArray[np.bool_]
    sentences: list[list[str]]


def drift_heatmap(
    effects: Sequence[SeriesLike],
    verdicts: Sequence[SeriesLike] = (),
    *,
    title: str,
    events: Sequence[EventLike] = (),
    label: str = "feature",
    features: int = 40,
    timezone: str = "UTC",
    locale: str = "en",
) -> Figure:
    """Draw how far each feature was from its baseline in each window.

    Parameters
    ----------
    effects : sequence of series
        ``drift_effect`` (0 to 1), one for each feature, which stands in ``labels[label]``.
    verdicts : sequence of series
        ``drift_detected`` (0 or 1) with the verdict's sentence in ``notes``; where it is 1 the cell also
        carries a mark, so that drift is never told by colour alone.
    title : str
        Written as plain text.
    events : sequence of events
        Drawn as vertical lines, unless there are so many (over 12) that they would hide the cells.
    label : str, default "feature"
        Which label tells the rows apart.
    features : int, default 40
        At most so many rows; those that drifted most often are kept, and the subtitle says so.
    timezone, locale : str
        Clock on the axis and language of Mirante's own words.

    Returns
    -------
    plotly.graph_objects.Figure
        Over 400 windows are pooled to the worst of neighbours.

    Examples
    --------
    >>> from mirante.views.figures import Line
    >>> times = np.array(["2013-02-07", "2013-02-08"], dtype="datetime64[us]")
    >>> effect = Line("drift_effect", times, np.array([0.02, 0.4]), {"feature": "dep_delay"})
    >>> verdict = Line("drift_detected", times, np.array([0.0, 1.0]), {"feature": "dep_delay"})
    >>> figure = drift_heatmap([effect], [verdict], title="Drift")
    >>> figure.data[1].x
    ('2013-02-08T00:00:00.000000',)
    """
    _ = translator(locale)
    grid = _grid(effects, verdicts, label)
    if grid is None or not np.any(np.isfinite(grid.effect)):
        return empty_figure(title, _("No drift readings yet."))
    total = len(grid.features)
    grid = _spaced(_pooled(_strongest(grid, features)))
    subtitle = _("A mark on a cell: the verdict is drift.")
    if total > features:
        subtitle += " " + _("The %(shown)s strongest of %(total)s features.", shown=features, total=total)
    figure = new_figure(title, subtitle=subtitle, height=110 + 24 * max(len(grid.features), 3))
    _add_cells(figure, grid, timezone, effect=_("effect"), drift=_("drift"))
    for event in events if len(events) <= _LINES_DRAWN else ():
        time = str(local(np.array([utc64(event.time)]), timezone)[0])
        hue = theme.colour("critical" if event.kind.startswith("alert") else "info")
        line = {"color": hue, "width": 1, "dash": "dot"}
        figure.add_shape(type="line", x0=time, x1=time, y0=0, y1=1, yref="paper", line=line, opacity=0.5)
    return figure


def _grid(effects: Sequence[SeriesLike], verdicts: Sequence[SeriesLike], label: str) -> _Grid | None:
    names = list(dict.fromkeys(one.labels.get(label, one.name) for one in effects))
    stamps = [one.times for one in effects if len(one.times)]
    if not stamps:
        return None
    times = np.unique(np.concatenate(stamps).astype("datetime64[us]"))
    shape = (len(names), len(times))
    effect, drifted = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    sentences = [[""] * len(times) for _name in names]
    row_of = {name: row for row, name in enumerate(names)}
    for one in effects:
        effect[row_of[one.labels.get(label, one.name)], np.searchsorted(times, one.times)] = one.values
    for one in verdicts:
        row = row_of.get(one.labels.get(label, one.name))
        if row is None:
            continue
        for time, value, note in zip(one.times, one.values, one.notes or [""] * len(one.times), strict=True):
            column = int(np.searchsorted(times, time))
            if value >= 0.5 and column < len(times) and times[column] == time:
                drifted[row, column] = True
                sentences[row][column] = note
    return _Grid(names, times, effect, drifted, sentences)


def _strongest(grid: _Grid, limit: int) -> _Grid:
    """Order rows so that what drifted most often, and then most strongly, stands on top."""
    peak = np.max(np.where(np.isfinite(grid.effect), grid.effect, -1.0), axis=1)
    often = grid.drifted.sum(axis=1)
    order = sorted(range(len(grid.features)), key=lambda row: (-int(often[row]), -float(peak[row])))
    keep = order[:limit][::-1]  # plotly's axis runs upwards
    return _Grid(
        [grid.features[row] for row in keep],
        grid.times,
        grid.effect[keep],
        grid.drifted[keep],
        [grid.sentences[row] for row in keep],
    )


def _pooled(grid: _Grid) -> _Grid:
    """Bring neighbouring windows together until there are few enough; the worst of them stands for all."""
    step = -(-len(grid.times) // _COLUMNS_DRAWN)
    if step == 1:
        return grid
    starts = range(0, len(grid.times), step)
    filled = np.where(np.isnan(grid.effect), -np.inf, grid.effect)
    effect = np.maximum.reduceat(filled, list(starts), axis=1)
    drifted = np.logical_or.reduceat(grid.drifted, list(starts), axis=1)
    sentences = [[next((s for s in row[i : i + step] if s), "") for i in starts] for row in grid.sentences]
    effect = np.where(np.isinf(effect), np.nan, effect)
    return _Grid(grid.features, grid.times[::step], effect, drifted, sentences)


def _spaced(grid: _Grid) -> _Grid:
    """Put empty columns into each hole in time; without them the cells beside it would be drawn across."""
    if len(grid.times) < 3:
        return grid
    steps = np.diff(grid.times)
    usual = np.median(steps.astype(np.int64)).astype("timedelta64[us]")
    holes = np.flatnonzero(steps > 2.5 * usual)
    times = np.concatenate([grid.times, grid.times[holes] + usual, grid.times[holes + 1] - usual])
    order = np.argsort(times, kind="stable")
    extra = len(times) - len(grid.times)
    effect = np.pad(grid.effect, ((0, 0), (0, extra)), constant_values=np.nan)[:, order]
    drifted = np.pad(grid.drifted, ((0, 0), (0, extra)))[:, order]
    sentences = [[[*row, *[""] * extra][i] for i in order] for row in grid.sentences]
    return _Grid(grid.features, times[order], effect, drifted, sentences)


def _told_apart(names: list[str]) -> list[str]:
    """Number names that became equal when they were cut: rows of one name would be drawn as one."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def _add_cells(figure: Figure, grid: _Grid, timezone: str, *, effect: str, drift: str) -> None:
    from plotly import graph_objects

    clock = [str(time) for time in local(grid.times, timezone)]
    names = _told_apart([plain(name, 40) for name in grid.features])
    finite = grid.effect[np.isfinite(grid.effect)]
    figure.add_trace(
        graph_objects.Heatmap(
            x=clock,
            y=names,
            z=np.round(grid.effect, 4),
            zmin=0,
            zmax=float(np.clip(finite.max(), 0.2, 0.6)),
            colorscale=theme.heat_scale(),
            colorbar={"title": {"text": plain(effect), "side": "right"}, "thickness": 10, "outlinewidth": 0},
            xgap=1 if len(clock) <= 120 else 0,
            ygap=1,
            hovertemplate="%{y}<br>%{x}<br>" + plain(effect) + " %{z:.3f}<extra></extra>",
            name=plain(effect),
        )
    )
    rows, columns = np.nonzero(grid.drifted)
    said = len(rows) <= _SENTENCES
    texts = [
        f"{names[r]}: {plain(grid.sentences[r][c], 200)}" if said and grid.sentences[r][c] else names[r]
        for r, c in zip(rows, columns, strict=True)
    ]
    mark = {
        "symbol": "diamond",
        "size": float(np.clip(900 / max(len(clock), 1), 4, 9)),
        "color": theme.colour("heat-mark"),
        "line": {"color": theme.colour("surface"), "width": 0.75},
    }
    figure.add_trace(
        graph_objects.Scatter(
            x=[clock[c] for c in columns],
            y=[names[r] for r in rows],
            mode="markers",
            marker=mark,
            name=plain(drift),
            text=texts,
            hovertemplate="%{x}<br>%{text}<extra></extra>",
            showlegend=False,
        )
    )
    order = {"type": "category", "categoryorder": "array", "categoryarray": names}
    figure.update_yaxes(showgrid=False, zeroline=False, range=[-0.5, len(names) - 0.5], dtick=1, **order)
    figure.update_layout(hovermode="closest")
