"""The store: one database with a part for each kind of thing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection

from mirante.errors import InputError
from mirante.store.acknowledgements import AcknowledgementsPart
from mirante.store.agents import AgentsPart
from mirante.store.alerts import AlertsPart
from mirante.store.baselines import BaselinesPart
from mirante.store.capping import MOST_SERIES, SeriesCap
from mirante.store.condensing import CondensingPart
from mirante.store.cursors import CursorsPart
from mirante.store.database import Database
from mirante.store.dialect import parse_url
from mirante.store.endings import EndingsPart
from mirante.store.events import EventsPart
from mirante.store.expiring import ExpiringPart
from mirante.store.forgetting import forget_rows
from mirante.store.groups import GroupsPart
from mirante.store.labels import LabelsPart
from mirante.store.lease import LeasePart, check
from mirante.store.measure import StoreSize, measure
from mirante.store.migrate import upgrade
from mirante.store.outbox import OutboxPart
from mirante.store.proposals import ProposalsPart
from mirante.store.readings import ReadingsPart
from mirante.store.silences import SilencesPart
from mirante.store.slicewindows import SliceWindowsPart
from mirante.store.tallies import recount
from mirante.store.windows import WindowsPart

__all__ = ["Store", "check_there"]


def check_there(url: str) -> None:
    """Refuse a store that is not there: to look at one makes none.

    Parameters
    ----------
    url : str
        Address of the store.

    Raises
    ------
    InputError
        If there is no file, or an empty one.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        file = Path(parsed.database or "")
        if not file.is_file() or not file.stat().st_size:
            raise InputError(
                f"there is no store at {file}: mirante up makes one; where it runs elsewhere, name its "
                "store, or its config"
            )


class Store:
    """All that Mirante remembers, in one database; made for many threads and several programs.

    Opening it brings the database to the present schema. What a method has written is on disk when it
    returns (SQLite: WAL with ``synchronous=FULL``).

    Parameters
    ----------
    url : str
        ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``postgresql+psycopg://user@host/name``.
    most_series : int
        So many series of one subject, at most, are written to.

    Attributes
    ----------
    readings, windows, baselines, labels, events, cursors, alerts, outbox
        The parts. Each of their methods takes ``connection=`` to join a transaction.
    groups, silences, acknowledgements, proposals, endings
        More parts: what alerts wait for, what people say to them, and series that are over.
    slice_windows
        What was found in the slices of windows.
    lease
        Which of several services on this store does the work.
    condensing
        Makes few readings of many old ones.
    expiring
        Removes what has been over for long.
    agents
        What agents on other hosts sent, and what they are to count.

    Raises
    ------
    StoreError
        If it cannot be opened: wrong address, missing folder, no database, newer schema.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import datetime, UTC
    >>> from mirante.readings import Reading
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
    ...     time = datetime(2013, 2, 8, tzinfo=UTC)
    ...     store.readings.write([Reading("system_cpu_percent", 93.0, time, {"host": "web-1"})])
    ...     store.readings.latest(subject="host/web-1")[0].value
    1
    93.0
    """

    def __init__(self, url: str, *, most_series: int = MOST_SERIES) -> None:
        database = Database(url)
        try:
            upgrade(database)
        except BaseException:
            database.close()
            raise
        self._set_parts(database, SeriesCap(most_series))

    def _set_parts(self, database: Database, cap: SeriesCap) -> None:
        self._database = database
        self.readings = ReadingsPart(self._database, cap)
        self.endings = EndingsPart(self._database)
        self.condensing = CondensingPart(self._database)
        self.windows = WindowsPart(self._database)
        self.slice_windows = SliceWindowsPart(self._database)
        self.baselines = BaselinesPart(self._database)
        self.labels = LabelsPart(self._database)
        self.events = EventsPart(self._database)
        self.cursors = CursorsPart(self._database)
        self.alerts = AlertsPart(self._database)
        self.groups = GroupsPart(self._database)
        self.silences = SilencesPart(self._database)
        self.acknowledgements = AcknowledgementsPart(self._database)
        self.proposals = ProposalsPart(self._database)
        self.outbox = OutboxPart(self._database)
        self.lease = LeasePart(self._database)
        self.agents = AgentsPart(self._database)
        self.expiring = ExpiringPart(self._database)

    @classmethod
    def existing(cls, url: str) -> Store:
        """Open a store that is there; unlike `Store` itself this makes none.

        Parameters
        ----------
        url : str
            As for `Store`.

        Returns
        -------
        Store
            Open.

        Raises
        ------
        InputError
            If there is no file, or an empty one.
        StoreError
            As `Store` does.
        """
        check_there(url)
        return cls(url)

    def fenced(self, token: int) -> Store:
        """Return the same store for the holder of its lease: once another has it, nothing is written.

        It shares its connections with this one, which is to be closed.

        Parameters
        ----------
        token : int
            What `lease` gave with the lease; each transaction that writes compares it.

        Returns
        -------
        Store
            Its writes raise `LeaseLostError` when the lease is another's.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
        ...     mine = store.lease.take("a", after=None, host="web-1", process=77)
        ...     held = store.fenced(mine.token)
        ...     held.cursors.set("x", {"row": 1})
        ...     _ = store.lease.take("b", after=mine, host="web-2", process=12)
        ...     held.cursors.set("x", {"row": 2})
        Traceback (most recent call last):
        ...
        mirante.errors.LeaseLostError: this service's lease was taken over by process 12 on web-2: ...
        """
        other = object.__new__(type(self))
        other._set_parts(self._database.fenced(partial(check, token)), self.readings.cap)
        return other

    @property
    def name(self) -> str:
        """The address of the store, without its password."""
        return self._database.name

    def forget(self, model: str, ids: Sequence[str]) -> dict[str, int]:
        """Delete what is kept of single predictions: their labels, and the strangest rows of windows.

        A monitor that holds such rows in memory takes its windows up anew. SQLite's files hold no byte of
        them afterwards, unless another process reads an older state at that moment: then later writes
        overwrite what is in the file beside (``-wal``). PostgreSQL overwrites them after its next VACUUM.

        Parameters
        ----------
        model : str
            Name of the model, with whatever alias.
        ids : sequence of str
            Of the predictions.

        Returns
        -------
        dict of str to int
            How many there were: ``labels`` and ``outlier_rows``.
        """
        gone = forget_rows(self, model, ids)
        self._database.truncate_journal()
        return gone

    def measure(self) -> StoreSize:
        """Return how large the store is."""
        return measure(self._database)

    def recount(self) -> int:
        """Count the readings anew, for `measure`.

        Only what wrote to the database without this class can have made it wrong.

        Returns
        -------
        int
            How many there were more than was thought; negative where there were fewer.
        """
        return recount(self._database)

    def transaction(self) -> AbstractContextManager[Connection]:
        """Return a block in which several writes happen together or not at all.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
        ...     with store.transaction() as connection:
        ...         store.cursors.set("a", {"row": 1}, connection=connection)
        ...         store.cursors.set("b", {"row": 2}, connection=connection)
        ...     store.cursors.get("b")
        {'row': 2}
        """
        return self._database.transaction()

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self.lease.close()
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
