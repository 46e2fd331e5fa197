"""Make the baseline of a registered model from rows that were normal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mirante.app.baseline.brought import spark_data
from mirante.app.baseline.columns import Roles, named, roles_of
from mirante.app.baseline.data import Data, local_table, opened
from mirante.app.baseline.predicting import predict as ask
from mirante.errors import InputError, TrackingError
from mirante.monitors.baseline import ModelBaseline, load_baseline, publish_baseline
from mirante.monitors.baseline.on_spark import fit_on_spark
from mirante.monitors.baseline.shape import BaselineShape
from mirante.monitors.check.words import plain
from mirante.monitors.sample import SAMPLE_ROWS
from mirante.monitors.windows import WindowClock
from mirante.sources.tables.frames import read_frame
from mirante.tracking.client import connect
from mirante.tracking.models import ModelName, find_model
from mirante.tracking.signatures import columns_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from mirante.capture.privacy import Privacy

__all__ = ["make_baseline"]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for, but for the model and the data."""

    clock: WindowClock
    columns: dict[str, str | Sequence[str] | None]
    classes: Sequence[str]
    predict: bool
    keep_extra: bool
    alarm_budget: str
    sample_rows: int
    slices: Sequence[str]
    privacy: Privacy | None
    told: Callable[[int, int], None]


def make_baseline(
    model: str,
    data: str | Path | None = None,
    prediction: str | Sequence[str] | None = None,
    *,
    dataset: str | None = None,
    predict: bool = False,
    keep_extra: bool = False,
    time_column: str | None = None,
    label_column: str | None = None,
    alias: str | None = None,
    window: str = "1h",
    timezone: str = "UTC",
    alarm_budget: str = "1 per 30d",
    sample_rows: int = SAMPLE_ROWS,
    slices: Sequence[str] = (),
    tracking_uri: str | None = None,
    privacy: Privacy | None = None,
    classes: Sequence[str] = (),
    told: Callable[[int, int], None] = lambda _done, _all: None,
    spark: Any = None,
) -> str:
    """Fit a baseline on rows of a normal time and write it beside the model version in MLflow.

    Parameters
    ----------
    model : str
        ``NAME``, ``NAME@alias``, ``models:/NAME@alias`` or ``models:/NAME/3``.
    data : str or Path, optional
        One row per prediction of a normal time: a Parquet, CSV or Arrow file, or a folder of Parquet files;
        ``run:ID`` or ``run:ID/NAME``, a data set that was logged with a run; an address (``https://``,
        ``s3://``). Without it, the data set that was logged with the run that made the version.
    prediction : str or sequence of str, optional
        Column with what the model said, or the columns with the probability of each class. With `predict`,
        which of the model's outputs; all of them are taken where they are the probabilities of classes.
    dataset : str, optional
        Name or context of one of the run's data sets.
    predict : bool
        Whether the model is asked for its predictions, in a process of its own.
    keep_extra : bool
        Whether columns that the model's signature does not have are features all the same.
    time_column, label_column : str, optional
        Columns with the event time and the truth.
    alias : str, optional
        The version is found by it, where `model` does not say; ``champion`` by default.
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
    classes : sequence of str
        Names of the classes, in the order of their probabilities; the names of the columns when not given.
    told : callable
        Called with the rows that the model has answered, and all.
    spark : pyspark.sql.SparkSession, optional
        Its workers read `data`, a table of Spark by name or Parquet files, and count all rows. With `predict`
        at most 200,000 rows are drawn, brought here, and are all that the baseline is made of.

    Returns
    -------
    str
        What was done, in a line; further lines say what was chosen, left out, and replaced.

    Raises
    ------
    InputError
        If there is no such model or alias, no data, a column is missing, or there are no rows.
    TrackingError
        If MLflow does not answer, or the model does not predict.
    """
    wanted = ModelName.parse(model, alias)
    columns: dict[str, str | Sequence[str] | None] = {
        "prediction": None if predict else prediction,
        "time": time_column,
        "label": label_column,
    }
    wish = _Wish(
        WindowClock(window, timezone),
        columns,
        classes,
        predict,
        keep_extra,
        alarm_budget,
        sample_rows,
        slices,
        privacy,
        told,
    )
    there = None if spark is None else spark_data(spark, data)
    table = local_table(data) if there is None else there.table
    if table is not None and (predict or prediction):  # what can be said before MLflow is asked
        roles_of(table, columns, predict=predict)
    client = connect(tracking_uri)
    found = find_model(client, wanted)
    with opened(client, found, data, dataset) if there is None else nullcontext(there) as rows:
        signature = columns_of(client, found)
        roles = roles_of(
            rows.table, columns, model=signature, tags=rows.tags, predict=predict, keep_extra=keep_extra
        )
        baseline, notes = _fit(client, found, rows, roles, wish, prediction)
    former = _features_before(client, found)
    publish_baseline(client, found.name, str(found.version), baseline)
    which = f"version {found.version}" + (f" ({wanted.alias})" if wanted.alias else "")
    lines = [f"wrote the baseline of {plain(found.name)}, {which}: {_size(baseline)}; {_estimates(baseline)}"]
    return "\n".join([*lines, *rows.notes, *roles.notes, *notes, *_replaced(former, baseline.features)])


def _size(baseline: ModelBaseline) -> str:
    kept = 0 if baseline.sample is None else baseline.sample.num_rows
    fitted = baseline.about.get("fitted_rows")
    return (
        f"{baseline.profile.rows:,} rows, {len(baseline.features)} features, {kept:,} rows kept as a sample"
        + ("" if fitted is None else f", models fitted to {fitted:,} of the rows")
        + ("" if baseline.slices is None else f", {len(baseline.slices.slices)} slices")
    )


def _fit(
    client: MlflowClient,
    found: ModelVersion,
    rows: Data,
    roles: Roles,
    wish: _Wish,
    output: str | Sequence[str] | None,
) -> tuple[ModelBaseline, list[str]]:
    classes = tuple(wish.classes)
    shape = BaselineShape(roles.features, roles.prediction, roles.time, roles.label, classes, wish.privacy)
    fitting: dict[str, Any] = {
        "clock": wish.clock,
        "alarm_budget": wish.alarm_budget,
        "sample_rows": wish.sample_rows,
        "slices": wish.slices,
    }
    if rows.spark is not None and not wish.predict:
        return _from(rows, fit_on_spark(rows.spark, shape, **fitting)), []
    frame = read_frame(rows.table, roles.columns, texts=roles.texts)
    notes = []
    if rows.rows is not None and rows.rows != len(frame):
        notes.append(
            f"the data set had {rows.rows:,} rows when it was logged; its source has {len(frame):,} now"
        )
    if wish.predict:
        if not len(frame):
            raise InputError(f"{rows.table.path} has no rows; give the rows of a normal time")
        version = ModelName(found.name, None, str(found.version))
        said = ask(version, frame[list(roles.given)], client.tracking_uri, output=output, told=wish.told)
    else:
        said = shape.said(frame)
    baseline = ModelBaseline.fit(
        shape.given(frame),
        said,
        None if roles.time is None else frame[roles.time],
        labels=None if roles.label is None else frame[roles.label].to_numpy(),
        classes=wish.classes or None,
        **fitting,
    )
    return _from(rows, baseline), notes


def _from(rows: Data, baseline: ModelBaseline) -> ModelBaseline:
    about: dict[str, Any] = {**baseline.about, "data": rows.source}
    return replace(baseline, about=MappingProxyType(about))


def _features_before(client: MlflowClient, found: ModelVersion) -> tuple[str, ...] | None:
    """Return the features of the baseline that the version has so far; None without one that can be read."""
    try:
        return load_baseline(client, found.name, str(found.version)).features
    except (InputError, TrackingError):
        return None


def _replaced(former: Sequence[str] | None, features: Sequence[str]) -> list[str]:
    """Return what is lost and new against the baseline before; nothing where there was none."""
    if former is None:
        return []
    parts = [
        f"; {words}: {named(names)}"
        for words, names in (
            ("features that are not in these data", [name for name in former if name not in features]),
            ("new", [name for name in features if name not in former]),
        )
        if names
    ]
    return ["it replaces the baseline that the version had" + "".join(parts)]


def _estimates(baseline: ModelBaseline) -> str:
    """Return what is estimated before labels are in, or why nothing is."""
    if baseline.estimator is not None:
        return f"estimated before labels are in: {', '.join(baseline.estimator.measures)}"
    why = baseline.about.get("not_estimated", "the data have no label; name their column with --label")
    return f"no performance is estimated before labels are in: {why}"
