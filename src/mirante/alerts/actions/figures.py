"""How well a version did: its performance, realised or estimated, from the readings in the store."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mirante.readings import READINGS

if TYPE_CHECKING:
    from mirante.store import Series, Store

__all__ = ["figures_of"]

_WINDOWS = 30
_SUBJECT_LABELS = frozenset({"model", "alias", "version"})
_NO_MEASURES = frozenset(
    {
        "performance_labels",
        "performance_labels_missing",
        "performance_labels_share",
        "performance_labels_unmatched",
        "performance_base_rate",
        "performance_calibration_error_expected",
        "estimated_performance_dropped",
    }
)
_Points = dict[datetime, float]


def figures_of(store: Store, subject: str, version: str) -> dict[str, Any]:
    """Return the performance of one version over its last thirty windows.

    Parameters
    ----------
    store : Store
        Has the readings.
    subject : str
        The model and its alias.
    version : str
        The version.

    Returns
    -------
    dict
        ``kind`` is ``realised`` (from labels), ``estimated`` or ``unknown``. Unless it is unknown,
        ``measures`` holds a mean over windows by name, weighted by their rows; ``rows`` says how many there
        were (with labels, where realised), and ``since`` and ``until`` when the first and the last window
        began.
    """
    for kind, prefix, weight in (
        ("realised", "performance_", "performance_labels"),
        ("estimated", "estimated_", "predictions"),
    ):
        names = [name for name in READINGS if name.startswith(prefix) and _is_measure(name)]
        series = store.readings.series(
            [*names, weight], subject=subject, where={"version": version}, slices=False
        )
        found = _points(series)
        rows = found.pop(weight, {})
        times = sorted({time for points in found.values() for time in points})[-_WINDOWS:]
        measures = {name.removeprefix(prefix): _mean(found[name], rows, times) for name in sorted(found)}
        known = {name: value for name, value in measures.items() if not math.isnan(value)}
        if known:
            return {
                "kind": kind,
                "measures": known,
                "rows": int(sum(rows.get(time, 0.0) for time in times)),
                "since": times[0].isoformat(),
                "until": times[-1].isoformat(),
            }
    return {"kind": "unknown"}


def _is_measure(name: str) -> bool:
    return name not in _NO_MEASURES and not name.endswith(("_lower", "_upper", "_threshold"))


def _points(series: Sequence[Series]) -> dict[str, _Points]:
    """Return the finite values by name and time; those of a slice or a feature speak of a part only."""
    return {
        one.name: {
            time.replace(tzinfo=UTC): value
            for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
            if math.isfinite(value)
        }
        for one in series
        if one.labels.keys() <= _SUBJECT_LABELS
    }


def _mean(
    points: Mapping[datetime, float], rows: Mapping[datetime, float], times: Sequence[datetime]
) -> float:
    """Return the mean weighted by rows; where nobody knows how many there were, each window counts once."""
    there = [time for time in times if time in points]
    weights = [rows.get(time, 0.0) for time in there]
    if not sum(weights):
        weights = [1.0] * len(there)
    total = sum(weights)
    return sum(w * points[t] for w, t in zip(weights, there, strict=True)) / total if total else math.nan
