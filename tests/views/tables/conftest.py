"""A store with windows whose rows are known, judged as the service judges them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.drift.verdicts import WindowVerdict
from mirante.profiles import TableProfile
from mirante.store import BaselineRow, Store, WindowRow
from mirante.store.types import finite

SUBJECT = "model/churn@champion"
START = datetime(2026, 1, 31, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def raw(rng: np.random.Generator, rows: int, shift: float = 0.0) -> pd.DataFrame:
    """Return rows with a column of each sort."""
    age = rng.normal(40 + shift, 10, rows)
    age[rng.random(rows) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "visits": rng.poisson(2.0, rows).astype(float),
            "plan": rng.choice(["basic", "plus", "pro"], rows, p=[0.6, 0.3, 0.1]),
            "prediction": rng.beta(2, 5, rows),
        }
    )


def window_row(
    start: datetime,
    profile: TableProfile,
    verdict: WindowVerdict | None = None,
    *,
    subject: str = SUBJECT,
    version: str = "1",
    closed: bool = True,
    **more: Any,
) -> WindowRow:
    """Return what the service would keep of a window of an hour."""
    notes: dict[str, Any] = {"outliers": 0, **more}
    if verdict is not None:
        columns = {name: finite(one) for name, one in verdict.columns.items()}
        notes |= {"drifted": verdict.drifted, "drift_share": verdict.drift_share, "columns": columns}
    data = profile.to_bytes()
    return WindowRow(subject, version, start, start + HOUR, profile.rows, 0, closed, data, notes)


@dataclass
class Watched:
    """A store, and what its windows were made of."""

    store: Store
    base: pd.DataFrame
    baseline: TableProfile
    frames: dict[datetime, pd.DataFrame] = field(default_factory=dict)
    verdicts: dict[datetime, WindowVerdict] = field(default_factory=dict)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


@pytest.fixture
def watched(store: Store) -> Watched:
    """Eight hours over the turn of a month, the last two shifted."""
    rng = np.random.default_rng(20130208)
    base = raw(rng, 4_000)
    baseline = TableProfile.of(base)
    monitor = DriftMonitor(baseline, window="1h")
    store.baselines.put(BaselineRow(SUBJECT, "1", START, len(base), baseline.to_bytes()))
    found = Watched(store, base, baseline)
    for hour in range(8):
        start = START + hour * HOUR
        frame = raw(rng, 700 + 40 * hour, 15.0 if hour > 5 else 0.0)
        profile = TableProfile.of(frame, like=baseline)
        found.frames[start], found.verdicts[start] = frame, monitor.update(profile)
        store.windows.put(window_row(start, profile, found.verdicts[start]))
    return found
