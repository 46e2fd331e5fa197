"""Mirante's pages inside MLflow's server: ``mlflow server --app-name mirante``.

MLflow calls a factory in each of its worker processes. Config and store are opened there at the first request
for one of the pages: whatever is wrong with them, MLflow itself starts and serves, as fast as before, and no
connection is carried over from one process into another.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from mirante.errors import ConfigError, StoreError
from mirante.web.mlflow_app import Reader, make_blueprint

if TYPE_CHECKING:
    from flask import Flask

    from mirante.alerts.rules import Rule
    from mirante.app.settings import Settings
    from mirante.web.ruling import Ruling
    from mirante.web.site import Site

__all__ = ["LazySite", "create_app", "create_app_with_basic_auth"]

_PLACE = "/mirante"
_PATIENCE = timedelta(minutes=2)
_log = structlog.get_logger("mirante.mlflow_server")


def create_app() -> Any:
    """Return MLflow's own application with Mirante's pages in it: the entry point ``mirante``.

    Returns
    -------
    application
        ASGI under uvicorn, WSGI under gunicorn and waitress, as MLflow itself makes it.
    """
    from mlflow.environment_variables import _MLFLOW_SGI_NAME
    from mlflow.server import app

    _add_pages(app, None)
    if _MLFLOW_SGI_NAME.get() != "uvicorn":
        return app
    from mlflow.server.fastapi_app import create_fastapi_app

    return create_fastapi_app(app)


def create_app_with_basic_auth() -> Any:
    """Return MLflow's application with its login in front, also of Mirante's pages: ``mirante-basic-auth``.

    Returns
    -------
    application
        As MLflow's ``basic-auth`` makes it.
    """
    from mlflow.server import app
    from mlflow.server.auth import create_app as with_login

    _add_pages(app, _reader)
    return with_login(app)


def _add_pages(app: Flask, reader: Callable[[], Reader] | None) -> None:
    from mlflow.server.handlers import _add_static_prefix

    site = LazySite(os.environ, Path.cwd(), mlflow=_add_static_prefix("/"))
    app.register_blueprint(make_blueprint(site, _add_static_prefix(_PLACE), reader))


def _reader() -> Reader:
    from flask import g
    from mlflow.server.auth import store

    name = g.mlflow_authenticated_user
    return Reader(name, bool(store.get_user(name).is_admin))


class LazySite:
    """Opens config and store when a page is first asked for, and again until that succeeds.

    Parameters
    ----------
    environ : mapping
        ``MIRANTE_CONFIG`` names the config, as for the commands.
    folder : Path
        Where ``mirante.yaml`` is looked for when it does not.
    mlflow : str
        Address of MLflow's pages, for links.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path, *, mlflow: str) -> None:
        self._environ, self._folder, self._mlflow = environ, folder, mlflow
        self._lock = threading.Lock()
        self._site: Site | None = None

    def __call__(self) -> Site:
        """Return the site; one that explains itself on every page while there is no config or store."""
        from mirante.web.site import NotReadyError, site_without_store

        with self._lock:
            if self._site is not None:
                return self._site
            try:
                self._site = _open(self._environ, self._folder, self._mlflow)
            except (ConfigError, NotReadyError) as error:
                return site_without_store(str(error), mlflow=self._mlflow)
            except StoreError as error:  # its text may hold the store's address: it is for the log
                _log.warning("the store cannot be opened", error=str(error))
                reason = "The store cannot be opened; the log of MLflow's server says why."
                return site_without_store(reason, mlflow=self._mlflow)
            return self._site


def _open(environ: Mapping[str, str], folder: Path, mlflow: str) -> Site:
    from mirante.app.settings import settings_in
    from mirante.store import Store
    from mirante.web.reported import reported_health
    from mirante.web.sessions import Sessions
    from mirante.web.site import NotReadyError, Site, utc_now

    settings = settings_in(folder, environ)
    file = settings.store_file
    if file is not None and not file.is_file():  # SQLite would make one, and nothing would ever be in it
        why = "where it is without a config" if settings.file is None else f"where {settings.file} says it is"
        raise NotReadyError(f"There is no store at {file} yet, {why}.")
    token = settings.web.secret(environ)
    patience = max(_PATIENCE, 4 * settings.evaluation_interval)
    store = Store(settings.store_address(environ))
    return Site(
        store,
        lambda: reported_health(store, utc_now(), patience),
        locale=settings.locale,
        historic=settings.historic,
        read_only=settings.web.read_only,
        sessions=None if token is None else Sessions(token),
        mlflow=mlflow,
        ruling=_ruling(settings),
    )


def _ruling(settings: Settings) -> Ruling:
    """Return the rules that the service has by the same config, read again when it changes."""
    from mirante.alerts.config import build_routes
    from mirante.app.freshness import freshness
    from mirante.app.rules import RuleFiles
    from mirante.web.ruling import Ruling

    files = RuleFiles(settings)
    files.read_again()
    known = [files.changed() or []]  # broken ones are told on the page of rules, and hide no other page

    def rules() -> list[Rule]:
        if (new := files.changed()) is not None:
            known[0] = new
        return known[0]

    stale_after = freshness(settings, {config.subject: config.stale_after for config in settings.watched})
    return Ruling(
        rules,
        build_routes(settings.alerts),
        lambda: files.error,
        lambda: stale_after,
        settings.evaluation_interval,
    )
