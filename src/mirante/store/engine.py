"""Connections to SQLite and to PostgreSQL that behave alike, and what their errors mean."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import NoSuchModuleError

from mirante.errors import MissingDependencyError, StoreError

__all__ = ["BUSY_SECONDS", "advice", "driver_error", "make_engine", "prepare", "shown", "to_write"]

BUSY_SECONDS = 30.0  # how long a writer waits for another process before it gives up
_WRITES = "mirante_writes"  # execution option of a connection that is going to write
_NAMED = "mirante_named"  # how the server calls it while it does
_WRITER_LOCK = 7_306_021  # any number that nobody else takes for an advisory lock
# To PostgreSQL: kept, and more when many ask at once; its own limit is 100 for everybody.
_KEPT, _MORE = 8, 24

# An end that went away without a word is noticed after a minute, by the client and by the server: the two
# hours that systems wait would keep the lock of a writer whose machine died.
_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Of what renews a lease: an answer that takes longer comes too late, and who is stopped in the midst of it
# (a process, a machine, its network) must not keep the lease's row from the one that takes over.
_HASTE = {
    "connect_timeout": "3",
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "4000",
}
_IN_HASTE = """
SELECT set_config('statement_timeout', '3s', false),
       set_config('idle_in_transaction_session_timeout', '3s', false)
"""
_SERVER_PATIENCE = """
SELECT set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false),
       set_config('tcp_keepalives_count', '3', false)
"""
# One writer at a time, as on SQLite: what a transaction has read is still so when it writes.
_ONE_WRITER = (
    f"SELECT set_config('lock_timeout', '{BUSY_SECONDS:.0f}s', true), "
    "set_config('application_name', coalesce(nullif(%s, ''), current_setting('application_name')), true), "
    f"pg_advisory_xact_lock({_WRITER_LOCK})"
)

_LOCKED = f"another program kept it locked for {BUSY_SECONDS:.0f} s; stop that program, then try again"
_FULL = "the server has no connection left; raise its max_connections, or stop other programs"
_GONE = "the server went away; what was not finished is undone, try again"

# What SQLite says, and what the reader of the message can do about it.
_SQLITE_ADVICE = (
    ("not a database", "this file is not a SQLite database; name another file, or move this one away"),
    ("locked", _LOCKED),
    ("disk is full", "the disk is full; free some space, then try again"),
    ("readonly", "it cannot be written; give this user the right to write the file and its folder"),
    ("unable to open", "it cannot be opened; look at the rights of the file and its folder"),
    ("malformed", "the file is damaged; restore it from a copy, or move it away to begin anew"),
    ("disk i/o error", "the disk failed; look at the system's log"),
)
# The same of PostgreSQL and its client library.
_POSTGRESQL_ADVICE = (
    ("connection refused", "no PostgreSQL answers there; start it, or mend host and port"),
    ("no such file or directory", "no PostgreSQL has its socket there; start it, or give host and port"),
    ("timeout expired", "no PostgreSQL answers there; look at host, port and firewall"),
    ("could not translate host name", "no such host is known; mend the host's name"),
    ("failed to resolve host", "no such host is known; mend the host's name"),
    ("password authentication failed", "mend the role or its password (store_password)"),
    ("no password supplied", "it wants a password; give store_password or store_password_file"),
    ("no pg_hba.conf entry", "the server lets nobody in this way; add a line to its pg_hba.conf"),
    ('role "', "create the role first: createuser --pwprompt {user}", "does not exist"),
    ('database "', "create the database first: createdb --owner={user} {database}", "does not exist"),
    ("permission denied", "the role must own the database: ALTER DATABASE {database} OWNER TO {user}"),
    ("must be owner of", "another role made the tables; let one role make and change them"),
    ("lock timeout", _LOCKED),
    ("too many clients", _FULL),
    ("connection slots", _FULL),
    ("read-only transaction", "this is a copy that can only be read; name the primary server"),
    ("no space left", "the server's disk is full; free some space, then try again"),
    ("index row", "a name or an id is too long: PostgreSQL takes about 2,700 bytes; shorten it"),
    ("server closed the connection", _GONE),
    ("terminating connection", _GONE),
    ("the connection is lost", _GONE),
)  # fmt: skip


def make_engine(url: URL, *, hasty: bool = False) -> Engine:
    """Return an engine whose transactions behave alike on both databases.

    On SQLite a connection that is going to write begins with ``BEGIN IMMEDIATE``: a reader that turns
    writer midway would fail at once with "database is locked", whatever the timeout. On PostgreSQL it takes
    an advisory lock, and a connection that reads has one snapshot for all its queries. A hasty engine of
    PostgreSQL gives up within seconds where another waits for a minute.
    """
    sqlite = url.get_backend_name() == "sqlite"
    try:
        return _sqlite(url) if sqlite else _postgresql(url, hasty)
    except NoSuchModuleError as error:
        raise StoreError(f"there is no driver for {url.drivername!r}: {error}") from error
    except ImportError as error:
        driver = url.drivername.partition("+")[2]
        package = "'mirante[postgres]'" if driver == "psycopg" else driver
        missing = isinstance(error, ModuleNotFoundError)
        why = "is not installed" if missing else f"does not load ({str(error).splitlines()[0]})"
        raise MissingDependencyError(
            f"the driver {driver!r} of the store's address {why}; run: pip install {package}"
        ) from error


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url, pool_size=8, max_overflow=56, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None}
    )

    def connected(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only given free
        # Labels come with ids in any order and touch pages all over the table: with the defaults (2 MB of
        # cache, a checkpoint every 4 MB) each batch would write most of the table twice.
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.execute("PRAGMA wal_autocheckpoint=4000")
        cursor.close()

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)
    return engine


def _called(url: URL) -> str:
    """Return how the server calls a connection: our name, by which all are known, and the address's own."""
    given = url.query.get("application_name", ())
    return " ".join(["mirante", *([given] if isinstance(given, str) else given)])


def _postgresql(url: URL, hasty: bool) -> Engine:
    psycopg = url.drivername == "postgresql+psycopg"
    wanted = {**(_HASTE if hasty else _PATIENCE), "client_encoding": "utf8"} if psycopg else {}
    own = {name: value for name, value in wanted.items() if name not in url.query}
    if psycopg:
        own["application_name"] = _called(url)
    engine = create_engine(
        url.difference_update_query(["application_name"]) if psycopg else url,
        pool_pre_ping=True,
        pool_size=1 if hasty else _KEPT,
        max_overflow=1 if hasty else _MORE,
        isolation_level="REPEATABLE READ",
        connect_args=own,
    )

    def connected(connection: Any, _record: object) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute(_IN_HASTE if hasty else _SERVER_PATIENCE)
        connection.commit()

    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(_WRITES, False):
            connection.exec_driver_sql(_ONE_WRITER, (options[_NAMED],))

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)
    return engine


def to_write(connection: Connection, name: str = "") -> Connection:
    """Return a connection whose next transaction has the right to write from its begin on.

    Parameters
    ----------
    connection : Connection
        Without a transaction.
    name : str
        How PostgreSQL calls it meanwhile, as its `application_name`; as always when empty.
    """
    if connection.dialect.name == "sqlite":
        return connection.execution_options(**{_WRITES: True})
    # What is read after the lock was got must be what its last holder has written, not what was before.
    return connection.execution_options(isolation_level="READ COMMITTED", **{_WRITES: True, _NAMED: name})


def prepare(engine: Engine) -> None:
    """Bring a database into the mode that the store needs, once per opening, or refuse it.

    SQLite's change to WAL does not wait for other openers by itself, so that this does.

    Raises
    ------
    StoreError
        If PostgreSQL keeps the database in another encoding than UTF-8.
    """
    if engine.dialect.name != "sqlite":
        with engine.connect() as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            url = engine.url
            raise StoreError(
                f"store {shown(url)}: the database has the encoding {encoding}, and text in any language "
                f"needs UTF8; create it so: createdb --encoding=UTF8 --template=template0 {url.database}"
            )
        return
    deadline = time.monotonic() + BUSY_SECONDS
    with closing(engine.raw_connection()) as raw:
        while True:
            try:
                with closing(raw.cursor()) as cursor:
                    cursor.execute("PRAGMA journal_mode=WAL")
                return
            except driver_error(engine) as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def driver_error(engine: Engine) -> type[Exception]:
    """Return the root of the driver's own exceptions."""
    found: type[Exception] = engine.dialect.loaded_dbapi.Error
    return found


def shown(url: URL) -> str:
    """Return an address without its passwords, wherever they stand in it.

    Examples
    --------
    >>> from sqlalchemy import make_url
    >>> shown(make_url("postgresql+psycopg://ana:hunter2@db/mirante?password=hunter2"))
    'postgresql+psycopg://ana:***@db/mirante'
    """
    secret = [name for name in url.query if "password" in name.lower()]
    return url.difference_update_query(secret).render_as_string(hide_password=True)


def advice(url: URL, said: str) -> str:
    """Return what to do about the error of a driver.

    Parameters
    ----------
    url : URL
        The address of the database.
    said : str
        What the driver said.

    Examples
    --------
    >>> from sqlalchemy import make_url
    >>> advice(make_url("postgresql+psycopg://ana@db/m"), 'FATAL: database "m" does not exist')
    'create the database first: createdb --owner=ana m'
    """
    known: tuple[tuple[str, ...], ...] = _SQLITE_ADVICE
    if url.get_backend_name() != "sqlite":
        known = _POSTGRESQL_ADVICE
    lower = said.lower()
    for key, text, *more in known:
        if key in lower and all(word in lower for word in more):
            return text.format(user=url.username or "ROLE", database=url.database or "NAME")
    return "see the error above this one"
