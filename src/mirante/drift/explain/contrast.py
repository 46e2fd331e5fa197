"""Shift inside a slice against shift outside, and the part that the mix of slices has: on counts only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Contrast", "Mix", "contrast", "log_p", "mix", "unexplained"]

Floats = NDArray[np.float64]

_KNOWN = 20  # rows of a level outside, from which the factor of its share is known well enough
_KS_NOISE = np.sqrt(np.pi / 2.0) * np.log(2.0)  # mean of Kolmogorov's law


@dataclass(frozen=True, slots=True)
class Contrast:
    """How slices moved, and everything outside each of them; arrays have one value per slice.

    Parameters
    ----------
    inside, outside : ndarray of float64
        KS distance or total variation, 0 to 1.
    inside_excess, outside_excess : ndarray of float64
        The same less what it is on average when nothing has changed, 0 or more.
    z : ndarray of float64
        Largest difference between the two shifts, over cells, in standard errors.
    cells : int
        Over how many cells `z` is the largest.
    """

    inside: Floats
    outside: Floats
    inside_excess: Floats
    outside_excess: Floats
    z: Floats
    cells: int


def contrast(
    before: Floats, after: Floats, rest_before: Floats, rest_after: Floats, *, ordered: bool
) -> Contrast:
    """Compare the shift inside slices with the shift outside.

    A shift is the difference of two curves, the window's less the baseline's: of running shares where the
    cells are ordered, of shares where they are not. In each cell the difference between the shift inside and
    the one outside is held against its standard error. Each of the four shares has as its variance the
    larger of two: of its own (two rows added, one of them a hit), and of the share that it would have were
    both shifts the same.

    Parameters
    ----------
    before, after : ndarray of float64, shape (slices, cells)
        Rows inside, in baseline and window; each slice has some on both sides.
    rest_before, rest_after : ndarray of float64, shape (slices, cells)
        Rows outside.
    ordered : bool
        Whether the cells are.

    Returns
    -------
    Contrast

    Examples
    --------
    >>> moved, still = np.array([[0.0, 50.0]]), np.array([[50.0, 50.0]])
    >>> found = contrast(still, moved, still, still, ordered=True)
    >>> found.inside.tolist(), found.outside.tolist(), bool(found.z[0] > 4)
    ([0.5], [0.0], True)
    """
    counts = (after, before, rest_after, rest_before)
    rows = [one.sum(axis=1, keepdims=True) for one in counts]
    g, f, rest_g, rest_f = (_curve(one, ordered) for one in counts)
    # what each share would be if the two shifts were one and the same
    same = (f + rest_g - rest_f, g - rest_g + rest_f, rest_f + g - f, rest_g - g + f)
    variance = sum(
        _variance(share, wanted, n)
        for share, wanted, n in zip((g, f, rest_g, rest_f), same, rows, strict=True)
    )
    z = np.abs((g - f) - (rest_g - rest_f)) / np.sqrt(variance)
    inside, outside = _effect(g - f, ordered), _effect(rest_g - rest_f, ordered)
    quiet = _quiet(before, after, ordered), _quiet(rest_before, rest_after, ordered)
    return Contrast(
        inside,
        outside,
        np.maximum(inside - quiet[0], 0.0),
        np.maximum(outside - quiet[1], 0.0),
        np.asarray(z.max(axis=1, initial=0.0)),
        g.shape[1],
    )


def _curve(counts: Floats, ordered: bool) -> Floats:
    shares = counts / counts.sum(axis=-1, keepdims=True)
    # the last running share is always 1
    return np.asarray(np.cumsum(shares, axis=-1)[..., :-1] if ordered else shares)


def _effect(difference: Floats, ordered: bool) -> Floats:
    size = np.abs(difference)
    return np.asarray(size.max(axis=-1, initial=0.0) if ordered else size.sum(axis=-1) / 2.0)


def _variance(shares: Floats, wanted: Floats, rows: Floats) -> Floats:
    added = (shares * rows + 1.0) / (rows + 2.0)
    wanted = np.clip(wanted, 0.0, 1.0)
    return np.asarray(np.maximum(added * (1.0 - added), wanted * (1.0 - wanted)) / rows)


def _quiet(before: Floats, after: Floats, ordered: bool) -> Floats:
    """Return the mean effect of so many rows when nothing has changed."""
    m, n = before.sum(axis=-1), after.sum(axis=-1)
    if ordered:
        return np.asarray(_KS_NOISE * np.sqrt(1.0 / m + 1.0 / n))
    p = (before + after) / (m + n)[..., None]
    return np.asarray(np.sqrt(p * (1.0 - p)).sum(axis=-1) * np.sqrt((1.0 / m + 1.0 / n) / (2.0 * np.pi)))


def log_p(z: Floats | float, looks: int) -> Floats:
    """Return the logarithm of a two-sided normal p-value, corrected for so many looks (Bonferroni).

    Examples
    --------
    >>> round(float(np.exp(log_p(1.96, 1))), 3), float(log_p(0.0, 10))
    (0.05, 0.0)
    """
    return np.asarray(np.minimum(special.log_ndtr(-np.asarray(z)) + np.log(2.0 * looks), 0.0))


def unexplained(
    before: Floats, after: Floats, rest_before: Floats, rest_after: Floats, grid: Floats
) -> float:
    """Return how far a slice is from having moved in the same way as the rows outside.

    Slices that differ from each other move by different distances when one and the same thing happens to all
    rows. Numbers: the map that carries the outside's baseline to the outside's window, quantile by quantile,
    is applied to the slice's baseline ("changes in changes"), or the outside's change of median is added to
    it; what is left to the slice's window is a KS distance, and the smaller one counts. Categories: the
    slice's shares are multiplied by what the outside's were multiplied by, and a level that the baseline
    hardly has is taken to have come with the outside's share, which leaves a total variation.

    Parameters
    ----------
    before, after, rest_before, rest_after : ndarray of float64, shape (cells,)
        Rows inside and outside.
    grid : ndarray of float64
        Upper ends of the cells but the last; empty for categories.

    Returns
    -------
    float
        0 (moved as the outside did) to 1.

    References
    ----------
    .. [1] S. Athey, G. W. Imbens, "Identification and inference in nonlinear difference-in-differences
       models", 2006.

    Examples
    --------
    >>> still, moved = np.array([40.0, 40.0, 20.0]), np.array([20.0, 40.0, 40.0])
    >>> unexplained(still, moved, still, moved, np.array([1.0, 2.0])) < 1e-9
    True
    """
    if not grid.size:
        return _unexplained_levels(before, after, rest_before, rest_after)
    f, g, rest_f, rest_g = (_curve(one, True) for one in (before, after, rest_before, rest_after))
    mapped = np.interp(rest_g, np.r_[0.0, rest_f, 1.0], np.r_[0.0, f, 1.0])
    left = _effect(g - mapped, True)
    finite = np.isfinite(grid)
    if finite.any():
        step = _median(grid, rest_g) - _median(grid, rest_f)
        moved = np.interp(grid[finite] - step, grid[finite], f[finite], left=0.0)
        left = np.minimum(left, _effect(g[finite] - moved, True))
    return float(left)


def _unexplained_levels(before: Floats, after: Floats, rest_before: Floats, rest_after: Floats) -> float:
    now, rest_now = after / after.sum(), rest_after / rest_after.sum()
    new = np.maximum(before, rest_before) < _KNOWN
    # a factor that the outside has too few rows to tell is taken for whatever the slice's own is
    wanted = np.where(new, rest_now, now)
    told = rest_before >= _KNOWN
    scaled = before[told] * rest_after[told] / rest_before[told]
    wanted[told] = scaled / max(scaled.sum(), 1e-300) * max(1.0 - wanted[~told].sum(), 0.0)
    return float(_effect(now - wanted, False))


def _median(grid: Floats, curve: Floats) -> float:
    finite = np.isfinite(grid)
    return float(np.interp(0.5, curve[finite], grid[finite]))


@dataclass(frozen=True, slots=True)
class Mix:
    """What the change of the slices' shares does to a column.

    Parameters
    ----------
    total : float
        Shift of all rows: KS distance or total variation.
    moved : float
        Shift by the mix alone: the baseline's slices in the window's shares, against the baseline.
    left : float
        What is left: the window against the baseline's slices in the window's shares.
    z : float
        Largest shift by the mix, over cells, in standard errors.
    cells : int
        Over how many.
    slot : int
        Whose share changed most.
    """

    total: float
    moved: float
    left: float
    z: float
    cells: int
    slot: int


def mix(before: Floats, after: Floats, *, ordered: bool) -> Mix:
    """Part a shift into the mix of slices and what happened inside them (Kitagawa's decomposition).

    Parameters
    ----------
    before, after : ndarray of float64, shape (slots, cells)
        Rows of baseline and window, at least one on each side. A slot without rows in the baseline is new, so
        all of it is mix.
    ordered : bool
        Whether the cells are.

    Returns
    -------
    Mix

    References
    ----------
    .. [1] E. M. Kitagawa, "Components of a difference between two rates", 1955.

    Examples
    --------
    >>> before, after = np.array([[80.0, 0.0], [0.0, 20.0]]), np.array([[30.0, 0.0], [0.0, 70.0]])
    >>> found = mix(before, after, ordered=True)
    >>> round(found.moved, 2), round(found.left, 2), found.slot
    (0.5, 0.0, 0)
    """
    m_slot, n_slot = before.sum(axis=1), after.sum(axis=1)
    m, n = m_slot.sum(), n_slot.sum()
    was, now = m_slot / m, n_slot / n
    slot = int(np.argmax(np.abs(now - was)))
    filled = m_slot + n_slot > 0
    taken = np.where((m_slot > 0)[:, None], before, after)[filled]
    was, now = was[filled][:, None], now[filled][:, None]
    curves, rows = _curve(taken, ordered), taken.sum(axis=1, keepdims=True)
    total = _curve(after.sum(axis=0), ordered) - _curve(before.sum(axis=0), ordered)
    by_mix = ((now - was) * curves).sum(axis=0)
    variance = ((now - was) ** 2 * _variance(curves, curves, rows)).sum(axis=0)
    for weights, size in ((now, n), (was, m)):
        centre = (weights * curves).sum(axis=0)
        variance = variance + (weights * (curves - centre) ** 2).sum(axis=0) / size
    z = np.abs(by_mix) / np.sqrt(np.maximum(variance, 1e-300))
    effects = [float(_effect(one, ordered)) for one in (total, by_mix, total - by_mix)]
    return Mix(effects[0], effects[1], effects[2], float(z.max(initial=0.0)), z.size, slot)
