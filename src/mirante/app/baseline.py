"""Make the baseline of a registered model from a file of rows that were normal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mirante.errors import InputError, TrackingError
from mirante.monitors.baseline import ModelBaseline, fetch_baseline, publish_baseline
from mirante.monitors.sample import SAMPLE_ROWS
from mirante.monitors.windows import WindowClock
from mirante.tracking.baselines import resolve_alias
from mirante.tracking.client import brief_requests, connect

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

    from mirante.capture.privacy import Privacy

__all__ = ["make_baseline"]


def make_baseline(
    model: str,
    data: Path,
    prediction: str,
    *,
    time_column: str | None = None,
    label_column: str | None = None,
    alias: str = "champion",
    window: str = "1h",
    timezone: str = "UTC",
    alarm_budget: str = "1 per 30d",
    sample_rows: int = SAMPLE_ROWS,
    slices: Sequence[str] = (),
    tracking_uri: str | None = None,
    privacy: Privacy | None = None,
) -> str:
    """Fit a baseline on a file and write it beside the model version in MLflow.

    Parameters
    ----------
    model : str
        Name in the registry.
    data : Path
        Parquet or CSV: one row per prediction of a normal time.
    prediction : str
        Column with what the model said.
    time_column, label_column : str, optional
        Columns with the event time and the truth.
    alias : str
        The version is found by it.
    window, timezone : str
        How windows will be cut.
    alarm_budget : str
        False alarms that are accepted.
    sample_rows : int
        Rows that are kept with it, so that notices can name the slice that moved; 0 keeps none.
    slices : sequence of str
        Parts of the rows that will be judged for themselves.
    tracking_uri : str, optional
        MLflow server.
    privacy : Privacy, optional
        What is dropped and hashed in the log is here too; the baseline would hold the plain values else.

    Returns
    -------
    str
        What was done, in a line, and in a second one what that replaces.

    Raises
    ------
    InputError
        If the file has not the columns, or no rows.
    TrackingError
        If there is no such model or alias, or MLflow does not answer.
    """
    rows = _read(data)
    named = [name for name in (prediction, time_column, label_column) if name is not None]
    missing = [name for name in named if name not in rows.columns]
    if missing:
        there = ", ".join(map(str, rows.columns))
        raise InputError(f"{data} has no column {', '.join(map(repr, missing))}; it has {there}")
    client = connect(tracking_uri)
    clock = WindowClock(window, timezone)
    with brief_requests():  # the first question: a server that is away is known within seconds
        version = resolve_alias(client, model, alias)
    features = rows.drop(columns=named)
    baseline = ModelBaseline.fit(
        features if privacy is None or not privacy.columns else privacy.apply(features).to_pandas(),
        rows[prediction].to_numpy(),
        None if time_column is None else rows[time_column],
        clock=clock,
        labels=None if label_column is None else rows[label_column].to_numpy(),
        alarm_budget=alarm_budget,
        sample_rows=sample_rows,
        slices=slices,
    )
    former = _features_before(client, model, alias)
    publish_baseline(client, model, version, baseline)
    kept = 0 if baseline.sample is None else baseline.sample.num_rows
    size = f"{len(rows):,} rows, {len(baseline.features)} features, {kept:,} rows kept as a sample"
    parts = "" if baseline.slices is None else f", {len(baseline.slices.slices)} slices"
    told = (
        f"wrote the baseline of {model}, version {version} ({alias}): {size}{parts}; {_estimates(baseline)}"
    )
    return told + _replaced(former, baseline.features)


def _features_before(client: MlflowClient, model: str, alias: str) -> tuple[str, ...] | None:
    """Return the features of the baseline that the version has so far; None without one that can be read."""
    try:
        return tuple(fetch_baseline(client, model, alias)[1].features)
    except (InputError, TrackingError):
        return None


def _replaced(former: Sequence[str] | None, features: Sequence[str]) -> str:
    """Return what is lost and new against the baseline before; empty where there was none."""
    if former is None:
        return ""
    parts = [
        f"; {words}: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"
        for words, names in (
            ("features that are not in these data", [name for name in former if name not in features]),
            ("new", [name for name in features if name not in former]),
        )
        if names
    ]
    return "\nit replaces the baseline that the version had" + "".join(parts)


def _estimates(baseline: ModelBaseline) -> str:
    """Return what is estimated before labels are in, or why nothing is."""
    if baseline.estimator is not None:
        return f"estimated before labels are in: {', '.join(baseline.estimator.measures)}"
    why = baseline.about.get("not_estimated", "the data have no label; name their column with --label")
    return f"no performance is estimated before labels are in: {why}"


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" or path.is_dir() else pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}); give a Parquet or CSV file") from error
