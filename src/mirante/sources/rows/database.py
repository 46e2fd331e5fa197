"""A database that is only read: its engine, its password, and what it says when it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante.errors import ConfigError, InputError, need
from mirante.secrets import read_secret

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

    from mirante.sources.rows.config import SqlConfig

__all__ = ["ReadOnlyDatabase", "bare_address"]

_TIMEOUT = 10  # seconds to connect


class ReadOnlyDatabase:
    """Connections that read and cannot write, where the database knows how to refuse it.

    PostgreSQL's transactions are read-only, SQLite's file is opened so, MySQL's and MariaDB's sessions are
    set so; of others it is the role's rights that decide. Everything is rolled back.

    Parameters
    ----------
    config : SqlConfig
        The address and the password.
    environ : mapping, optional
        Where ``env:NAME`` is looked up.

    Raises
    ------
    ConfigError
        If the address is none, or the password cannot be read.
    """

    def __init__(self, config: SqlConfig, environ: Mapping[str, str] | None = None) -> None:
        self._url = _address(config, environ)
        self._engine: Engine | None = None

    @property
    def name(self) -> str:
        """The address without the password."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give a connection for reading.

        Raises
        ------
        InputError
            If the database does not answer, or refuses a query; never with the password in it.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if self._engine is None:
                self._engine = self._make()
            with self._engine.connect() as connection:
                if self._engine.dialect.name == "postgresql":
                    connection.execution_options(postgresql_readonly=True)
                yield connection
        except SQLAlchemyError as error:
            raise InputError(f"source.sql: {self.name}: {self._reason(error)}") from None

    def _make(self) -> Engine:
        from sqlalchemy import NullPool, create_engine, event

        url, backend = self._url, self._url.get_backend_name()
        options: dict[str, Any] = {}
        if backend == "sqlite":
            path = Path(url.database or "")
            if not path.is_file():
                raise InputError(f"source.sql: there is no SQLite file at {path}")
            # the same file, opened so that nothing can be written
            url = url.set(database=f"file:{_quoted(path)}", query={"mode": "ro", "uri": "true"})
            options = {"timeout": _TIMEOUT}
        elif backend in ("postgresql", "mysql", "mariadb"):
            options = {"connect_timeout": _TIMEOUT}
        try:
            # a connection for each look: between two of them none is held, and none can have died
            engine = create_engine(url, connect_args=options, poolclass=NullPool)
        except ModuleNotFoundError as error:
            if backend == "postgresql":
                need("psycopg", extra="postgres")
            raise ConfigError(
                f"source.sql: the driver {error.name!r} of {url.drivername!r} is not installed; "
                f"install it beside Mirante"
            ) from error
        if backend in ("mysql", "mariadb"):

            @event.listens_for(engine, "connect")
            def _read_only(connection: Any, _record: Any) -> None:
                with connection.cursor() as cursor:
                    cursor.execute("SET SESSION TRANSACTION READ ONLY")

        return engine

    def _reason(self, error: Exception) -> str:
        text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
        password = self._url.password
        text = text.replace(str(password), "***") if password else text
        return " ".join(text.split())[:300]


def bare_address(sql: str) -> str:
    """Return the address of a database without its password.

    Examples
    --------
    >>> bare_address("postgresql://ana:geheim@db/shop")
    'postgresql+psycopg://ana@db/shop'
    """
    from sqlalchemy import URL

    url = _parsed(sql)
    bare = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)
    return bare.render_as_string()


def _parsed(sql: str) -> URL:
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    start = "sqlite:///"
    if sql.startswith(start):  # a path is taken as it is: "%41", "?" and "#" may be in a folder's name
        return URL.create("sqlite", database=sql.removeprefix(start))
    try:
        url = make_url(sql)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise ConfigError(
            "source.sql is not the address of a database; it needs the form postgresql://role@host:5432/name"
        ) from None
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _address(config: SqlConfig, environ: Mapping[str, str] | None) -> URL:
    url = _parsed(config.sql)
    password = read_secret("password", config.password, config.password_file, environ)
    if password is None:
        return url
    if url.password is not None:
        raise ConfigError("'password' is given and source.sql has a password too; keep one")
    return url.set(password=password.get_secret_value())


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.absolute()))
