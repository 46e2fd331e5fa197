"""The tables that every peer sees: 16 numeric and 4 text columns of assorted shapes, from fixed seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "CATEGORICAL",
    "CHUNK_ROWS",
    "NUMERIC",
    "PLANTED",
    "make_table",
    "tables",
    "write_file",
    "write_pair",
]

NUMERIC = tuple(f"n{place:02d}" for place in range(16))
CATEGORICAL = tuple(f"c{place:02d}" for place in range(4))
CHUNK_ROWS = 1_000_000

# the planted change: quarter of a sigma in three columns, ten points of mass between two levels of a fourth
SHIFT_SIGMA = {"n00": 0.25, "n02": 0.25, "n04": 0.25}
MOVED_SHARE = {"c01": 0.10}
PLANTED = (*SHIFT_SIGMA, *MOVED_SHARE)

_SHAPES = ("normal", "lognormal", "uniform", "exponential", "gamma", "student", "bimodal", "normal")
_SIGMA = {
    "normal": 1.0,
    "lognormal": 2.161,  # √((e − 1)·e)
    "uniform": 12**-0.5,
    "exponential": 1.0,
    "gamma": 2**0.5,
    "student": 2**0.5,
    "bimodal": 5**0.5,
}
_LEVELS = (3, 5, 8, 12)


def _numbers(shape: str, rng: Any, rows: int) -> Any:
    import numpy as np

    draws = {
        "normal": lambda: rng.standard_normal(rows),
        "lognormal": lambda: rng.lognormal(0, 1, rows),
        "uniform": lambda: rng.random(rows),
        "exponential": lambda: rng.exponential(1, rows),
        "gamma": lambda: rng.gamma(2, 1, rows),
        "student": lambda: rng.standard_t(4, rows),
        "bimodal": lambda: rng.standard_normal(rows) + np.where(rng.random(rows) < 0.5, 2.0, -2.0),
    }
    return draws[shape]()


def make_table(
    rows: int,
    seed: int,
    *,
    shift_sigma: Mapping[str, float] | None = None,
    moved_share: Mapping[str, float] | None = None,
) -> pa.Table:
    """Return a table of 20 columns.

    Parameters
    ----------
    rows, seed : int
        The same two give the same table.
    shift_sigma : mapping of str to float, optional
        Standard deviations to add, by numeric column.
    moved_share : mapping of str to float, optional
        Share of the rows that moves from the first level to the second, by text column.

    Returns
    -------
    pyarrow.Table
    """
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(seed)
    made: dict[str, Any] = {}
    for place, name in enumerate(NUMERIC):
        shape = _SHAPES[place % len(_SHAPES)]
        made[name] = pa.array(_numbers(shape, rng, rows) + (shift_sigma or {}).get(name, 0.0) * _SIGMA[shape])
    for place, name in enumerate(CATEGORICAL):
        count = _LEVELS[place % len(_LEVELS)]
        shares = np.linspace(2, 1, count)
        shares /= shares.sum()
        moved = (moved_share or {}).get(name, 0.0)
        shares[:2] += [-moved, moved]
        levels = pa.array([f"lv{level}" for level in range(count)])
        made[name] = levels.take(pa.array(rng.choice(count, rows, p=shares)))
    return pa.table(made)


def tables(rows: int, seed: int, **planted: Any) -> Iterator[pa.Table]:
    """Yield the parts of a table of any size, of at most `CHUNK_ROWS` rows each."""
    for number, start in enumerate(range(0, rows, CHUNK_ROWS)):
        # the first part has the seed itself: a table of one part is the one that make_table gives
        yield make_table(min(CHUNK_ROWS, rows - start), seed + 1000 * number, **planted)


def write_file(path: str, rows: int, seed: int, **planted: Any) -> None:
    """Write a table as Parquet (pyarrow's defaults), a row group for each part."""
    import pyarrow.parquet as pq

    writer = None
    partly = Path(f"{path}.part")
    partly.parent.mkdir(parents=True, exist_ok=True)
    for part in tables(rows, seed, **planted):
        writer = writer or pq.ParquetWriter(partly, part.schema)
        writer.write_table(part)
    if writer:
        writer.close()
        partly.replace(path)


def write_pair(reference: str, current: str, rows: int) -> dict[str, int]:
    """Write the two tables of a batch, the second with the planted change; what is there is kept."""
    if not Path(reference).exists():
        write_file(reference, rows, 1)
    if not Path(current).exists():
        write_file(current, rows, 2, shift_sigma=SHIFT_SIGMA, moved_share=MOVED_SHARE)
    return {
        name: Path(path).stat().st_size for name, path in (("reference", reference), ("current", current))
    }
