"""What an event has said of an alert that fires, so that it is said once and not at every evaluation."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirante.store import EventRow, Store

__all__ = ["Told"]

_CURSOR = "actions/told"


class Told:
    """Remembers in the store, by alert, what was said.

    Parameters
    ----------
    store : Store
        Where events and memory are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def say(self, what: str, alerts: Collection[str], event: EventRow) -> bool:
        """Write an event, unless the same was said of all these alerts.

        Parameters
        ----------
        what : str
            Tells one thing to say from another.
        alerts : collection of str
            Ids of the alerts that it is said of.
        event : EventRow
            What is said.

        Returns
        -------
        bool
            Whether it was news.
        """
        with self._store.transaction() as connection:
            known = self._store.cursors.get(_CURSOR, connection=connection) or {}
            new = [alert for alert in alerts if what not in known.get(alert, ())]
            if not new:
                return False
            said = {alert: [*known.get(alert, ()), what] for alert in new}
            self._store.events.add(event, connection=connection)
            self._store.cursors.set(_CURSOR, {**known, **said}, connection=connection)
        return True

    def forget_all_but(self, firing: Collection[str]) -> None:
        """Forget the alerts that fire no more.

        Parameters
        ----------
        firing : collection of str
            Ids of those that do.
        """
        known = self._store.cursors.get(_CURSOR) or {}
        kept = {alert: said for alert, said in known.items() if alert in firing}
        if len(kept) < len(known):
            self._store.cursors.set(_CURSOR, kept)
