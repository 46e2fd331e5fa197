"""What is normal for a table: from a file, or from its own first windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mirante.drift.monitor import DriftMonitor
from mirante.durations import format_duration
from mirante.errors import InputError
from mirante.monitors.baseline import PREDICTION, ModelBaseline
from mirante.monitors.baseline.baseline import OUTLIER_SHARE
from mirante.monitors.sample import SAMPLE_ROWS, draw, sample_of
from mirante.outliers.detector import OutlierDetector
from mirante.profiles import TableProfile
from mirante.sources.rows.drawing import join_rows, sample_portions
from mirante.sources.tables.delimited import to_kind
from mirante.sources.tables.opening import open_table
from mirante.sources.tables.profiling import sample_rows

if TYPE_CHECKING:
    from mirante.monitors.rows import TableSource
    from mirante.monitors.tables.config import TableConfig
    from mirante.monitors.windows import Window
    from mirante.sources.rows.mapping import ColumnMap

__all__ = ["MOST_ROWS", "baseline_of_file", "baseline_of_rows", "baseline_of_windows", "first_windows"]

MOST_ROWS = 500_000
"""Rows that a baseline is made of, at most; of a larger table so many are drawn."""
_MOST_BYTES = 256 << 20
_BUDGET = "1 per 30d"


def baseline_of_rows(rows: pa.Table, config: TableConfig, source: str) -> ModelBaseline:
    """Return what rows of a normal time make.

    Parameters
    ----------
    rows : pyarrow.Table
        With the columns of the inference log.
    config : TableConfig
        Its clock, its budget, its kind.
    source : str
        Where the rows came from, for people.

    Returns
    -------
    ModelBaseline
        Without predictions, unless the table has a column of that name; times make it know how its own
        windows differ.

    Raises
    ------
    InputError
        If there are no rows, or none of the columns has a value.
    """
    if not rows.num_rows:
        raise InputError(f"the baseline ({source}) has no rows; give rows of a time in which all was well")
    names = [name for name in rows.column_names if not name.startswith("__")]
    features = rows.select(names)
    table = features
    if rows["__prediction"].null_count < rows.num_rows:
        table = features.append_column(PREDICTION, rows["__prediction"])
    profile, clock = TableProfile.of(table), config.clock()
    known = config.kind == "time_series"
    groups = clock.assign(rows["__time"].to_numpy()) if known else []
    drift = DriftMonitor(
        profile,
        own_windows=[TableProfile.of(table.take(np.sort(places)), like=profile) for _, places in groups],
        own_starts=[clock.local(window.start) for window, _ in groups],
        alarm_budget=config.alarm_budget or _BUDGET,
        window=format_duration(clock.length),
        # snapshots have most of their rows in common: several of them say no more than one
        pooled=known,
    )
    outliers = OutlierDetector(method="both", log=False).fit(features)
    outliers.calibrate(OUTLIER_SHARE)
    about = {"rows": table.num_rows, "windows": len(groups), "source": source, "sample_rows": SAMPLE_ROWS}
    kept = sample_of(table.take(draw(table.num_rows, SAMPLE_ROWS)), profile)
    return ModelBaseline(
        profile, drift, outliers, "regression", MappingProxyType({}), MappingProxyType(about), kept
    )


def baseline_of_file(config: TableConfig, columns: ColumnMap) -> ModelBaseline:
    """Return what a file or folder of rows of a normal time makes.

    Parameters
    ----------
    config : TableConfig
        Names the file.
    columns : ColumnMap
        Which column is what; the file has the names of the table.

    Raises
    ------
    InputError
        If the file cannot be read, or lacks a column.
    """
    file = config.baseline_file
    if file is None:
        raise InputError("no file is given as baseline")
    table = open_table(file)
    names = list(table.kinds)
    timed = columns.time is not None and columns.time in names
    features = columns.features(names)
    if not features:
        raise InputError(
            f"baseline: {file} has no column that is watched; it has {', '.join(map(repr, names[:20]))}"
        )
    wanted = [*features, *([str(columns.time)] if timed else [])]
    drawn = sample_rows(table, wanted, np.random.default_rng(0), most_rows=MOST_ROWS, most_bytes=_MOST_BYTES)
    if not table.has_types:
        drawn = _typed(drawn, table.kinds, columns.time)
    only = columns if timed else columns.untimed()
    rows, _ = only.rows(drawn, pa.nulls(drawn.num_rows, pa.string()))
    return baseline_of_rows(rows, config, str(file))


def _typed(rows: pa.Table, kinds: Mapping[str, str], time: str | None) -> pa.Table:
    """Return the rows of a CSV file, which come as text, as what they look like; their times stay text."""
    arrays = {}
    for name in rows.column_names:
        texts = rows[name].combine_chunks()
        arrays[name] = texts if name == time else to_kind(texts, kinds[name])
    return pa.table(arrays)


def first_windows(source: TableSource, config: TableConfig, now: datetime) -> list[Window] | None:
    """Return the first windows that have rows, as many as make the baseline; None while there are fewer.

    Parameters
    ----------
    source : TableSource
        Has the rows.
    config : TableConfig
        Says how many.
    now : datetime
        The present: a window counts once its lateness is over.
    """
    clock = config.clock()
    found: list[Window] = []
    since: datetime | None = None
    while len(found) < config.first_windows:
        first = source.earliest(since)
        if first is None:
            return None
        window = clock.of(first)
        if window.end + config.lateness > now:
            return None
        found.append(window)
        since = window.end
    return found


def baseline_of_windows(
    source: TableSource, windows: Sequence[Window], features: Sequence[str], config: TableConfig
) -> ModelBaseline:
    """Return what a table's own windows make.

    Parameters
    ----------
    source : TableSource
        Has the rows.
    windows : sequence of Window
        Which; at least one.
    features : sequence of str
        Columns that are watched.
    config : TableConfig
        Its clock, its budget.
    """
    columns = [*features, "__time", "__prediction"]
    share = max(MOST_ROWS // len(windows), 1)
    parts = [
        sample_portions(source, "", share, start=one.start, end=one.end, columns=columns) for one in windows
    ]
    said = f"{len(windows)} windows from {windows[0].start:%Y-%m-%d %H:%M} UTC"
    return baseline_of_rows(join_rows(parts, columns), config, said)
