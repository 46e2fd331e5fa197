"""A data set whose chances are known: what a label will be is drawn from the chance that the file has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["CHUNK", "write"]

CHUNK = 200  # rows: few, so that what a formula does with few rows shows
_REFERENCE, _CHUNKS = 20_000, 100


def write(folder: Path, seed: int = 0) -> None:
    """Write reference, analysis and its labels as NannyML's own data sets are.

    Parameters
    ----------
    folder : Path
        Gets ``simulated_reference.csv``, ``simulated_analysis.csv`` and ``simulated_target.csv``.
    seed : int
        Of the draws.
    """
    rng = np.random.default_rng(seed)
    rows = _REFERENCE + _CHUNKS * CHUNK
    # the second half of the analysis holds more rows that are hard to tell: the mix moves, not the meaning
    late = np.arange(rows) >= _REFERENCE + _CHUNKS * CHUNK // 2
    logit = rng.normal(-0.5, 1.0, rows) * np.where(late, 1.0, 2.5)
    chance = 1.0 / (1.0 + np.exp(-logit))
    score = np.round(1.0 / (1.0 + np.exp(-(0.7 * logit + 0.3))), 4)  # off: it has to be calibrated
    table = pd.DataFrame(
        {
            "id": np.arange(rows),
            "timestamp": pd.date_range("2026-01-01", periods=rows, freq="min").strftime("%Y-%m-%d %H:%M:%S"),
            "score": score,
            "said": (score >= 0.5).astype(int),
            "label": (rng.random(rows) < chance).astype(int),
            "chance": chance,
        }
    )
    given = ["id", "timestamp", "score", "said"]
    first, then = table.iloc[:_REFERENCE], table.iloc[_REFERENCE:]
    first[[*given, "label"]].to_csv(folder / "simulated_reference.csv", index=False)
    then[given].to_csv(folder / "simulated_analysis.csv", index=False)
    then[["id", "label", "chance"]].to_csv(folder / "simulated_target.csv", index=False)
