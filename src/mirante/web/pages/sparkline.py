"""A small line without axes, as SVG: drawn on the server, so a page of cards needs no script."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

__all__ = ["sparkline"]

_WIDTH, _HEIGHT, _PAD = 240.0, 44.0, 3.0


def sparkline(
    values: Sequence[float] | NDArray[np.float64], label: str, *, top: float | None = None
) -> Markup:
    """Return values as a line; NaN are gaps.

    Parameters
    ----------
    values : sequence of float
        In the order of time, evenly spread.
    label : str
        What it shows, for those who do not see it.
    top : float, optional
        The least upper end of the scale, so that noise near zero does not look like a storm.

    Returns
    -------
    Markup
        An ``<svg>``; empty when there are fewer than two numbers.

    Examples
    --------
    >>> sparkline([1.0, 2.0], "a").count("<path")
    3
    >>> sparkline([1.0], "a")
    Markup('')
    """
    points = np.asarray(values, dtype=np.float64)
    good = points[np.isfinite(points)]
    if good.size < 2:
        return Markup("")
    low = min(0.0, float(good.min()))
    high = max(float(good.max()), top if top is not None else low)
    # as Python's own numbers, which are written in half of the time
    x = np.linspace(_PAD, _WIDTH - _PAD, points.size).tolist()
    y = (_HEIGHT - _PAD - (points - low) / (high - low or 1.0) * (_HEIGHT - 2 * _PAD)).tolist()
    line, area = [], []
    for run in _runs(np.isfinite(points)):
        path = " L".join(f"{x[i]:.1f} {y[i]:.1f}" for i in run)
        line.append(f"M{path}" if len(run) > 1 else f"M{path}h.1")
        area.append(f"M{x[run[0]]:.1f} {_HEIGHT} L{path} L{x[run[-1]]:.1f} {_HEIGHT}Z")
    last = int(np.flatnonzero(np.isfinite(points))[-1])
    return Markup(
        '<svg class="spark" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        '<path class="spark-area" d="{area}"/><path class="spark-line" d="{line}"/>'
        '<path class="spark-end" d="M{x} {y}h.01"/></svg>'
    ).format(
        w=int(_WIDTH), h=int(_HEIGHT), label=label, area=" ".join(area), line=" ".join(line),
        x=f"{x[last]:.1f}", y=f"{y[last]:.1f}",
    )  # fmt: skip


def _runs(good: NDArray[np.bool_]) -> list[list[int]]:
    """Return the stretches of positions that are good, one after another."""
    positions = np.flatnonzero(good)
    cuts = np.flatnonzero(np.diff(positions) > 1) + 1
    return [part.tolist() for part in np.split(positions, cuts)]
