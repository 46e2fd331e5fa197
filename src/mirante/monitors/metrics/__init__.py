"""Metrics of one's own: an expression over a window's profile, or a function of its rows."""

from mirante.monitors.metrics.computing import WindowMetrics, metric_readings
from mirante.monitors.metrics.config import MetricConfig
from mirante.monitors.metrics.expression import ProfileExpression

__all__ = ["MetricConfig", "ProfileExpression", "WindowMetrics", "metric_readings"]
