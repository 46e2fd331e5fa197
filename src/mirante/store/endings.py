"""Endings in the store: series that nobody writes any more, as Prometheus' markers of staleness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, select, update

from mirante.store.database import Database
from mirante.store.dialect import chunks
from mirante.store.readings import COUNTER
from mirante.store.schema import series
from mirante.store.tallies import reserve

__all__ = ["Ending", "EndingsPart", "Judge"]

Judge: TypeAlias = Callable[[str, Mapping[str, str]], str | None]
"""Says of a series, by its name and labels, why it is over; an empty text where it goes on, and None where
that is for others to say."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A series that is over: its name, its labels, and why, in a sentence."""

    name: str
    labels: Mapping[str, str]
    reason: str


class EndingsPart:
    """The ends of series in a database.

    The past of a series that is over stays. It is no longer among the latest readings, and no alert waits
    for it. An ending has a place in the order in which readings arrive, so that whoever follows them hears
    of it in time.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self, subject: str, judge: Judge, *, connection: Connection | None = None) -> int:
        """Mark the series of a subject that are over, and take the mark from those that go on again.

        Parameters
        ----------
        subject : str
            Whose series.
        judge : callable
            Says of each series why it is over.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        int
            How many have ended just now.
        """
        columns = (series.c.id, series.c.name, series.c.labels, series.c.ended)
        query = select(*columns).where(series.c.subject == subject).order_by(series.c.id)
        with self._database.writing(connection) as transaction:
            over: dict[str, list[int]] = {}
            back: list[int] = []
            for row in transaction.execute(query).all():
                reason = judge(row.name, row.labels)
                if reason is None:
                    continue
                if reason and row.ended is None:
                    over.setdefault(reason, []).append(row.id)
                elif not reason and row.ended is not None:
                    back.append(row.id)
            for part in chunks(back):
                goes_on = update(series).where(series.c.id.in_(part)).values(ended=None, end_reason=None)
                transaction.execute(goes_on)
            if over:
                sequence = reserve(transaction, COUNTER, 1)
                for reason, ids in over.items():
                    for part in chunks(ids):
                        ends = update(series).where(series.c.id.in_(part))
                        transaction.execute(ends.values(ended=sequence, end_reason=reason))
        return sum(len(ids) for ids in over.values())

    def between(self, after: int, until: int, *, connection: Connection | None = None) -> list[Ending]:
        """Return the series that ended after one reading and up to another, and have not gone on since.

        Parameters
        ----------
        after, until : int
            Sequence numbers as `ReadingsPart.after` gives them; ``after < ending <= until``.
        connection : Connection, optional
            A transaction to read in.
        """
        columns = (series.c.name, series.c.labels, series.c.end_reason)
        query = select(*columns).where(series.c.ended > after, series.c.ended <= until)
        with self._database.reading(connection) as snapshot:
            rows = snapshot.execute(query.order_by(series.c.ended, series.c.id)).all()
        return [Ending(row.name, row.labels, row.end_reason or "") for row in rows]
