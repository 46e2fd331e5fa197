"""Readings over time, with thresholds and the marks of what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirante.i18n import translator
from mirante.views import theme
from mirante.views.figures.common import (
    Draft,
    EventLike,
    SeriesLike,
    empty_draft,
    moments,
    new_draft,
    plain,
    thin,
    utc64,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Band", "DrawnMarks", "draw_marks", "labels_of", "metric_draft", "metric_figure"]

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MARKS_DRAWN = 80
_LINES_STRONG = 12
_TEXTS_PER_MARK = 6


@dataclass(frozen=True, slots=True)
class DrawnMarks:
    """Events as parts of a chart: the marks at its top, and the lines across it."""

    traces: list[dict[str, Any]]
    shapes: list[dict[str, Any]]


class Band(NamedTuple):
    """A coloured area between two series, in the colour of the line that it belongs to.

    Parameters
    ----------
    line : int
        Which of the lines.
    lower, upper : series
        Its edges.
    """

    line: int
    lower: SeriesLike
    upper: SeriesLike


def metric_figure(
    series: Sequence[SeriesLike],
    *,
    title: str,
    unit: str = "",
    events: Sequence[EventLike] = (),
    thresholds: Mapping[str, float] | Sequence[tuple[str, float]] = (),
    zero: bool = False,
    points: int = 2_000,
    timezone: str = "UTC",
    locale: str = "en",
) -> Figure:
    """Draw series over time.

    Parameters
    ----------
    series : sequence of series
        Each with ``name, labels, times, values``; NaN are gaps, a series without any value is left out.
    title : str
        Written as plain text.
    unit : str
        Of the values: seconds, bytes, percent and ``share`` (0 to 1, written as per cent) stand at each tick,
        others as the axis' title.
    events : sequence of events
        Each with ``time, kind, text``; events of one moment share one mark.
    thresholds : mapping or pairs of str and float
        Horizontal lines, each with its name.
    zero : bool, default False
        Whether the axis must start at zero.
    points : int, default 2000
        About how many points of each series are drawn; peaks are kept.
    timezone : str, default "UTC"
        IANA name of the clock on the axis.
    locale : str, default "en"
        Language of the words that are Mirante's own.

    Returns
    -------
    plotly.graph_objects.Figure
        With one trace per series, and one more for each sort of mark.

    Examples
    --------
    >>> from mirante.views.figures import Line
    >>> times = np.array(["2013-02-07", "2013-02-08"], dtype="datetime64[us]")
    >>> figure = metric_figure([Line("predictions", times, np.array([932.0, 930.0]))], title="Predictions")
    >>> [trace.name for trace in figure.data]
    ['predictions']
    """
    return metric_draft(
        series, title=title, unit=unit, events=events, thresholds=thresholds, zero=zero, points=points,
        timezone=timezone, locale=locale,
    ).figure()  # fmt: skip


def metric_draft(
    series: Sequence[SeriesLike],
    *,
    title: str,
    unit: str = "",
    events: Sequence[EventLike] | DrawnMarks = (),
    thresholds: Mapping[str, float] | Sequence[tuple[str, float]] = (),
    zero: bool = False,
    points: int = 2_000,
    timezone: str = "UTC",
    locale: str = "en",
    bands: Sequence[Band] = (),
) -> Draft:
    """Return `metric_figure` as plain data; the arguments are the same.

    Events may be drawn already, and `bands` lie below the lines.
    """
    _ = translator(locale)
    drawn = [one for one in series if np.any(np.isfinite(one.values))]
    if not drawn:
        return empty_draft(title, _("No values yet."))
    draft = new_draft(title)
    draft.data.extend(_area(one, points, timezone) for one in bands)
    for index, (one, label) in enumerate(zip(drawn, labels_of(drawn, locale), strict=True)):
        draft.data.append(_line(one, label, index, points, timezone, ".2~%" if unit == "share" else ".4~g"))
    draft.layout["shapes"], draft.layout["annotations"] = [], []
    for text, value in thresholds.items() if isinstance(thresholds, Mapping) else thresholds:
        _add_threshold(draft, text, value)
    marks = events if isinstance(events, DrawnMarks) else draw_marks(events, timezone=timezone, locale=locale)
    _add_marks(draft, marks)
    draft.axis("yaxis", rangemode="tozero" if zero else "normal", **_axis_of(unit))
    if zero and all(np.nanmax(np.abs(one.values), initial=0.0) == 0 for one in drawn):
        draft.axis("yaxis", range=[0, 1])  # by itself it would run from -1 to 1
    draft.axis("xaxis", tickangle=0)
    draft.layout["showlegend"] = len(draft.data) > 1
    return draft


def labels_of(series: Sequence[SeriesLike], locale: str = "en") -> list[str]:
    """Return a short name for each series: what it does not share with the others.

    Parameters
    ----------
    series : sequence of series
        With their names and labels.
    locale : str, default "en"
        Language of the word *version*, without which the label is a bare number.

    Examples
    --------
    >>> from mirante.views.figures import Line
    >>> none, empty = np.array([], dtype="datetime64[us]"), np.array([])
    >>> names = ["prediction_latency_seconds_p50", "prediction_latency_seconds_p95"]
    >>> labels_of([Line(name, none, empty) for name in names])
    ['p50', 'p95']
    >>> labels_of([Line("drift_ks", none, empty, {"model": "m", "feature": f}) for f in ("age", "fare")])
    ['age', 'fare']
    """
    names = [one.name for one in series]
    if len(series) == 1 and series[0].labels.get("feature"):
        return [series[0].labels["feature"]]
    if len(set(names)) > 1:
        names = [" ".join(words) for words in _without_shared([name.split("_") for name in names])]
    elif len(series) > 1:
        names = [""] * len(series)
    else:
        names = [names[0].removeprefix("performance_").removeprefix("system_").replace("_", " ")]
    keys = sorted({key for one in series for key in one.labels})
    differing = [key for key in keys if len({one.labels.get(key) for one in series}) > 1]
    out = []
    for name, one in zip(names, series, strict=True):
        parts = [name, *(_said(key, one.labels[key], locale) for key in differing if key in one.labels)]
        out.append(" ".join(part for part in parts if part) or one.name)
    return out


def _said(key: str, value: str, locale: str) -> str:
    _ = translator(locale)
    return _("version %(version)s", version=value) if key == "version" and value else value


def _without_shared(names: list[list[str]]) -> list[list[str]]:
    """Drop the first and last words that all names share, as long as each keeps a word."""
    for end in (0, -1):
        while min(map(len, names)) > 1 and len({words[end] for words in names}) == 1:
            names = [words[1:] if end == 0 else words[:-1] for words in names]
    return names


def _axis_of(unit: str) -> dict[str, Any]:
    """Return how the value axis is written; units that can stand at each tick need no title."""
    axes: dict[str, dict[str, Any]] = {
        "seconds": {"tickformat": "~s", "ticksuffix": "s"},
        "bytes": {"tickformat": "~s", "ticksuffix": "B"},
        "bytes/s": {"tickformat": "~s", "ticksuffix": "B/s"},
        "percent": {"ticksuffix": "%"},
        "share": {"tickformat": "~%"},
        "0 to 1": {},
        "0 or 1": {},
    }
    return axes.get(unit, {"title": {"text": plain(unit)}, "separatethousands": True})


def _line(one: SeriesLike, label: str, index: int, points: int, timezone: str, form: str) -> dict[str, Any]:
    values = np.asarray(one.values, dtype=np.float64)
    keep = thin(values, points)
    hue = theme.colour(theme.SERIES[index % len(theme.SERIES)])
    return {
        "type": "scatter",
        "x": moments(one.times[keep], timezone),
        "y": np.where(np.isfinite(values), values, np.nan)[keep],
        "name": plain(label, 48),
        "mode": "lines+markers" if len(keep) <= 45 else "lines",
        "line": {"color": hue, "width": 2, "dash": _DASHES[index % len(_DASHES)]},
        "marker": {"size": 5, "color": hue},
        "hovertemplate": f"%{{y:{form}}}",
    }


def _area(band: Band, points: int, timezone: str) -> dict[str, Any]:
    """Return a band as one area: along its lower edge, and back along the upper one."""
    x: list[str] = []
    y: list[NDArray[np.float64]] = []
    for one, step in ((band.lower, 1), (band.upper, -1)):
        values = np.asarray(one.values, dtype=np.float64)
        known = np.flatnonzero(np.isfinite(values))
        keep = known[thin(values[known], points)][::step]
        x += moments(one.times[keep], timezone)
        y.append(values[keep])
    return {
        "type": "scatter",
        "x": x,
        "y": np.concatenate(y),
        "mode": "lines",
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": theme.colour(theme.SERIES[band.line % len(theme.SERIES)]),
        "opacity": 0.18,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _add_threshold(draft: Draft, text: str, value: float) -> None:
    if not np.isfinite(value):
        return
    hue = theme.colour("warning")
    across = {"xref": "x domain", "yref": "y"}
    line = {"color": hue, "width": 1.5, "dash": "dash"}
    draft.layout["shapes"].append(
        {"type": "line", "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line, **across}
    )
    draft.layout["annotations"].append(
        {
            "text": plain(text, 60), "font": {"color": hue, "size": 11}, "showarrow": False,
            "x": 0, "y": value, "xanchor": "left", "yanchor": "bottom", **across,
        }
    )  # fmt: skip


def draw_marks(events: Sequence[EventLike], *, timezone: str = "UTC", locale: str = "en") -> DrawnMarks:
    """Return events as they are drawn in a chart, so that many charts of a page can share them.

    Parameters
    ----------
    events : sequence of events
        Each with ``time, kind, text``; events of one moment share one mark.
    timezone, locale : str
        As of the charts.

    Examples
    --------
    >>> from datetime import UTC
    >>> from mirante.views.figures import Mark
    >>> drawn = draw_marks([Mark(datetime(2013, 2, 8, tzinfo=UTC), "storm")])
    >>> drawn.traces[0]["x"], drawn.shapes[0]["x0"]
    (['2013-02-08T00:00'], '2013-02-08T00:00')
    """
    _ = translator(locale)
    drawn = DrawnMarks([], [])
    words = {"alert": _("alert"), "event": _("event")}
    looks = {"alert": ("critical", "triangle-down", "dash"), "event": ("info", "diamond", "dot")}
    for kind, (token, symbol, dash) in looks.items():
        those = [one for one in events if one.kind.startswith("alert") == (kind == "alert")]
        times, texts = _gathered(those, timezone)
        hue = theme.colour(token)
        # dozens of lines at full strength would hide the data that they belong to
        look = {
            "type": "line",
            "line": {"color": hue, "width": 1, "dash": dash},
            "opacity": 0.55 if len(times) <= _LINES_STRONG else 0.18,
            "layer": "below",
        }
        ends = [{"x0": time, "x1": time, "y0": 0, "y1": 1, "yref": "paper"} for time in times]
        drawn.shapes.extend({**look, **one} for one in ends)
        if times:
            edge = {"color": theme.colour("surface"), "width": 1}
            drawn.traces.append(
                {
                    "type": "scatter",
                    "x": times,
                    "y": [1] * len(times),
                    "yaxis": "y2",
                    "mode": "markers",
                    "marker": {"symbol": symbol, "size": 9, "color": hue, "line": edge},
                    "cliponaxis": False,
                    "name": words[kind],
                    "text": texts,
                    "hovertemplate": "%{text}",
                }
            )
    return drawn


def _add_marks(draft: Draft, marks: DrawnMarks) -> None:
    """Add events on a hidden second axis from 0 to 1, so that a mark reaches from bottom to top."""
    if marks.traces:
        draft.axis("yaxis2", overlaying="y", range=[0, 1], visible=False, fixedrange=True)
        draft.layout["shapes"] += marks.shapes
        draft.data.extend(marks.traces)


def _gathered(events: Sequence[EventLike], timezone: str) -> tuple[list[str], list[str]]:
    """Bring events of one moment together; of too many moments keep the newest."""
    by_time: dict[datetime, list[str]] = {}
    for event in events:
        by_time.setdefault(event.time, []).append(event.text)
    times = sorted(by_time)[-_MARKS_DRAWN:]
    texts = []
    for time in times:
        lines = [plain(text, 90) for text in by_time[time][:_TEXTS_PER_MARK]]
        more = len(by_time[time]) - len(lines)
        texts.append("<br>".join([*lines, *([f"… +{more}"] if more else [])]))
    return moments(np.array([utc64(time) for time in times], dtype="datetime64[us]"), timezone), texts
