"""From settings to objects, for every entry point: the service, the demonstration, single commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from mirante.alerts.channels.config import build_channels
from mirante.alerts.channels.console import ConsoleChannel
from mirante.alerts.config import build_dispatch, build_routes, build_rules
from mirante.alerts.engine import AlertEngine
from mirante.alerts.heartbeat import Heartbeat, build_heartbeat
from mirante.alerts.outbox import Outbox
from mirante.app.scheduler import utc_now
from mirante.capture.recorder import Recorder
from mirante.capture.recorders import Recorders
from mirante.errors import ConfigError, TrackingError
from mirante.inference_log.archive.index import Archive
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.batch import BatchRows
from mirante.sinks.mlflow import MlflowSink
from mirante.sources.host import HostSource
from mirante.sources.rows.opening import open_source
from mirante.store import Store
from mirante.tracking.client import connect, server_name
from mirante.web.ruling import Ruling
from mirante.web.security import check_bind

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.alerts.routing import Route
    from mirante.alerts.rules import Rule
    from mirante.app.settings import Settings
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.rows import RowSource

__all__ = ["Parts", "build", "client_of", "log_of_subject"]


@dataclass
class Parts:
    """The objects of one service; leaving the context closes the store.

    Parameters
    ----------
    settings : Settings
        What they were built from.
    store : Store
        Open.
    engine : AlertEngine
        With the rules and the open alerts.
    routes : Route
        Where alerts go.
    outbox : Outbox
        With the channels.
    host : HostSource
        This machine.
    heartbeat : Heartbeat, optional
        What is called while all is well.
    """

    settings: Settings
    store: Store
    engine: AlertEngine
    routes: Route
    outbox: Outbox
    host: HostSource
    heartbeat: Heartbeat | None = None
    _archives: dict[Path, Archive | None] = field(default_factory=dict, init=False, repr=False)

    def client(self) -> MlflowClient:
        """Return a client of the MLflow server.

        Raises
        ------
        TrackingError
            If no address is known, or nothing answers there.
        """
        return client_of(self.settings)

    @property
    def server_name(self) -> str:
        """The MLflow server's address without secrets, as a label."""
        return server_name(self.settings.mlflow.tracking_uri or "none")

    @cached_property
    def mlflow_sink(self) -> MlflowSink:
        """Ships readings to MLflow."""
        return MlflowSink(self.store, self.client, experiment=self.settings.mlflow.experiment)

    @cached_property
    def default_log(self) -> InferenceLog:
        """The inference log beside the config, for models that are discovered."""
        return self._log(self.settings.default_log)

    def log_of(self, config: ModelConfig) -> InferenceLog:
        """Return the inference log of a model."""
        return self._log(config.log)

    def _log(self, root: Path) -> InferenceLog:
        """Return a log; all of one folder share what is known of its archive, and whether that answers."""
        if root not in self._archives:
            url = self.settings.archive_of(root)
            self._archives[root] = None if url is None else Archive(url, root)
        return InferenceLog(root, self._archives[root])

    def rows_of(self, config: ModelConfig) -> RowSource | None:
        """Return the rows of a model that is scored in batches; None for one that has a log."""
        if config.source is None:
            return None
        source = open_source(config.source, config.columns)
        return BatchRows(source, self.store, config.subject)

    @cached_property
    def recorders(self) -> Recorders:
        """Takes predictions that come over the API, each into its model's inference log."""
        return Recorders(self._recorder_of)

    def _recorder_of(self, model: str) -> Recorder | None:
        for config in self.settings.models:
            if config.model == model and config.source is not None:
                return None  # its rows are read from a table
            if config.model == model:
                privacy = config.privacy.build(self.settings.folder)
                return Recorder(model, config.log, privacy=privacy, sample=config.privacy.sample)
        return Recorder(model, self.default_log.root) if self.settings.discover else None

    def make_app(self, health: Callable[[], dict[str, Any]], ruling: Ruling | None = None) -> Any:
        """Return the page as an ASGI application.

        Parameters
        ----------
        health : callable
            Says how the service is.
        ruling : Ruling, optional
            The rules as the service holds them; those of the engine when not given.

        Returns
        -------
        FastAPI
            To be served by uvicorn.
        """
        from mirante.web.asgi import create_app

        return create_app(
            self.store,
            config=self.settings.web,
            health=health,
            locale=self.settings.locale,
            historic=self.settings.historic,
            ruling=ruling or Ruling(lambda: self.engine.rules, self.routes),
            mlflow=self.settings.mlflow.page_address(),
            recorders=self.recorders,
        )

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "recorders" in vars(self):
            self.recorders.close()
        self.store.close()


def client_of(settings: Settings) -> MlflowClient:
    """Return a client of the MLflow server that the settings name.

    Parameters
    ----------
    settings : Settings
        Checked.

    Raises
    ------
    TrackingError
        If they name none.
    """
    uri = settings.mlflow.tracking_uri
    if uri is None:
        raise TrackingError(
            "no MLflow server is known; set mlflow.tracking_uri in the config, or MLFLOW_TRACKING_URI"
        )
    return connect(uri)


def log_of_subject(settings: Settings, subject: str) -> InferenceLog:
    """Return the inference log of a model that is configured or was discovered.

    Parameters
    ----------
    settings : Settings
        Checked.
    subject : str
        ``model/<name>@<alias>``.

    Returns
    -------
    InferenceLog
        The one beside the config for a model that it does not name.
    """
    roots = {config.subject: config.log for config in settings.models}
    root = roots.get(subject, settings.default_log)
    return InferenceLog(root, settings.archive_of(root))


def build(
    settings: Settings, *, console: TextIO | None = None, clock: Callable[[], datetime] = utc_now
) -> Parts:
    """Build everything that the settings name; what is wrong with them is said before anything runs.

    Parameters
    ----------
    settings : Settings
        Checked.
    console : TextIO, optional
        Where channels of the type ``console`` write; standard output when None.
    clock : callable
        Gives the present.

    Returns
    -------
    Parts
        A context manager.

    Raises
    ------
    ConfigError
        If a secret cannot be read, a rule file is wrong, or the page would be open to all without a token.
    StoreError
        If the store cannot be opened.
    """
    _check_web(settings)
    channels = build_channels(settings.alerts.channels, base=settings.folder, locate=settings.locate)
    for name, channel in channels.items():
        if isinstance(channel, ConsoleChannel):
            channels[name] = ConsoleChannel(console)
    heartbeat = _heartbeat(settings)
    rules, routes = _rules(settings), build_routes(settings.alerts)
    store = Store(settings.store_address())
    try:
        holds, flapping = build_dispatch(settings.alerts)
        engine = AlertEngine(
            store,
            rules,
            routes,
            holds=holds,
            flapping=flapping,
            locale=settings.locale,
            links=settings.alerts.links,
            page=settings.web.page_address(),
            mlflow=settings.mlflow.page_address(),
            config=settings.named_config(Path.cwd()),
            clock=clock,
        )
        return Parts(
            settings,
            store,
            engine,
            routes,
            Outbox(store, channels, locale=settings.locale, clock=clock),
            HostSource(settings.host.name),
            heartbeat,
        )
    except BaseException:
        store.close()
        raise


def _check_web(settings: Settings) -> None:
    try:
        check_bind(settings.web.host, settings.web.secret())
    except ConfigError as error:
        raise ConfigError(settings.locate(str(error), "web")) from None


def _rules(settings: Settings) -> list[Rule]:
    try:
        return build_rules(
            settings.alerts, base=settings.folder, locale=settings.locale, origin=settings.origin
        )
    except ConfigError as error:
        if ", line " in str(error):  # of the rule file
            raise
        raise ConfigError(settings.locate(str(error), "alerts", "rules")) from None


def _heartbeat(settings: Settings) -> Heartbeat | None:
    if settings.alerts.heartbeat is None:
        return None
    try:
        return build_heartbeat(settings.alerts.heartbeat, base=settings.folder)
    except ConfigError as error:
        raise ConfigError(settings.locate(str(error), "alerts", "heartbeat")) from None
