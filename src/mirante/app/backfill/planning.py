"""What a backfill is about: the model, its version and baseline, and which windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from typing import TYPE_CHECKING

from mirante.app.build import client_of, log_of_subject
from mirante.errors import InputError
from mirante.monitors.baseline import load_baseline
from mirante.monitors.columns import watched_columns
from mirante.monitors.config import ModelConfig
from mirante.monitors.span import find_extent
from mirante.monitors.windows import Window
from mirante.tracking.baselines import resolve_alias
from mirante.tracking.client import brief_requests
from mirante.tracking.registry import alias_version, answering

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.app.settings import Settings
    from mirante.inference_log import InferenceLog
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.windows import WindowClock

__all__ = ["Plan", "plan_backfill"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be judged.

    Parameters
    ----------
    config : ModelConfig
        The model.
    version : str
        Whose rows.
    current : bool
        Whether the alias points to it, so that a service may be at work on it.
    baseline : ModelBaseline
        What is normal for it.
    log : InferenceLog
        Where its rows are.
    windows : tuple of Window
        From that of the first row to that of the last, without gaps.
    rows : int
        How many rows there are in them.
    """

    config: ModelConfig
    version: str
    current: bool
    baseline: ModelBaseline
    log: InferenceLog
    windows: tuple[Window, ...]
    rows: int

    @property
    def start(self) -> datetime:
        """Where the first window begins."""
        return self.windows[0].start

    @property
    def end(self) -> datetime:
        """Where the last window ends."""
        return self.windows[-1].end


def plan_backfill(
    settings: Settings, model: str, since: date, until: date, *, version: str | None, now: datetime
) -> Plan:
    """Find out what a backfill is about.

    Parameters
    ----------
    settings : Settings
        Checked.
    model : str
        ``churn`` or ``churn@champion``.
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
        If no such model is watched, no window lies between the times, or no row does.
    TrackingError
        If MLflow does not answer, has no such version, or the version has no baseline.
    """
    client = answering(partial(client_of, settings))
    with brief_requests():
        config = _config_of(settings, model) or _undescribed(settings, model, client)
        if config.source is not None:
            raise InputError(
                f"{config.model} is scored in batches: its rows come from its source, and a backfill is for "
                "models whose predictions are recorded in an inference log; a service reads the source"
            )
        pointed = alias_version(client, config.model, config.alias)
        version = version or pointed or resolve_alias(client, config.model, config.alias)
    baseline = watched_columns(load_baseline(client, config.model, version), config.columns)
    span = _whole_windows(config, since, until, now)
    log = log_of_subject(settings, config.subject)
    extent = find_extent(log, config.model, version, span.start, span.end)
    if extent is None:
        raise InputError(_nothing(log, config, version, span))
    clock = config.clock()
    windows = clock.between(clock.of(extent.first).start, clock.of(extent.last).end)
    return Plan(config, version, version == pointed, baseline, log, tuple(windows), extent.rows)


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
        names = ", ".join(f"{config.model}@{config.alias}" for config in settings.models)
        raise InputError(f"the config has no model {model!r}; it has {names or 'none'}: add it under models")
    name, _, alias = model.rpartition("@") if "@" in model else (model, "", "champion")
    about = load_baseline(client, name, resolve_alias(client, name, alias)).about
    cut = {key: about[key] for key in ("window", "timezone") if key in about}
    return ModelConfig(model=name, alias=alias, log=settings.default_log, **cut)


def _whole_windows(config: ModelConfig, since: date, until: date, now: datetime) -> Window:
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


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
