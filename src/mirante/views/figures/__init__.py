"""Pure functions from data to a plotly figure: no store, no network, no clock.

Every figure is drawn in the light colours of `mirante.views.theme`; `figure_json` gives it to a page,
which recolours it for the dark theme. Data that is empty or all NaN gives a figure that says so in a
sentence. Names from outside are written as plain text: no figure carries markup or a link from its data.
"""

from __future__ import annotations

from mirante.views.figures.common import Line, Mark, empty_figure, figure_json, marks_of_alerts, plain
from mirante.views.figures.distribution import distribution_figure, drift_figure
from mirante.views.figures.heatmap import drift_heatmap
from mirante.views.figures.metrics import metric_figure

__all__ = [
    "Line",
    "Mark",
    "distribution_figure",
    "drift_figure",
    "drift_heatmap",
    "empty_figure",
    "figure_json",
    "marks_of_alerts",
    "metric_figure",
    "plain",
]
