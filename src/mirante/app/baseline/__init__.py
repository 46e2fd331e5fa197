"""Baselines of registered models: made, shown, listed, compared."""

from __future__ import annotations

from mirante.app.baseline.making import make_baseline

__all__ = ["make_baseline"]
