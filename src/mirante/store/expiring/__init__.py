"""What is over goes after a while: alerts and all that tells of them, labels, series and their subjects."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from mirante.store.database import Database
from mirante.store.expiring.history import Expired, expire_history
from mirante.store.expiring.labels import expire_labels
from mirante.store.expiring.series import expire_series

__all__ = ["Expired", "ExpiringPart"]


class ExpiringPart:
    """Removes from a database what is over, some rows in each transaction.

    Each method takes `more`, which it asks before each transaction, and stops where that says no: what is
    left goes at the next call.

    Parameters
    ----------
    database : Database
        Where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(
        self, before: datetime, *, paused: Collection[str] = (), more: Callable[[], bool] = lambda: True
    ) -> Expired:
        """Remove alerts that were over by a time, with their acknowledgements, notices, events and silences.

        What is open or owed stays, and what tells of an alert that stays; so does, of each subject, the last
        event of those that others are told from, and an alias that was moved back.

        Parameters
        ----------
        before : datetime
            They were over by then.
        paused : collection of str
            Subjects whose alerts, events and proposals stay.
        more : callable
            Says whether there is time.

        Returns
        -------
        Expired
            What went.
        """
        return expire_history(self._database, before, paused=paused, more=more)

    def labels(
        self,
        now: datetime,
        keep: Callable[[str], timedelta | None],
        *,
        more: Callable[[], bool] = lambda: True,
    ) -> tuple[int, bool]:
        """Remove labels that were written long ago, whatever time they came with.

        Parameters
        ----------
        now : datetime
            The present.
        keep : callable
            Takes a model and says how long ago; None where its labels stay.
        more : callable
            Says whether there is time.

        Returns
        -------
        gone : int
            How many went.
        finished : bool
            Whether there was time for all.
        """
        return expire_labels(self._database, now, keep, more=more)

    def series(
        self,
        subject: str,
        before: datetime,
        *,
        arrived: int,
        watched: bool,
        more: Callable[[], bool] = lambda: True,
    ) -> int:
        """Remove the series of a subject that are over and have no reading since a time.

        Where nothing watches the subject, nobody can say that they are over, and all go that are as old;
        with the last of them, and of its windows, its cursors and baselines.

        Parameters
        ----------
        subject : str
            Whose.
        before : datetime
            Their readings are from before.
        arrived : int
            The place in the order of arrival up to which all have seen all: an end that comes later is news.
        watched : bool
            Whether something watches it.
        more : callable
            Says whether there is time.

        Returns
        -------
        int
            How many went.
        """
        return expire_series(self._database, subject, before, arrived=arrived, watched=watched, more=more)
