"""The dashboard file: of charts that you add, or of all that the store knows."""

from __future__ import annotations

from mirante.views.dashboard.builder import MLflowDashboard
from mirante.views.dashboard.whole import write_dashboard

__all__ = ["MLflowDashboard", "write_dashboard"]
