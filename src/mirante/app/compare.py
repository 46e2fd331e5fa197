"""Two versions of a model compared: on what both answered, or by asking both what one of them was asked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante.app.build import client_of
from mirante.capture.replaying import replay
from mirante.capture.serve.model import ServedModel, fetch_model, which_model
from mirante.errors import InputError, TrackingError
from mirante.inference_log.probabilities import is_probability, vectors
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.baseline import load_baseline
from mirante.monitors.comparison import Comparison, Side, compare_answers
from mirante.store import Store
from mirante.tracking.client import asking, brief_requests
from mirante.tracking.registry import find_version
from mirante.tracking.signatures import columns_of

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

    from mirante.app.settings import Settings
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.predictions import Task

__all__ = ["Rows", "compare_versions"]

_ENOUGH_SHARED = 30
_ID, _TIME, _SAID, _VERSION = "__id", "__time", "__prediction", "__version"


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows two versions are compared on.

    Parameters
    ----------
    since, until : datetime, optional
        Of the inference log: when they were asked, half-open.
    most : int
        At most so many, drawn by lot.
    data : Path, optional
        A table to take instead of the log: Parquet, or CSV. Columns that neither model takes, by its
        signature or else its baseline, are left out and named.
    label : str, optional
        Its column with what came true.
    part : str, optional
        Which of several values of one prediction is meant: a name, or a position from 0.
    timeout : float
        Seconds that a model may take to answer all of them.
    """

    since: datetime | None = None
    until: datetime | None = None
    most: int = 10_000
    data: Path | None = None
    label: str | None = None
    part: str | None = None
    timeout: float = 600.0


def compare_versions(
    settings: Settings, first: str, second: str, rows: Rows, *, task: Task | None = None
) -> Comparison:
    """Compare two versions, such as champion and challenger, on the same rows.

    Where both have answered the same requests (`mirante serve --shadow`), what they said is compared. Else
    the second answers what the first was asked, in a process of its own. Of a table, both do.

    Parameters
    ----------
    settings : Settings
        Where MLflow, the inference log and the labels are.
    first, second : str
        ``NAME@ALIAS`` or ``NAME/VERSION``, also as ``models:/…``; the rows of the log are the first one's.
    rows : Rows
        Which rows.
    task : {"probability", "probabilities", "class", "regression"}, optional
        What a prediction is; by the config, else by the values.

    Raises
    ------
    InputError
        If there are no rows, or a model cannot answer them.
    TrackingError
        If MLflow has no such versions, or does not answer.
    """
    with brief_requests():
        models = [which_model(_uri(one), lambda: client_of(settings)) for one in (first, second)]
    config = next((one for one in settings.models if one.model == models[0].name), None)
    names = [one.removeprefix("models:").strip("/") for one in (first, second)]
    task = task or (config.task if config else None)
    classes = config.classes if config else None
    with tempfile.TemporaryDirectory(prefix="mirante-compare-") as scratch:

        def ask(place: int, table: pa.Table) -> tuple[Side, list[Any]]:
            folder = Path(scratch) / str(place)
            folder.mkdir()
            path = fetch_model(models[place].uri, folder, settings.mlflow.tracking_uri)
            said = replay(path, table, part=rows.part, timeout=rows.timeout)
            return Side(names[place], models[place].version, said.failed, said.reason), said.predictions

        if rows.data is not None:
            with brief_requests():
                wanted = _inputs(client_of(settings), models)
            return _on_table(rows.data, rows, wanted, ask, task, classes)
        return _on_log(settings, config, models, names, rows, ask, task, classes)


def _uri(text: str) -> str:
    """Return what was asked for as MLflow writes it."""
    return text if text.startswith("models:") else f"models:/{text}"


_Ask = Callable[[int, "pa.Table"], tuple[Side, list[Any]]]


def _inputs(client: MlflowClient, models: Sequence[ServedModel]) -> set[str] | None:
    """Return the columns that any of some versions takes; None where one does not say."""
    wanted: set[str] = set()
    for model in models:
        with asking(client, f"look up version {model.version} of the model {model.name!r}"):
            found = find_version(client, model.name, model.version)
        names = [] if found is None else [column.name for column in columns_of(client, found).inputs]
        if not names:  # a model without a signature, or one of tensors
            try:
                names = [*load_baseline(client, model.name, model.version).features]
            except (InputError, TrackingError):  # it has no baseline either
                return None
        wanted.update(names)
    return wanted


def _on_table(
    path: Path,
    rows: Rows,
    wanted: set[str] | None,
    ask: _Ask,
    task: Task | None,
    classes: Sequence[str] | None,
) -> Comparison:
    table = _drawn(_read_table(path), rows.most)
    label, labels = rows.label, None
    if label is not None:
        if label not in table.column_names:
            raise InputError(
                f"{path} has no column {label!r} for --label; it has {_listed(table.column_names)}"
            )
        labels = table[label].to_pylist()
        table = table.drop_columns([label])
    ignored = [] if wanted is None else [name for name in table.column_names if name not in wanted]
    if len(ignored) == table.num_columns and ignored:
        raise InputError(
            f"{path} has none of the columns that the models take, {_listed(sorted(wanted or ()))}; it has "
            f"{_listed(ignored)}"
        )
    table = table.drop_columns(ignored)
    if not table.num_rows or not table.num_columns:
        raise InputError(f"{path} has no rows to compare two versions on")
    (first, one), (second, other) = ask(0, table), ask(1, table)
    found = compare_answers(
        first,
        second,
        (one, other),
        labels=labels,
        features=table,
        task=task,
        classes=classes,
        source=path.name,
    )
    return replace(found, ignored=tuple(ignored))


def _read_table(path: Path) -> pa.Table:
    import pandas as pd
    import pyarrow as pa

    try:
        parquet = path.suffix == ".parquet" or path.is_dir()
        frame = pd.read_parquet(path) if parquet else pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}); give a Parquet or CSV file") from error
    return pa.Table.from_pandas(frame, preserve_index=False)


def _drawn(table: pa.Table, most: int) -> pa.Table:
    """Return at most so many rows, by lot: in their order, and the same ones each time."""
    if table.num_rows <= most:
        return table
    import numpy as np

    return table.take(np.sort(np.random.default_rng(0).choice(table.num_rows, most, replace=False)))


def _listed(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(map(repr, names[:most])) + (", …" if len(names) > most else "")


def _on_log(
    settings: Settings,
    config: ModelConfig | None,
    models: Sequence[ServedModel],
    names: Sequence[str],
    rows: Rows,
    ask: _Ask,
    task: Task | None,
    classes: Sequence[str] | None,
) -> Comparison:
    if config and config.source is not None:
        raise InputError(
            f"{config.model} is scored in batches, and has no inference log to compare on; give a table: "
            "--data FILE"
        )
    root = config.log if config else settings.default_log
    log = InferenceLog(root, settings.archive_of(root))
    table = _logged(log, models[0], rows)
    first = Side(names[0], models[0].version)
    shared = _answered_by(log, models[1], rows)
    ids = table[_ID].to_pylist()
    both = [one in shared for one in ids]
    if sum(both) >= _ENOUGH_SHARED:
        import pyarrow as pa

        table = table.filter(pa.array(both))
        ids = table[_ID].to_pylist()
        second, other = Side(names[1], models[1].version), [shared[one] for one in ids]
        how = "both answered these requests"
    else:
        _refuse_hashed(config)
        second, other = ask(1, _features(table))
        how = f"{names[1]} was asked what {names[0]} had been asked"
    said = vectors(table)
    span = f"{table[_TIME][0].as_py():%Y-%m-%d %H:%M} – {table[_TIME][-1].as_py():%Y-%m-%d %H:%M} UTC"
    return compare_answers(
        first,
        second,
        (said, other),
        labels=_labels(settings, models[0].name, ids),
        features=_features(table),
        task=task,
        classes=classes,
        source=f"{span}; {how}",
    )


def _logged(log: InferenceLog, model: ServedModel, rows: Rows) -> pa.Table:
    """Return rows that a version was asked, all that the log has of each."""
    known = log.newest(model.name, 1_000).column_names
    features = [name for name in known if not name.startswith("__")]
    wanted = [*features, _ID, _TIME, _SAID, *filter(is_probability, known)]
    if known:
        found = log.sample(
            model.name, model.version, rows.most, start=rows.since, end=rows.until, columns=wanted
        )
        if found.num_rows:
            return found.sort_by(_TIME)
    raise InputError(
        f"the inference log at {log.root} has no rows of {model.name}, version {model.version}, in this "
        "time; take another --since and --until, set log: in the config, or give a table: --data FILE"
    )


def _features(table: pa.Table) -> pa.Table:
    return table.select([name for name in table.column_names if not name.startswith("__")])


def _answered_by(log: InferenceLog, model: ServedModel, rows: Rows) -> dict[str, Any]:
    """Return what a version answered in that time, by the ids of predictions."""
    import pyarrow.compute as pc

    columns = [_ID, *log.prediction_columns(model.name), _VERSION]
    found = log.scan(model.name, start=rows.since, end=rows.until, columns=columns)
    found = found.filter(pc.equal(found[_VERSION], model.version))
    return dict(zip(found[_ID].to_pylist(), vectors(found), strict=True))


def _refuse_hashed(config: ModelConfig | None) -> None:
    hashed = sorted(config.privacy.hash) if config else []
    if hashed:
        raise InputError(
            f"the inference log keeps only hashes of {_listed(hashed)}, which no model can answer; give a "
            "table with the true values: --data FILE"
        )


def _labels(settings: Settings, model: str, ids: Sequence[str]) -> Sequence[Any] | None:
    try:
        store = Store.existing(settings.store_address())
    except InputError:  # without a store there are no labels
        return None
    with store:
        found = store.labels.get(model, list(ids))
    return None if not found.found.any() else list(found.values)
