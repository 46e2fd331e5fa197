"""Charts made of series by their names, in groups; what is not there is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.web.pages.charts import Chart, chart_of
from mirante.web.pages.query import Query

if TYPE_CHECKING:
    from mirante.store import Series

__all__ = ["ChartGroup", "Drawing", "known", "lively"]

_MOST_LINES = 8


@dataclass(frozen=True, slots=True)
class ChartGroup:
    """Charts under one heading; a page with one group has none."""

    title: str
    charts: list[Chart]


class Drawing:
    """Makes charts of series.

    Parameters
    ----------
    found : sequence of Series
        All that there are.
    marks : sequence
        Events and alerts, on each chart.
    query : Query
        Gives the language.
    which : callable
        Says by its labels what tells a series from others of its name; empty where nothing does.
    """

    def __init__(
        self,
        found: Sequence[Series],
        marks: Sequence[Any],
        query: Query,
        which: Callable[[Mapping[str, str]], str],
    ) -> None:
        from mirante.views.figures import draw_marks

        self.found: dict[str, list[Series]] = {}
        for one in found:
            self.found.setdefault(one.name, []).append(one)
        self._query, self._which = query, which
        self._marks = draw_marks(marks, locale=query.locale)

    def lines(self, names: Mapping[str, str], *, rate: bool = False) -> list[Any]:
        """Return the series of some readings as lines with names for people."""
        lines = []
        for name, text in names.items():
            for one in sorted(self.found.get(name, ()), key=lambda s: sorted(s.labels.items())):
                line = _line(one, f"{text} {self._which(one.labels)}".strip(), rate=rate)
                if line is not None:
                    lines.append(line)
        return lines[:_MOST_LINES]

    def chart(
        self,
        key: str,
        title: str,
        lines: Sequence[Any],
        unit: str,
        *,
        limits: Mapping[str, float] | None = None,
        zero: bool = True,
    ) -> list[Chart]:
        """Return one chart, or none where there is nothing to draw; a nameless line has the chart's title."""
        from mirante.views.figures import metric_draft

        if not lines:
            return []
        draft = metric_draft(
            [one if one.name else replace(one, name=title) for one in lines],
            title=title,
            unit=unit,
            events=self._marks,
            thresholds=limits or {},
            zero=zero,
            locale=self._query.locale,
        )
        return [chart_of(key, title, draft)]


def _line(one: Series, name: str, *, rate: bool) -> Any:
    """Return a series as a line; a counter as its rate per second, with a gap where the machine restarted."""
    from mirante.views.figures import Line

    if not rate:
        return Line(name, one.times, one.values)
    if len(one.times) < 2:
        return None
    seconds = np.diff(one.times) / np.timedelta64(1, "s")
    steps = np.diff(one.values)
    return Line(name, one.times[1:], np.where(steps >= 0, steps, np.nan) / seconds)


def known(lines: Sequence[Any]) -> list[Any]:
    """Keep lines that have a value at all."""
    return [line for line in lines if np.any(np.isfinite(line.values))]


def lively(lines: Sequence[Any]) -> list[Any]:
    """Keep lines that are ever above zero: a chart of nothing says nothing."""
    return [line for line in lines if np.any(line.values > 0)]
