"""Features by windows: how far each one was from its baseline, and where the verdict was drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mirante.i18n import Translator, translator
from mirante.readings import SLICE
from mirante.views import theme
from mirante.views.figures.common import (
    Draft,
    EventLike,
    SeriesLike,
    empty_draft,
    moments,
    new_draft,
    plain,
    utc64,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["drift_heatmap", "heatmap_draft", "pool_step"]

_COLUMNS_DRAWN = 200
_HOURS = (3, 6, 12, 24, 7 * 24, 28 * 24, 364 * 24)
_SENTENCES = 400
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
    pooled: timedelta | None = None,
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
    pooled : timedelta, optional
        The step of time in which the readings were brought together already; where there are too many
        windows (over 200), and this is None, they are brought together here.
    timezone, locale : str
        Clock on the axis and language of Mirante's own words.

    Returns
    -------
    plotly.graph_objects.Figure
        At most about 200 columns: of more windows, each cell is the worst of some hours, of a day or of
        weeks, and the subtitle says so.

    Examples
    --------
    >>> from mirante.views.figures import Line
    >>> times = np.array(["2013-02-07", "2013-02-08"], dtype="datetime64[us]")
    >>> effect = Line("drift_effect", times, np.array([0.02, 0.4]), {"feature": "dep_delay"})
    >>> verdict = Line("drift_detected", times, np.array([0.0, 1.0]), {"feature": "dep_delay"})
    >>> figure = drift_heatmap([effect], [verdict], title="Drift")
    >>> figure.data[1].x
    ('2013-02-08T00:00',)
    """
    return heatmap_draft(
        effects, verdicts, title=title, events=events, label=label, features=features, pooled=pooled,
        timezone=timezone, locale=locale,
    ).figure()  # fmt: skip


def heatmap_draft(
    effects: Sequence[SeriesLike],
    verdicts: Sequence[SeriesLike] = (),
    *,
    title: str,
    events: Sequence[EventLike] = (),
    label: str = "feature",
    features: int = 40,
    pooled: timedelta | None = None,
    timezone: str = "UTC",
    locale: str = "en",
    explained: bool = False,
) -> Draft:
    """Return `drift_heatmap` as plain data; the arguments are the same.

    With `explained` the scale of the colours and what the marks mean are left to the page around it.
    """
    _ = translator(locale)
    grid = _grid(effects, verdicts, label)
    if grid is None or not np.any(np.isfinite(grid.effect)):
        return empty_draft(title, _("No drift readings yet."))
    total = len(grid.features)
    step = pooled
    if step is None and (step := pool_step(grid.times)) is not None:
        grid = _pooled(grid, step)
    grid = _spaced(_strongest(grid, features))
    subtitle = "" if explained else _meaning(_)
    if step is not None:
        subtitle += " " + _("A cell is the strongest window of %(time)s.", time=_length(step, _))
    if total > features:
        of = {"shown": features, "total": total}
        subtitle += " " + (
            _("The %(shown)s strongest of %(total)s slices.", **of)
            if label == SLICE
            else _("The %(shown)s strongest of %(total)s features.", **of)
        )
    draft = new_draft(title, subtitle=subtitle.strip(), height=110 + 24 * max(len(grid.features), 3))
    _add_cells(draft, grid, timezone, effect=_("size of the shift"), drift=_("drift"), scale=not explained)
    draft.layout["shapes"] = []
    for event in events if len(events) <= _LINES_DRAWN else ():
        (time,) = moments(np.array([utc64(event.time)]), timezone)
        hue = theme.colour("critical" if event.kind.startswith("alert") else "info")
        line = {"color": hue, "width": 1, "dash": "dot"}
        ends = {"x0": time, "x1": time, "y0": 0, "y1": 1, "yref": "paper"}
        draft.layout["shapes"].append({"type": "line", "line": line, "opacity": 0.5, **ends})
    return draft


def _meaning(_: Translator) -> str:
    """Return what colour and mark say; a strong colour without a mark is what people ask about."""
    return _(
        "Colour: size of the shift. Diamond: judged as drift. A strong colour without one: the baseline's "
        "own windows differ as much, or there are too few rows to tell."
    )


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
        # two versions may have a window at one time: the stronger stands for both
        cells = row_of[one.labels.get(label, one.name)], np.searchsorted(times, one.times)
        effect[cells] = np.fmax(effect[cells], one.values)
    for one in verdicts:
        row = row_of.get(one.labels.get(label, one.name))
        if row is None:
            continue
        moved = np.flatnonzero((one.values >= 0.5) & np.isin(one.times, times))
        columns = np.searchsorted(times, one.times[moved])
        drifted[row, columns] = True
        for place, column in zip(moved.tolist(), columns.tolist(), strict=True) if one.notes else ():
            sentences[row][column] = one.notes[place]
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


def pool_step(times: NDArray[np.datetime64]) -> timedelta | None:
    """Return the step of time in which windows are brought together, so that their cells can be told apart.

    Parameters
    ----------
    times : array of datetime64, shape (n,)
        When the windows begin, ascending.

    Returns
    -------
    timedelta or None
        None where each window can have a column of its own.

    Examples
    --------
    >>> hours = np.datetime64("2026-01-01", "us") + np.arange(720) * np.timedelta64(1, "h")
    >>> pool_step(hours[:168]) is None, pool_step(hours)
    (True, datetime.timedelta(seconds=21600))
    """
    if len(times) <= _COLUMNS_DRAWN:
        return None
    hours = (times[-1] - times[0]) / np.timedelta64(1, "h")
    return timedelta(hours=next((step for step in _HOURS if hours / step <= _COLUMNS_DRAWN), _HOURS[-1]))


def _length(step: timedelta, _: Translator) -> str:
    hours = step // timedelta(hours=1)
    if hours < 24:
        return _.n("%(n)s hour", "%(n)s hours", hours)
    return _("a day") if hours == 24 else _.n("a week", "%(n)s weeks", hours // (7 * 24))


def _pooled(grid: _Grid, step: timedelta) -> _Grid:
    """Bring the windows of each step together; the worst of them stands for all, at the time of the first."""
    midnight = grid.times[0].astype("datetime64[D]").astype(grid.times.dtype)
    places = (grid.times - midnight) // np.timedelta64(step)
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    filled = np.where(np.isnan(grid.effect), -np.inf, grid.effect)
    effect = np.maximum.reduceat(filled, starts, axis=1)
    drifted = np.logical_or.reduceat(grid.drifted, starts, axis=1)
    ends = [*starts[1:].tolist(), len(grid.times)]
    sentences = [
        [next((said for said in row[start:end] if said), "") for start, end in zip(starts, ends, strict=True)]
        for row in grid.sentences
    ]
    effect = np.where(np.isinf(effect), np.nan, effect)
    return _Grid(grid.features, grid.times[starts], effect, drifted, sentences)


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


def _add_cells(draft: Draft, grid: _Grid, timezone: str, *, effect: str, drift: str, scale: bool) -> None:
    clock = moments(grid.times, timezone)
    names = _told_apart([plain(name, 40) for name in grid.features])
    finite = grid.effect[np.isfinite(grid.effect)]
    quiet = {"size": 12, "color": theme.colour("muted")}
    heading = {"text": plain(effect), "side": "right", "font": quiet}
    bar = {"title": heading, "tickfont": quiet, "thickness": 10, "outlinewidth": 0}
    cells = {
        "type": "heatmap",
        "x": clock,
        "y": names,
        "z": np.round(grid.effect, 4),
        "zmin": 0,
        "zmax": float(np.clip(finite.max(), 0.2, 0.6)),
        "colorscale": theme.heat_scale(),
        **({"colorbar": bar} if scale else {"showscale": False}),
        "xgap": 1 if len(clock) <= 120 else 0,
        "ygap": 1,
        "hovertemplate": "%{y}<br>%{x}<br>" + plain(effect) + " %{z:.3f}<extra></extra>",
        "name": plain(effect),
    }
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
    marks = {
        "type": "scatter",
        "x": [clock[c] for c in columns],
        "y": [names[r] for r in rows],
        "mode": "markers",
        "marker": mark,
        "name": plain(drift),
        "text": texts,
        "hovertemplate": "%{x}<br>%{text}<extra></extra>",
        "showlegend": False,
    }
    draft.data.extend([cells, marks])
    order = {"type": "category", "categoryorder": "array", "categoryarray": names}
    draft.axis("yaxis", showgrid=False, zeroline=False, range=[-0.5, len(names) - 0.5], dtick=1, **order)
    draft.layout["hovermode"] = "closest"
