"""The simulated table: 16 numeric columns of assorted shapes and 4 categorical ones with rare levels.

Every value is a rising function of a standard normal (the latent), so that one shift means the same in all
columns: what is zero-inflated has fewer zeros, and of a categorical column the levels change places. With
``rho`` the latents are a Gaussian copula with equal correlations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import poisson

__all__ = ["COLUMNS", "HEAVY", "MIXED", "NAMES", "NUMERIC", "Column", "draw", "draw_windows", "lookup_table"]

BLOCK_ROWS = 50_000  # drawn at once: 20 columns of them stay in the cache of a common processor
_STEPS, _REACH = 512, 8  # a lookup table has 512 places for each standard deviation, up to 8 on each side

Floats = NDArray[np.float64]
Latent = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Parameters
    ----------
    name : str
        Unique in the table.
    values : callable
        From latents to values (float64), or to codes (int8) where there are levels.
    levels : tuple of str
        Empty for a numeric column.
    """

    name: str
    values: Callable[[Latent], NDArray[Any]]
    levels: tuple[str, ...] = ()


def lookup_table(shares: Sequence[float], values: Sequence[float] | NDArray[Any]) -> NDArray[Any]:
    """Return what a column with few values has at each place of the latent.

    Parameters
    ----------
    shares : sequence of float
        One for each value, in rising order of the latent; kept to about 4e-4.
    values : sequence
        Of the same length.

    Returns
    -------
    ndarray, shape (8192,)
    """
    middles = (np.arange(2 * _REACH * _STEPS) + 0.5) / _STEPS - _REACH
    limits = np.cumsum(shares)[:-1] / np.sum(shares)
    return np.asarray(values)[np.searchsorted(limits, ndtr(middles), side="right")]


def _look_up(table: NDArray[Any]) -> Callable[[Latent], NDArray[Any]]:
    def values(latent: Latent) -> NDArray[Any]:
        places = (latent * np.float32(_STEPS) + np.float32(_REACH * _STEPS)).astype(np.intp)
        return np.take(table, places, mode="clip")

    return values


def _few(shares: Sequence[float], values: Sequence[float]) -> Callable[[Latent], Floats]:
    return _look_up(lookup_table(shares, np.asarray(values, np.float64)))


def _smooth(shape: Callable[[Floats], Floats]) -> Callable[[Latent], Floats]:
    return lambda latent: shape(latent.astype(np.float64))


def _zeros(share: float) -> Callable[[Latent], Floats]:
    least = float(ndtri(share))
    return _smooth(lambda z: np.maximum(z - least, 0.0))


def _levels(name: str, shares: Sequence[float]) -> Column:
    codes = np.arange(len(shares), dtype=np.int8)
    levels = tuple(f"{name} {code + 1}" for code in codes)
    return Column(name, _look_up(lookup_table(shares, codes)), levels)


PLAN = (0.30, 0.25, 0.20, 0.15, 0.10)
NUMERIC = 16
COLUMNS = (
    Column("normal", _smooth(lambda z: z)),
    Column("normal_wide", _smooth(lambda z: 40 + 250 * z)),
    Column("normal_far", _smooth(lambda z: 1e6 + z)),
    Column("lognormal", _smooth(np.exp)),
    Column("lognormal_long", _smooth(lambda z: np.exp(2 * z))),
    Column("heavy_tails", _smooth(lambda z: np.sinh(1.5 * z))),
    Column("probability", _smooth(lambda z: 1 / (1 + np.exp(-z)))),
    Column("left_skewed", _smooth(lambda z: -np.exp(-0.5 * z))),
    Column("rounded", _smooth(lambda z: np.rint(3 * z))),
    Column("grades", _few((0.1, 0.2, 0.4, 0.2, 0.1), range(1, 6))),
    Column("poisson", _few([float(share) for share in poisson(1).pmf(np.arange(8))], range(8))),
    Column("coin", _few((0.5, 0.5), (0, 1))),
    Column("zeros_40", _zeros(0.40)),
    Column("zeros_80", _zeros(0.80)),
    Column("zeros_95", _zeros(0.95)),
    Column("flag", _few((0.98, 0.02), (0, 1))),
    _levels("plan", PLAN),
    _levels("region", tuple(1 / rank for rank in range(1, 11))),
    _levels("carrier", tuple(1 / rank for rank in range(1, 21))),
    _levels("product", tuple(1 / rank**2 for rank in range(1, 51))),
)
NAMES = tuple(column.name for column in COLUMNS)
HEAVY = frozenset({"zeros_80", "zeros_95", "flag"})  # more than 80 % of the rows hold one value
# other shares for a column: the level of 30 % falls to 20 %, and the level of 10 % or 20 % rises by as much
MIXED = {
    "mix_10_to_20": {"plan": (0.20, 0.25, 0.20, 0.15, 0.20)},
    "mix_20_to_30": {"plan": (0.20, 0.25, 0.30, 0.15, 0.10)},
}


def draw(
    rng: np.random.Generator,
    rows: int,
    *,
    windows: int = 1,
    rho: float = 0.0,
    shifts: Floats | None = None,
    shares: Mapping[str, Sequence[float]] | None = None,
) -> pa.RecordBatch:
    """Return windows of rows, one after the other.

    Parameters
    ----------
    rng : Generator
        The randomness.
    rows, windows : int
        Rows of a window, and how many windows.
    rho : float
        Correlation between the latents of any two columns.
    shifts : ndarray of float, shape (windows, 20), optional
        Added to the latents, in their standard deviations.
    shares : mapping of str to sequence of float, optional
        Other shares of the levels, by categorical column.

    Returns
    -------
    RecordBatch
        ``rows * windows`` rows; categorical columns are dictionaries.
    """
    latents = rng.standard_normal((len(COLUMNS), windows * rows), dtype=np.float32)
    if rho:
        latents *= np.float32(np.sqrt(1 - rho))
        latents += np.float32(np.sqrt(rho)) * rng.standard_normal(windows * rows, dtype=np.float32)
    if shifts is not None:
        by_window = latents.reshape(len(COLUMNS), windows, rows)
        by_window += shifts.T[:, :, np.newaxis].astype(np.float32)
    other = {name: _levels(name, changed) for name, changed in (shares or {}).items()}
    arrays = [
        _arrow(other.get(column.name, column), latent)
        for column, latent in zip(COLUMNS, latents, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=list(NAMES))


def _arrow(column: Column, latent: Latent) -> pa.Array:
    values = pa.array(column.values(latent))
    if not column.levels:
        return values
    return pa.DictionaryArray.from_arrays(values, pa.array(column.levels), safe=False)


def draw_windows(
    rng: np.random.Generator,
    rows: int,
    windows: int,
    *,
    rho: float = 0.0,
    shifts: Floats | None = None,
    shares: Mapping[str, Sequence[float]] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield windows as `draw` makes them, many of them drawn at once.

    Parameters
    ----------
    rng, rows, windows, rho, shifts, shares
        As of `draw`.

    Yields
    ------
    RecordBatch
        Of `rows` rows.
    """
    step = max(1, BLOCK_ROWS // rows)
    for first in range(0, windows, step):
        count = min(step, windows - first)
        moved = None if shifts is None else shifts[first : first + count]
        block = draw(rng, rows, windows=count, rho=rho, shifts=moved, shares=shares)
        for place in range(count):
            yield block.slice(place * rows, rows)
