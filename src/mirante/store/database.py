"""One database: its connections, its transactions, and its errors in words."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from mirante.errors import MiranteError, StoreError
from mirante.store.dialect import parse_url
from mirante.store.engine import BUSY_SECONDS, advice, driver_error, make_engine, prepare, shown, to_write

__all__ = ["Database"]


@dataclass(slots=True)
class _Turn:
    """Which thread of this process writes.

    SQLite has one writer, and threads that queue here are served sooner than those that poll its file lock.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    writer: int | None = None
    hooks: list[Callable[[], None]] = field(default_factory=list)
    name: str = ""


class Database:
    """Connections to one database, for many threads.

    Parameters
    ----------
    url : str
        ``sqlite:///path`` or ``postgresql+psycopg://…``.
    hasty : bool
        Whether to give up within seconds on a server that does not answer.

    Raises
    ------
    StoreError
        If the address is wrong or the database cannot be opened.
    """

    def __init__(self, url: str, *, hasty: bool = False) -> None:
        self._url: URL = parse_url(url)
        self.engine = make_engine(self._url, hasty=hasty)
        self._turn = _Turn()
        self._fence: Callable[[Connection], None] = lambda _: None
        try:
            with self.errors():
                prepare(self.engine)
        except BaseException:
            self.close()
            raise

    def fenced(self, fence: Callable[[Connection], None]) -> Database:
        """Return the same database, of which each transaction that writes begins with a question.

        Parameters
        ----------
        fence : callable
            Given the transaction; raises where its writer has no right to write any more.
        """
        other = copy.copy(self)  # with the same connections and the same turn
        other._fence = fence
        return other

    def name_writers(self, name: str) -> None:
        """Name what this process writes from now on, so that the server can tell it from what others do."""
        self._turn.name = name

    def hasty(self) -> Database:
        """Return another one with connections of its own, which gives up within seconds."""
        return Database(self._url.render_as_string(hide_password=False), hasty=True)

    @property
    def name(self) -> str:
        """The address without its password; that of a file from the root of its disk."""
        if self._url.get_backend_name() == "sqlite":
            return f"sqlite:///{self._url.database if self.file is None else self.file.absolute()}"
        return shown(self._url)

    @property
    def file(self) -> Path | None:
        """The file that the database is in; None when it is on a server."""
        name = self._url.database
        there = bool(name) and name != ":memory:" and self._url.get_backend_name() == "sqlite"
        return Path(name) if name and there else None

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self.engine.dispose()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the driver's errors into `StoreError` with advice; our own pass as they are."""
        try:
            yield
        except StatementError as error:
            if isinstance(error.orig, MiranteError):
                raise error.orig from None
            raise self._explained(error.orig if isinstance(error, DBAPIError) else error) from error
        except driver_error(self.engine) as error:  # raised while a new connection was being set up
            raise self._explained(error) from error
        except SQLAlchemyError as error:
            raise StoreError(f"store {self.name}: {error}") from error

    def _explained(self, error: BaseException | None) -> StoreError:
        said = str(error).strip()
        return StoreError(f"store {self.name}: {said}; {advice(self._url, said)}")

    @contextmanager
    def reading(self, connection: Connection | None = None) -> Iterator[Connection]:
        """Give a connection to read from: the caller's, or one with a snapshot of its own.

        Parameters
        ----------
        connection : Connection, optional
            A transaction that the caller holds.
        """
        with self.errors():
            if connection is not None:
                yield connection
                return
            with self.engine.connect() as own:
                yield own

    @contextmanager
    def writing(self, connection: Connection | None = None) -> Iterator[Connection]:
        """Give a connection to write to: the caller's transaction, or one that ends with this block.

        Parameters
        ----------
        connection : Connection, optional
            A transaction that the caller holds; it stays open.
        """
        if connection is None:
            with self.transaction() as own:
                yield own
        else:
            with self.errors():
                yield connection

    def truncate_journal(self) -> None:
        """Bring SQLite's journal beside the file into it, and empty it; nothing where that is not SQLite."""
        if self.engine.dialect.name == "sqlite":
            self.outside("PRAGMA wal_checkpoint(TRUNCATE)")

    def outside(self, *statements: str) -> None:
        """Run statements of SQLite's outside of any transaction."""
        with self.errors(), self.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            for statement in statements:
                raw.execute(statement).close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Hold the right to write until the block ends; commit then, or roll back if it raises.

        Raises
        ------
        StoreError
            If this thread holds a transaction already (it would wait for itself), or another
            writer does not finish in time.
        LeaseLostError
            If it is `fenced`, and the fence is shut.
        """
        me, turn = threading.get_ident(), self._turn
        if turn.writer == me:
            raise StoreError(
                "this thread is inside store.transaction() already and would wait for itself; "
                "pass that transaction on as connection=..."
            )
        if not turn.lock.acquire(timeout=BUSY_SECONDS):
            raise StoreError(
                f"store {self.name}: another thread kept its transaction open for {BUSY_SECONDS:.0f} s"
            )
        try:
            turn.writer, turn.hooks = me, []
            with self.errors(), self.engine.connect() as plain:
                connection = to_write(plain, turn.name)
                with connection.begin():
                    self._fence(connection)
                    yield connection
            for hook in turn.hooks:
                hook()
        finally:
            turn.writer, turn.hooks = None, []
            turn.lock.release()

    def on_commit(self, hook: Callable[[], None]) -> None:
        """Run `hook` once the present transaction is committed, and never if it is rolled back."""
        self._turn.hooks.append(hook)
