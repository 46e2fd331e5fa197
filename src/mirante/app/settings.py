"""The config file: its shape, composed of the parts that each room owns, and how it is read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from mirante.alerts.config import AlertsConfig
from mirante.alerts.rules.rule import Origin
from mirante.app.config_file import DEFAULT_STORE, SQLITE, find_config
from mirante.app.sections import DigestConfig, HostConfig, MlflowConfig, RetentionConfig, check_archives
from mirante.errors import ConfigError, StoreError
from mirante.monitors.config import Interval, ModelConfig
from mirante.monitors.tables.config import TableConfig
from mirante.secrets import SecretFile, read_secret
from mirante.sources.registry.config import RegistryConfig
from mirante.sources.runs.config import ExperimentsConfig
from mirante.sources.spark.config import SparkConfig
from mirante.sources.traces.config import TracesConfig
from mirante.store.dialect import parse_url
from mirante.views.tables.config import TablesConfig
from mirante.web.config import WebConfig
from mirante.yaml_file import Document, checked, read_yaml

__all__ = [
    "DigestConfig",
    "HostConfig",
    "MlflowConfig",
    "Settings",
    "default_settings",
    "load_settings",
    "settings_in",
]

_KEY = re.compile(r"'?(?:[a-z_]+\.)*([a-z_]+)")


class Settings(BaseModel):
    """A whole ``mirante.yaml``.

    Parameters
    ----------
    store : str
        SQLAlchemy URL of the store.
    store_password : str, optional
        Of its role on PostgreSQL; ``env:NAME`` takes it from the environment.
    store_password_file : Path, optional
        A file that holds the password.
    locale : {"en", "pt_BR"}
        Language of pages and notices.
    evaluation_interval : timedelta
        From one evaluation of the rules to the next.
    discover : bool
        Whether to take up, beside `models`, every recorded model that has an alias, all experiments where
        `experiments`, or `traces`, includes none, and all registered models where `registry` includes none.
    mlflow, host, experiments, traces, registry, models, tables, alerts, web, result_tables, digest
    retention, spark
        The parts that the rooms own.

    Examples
    --------
    >>> settings = Settings(models=[{"model": "churn"}])
    >>> settings.models[0].subject
    'model/churn@champion'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: str = DEFAULT_STORE
    store_password: SecretStr | None = None
    store_password_file: SecretFile | None = None
    locale: Literal["en", "pt_BR"] = "en"
    evaluation_interval: Interval = timedelta(seconds=15)
    mlflow: MlflowConfig = Field(default_factory=MlflowConfig)
    host: HostConfig = Field(default_factory=HostConfig)
    experiments: ExperimentsConfig = Field(default_factory=ExperimentsConfig)
    registry: RegistryConfig = Field(default_factory=RegistryConfig)
    traces: TracesConfig = Field(default_factory=TracesConfig)
    models: tuple[ModelConfig, ...] = ()
    tables: tuple[TableConfig, ...] = ()
    discover: bool = False
    alerts: AlertsConfig = Field(default_factory=AlertsConfig)
    web: WebConfig = Field(default_factory=WebConfig)
    result_tables: TablesConfig | None = None
    digest: DigestConfig | None = None
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    spark: SparkConfig = Field(default_factory=SparkConfig)
    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _document: Document | None = PrivateAttr(default=None)

    @field_validator("models")
    @classmethod
    def _each_once(cls, models: tuple[ModelConfig, ...]) -> tuple[ModelConfig, ...]:
        subjects = [model.subject for model in models]
        twice = sorted({subject for subject in subjects if subjects.count(subject) > 1})
        if twice:
            raise ConfigError(f"{twice[0]} is there twice; keep one entry for each model and alias")
        first: dict[str, ModelConfig] = {}
        for model in models:
            # rows are recorded by the model's name, whatever alias they were asked under
            known = first.setdefault(model.model, model)
            for key in ("privacy", "log"):
                if getattr(known, key) != getattr(model, key):
                    raise ConfigError(
                        f"the entries in models of {model.model!r} differ in {key}; a model's rows are "
                        f"recorded once for all its aliases: give each of its entries the same {key}"
                    )
        check_archives(models)
        return models

    @field_validator("tables")
    @classmethod
    def _each_table_once(cls, tables: tuple[TableConfig, ...]) -> tuple[TableConfig, ...]:
        names = [table.table for table in tables]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"the table {twice[0]!r} is there twice; give each entry a name of its own")
        return tables

    @field_validator("digest")
    @classmethod
    def _possible(cls, digest: DigestConfig | None, info: ValidationInfo) -> DigestConfig | None:
        alerts, mlflow = info.data.get("alerts"), info.data.get("mlflow")
        said_off = mlflow is not None and "enabled" in mlflow.model_fields_set and not mlflow.enabled
        if digest is not None and said_off:
            raise ConfigError("reads from MLflow, and mlflow.enabled is false; take one of the two out")
        if digest is not None and alerts is not None:
            unknown = [name for name in digest.channels if name not in alerts.channels]
            if unknown:
                there = ", ".join(sorted(alerts.channels)) or "none"
                raise ConfigError(
                    f"channels names {unknown[0]!r}, which is not in alerts.channels; there are: {there}"
                )
        return digest

    def within(self, folder: Path, environ: Mapping[str, str]) -> Settings:
        """Return the settings with paths taken from a folder, and MLflow's address from the environment.

        Parameters
        ----------
        folder : Path
            Where the config file is.
        environ : mapping
            The environment.

        Returns
        -------
        Settings
            With absolute paths.
        """
        store, file = self.store, self.store_file
        if file is not None and not file.is_absolute():
            store = f"{SQLITE}{folder / file}"
        models = tuple(model.within(folder) for model in self.models)
        tables = tuple(table.within(folder) for table in self.tables)
        web = self.web.within(folder)
        mlflow = self.mlflow.within(folder, environ)
        update = {"store": store, "models": models, "tables": tables, "mlflow": mlflow, "web": web}
        update["registry"] = self.registry.within(folder)
        if self.result_tables is not None:
            to = folder / self.result_tables.folder
            update["result_tables"] = self.result_tables.model_copy(update={"folder": to})
        if self.store_password_file is not None:
            update["store_password_file"] = folder / self.store_password_file
        placed = self.model_copy(update=update)
        placed._folder = folder
        return placed

    @property
    def historic(self) -> bool:
        """Whether all that is shown is a replay of the past, so that old data does not mean "no data"."""
        return bool(self.watched) and all(one.paused for one in self.watched)

    @property
    def watched(self) -> tuple[ModelConfig | TableConfig, ...]:
        """All entries of models and of tables."""
        return (*self.models, *self.tables)

    @property
    def watched_experiments(self) -> ExperimentsConfig:
        """Which experiments are watched; all when none are named and what there is, is discovered.

        Examples
        --------
        >>> Settings().discovering().watched_experiments.include
        ('*',)
        """
        known = self.experiments
        return known.model_copy(update={"include": ("*",)}) if self.discover and not known.include else known

    @property
    def watched_registry(self) -> RegistryConfig:
        """Which registered models are watched; all when none are named and what there is, is discovered.

        Examples
        --------
        >>> Settings().discovering().watched_registry.include
        ('*',)
        """
        known = self.registry
        return known.model_copy(update={"include": ("*",)}) if self.discover and not known.include else known

    @property
    def watched_traces(self) -> TracesConfig:
        """Of which experiments the traces are watched; of all, as for `watched_experiments`."""
        known = self.traces
        return known.model_copy(update={"include": ("*",)}) if self.discover and not known.include else known

    @property
    def folder(self) -> Path:
        """Where relative paths of rules and secrets start from."""
        return self._folder

    @property
    def default_log(self) -> Path:
        """The folder of the inference log of models that the config does not name."""
        return self._folder / "inference-log"

    def archive_of(self, log: Path) -> str | None:
        """Return the URL of the archive of a log's folder; None without one. It is not for showing.

        Parameters
        ----------
        log : Path
            The folder.

        Raises
        ------
        ConfigError
            If it cannot be read from the environment, or is no URL.

        Examples
        --------
        >>> Settings(models=[{"model": "churn"}]).archive_of(Path("inference-log")) is None
        True
        """
        for number, model in enumerate(self.models):
            if model.archive is not None and model.log.absolute() == log.absolute():
                try:
                    return model.archive_address()
                except ConfigError as error:
                    raise ConfigError(self.locate(str(error), "models", str(number), "archive")) from None
        return None

    @property
    def file(self) -> Path | None:
        """The config file; None when there is none."""
        return None if self._document is None else Path(self._document.source)

    def named_config(self, folder: Path) -> str:
        """Return the config as commands must name it; empty where they find it in their own folder.

        Parameters
        ----------
        folder : Path
            Where the service was started: those who type there need not name a ``mirante.yaml`` of it.
        """
        file = self.file
        if file is None or file.absolute() == (folder / "mirante.yaml").absolute():
            return ""
        return str(file.absolute())

    @property
    def store_file(self) -> Path | None:
        """The file that the store is in, which need not be there yet; None when the store is on a server.

        Examples
        --------
        >>> Settings(store="sqlite:////srv/mirante.db").store_file.as_posix()
        '/srv/mirante.db'
        """
        return Path(self.store.removeprefix(SQLITE)) if self.store.startswith(SQLITE) else None

    def store_address(self, environ: Mapping[str, str] | None = None) -> str:
        """Return where to open the store: `store` with its password in it. It is not for showing.

        Parameters
        ----------
        environ : mapping, optional
            Where ``env:NAME`` is looked up; the process' environment by default.

        Raises
        ------
        ConfigError
            If the password is given twice, cannot be read, or is for a file.
        StoreError
            If it is no address.

        Examples
        --------
        >>> Settings(store="postgresql://ana@db/m", store_password="hunter2").store_address({})
        'postgresql+psycopg://ana:hunter2@db/m'
        """
        password = read_secret("store_password", self.store_password, self.store_password_file, environ)
        url = parse_url(self.store)
        if password is None:
            return self.store
        if url.get_backend_name() == "sqlite":
            raise ConfigError("'store_password' is for PostgreSQL and the store is a file; leave it out")
        if url.password is not None:
            raise ConfigError("'store_password' is given and store has a password too; keep one")
        return url.set(password=password.get_secret_value()).render_as_string(hide_password=False)

    def locate(self, problem: str, *place: str) -> str:
        """Return a problem with its file, line and place before it; without a file the place alone.

        Parameters
        ----------
        problem : str
            It may begin with the key that is wrong: ``'token' is ...`` or ``web.host is ...``.
        *place : str
            The keys around that one.

        Returns
        -------
        str
            ``mirante.yaml, line 3: web.host is ...``
        """
        key = _KEY.match(problem)
        said = not place or problem.lstrip("'").startswith(place[0])
        text = problem if said else f"{'.'.join(place)}: {problem}"
        if self._document is None:
            return text
        line = self._document.line(*place, *([key[1]] if key else []))
        return f"{self._document.source}, line {line}: {text}"

    def origin(self, *place: str | int) -> Origin | None:
        """Return where a part of the config is written; None without a file."""
        document = self._document
        return None if document is None else Origin(document.source, document.line(*place))

    def on_port(self, port: int | None) -> Settings:
        """Return the settings with another port for the page; the same when None."""
        return (
            self
            if port is None
            else self.model_copy(update={"web": self.web.model_copy(update={"port": port})})
        )

    def discovering(self) -> Settings:
        """Return the settings with every recorded model that has a baseline taken up."""
        return self.model_copy(update={"discover": True})

    def for_demo(self, *, folder: Path, tracking_uri: str, port: int | None) -> Settings:
        """Return the settings as the demonstration uses them: its folder, its server, a free port.

        Parameters
        ----------
        folder : Path
            The demonstration's.
        tracking_uri : str
            Address of the server that it started.
        port : int, optional
            Port of the page; a free one when None.

        Returns
        -------
        Settings
            With store, inference log and MLflow in the folder.
        """
        mlflow = self.mlflow.model_copy(update={"tracking_uri": tracking_uri, "enabled": True})
        models = tuple(model.model_copy(update={"log": folder / "inference-log"}) for model in self.models)
        update = {"mlflow": mlflow, "models": models, "store": f"{SQLITE}{folder / 'mirante.db'}"}
        update |= {"store_password": None, "store_password_file": None}
        return self.model_copy(update=update).on_port(port or 0)


def load_settings(path: Path, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read a config file.

    Parameters
    ----------
    path : Path
        A ``mirante.yaml``; paths in it are relative to it.
    environ : mapping, optional
        The process' environment by default.

    Returns
    -------
    Settings
        Checked.

    Raises
    ------
    ConfigError
        With every error in the file: file, line, key, what was got and what is needed.
    """
    document = read_yaml(path)
    if document.data is None:
        document = type(document)(document.source, {}, document.lines)
    settings = checked(Settings, document)
    placed = settings.within(path.absolute().parent, os.environ if environ is None else environ)
    placed._document = document
    try:
        placed.store_address(environ)
    except StoreError as error:
        raise ConfigError(placed.locate(f"store: {error}")) from None
    except ConfigError as error:
        raise ConfigError(placed.locate(str(error))) from None
    return placed


def default_settings(*, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Return what ``mirante up`` does without a file: this host, and the MLflow server of the environment.

    Parameters
    ----------
    environ : mapping, optional
        The process' environment by default.
    folder : Path, optional
        Where the store is; the working directory by default.

    Returns
    -------
    Settings
        Models are discovered: see `mirante.monitors.discovery`.
    """
    return Settings(discover=True).within(folder or Path.cwd(), os.environ if environ is None else environ)


def settings_in(folder: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings that hold in a folder, for programs without options of ours.

    Parameters
    ----------
    folder : Path
        Its ``mirante.yaml`` is taken, unless ``MIRANTE_CONFIG`` names another config.
    environ : mapping
        The process' environment.

    Raises
    ------
    ConfigError
        With every error in the file.
    """
    named = environ.get("MIRANTE_CONFIG")
    config = find_config(folder / named if named else None, folder)
    if config is None:
        return default_settings(environ=environ, folder=folder)
    return load_settings(config, environ=environ)
