"""What a backfill is about: the model, its version and baseline, and which windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from typing import TYPE_CHECKING

from mirante.app.build import client_of, log_of_subject
from mirante.errors import InputError
from mirante.monitors.baseline import load_baseline
from mirante.monitors.batch import BatchRows
from mirante.monitors.columns import watched_columns
from mirante.monitors.config import ModelConfig
from mirante.monitors.span import find_extent
from mirante.monitors.tables.config import TableConfig
from mirante.monitors.tables.rows import JudgedRows
from mirante.monitors.tables.watch import TableWatch
from mirante.monitors.windows import Window
from mirante.sources.rows.opening import open_source
from mirante.tracking.baselines import resolve_alias
from mirante.tracking.client import brief_requests
from mirante.tracking.registry import alias_version, answering

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.app.settings import Settings
    from mirante.inference_log import InferenceLog
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.rows import RowSource, TableSource
    from mirante.monitors.windows import WindowClock
    from mirante.store import Store

__all__ = ["Plan", "plan_backfill"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be judged.

    Parameters
    ----------
    config : ModelConfig or TableConfig
        The model, or the table.
    version : str
        Whose rows; of a table the number of its baseline.
    current : bool
        Whether the alias points to it, so that a service may be at work on it.
    baseline : ModelBaseline
        What is normal for it.
    rows_at : RowSource
        Where its rows are.
    windows : tuple of Window
        From that of the first row to that of the last, without gaps.
    rows : int
        How many rows there are in them.
    span : Window
        What was asked for, as far as whole windows are over: rows need not be at its ends.
    """

    config: ModelConfig | TableConfig
    version: str
    current: bool
    baseline: ModelBaseline
    rows_at: RowSource
    windows: tuple[Window, ...]
    rows: int
    span: Window

    @property
    def start(self) -> datetime:
        """Where the first window begins."""
        return self.windows[0].start

    @property
    def end(self) -> datetime:
        """Where the last window ends."""
        return self.windows[-1].end


def plan_backfill(
    settings: Settings,
    store: Store,
    model: str,
    since: date,
    until: date,
    *,
    version: str | None,
    now: datetime,
) -> Plan:
    """Find out what a backfill is about.

    Parameters
    ----------
    settings : Settings
        Checked.
    store : Store
        Has the baselines of tables, and when aliases moved; a table's baseline is written to it.
    model : str
        ``churn`` or ``churn@champion``; or the name of a table.
    since, until : date or datetime
        From when to when; a day is one of the monitor's time zone. What is not over yet is left out.
    version : str, optional
        The version that the alias points to when None.
    now : datetime
        The present.

    Returns
    -------
    Plan
        With at least one window.

    Raises
    ------
    InputError
        If no such model or table is watched, no window lies between the times, or no row does.
    TrackingError
        If MLflow does not answer, has no such version, or the version has no baseline.
    """
    table = _table_of(settings, model)
    if table is not None:
        span = _whole_windows(table, since, until, now)
        return _of_table(settings, store, table, span, version, now)
    client = answering(partial(client_of, settings))
    with brief_requests():
        config = _config_of(settings, model) or _undescribed(settings, model, client)
        pointed = alias_version(client, config.model, config.alias)
        version = version or pointed or resolve_alias(client, config.model, config.alias)
    baseline = watched_columns(load_baseline(client, config.model, version), config.columns)
    span = _whole_windows(config, since, until, now)
    if config.source is None:
        log = log_of_subject(settings, config.subject)
        found = _windows(log, config, version, span)
        if found is None:
            raise InputError(_nothing(log, config, version, span))
        return Plan(config, version, version == pointed, baseline, log, *found, span)
    source = open_source(config.source, config.columns)
    source.features()  # says what is not there
    moved = bool(store.events.list(config.subject, kinds=["alias_moved"], limit=1))
    # nothing says when the alias moved: all rows are taken for the version's that is asked for
    rows = BatchRows(source, store, config.subject, version=None if moved else version)
    found = _windows(rows, config, version, span)
    if found is None:
        raise InputError(_none_in(source, f"{config.model}, version {version}", span))
    return Plan(config, version, version == pointed, baseline, rows, *found, span)


def _of_table(
    settings: Settings, store: Store, config: TableConfig, span: Window, version: str | None, now: datetime
) -> Plan:
    if version is not None:
        raise InputError(f"--version is of a model, and {config.table} is a table; leave it out")
    if config.kind == "snapshot":
        raise InputError(f"{config.table} is looked at as a whole: what it was in the past is not known")
    watch = TableWatch(config, store, locale=settings.locale)
    kept = watch.take_baseline(now)
    if kept is None:
        raise InputError(
            f"{config.table} has no baseline yet: its first {config.first_windows} windows with rows are not "
            "over; name a file of a normal time in baseline"
        )
    rows = JudgedRows(watch.source, kept.version, kept.begin)
    found = _windows(rows, config, kept.version, span)
    if found is None:
        judged = "" if kept.begin is None else f"; rows before {_told(kept.begin)} are its baseline"
        raise InputError(_none_in(watch.source, config.table, span) + judged)
    return Plan(config, kept.version, True, kept.baseline, rows, *found, span)


def _windows(
    rows: RowSource, config: ModelConfig | TableConfig, version: str, span: Window
) -> tuple[tuple[Window, ...], int] | None:
    """Return the windows from that of the first row to that of the last, and how many rows there are."""
    extent = find_extent(rows, config.model, version, span.start, span.end)
    if extent is None:
        return None
    clock = config.clock()
    return tuple(clock.between(clock.of(extent.first).start, clock.of(extent.last).end)), extent.rows


def _table_of(settings: Settings, name: str) -> TableConfig | None:
    found = next((one for one in settings.tables if name in (one.table, one.subject)), None)
    if found is not None and name == found.table and any(one.model == name for one in settings.models):
        raise InputError(f"{name!r} is a model and a table; name model/{name}@ALIAS or {found.subject}")
    return found


def _config_of(settings: Settings, model: str) -> ModelConfig | None:
    known = [
        config
        for config in settings.models
        if model in (config.model, f"{config.model}@{config.alias}", config.subject)
    ]
    if len(known) > 1:
        names = ", ".join(f"{config.model}@{config.alias}" for config in known)
        raise InputError(f"{model!r} is several of the models in the config; name one of {names}")
    return known[0] if known else None


def _undescribed(settings: Settings, model: str, client: MlflowClient) -> ModelConfig:
    """Return the config of a model that the service would discover, as it would."""
    if not settings.discover:
        known = [f"{config.model}@{config.alias}" for config in settings.models]
        names = ", ".join([*known, *(config.subject for config in settings.tables)])
        raise InputError(f"the config has no model {model!r}; it has {names or 'none'}: add it under models")
    name, _, alias = model.rpartition("@") if "@" in model else (model, "", "champion")
    about = load_baseline(client, name, resolve_alias(client, name, alias)).about
    cut = {key: about[key] for key in ("window", "timezone") if key in about}
    return ModelConfig(model=name, alias=alias, log=settings.default_log, **cut)


def _whole_windows(config: ModelConfig | TableConfig, since: date, until: date, now: datetime) -> Window:
    """Return from when to when whole windows lie between two times; one that is not over is none."""
    clock = config.clock()
    begin, end = _moment(since, clock), _moment(until, clock)
    if begin >= end:
        raise InputError(f"--from {since} is not before --to {until}; the days and times are half-open")
    over = now - config.lateness
    if begin >= over:
        raise InputError(f"--from {since} is in the future; a backfill is about what is over")
    try:
        first, last = clock.of(begin), clock.of(min(end, over))
    except (OverflowError, ValueError):
        raise InputError(f"--from {since} is too early; give a day from year 2 on") from None
    start = first.start if first.start == begin else first.end
    if start >= last.start:
        raise InputError(
            f"no whole window of {config.window} that is over lies between --from {since} and --to {until}; "
            f"the one there begins {_told(first.start)} and ends {_told(first.end)}"
        )
    return Window(start, last.start)


def _moment(given: date, clock: WindowClock) -> datetime:
    if not isinstance(given, datetime):
        given = datetime.combine(given, time.min, tzinfo=clock.zone)
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise InputError(f"{given:%Y-%m-%d} is too early or too late; give another day") from None


def _nothing(log: InferenceLog, config: ModelConfig, version: str, span: Window) -> str:
    said = (
        f"the log at {log.root} has no row of {config.model}, version {version}, from {_told(span.start)} to "
        f"{_told(span.end)}"
    )
    there = [
        f"version {line.version} from {_told(line.first)} to {_told(line.last)}"
        for line in log.stat([config.model])
        if line.first is not None and line.last is not None
    ]
    return f"{said}; it has {', '.join(there) or 'no row of this model'}"


def _none_in(source: TableSource, whose: str, span: Window) -> str:
    first = source.earliest()
    there = "it has no row with a time" if first is None else f"its first row is of {_told(first)}"
    return (
        f"{source.root} has no row of {whose} from {_told(span.start)} to {_told(span.end)} that is judged; "
        f"{there}"
    )


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
