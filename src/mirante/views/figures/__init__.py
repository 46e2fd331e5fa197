"""Pure functions from data to a plotly figure: no store, no network, no clock.

Each comes as plotly's object, or as a `Draft`, which is plain data and quicker by far. Every figure is drawn
in the light colours of `mirante.views.theme`; a page gets it as JSON and recolours it for the dark theme.
Data that is empty or all NaN gives a figure that says so in a sentence. Names from outside are written as
plain text: no figure carries markup or a link from its data.
"""

from __future__ import annotations

from mirante.views.figures.common import (
    Draft,
    Line,
    Mark,
    empty_figure,
    figure_json,
    marks_of_alerts,
    plain,
)
from mirante.views.figures.distribution import distribution_draft, distribution_figure, drift_figure
from mirante.views.figures.heatmap import drift_heatmap, heatmap_draft, pool_step
from mirante.views.figures.metrics import Band, DrawnMarks, draw_marks, metric_draft, metric_figure
from mirante.views.figures.reliability import reliability_draft

__all__ = [
    "Band",
    "Draft",
    "DrawnMarks",
    "Line",
    "Mark",
    "distribution_draft",
    "distribution_figure",
    "draw_marks",
    "drift_figure",
    "drift_heatmap",
    "empty_figure",
    "figure_json",
    "heatmap_draft",
    "marks_of_alerts",
    "metric_draft",
    "metric_figure",
    "plain",
    "pool_step",
    "reliability_draft",
]
