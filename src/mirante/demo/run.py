"""The demonstration from end to end: an MLflow server, a model, eleven months of flights, alerts."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, cast

from mirante.app.build import build
from mirante.app.lockfile import hold_alone
from mirante.app.settings import Settings
from mirante.demo.files import MARKER, demo_settings
from mirante.demo.flights import TIMEZONE, Flights, load_flights
from mirante.demo.notices import ShortNotices
from mirante.demo.progress import Progress
from mirante.demo.replay import Replay, ReplayCounts, replay_days
from mirante.demo.shipping import Shipping
from mirante.demo.summary import monitoring_summary, training_summary
from mirante.demo.training import ALIAS, EXPERIMENT, MODEL, Champion, Fitted, fit_all, log_all, probabilities
from mirante.errors import InputError
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.tracking.server import ServerProcess, start_server

if TYPE_CHECKING:
    from mirante.app.build import Parts

__all__ = ["Demonstration", "prepare_folder", "run_demo"]

_SHIP_EVERY = 10  # days
_JANUARY = ("2013-01-01", "2013-01-31")
_NO_SERVER = "http://127.0.0.1:1"  # stands for the server until it is started
_REST = "That was the first notice; of the others only the title. The page of each alert tells the rest."
_OWN = (
    "mlflow",
    "inference-log",
    "mirante.db",
    "mirante.db-wal",
    "mirante.db-shm",
    "dashboard.html",
    "report.html",
)


@dataclass(slots=True)
class Demonstration:
    """What the demonstration leaves behind.

    Parameters
    ----------
    settings : Settings
        As in the folder's ``mirante.yaml``.
    parts : Parts
        The objects built from them; the store is open.
    server : ServerProcess
        The MLflow server, running.
    summary : dict
        What was done, for ``--json``.
    """

    settings: Settings
    parts: Parts
    server: ServerProcess
    summary: dict[str, Any] = field(default_factory=dict)


def prepare_folder(folder: Path) -> Path:
    """Make the folder ready: new, or emptied of an earlier demonstration.

    ``mirante.yaml`` and ``rules.yaml`` of an earlier one are kept, so that channels written there are used.

    Parameters
    ----------
    folder : Path
        Made if missing.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    InputError
        If the folder holds something else.
    ConflictError
        If an earlier demonstration there still runs.
    """
    folder = folder.expanduser().absolute()
    if folder.is_file():
        raise InputError(f"{folder} is a file; give a folder with --dir")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise InputError(f"{folder} is not empty and not a demonstration's; give a new folder with --dir")
    if (lock := hold_alone(folder / "mirante.db")) is not None:
        lock.release()  # nobody works in what is removed now
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("Made by `mirante demo`; a new demonstration replaces what is in here.\n")
    for name in _OWN:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return folder


@contextlib.contextmanager
def run_demo(
    folder: Path, progress: Progress, *, config: Path | None = None, port: int | None = None
) -> Iterator[Demonstration]:
    """Run the demonstration; the server and the store stay up until the block ends.

    Parameters
    ----------
    folder : Path
        Holds everything; see `prepare_folder`.
    progress : Progress
        Says what is being done.
    config : Path, optional
        A ``mirante.yaml`` with channels to use; by default the folder's own.
    port : int, optional
        Port of the page; by default the one in the config.

    Yields
    ------
    Demonstration
        With its summary.
    """
    began = time.monotonic()
    folder = prepare_folder(folder)
    with build(demo_settings(folder, _NO_SERVER, config=config, port=port)):
        pass  # what is wrong with the config is said now, and not after the training
    seconds: dict[str, float] = {}
    progress.say("starting an MLflow server and reading 336,776 flights")
    with _ended_by_signals(), _started(folder, progress) as (flights, fitted, server), _tracking(server.uri):
        seconds["data_training_server"] = _lap(began, seconds)
        progress.say(f"MLflow at {server.uri}; logging the models there")
        champion = log_all(fitted, flights.between(*_JANUARY), server.uri)
        seconds["registration"] = _lap(began, seconds)
        settings = demo_settings(folder, server.uri, config=config, port=port)
        with build(settings, console=cast(TextIO, ShortNotices(cast(TextIO, progress), _REST))) as parts:
            _publish(flights, champion, parts, settings)
            seconds["baseline"] = _lap(began, seconds)
            with Shipping(parts.mlflow_sink) as shipping:
                counts = _replay(flights, champion, parts, settings, progress, shipping)
                seconds["replay_and_monitoring"] = _lap(began, seconds)
                progress.say("writing the last readings to MLflow")
                shipped = shipping.finish()
            seconds["readings_to_mlflow"] = _lap(began, seconds)
            files = _write_files(folder, parts, settings)
            seconds["dashboard_and_report"] = _lap(began, seconds)
            summary = {
                **training_summary(flights, champion),
                **monitoring_summary(parts.store, settings.models[0].clock().zone, counts),
                "readings_in_mlflow": shipped,
                "files": [str(path) for path in files],
                "folder": str(folder),
                "mlflow": server.uri,
                "seconds": {**seconds, "total": round(sum(seconds.values()), 2)},
            }
            yield Demonstration(settings, parts, server, summary)


def _lap(began: float, seconds: dict[str, float]) -> float:
    return round(time.monotonic() - began - sum(seconds.values()), 2)


@contextlib.contextmanager
def _started(folder: Path, progress: Progress) -> Iterator[tuple[Flights, list[Fitted], ServerProcess]]:
    """Start the server while models are fitted on the flights, and stop it whatever happens in between."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        starting = pool.submit(start_server, folder / "mlflow")
        try:
            flights = load_flights()
            progress.say("training on January")
            fitted = fit_all(flights.between(*_JANUARY), report=progress.say)
            yield flights, fitted, starting.result()
        finally:
            # not waited for here, where a signal would end the waiting and leave the server behind
            starting.add_done_callback(_stop)


def _stop(starting: Future[ServerProcess]) -> None:
    if starting.exception() is None:
        starting.result().stop()


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the block: the MLflow server is a process of its own and must be stopped.

    Outside the main thread signals are left alone.
    """

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    before: dict[signal.Signals, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):  # Windows knows the first alone
        with contextlib.suppress(AttributeError, ValueError):
            number = getattr(signal, name)
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _tracking(uri: str) -> Iterator[None]:
    """Point this process at the server, quietly, and leave the environment as it was."""
    values = {
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _publish(flights: Flights, champion: Champion, parts: Parts, settings: Settings) -> None:
    """January as the model saw it, cancelled flights included; kept beside the model version."""
    from mirante.app.scheduler import utc_now

    january = flights.between(*_JANUARY)
    config = settings.models[0]
    baseline = ModelBaseline.fit(
        january.features,
        probabilities(champion.pipeline, january.features),
        january.times,
        clock=config.clock(),
        labels=january.labels.to_numpy(),
        task="probability",
        alarm_budget=config.alarm_budget or "1 per 30d",
    )
    publish_baseline(parts.client(), MODEL, champion.version, baseline)
    parts.store.baselines.put(baseline.row(config.subject, champion.version, utc_now()))


def _replay(
    flights: Flights,
    champion: Champion,
    parts: Parts,
    settings: Settings,
    progress: Progress,
    shipping: Shipping,
) -> ReplayCounts:
    import pandas as pd

    from mirante.capture.recorder import Recorder
    from mirante.monitors.baseline import fetch_baseline
    from mirante.monitors.model import ModelMonitor

    config = settings.models[0]
    version, kept = fetch_baseline(
        parts.client(), MODEL, ALIAS
    )  # as the service finds it: by alias, from MLflow
    monitor = ModelMonitor(
        config, version, kept, parts.store, parts.log_of(config), locale=parts.settings.locale
    )
    days = [f"{day:%Y-%m-%d}" for day in pd.date_range("2013-02-01", "2013-12-31")]
    rest = flights.between(days[0], days[-1])

    def step(done: int, total: int, day: str) -> None:
        progress.step(done, total, day)
        if done % _SHIP_EVERY == 0:
            shipping.go_on()

    progress.say(f"replaying {len(rest):,} flights in {len(days)} daily windows on the clock of {TIMEZONE}")
    with Recorder(MODEL, config.log, version=version) as recorder:
        driven = Replay(
            champion.pipeline, recorder, monitor, parts.engine, parts.outbox, parts.store, parts.host
        )
        counts = replay_days(driven, rest, days, progress=step)
        counts.rows_recorded = recorder.recorded
    return counts


def _write_files(folder: Path, parts: Parts, settings: Settings) -> list[Path]:
    """Write the dashboard and the experiment report, and log both to MLflow."""
    from mirante.tracking.runs import log_artifact
    from mirante.views.dashboard import write_dashboard
    from mirante.views.report import MLflowReport, write_report

    subject = settings.models[0].subject
    report = MLflowReport(log=False).generate_experiment_report(EXPERIMENT)
    files = [
        write_dashboard(
            parts.store,
            folder / "dashboard.html",
            title="NYC flights 2013",
            locale=settings.locale,
            timezone=TIMEZONE,
        ),
        write_report(report, folder / "report.html", locale=settings.locale, timezone=TIMEZONE),
    ]
    for path in files:
        log_artifact(path, subject=subject)
    return files
