"""A data frame judged window by window, by the monitors that the service has."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from mirante.client.judged import JudgedFrame
from mirante.errors import ConfigError, InputError
from mirante.sources.rows.mapping import LABEL, absent

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.model import Advance, ModelMonitor
    from mirante.monitors.tables.config import TableConfig
    from mirante.sources.rows.config import FrameConfig
    from mirante.sources.rows.frame import FrameRows
    from mirante.store import Store

__all__ = ["monitor"]

_BUDGET = "1 per 30d"
_Config = TypeVar("_Config", bound=BaseModel)
_IN_FILES = frozenset({"interval", "paused", "log", "source", "retention", "max_size", "archive",
                       "archive_after", "privacy", "model", "table", "kind"})  # fmt: skip


def monitor(
    frame: object,
    name: str,
    *,
    time: str,
    baseline: object = None,
    prediction: str | Sequence[str] | Mapping[str, str] | None = None,
    label: str | None = None,
    id: str | None = None,  # noqa: A002  as users say it
    cursor: str | None = None,
    latency: str | None = None,
    version: str | None = None,
    window: str = "1d",
    timezone: str = "UTC",
    naive_timezone: str = "UTC",
    store: Store | str | Path | None = None,
    now: datetime | None = None,
    locale: str = "en",
    **options: Any,
) -> JudgedFrame:
    """Judge a data frame window by window against a baseline, as the service judges files and tables.

    With `prediction` it is about a model, ``model/<name>@champion``: drift, missing values, outliers, limits,
    slices, estimated performance, and with `label` the realised one. Without, it is about a table,
    ``table/<name>``.

    Parameters
    ----------
    frame : pandas or Polars DataFrame, Arrow Table, mapping of names to arrays
        Rows in any order. Those whose time is missing are left out, which is said in the log.
    name : str
        Of the model or the table.
    time : str
        Column with each row's time: moments, dates, or ISO texts.
    baseline : frame or path, optional
        Rows of a normal time, with the names of `frame`; of a model with its predictions, and with labels
        where its performance is to be estimated. Of a table also ``first 14 windows``, its own, which are
        taken when nothing is given; a model's is read from MLflow then.
    prediction : str, sequence of str, or mapping of str to str, optional
        Column with what the model said; of the probabilities of classes the column of each, by class, or a
        list of columns that are called as the classes are.
    label : str, optional
        Column with what turned out to be true.
    id : str, optional
        Column that names a row. It is how rows that come late are told from those that were read.
    cursor : str, optional
        Column that only increases; rows are then read in its order instead of that of time.
    latency : str, optional
        Column with seconds.
    version : str, optional
        Version of the model that made the predictions: the one that the alias points to when the baseline is
        MLflow's, else 1.
    window : str, default "1d"
        Length of a window: a divisor of a day, or whole days.
    timezone : str, default "UTC"
        IANA name of the clock that windows are cut on.
    naive_timezone : str, default "UTC"
        What times without a zone are in.
    store : Store, URL, or path of a store or a ``mirante.yaml``, optional
        Keeps windows, readings and how far was read, so that a later call goes on, and the pages of
        ``mirante up`` show it. It is made if there is none. Without it all is kept as long as the result.
    now : datetime, optional
        The present: windows that are over by then are judged. By default all that end with the last row's, if
        that is over.
    locale : str, default "en"
        Language of the sentences.
    **options
        All else that an entry of the config may have: ``slices``, ``limits``, ``metrics``, ``columns``,
        ``alarm_budget``, ``baseline_kind``, ``effect_floor``, ``task``, ``alias``, ``lateness`` and
        ``label_delay`` (0 unless given), ``label_lateness``.

    Returns
    -------
    JudgedFrame
        ``to_pandas()`` has the windows; ``readings()``, ``drift_metrics()``, ``profile_metrics()`` and
        ``to_html(path)`` have the rest; a notebook shows it as a table.

    Raises
    ------
    InputError
        If the frame is no table, a column is not there, or the baseline has no rows.
    ConfigError
        If an option is wrong or unknown.
    TrackingError
        If the baseline is MLflow's, and it has none or does not answer.
    StoreError
        If the store cannot be opened.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> def days(first, count, age):
    ...     at = pd.date_range(first, periods=400 * count, freq="216s")
    ...     return pd.DataFrame({"at": at, "age": rng.normal(age, 9, len(at))})
    >>> orders = pd.concat([days("2026-02-01", 2, 40), days("2026-02-03", 1, 52)])
    >>> result = monitor(orders, "orders", time="at", baseline=days("2026-01-01", 28, 40))
    >>> result
    <table/orders: 1,200 rows read, 3 windows judged, 1 with drift>
    >>> result.to_pandas()[["rows", "drifted", "drifted_columns"]]
       rows  drifted drifted_columns
    0   400    False              []
    1   400    False              []
    2   400     True           [age]
    """
    if alone := sorted(_IN_FILES & options.keys()):
        raise ConfigError(f"{alone[0]} is for an entry of the config; a frame has no use for it")
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.tables.config import TableConfig
    from mirante.sources.rows.config import FrameConfig
    from mirante.sources.rows.frame import FrameRows

    source = _checked(
        FrameConfig, name=f"the frame of {name}", time=time, id=id, prediction=prediction, label=label,
        latency=latency, cursor=cursor, timezone=naive_timezone,
    )  # fmt: skip
    common = {"source": source, "window": window, "timezone": timezone, "lateness": "0s", **options}
    config: ModelConfig | TableConfig
    if prediction is not None:
        config = _checked(ModelConfig, **{"model": name, "label_delay": "0s", **common})
    elif version is not None:
        raise InputError("version is of a model; name the column of its predictions in prediction")
    else:
        path = _path_of(baseline)
        said = {} if path is None else {"baseline": path}
        config = _checked(TableConfig, **{"table": name, **said, **common})
    rows = FrameRows(frame, source, source.columns(config.columns))
    now = _present(rows, config) if now is None else now
    opened, close = _open(store)
    try:
        if isinstance(config, ModelConfig):
            judge, version = _model(config, source, rows, baseline, version, opened, now, locale)
            done: Advance | None = judge.advance(now)
        else:
            done, version = _table(config, source, rows, baseline, opened, now, locale)
    except BaseException:
        close()
        raise
    return JudgedFrame(opened, config.subject, version, done, close, timezone=timezone, locale=locale)


def _checked(kind: type[_Config], **values: Any) -> _Config:
    from pydantic import ValidationError

    try:
        return kind(**values)
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, detail['loc'])) or 'monitor'}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False)
        ]
        raise ConfigError("; ".join(told)) from None


def _path_of(baseline: object) -> str | None:
    return str(os.fspath(baseline)) if isinstance(baseline, str | os.PathLike) else None


def _present(rows: FrameRows, config: ModelConfig | TableConfig) -> datetime:
    """Return when the last row's window is over and its labels are due, if that is over."""
    present, last = datetime.now(UTC), rows.latest()
    if last is None:
        return present
    return min(present, config.clock().of(last).end + config.lateness + config.label_delay)


def _open(store: Store | str | os.PathLike[str] | None) -> tuple[Store, Callable[[], None]]:
    """Return a store, and what lets go of it."""
    from mirante.store import Store as Opened

    if isinstance(store, Opened):
        return store, _nothing
    if store is None:
        folder = tempfile.TemporaryDirectory(prefix="mirante-", ignore_cleanup_errors=True)
        opened = Opened(f"sqlite:///{folder.name}/mirante.db")

        def close() -> None:
            opened.close()
            folder.cleanup()

        return opened, close
    text = os.fspath(store)
    if "://" not in text:
        from mirante.app.settings import load_settings

        path = Path(text).expanduser()
        is_config = path.suffix in {".yaml", ".yml"}
        text = load_settings(path).store_address() if is_config else f"sqlite:///{path}"
    opened = Opened(text)
    return opened, opened.close


def _nothing() -> None:
    pass


def _model(
    config: ModelConfig,
    source: FrameConfig,
    rows: FrameRows,
    given: object,
    version: str | None,
    store: Store,
    now: datetime,
    locale: str,
) -> tuple[ModelMonitor, str]:
    """Return the monitor of a model's version, with a baseline from a frame or from MLflow."""
    from mirante.monitors.batch import BatchRows
    from mirante.monitors.model import ModelMonitor

    if given is None:
        found, version = _published(config, version)
    else:
        found, version = _fitted(config, source, given), version or "1"
    kept = store.baselines.get(config.subject, version)
    row = found.row(config.subject, version, now if kept is None else kept.created)
    store.baselines.put(row)
    whole = BatchRows(rows, store, config.subject, version=version)
    return ModelMonitor(config, version, found, store, whole, locale=locale), version


def _published(config: ModelConfig, version: str | None) -> tuple[ModelBaseline, str]:
    from mirante.monitors.baseline import load_baseline
    from mirante.monitors.columns import watched_columns
    from mirante.tracking.baselines import resolve_alias
    from mirante.tracking.client import brief_requests, connect
    from mirante.tracking.registry import answering

    client = answering(connect)
    with brief_requests():
        version = version or resolve_alias(client, config.model, config.alias)
    return watched_columns(load_baseline(client, config.model, version), config.columns), version


def _normal(config: ModelConfig | TableConfig, source: FrameConfig, given: object) -> tuple[pa.Table, bool]:
    """Return the rows of a baseline's frame with the log's columns, and whether they have times."""
    from mirante.sources.rows.config import FrameConfig
    from mirante.sources.rows.drawing import scan_portions
    from mirante.sources.rows.frame import FrameRows, frame_table

    table = frame_table(given)
    said = {key: name for key in ("time", "label") if (name := getattr(source, key)) in table.column_names}
    predictions = source.prediction
    predicted = [] if predictions is None else _listed(predictions)
    for name in predicted:
        if name not in table.column_names:
            raise InputError(absent("prediction", name, table.column_names, "the baseline"))
    aside = {source.id, source.latency, source.cursor} - {*said.values(), *predicted}
    table = table.drop_columns([name for name in table.column_names if name in aside])
    known = FrameConfig(name="the baseline", timezone=source.timezone, prediction=predictions, **said)
    return scan_portions(FrameRows(table, known, known.columns(config.columns))), "time" in said


def _listed(prediction: str | Mapping[str, str]) -> list[str]:
    return [prediction] if isinstance(prediction, str) else list(prediction.values())


def _fitted(config: ModelConfig, source: FrameConfig, given: object) -> ModelBaseline:
    """Return what a frame of a normal time makes of a model."""
    from mirante.inference_log.probabilities import read_probabilities
    from mirante.monitors.baseline import ModelBaseline

    if isinstance(given, str | os.PathLike):
        from mirante.sources.tables import open_table
        from mirante.sources.tables.frames import read_frame

        file = open_table(os.fspath(given))
        given = read_frame(file, list(file.kinds))
    rows, timed = _normal(config, source, given)
    features = rows.select([name for name in rows.column_names if not name.startswith("__")])
    classes = list(source.prediction) if isinstance(source.prediction, dict) else None
    return ModelBaseline.fit(
        features.to_pandas(),
        rows["__prediction"].to_pandas() if classes is None else read_probabilities(rows, classes)[0],
        rows["__time"].to_pandas() if timed else None,
        clock=config.clock(),
        labels=rows[LABEL].to_pandas() if LABEL in rows.column_names else None,
        task=config.task,
        classes=classes,
        slices=config.slices or (),
        alarm_budget=config.alarm_budget or _BUDGET,
    )


def _table(
    config: TableConfig,
    source: FrameConfig,
    rows: FrameRows,
    given: object,
    store: Store,
    now: datetime,
    locale: str,
) -> tuple[Advance | None, str]:
    """Judge a table against a frame, a file, or its own first windows."""
    from mirante.monitors.model import ModelMonitor
    from mirante.monitors.tables.baseline import baseline_of_rows
    from mirante.monitors.tables.kept import KeptBaseline, keep_baseline, kept_baseline, mark_of
    from mirante.monitors.tables.rows import JudgedRows
    from mirante.monitors.tables.watch import TableWatch

    if given is None or _path_of(given) is not None:
        watch = TableWatch(config, store, locale=locale, open_rows=lambda: rows)
        done = watch.advance(now)
        return (done, watch.monitor.version) if isinstance(watch.monitor, ModelMonitor) else (None, "")
    normal, _ = _normal(config, source, given)
    mark = mark_of(config) + _digest(normal)
    known = kept_baseline(store, config)
    if known is None or known.mark != mark:
        version = "1" if known is None else str(int(known.version) + 1)
        known = KeptBaseline(baseline_of_rows(normal, config, "a data frame"), version, None, mark)
        keep_baseline(store, config, known, now)
    judged = JudgedRows(rows, known.version, known.begin)
    return (
        ModelMonitor(config, known.version, known.baseline, store, judged, locale=locale).advance(now),
        known.version,
    )


def _digest(rows: pa.Table) -> str:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()[:16]
