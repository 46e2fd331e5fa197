"""The slices of the rows in which two versions differ more than elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mirante.monitors.comparison.result import SliceGap

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["slice_gaps"]

_PARTS = 5
_MOST_LEVELS = 20
_LEAST_ROWS = 30
_LEVEL = 0.01
_LONGEST = 60
Mask = NDArray[np.bool_]


def slice_gaps(features: pa.Table, gaps: NDArray[np.float64], *, most: int = 5) -> tuple[SliceGap, ...]:
    """Return slices of single features in which the gap is larger than elsewhere, beyond chance.

    Parameters
    ----------
    features : pyarrow.Table
        The rows.
    gaps : ndarray of float64, shape (n,)
        How far apart the answers to each row are.
    most : int
        At most so many slices, of one feature each.

    Returns
    -------
    tuple of SliceGap
        Those that hold most of the difference first: by rows times excess. Numbers are cut at their fifths,
        texts into their twenty most frequent values. Welch's test, with all slices counted in (Bonferroni).

    Examples
    --------
    >>> import pyarrow as pa
    >>> plan = ["basic", "pro"] * 200
    >>> gaps = np.array([0.3 if one == "pro" else 0.1 for one in plan]) + np.arange(400) % 7 / 100
    >>> (found,) = slice_gaps(pa.table({"plan": plan}), gaps)
    >>> found.column, found.where, found.rows
    ('plan', '= pro', 200)
    """
    tried = [
        (column, where, mask)
        for column in features.column_names
        for where, mask in _slices(features[column])
        if _LEAST_ROWS <= mask.sum() <= len(gaps) - _LEAST_ROWS
    ]
    best: dict[str, tuple[float, SliceGap]] = {}
    for column, where, mask in tried:
        inside, outside = gaps[mask], gaps[~mask]
        p = min(1.0, _larger(inside, outside) * len(tried))
        if p >= _LEVEL:
            continue
        gap = SliceGap(column, where, len(inside), float(inside.mean()), float(outside.mean()), p)
        weight = gap.rows * (gap.gap - gap.rest)
        if column not in best or best[column][0] < weight:
            best[column] = weight, gap
    ranked = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].column))
    return tuple(gap for _, gap in ranked[:most])


def _larger(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Return how likely a mean as much larger is by chance: one-sided, by the normal law."""
    error = math.sqrt(float(inside.var(ddof=1)) / len(inside) + float(outside.var(ddof=1)) / len(outside))
    excess = float(inside.mean() - outside.mean())
    if error <= 1e-12 * max(abs(excess), 1e-300):
        return 0.0 if excess > 0 else 1.0
    return float(special.ndtr(-excess / error))


def _slices(column: pa.ChunkedArray) -> Iterator[tuple[str, Mask]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    missing = column.is_null().to_numpy()
    if pa.types.is_floating(kind) or (
        pa.types.is_integer(kind) and pc.count_distinct(column).as_py() > _PARTS
    ):
        values = column.cast(pa.float64(), safe=False).to_numpy()
        missing = missing | np.isnan(values)
        yield from _of_numbers(values)
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or _is_text(kind):
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
        texts = column.cast(pa.string())
        counts = sorted(texts.drop_null().value_counts().to_pylist(), key=lambda one: -one["counts"])
        for level in counts[:_MOST_LEVELS]:
            mask = pc.fill_null(pc.equal(texts, level["values"]), False).to_numpy(zero_copy_only=False)
            yield f"= {level['values'][:_LONGEST]}", mask
    else:
        return
    yield "is missing", missing


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner))


def _of_numbers(values: NDArray[np.float64]) -> Iterator[tuple[str, Mask]]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, _PARTS + 1)[1:-1]))
    lower = -math.inf
    with np.errstate(invalid="ignore"):
        for edge in (*edges.tolist(), math.inf):
            above, below = values > lower, values <= edge
            if lower == -math.inf:
                where = f"<= {edge:g}"
            else:
                where = f"> {lower:g}" if edge == math.inf else f"> {lower:g} and <= {edge:g}"
            yield where, above & below if lower > -math.inf else below
            lower = edge
