"""From settings to objects, for every entry point: the service, the demonstration, single commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
from mirante.errors import ConfigError, LeaseLostError, TrackingError, need
from mirante.inference_log.archive.index import Archive
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.batch import BatchRows
from mirante.sinks.mlflow import MlflowSink
from mirante.sources.host import HostSource
from mirante.sources.rows.config import SparkTableConfig
from mirante.sources.rows.opening import open_source
from mirante.store import Store
from mirante.tracking.client import (
    NEEDS_SCHEME,
    asking,
    brief_requests,
    connect,
    lacks_scheme,
    server_name,
)
from mirante.tracking.login import LOGINS
from mirante.web.ruling import Ruling
from mirante.web.security import check_bind

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.alerts.routing import Route
    from mirante.alerts.rules import Rule
    from mirante.app.settings import Settings
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.elsewhere import SparkCounting
    from mirante.monitors.rows import RowSource, TableSource
    from mirante.monitors.tables.config import TableConfig
    from mirante.sources.spark.session import SparkEngine

__all__ = ["Parts", "build", "client_of", "log_of_subject", "use_login"]


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
    make_engine, make_outbox : callable
        Make the same engine and outbox on another store: with the rules, and with what says whether to send.
    heartbeat : Heartbeat, optional
        What is called while all is well.
    webhook_secret : str, optional
        What MLflow signs its webhooks with; None when none are taken.
    may_act : callable
        Says whether the work is this process's, where several services share the store.
    """

    settings: Settings
    store: Store
    engine: AlertEngine
    routes: Route
    outbox: Outbox
    host: HostSource
    make_engine: Callable[[Store, Sequence[Rule]], AlertEngine]
    make_outbox: Callable[[Store, Callable[[], bool]], Outbox]
    heartbeat: Heartbeat | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    may_act: Callable[[], bool] = lambda: True
    _archives: dict[Path, Archive | None] = field(default_factory=dict, init=False, repr=False)

    def client(self) -> MlflowClient:
        """Return a client of the MLflow server.

        Raises
        ------
        TrackingError
            If no address is known, or nothing answers there.
        LeaseLostError
            If the work is another service's by now.
        """
        self._check()
        return client_of(self.settings)

    def _check(self) -> None:
        if not self.may_act():
            raise LeaseLostError("this service's lease ran out, or is another's: it sends nothing")

    def fenced(self, token: int, may_act: Callable[[], bool]) -> Parts:
        """Return the parts anew for the holder of the store's lease: what is in memory comes from the store.

        Parameters
        ----------
        token : int
            Of the lease; once another has it, what these parts write is refused.
        may_act : callable
            Says whether the lease holds, before anything is sent.

        Returns
        -------
        Parts
            With the same connections, which the parts that it was made from close.
        """
        store = self.store.fenced(token)
        engine, outbox = self.make_engine(store, self.engine.rules), self.make_outbox(store, may_act)
        parts = replace(self, store=store, engine=engine, outbox=outbox, may_act=may_act)
        if any(config.engine == "spark" for config in self.settings.watched):
            vars(parts)["spark"] = self.spark  # one, which these parts' end stops
        return parts

    @property
    def server_name(self) -> str:
        """The MLflow server's address without secrets, as a label."""
        return server_name(self.settings.mlflow.tracking_uri or "none")

    @cached_property
    def mlflow_sink(self) -> MlflowSink:
        """Ships readings to MLflow."""
        return MlflowSink(
            self.store, self.client, experiment=self.settings.mlflow.experiment, check=self._check
        )

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
        return BatchRows(self.source_of(config), self.store, config.subject)

    def source_of(self, config: ModelConfig | TableConfig) -> TableSource:
        """Return what reads an entry's source: of a table of Spark by its session."""
        source = config.source
        assert source is not None  # noqa: S101 - asked before
        if not isinstance(source, SparkTableConfig):
            return open_source(source, config.columns)
        from mirante.sources.spark.rows import SparkRows

        return SparkRows(source, source.columns(config.columns), self.spark)

    def spark_for(self, config: ModelConfig | TableConfig) -> SparkCounting | None:
        """Return what has an entry's rows counted by Spark; None where this process counts.

        Raises
        ------
        MissingDependencyError
            If pyspark is not installed.
        """
        if config.engine == "local":
            return None
        need("pyspark", extra="spark")  # said at the start, not when rows come
        from mirante.monitors.elsewhere import SparkCounting

        return SparkCounting(self.spark)

    @cached_property
    def spark(self) -> SparkEngine:
        """Spark, which starts when rows are first to be counted by it, and ends with the service."""
        from mirante.sources.spark.session import SparkEngine

        return SparkEngine(self.settings.spark)

    @cached_property
    def recorders(self) -> Recorders:
        """Takes predictions that come over the API, each into its model's inference log."""
        return Recorders(self._recorder_of, {one.model for one in self.settings.models})

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
            webhook_secret=self.webhook_secret,
            own_host=self.host.host if self.settings.host.enabled else "",
        )

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "recorders" in vars(self):
            self.recorders.close()
        if "spark" in vars(self):
            self.spark.stop()
        self.store.close()


def client_of(settings: Settings) -> MlflowClient:
    """Return a client of the MLflow server that the settings name.

    Parameters
    ----------
    settings : Settings
        Checked.

    Raises
    ------
    LoginRefusedError
        If the server refused the login, now or lately: see `mirante.tracking.login.Logins`.
    TrackingError
        If they name none.
    ConfigError
        If the login cannot be read.
    """
    uri = settings.mlflow.tracking_uri
    if uri is None:
        raise TrackingError(
            "no MLflow server is known; set mlflow.tracking_uri in the config, or MLFLOW_TRACKING_URI"
        )
    use_login(settings)
    client = connect(uri)

    def ask() -> None:
        with brief_requests(retries=0, timeout=5), asking(client, "log in"):
            client.search_experiments(max_results=1)

    LOGINS.admit(uri, ask)
    return client


def use_login(settings: Settings) -> None:
    """Let MLflow's client in this process log in as the settings say, with what their files hold now.

    Parameters
    ----------
    settings : Settings
        Checked.

    Raises
    ------
    ConfigError
        If a secret cannot be read, with file and line; or if the server of the environment has no scheme.
    """
    if settings.mlflow.enabled and lacks_scheme(settings.mlflow.tracking_uri or ""):
        raise ConfigError(f"MLFLOW_TRACKING_URI {NEEDS_SCHEME}")  # a config's is checked when it is read
    try:
        settings.mlflow.login().use()
    except ConfigError as error:
        raise ConfigError(settings.locate(str(error), "mlflow")) from None


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
    use_login(settings)
    webhook = _webhook_secret(settings)
    channels = build_channels(settings.alerts.channels, base=settings.folder, locate=settings.locate)
    for name, channel in channels.items():
        if isinstance(channel, ConsoleChannel):
            channels[name] = ConsoleChannel(console)
    heartbeat = _heartbeat(settings)
    rules, routes = _rules(settings), build_routes(settings.alerts)
    store = Store(settings.store_address(), most_series=settings.retention.most_series)
    try:
        make_engine = _engine_maker(settings, routes, clock)

        def make_outbox(store: Store, may_send: Callable[[], bool]) -> Outbox:
            return Outbox(store, channels, locale=settings.locale, clock=clock, may_send=may_send)

        return Parts(
            settings,
            store,
            make_engine(store, rules),
            routes,
            make_outbox(store, lambda: True),
            HostSource(settings.host.name),
            make_engine,
            make_outbox,
            heartbeat,
            webhook,
        )
    except BaseException:
        store.close()
        raise


def _engine_maker(
    settings: Settings, routes: Route, clock: Callable[[], datetime]
) -> Callable[[Store, Sequence[Rule]], AlertEngine]:
    holds, flapping = build_dispatch(settings.alerts)

    def make(store: Store, rules: Sequence[Rule]) -> AlertEngine:
        return AlertEngine(
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

    return make


def _check_web(settings: Settings) -> None:
    try:
        check_bind(settings.web.host, settings.web.secret())
        if (agents := settings.web.agent_secret()) is not None:
            check_bind(settings.web.host, agents, "web.agent_token")
    except ConfigError as error:
        raise ConfigError(settings.locate(str(error), "web")) from None


def _webhook_secret(settings: Settings) -> str | None:
    try:
        return settings.registry.secret()
    except ConfigError as error:
        raise ConfigError(settings.locate(str(error), "registry")) from None


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
