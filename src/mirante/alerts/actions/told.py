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

    What it has read or written there it also knows without asking; that only answers "said already".

    Parameters
    ----------
    store : Store
        Where events and memory are.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC, datetime
    >>> from mirante.store import EventRow, Store
    >>> event = EventRow("model/m@live", datetime(2026, 1, 31, tzinfo=UTC), "action_dry_run", "dry run")
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
    ...     told = Told(store)
    ...     told.say("tag", ["a1"], event), told.say("tag", ["a1"], event), told.said("tag", ["a1", "a2"])
    (True, False, False)
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, list[str]] = {}

    def said(self, what: str, alerts: Collection[str]) -> bool:
        """Say whether it is known, without asking the store, that something was said of all these alerts.

        Parameters
        ----------
        what : str
            Tells one thing to say from another.
        alerts : collection of str
            Ids of the alerts.

        Returns
        -------
        bool
            False also when it was said by another process since the last `forget_all_but`.
        """
        return all(what in self._known.get(alert, ()) for alert in alerts)

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
        if self.said(what, alerts):
            return False
        with self._store.transaction() as connection:
            known = self._store.cursors.get(_CURSOR, connection=connection) or {}
            new = [alert for alert in alerts if what not in known.get(alert, ())]
            if new:
                known = {**known, **{alert: [*known.get(alert, ()), what] for alert in new}}
                self._store.events.add(event, connection=connection)
                self._store.cursors.set(_CURSOR, known, connection=connection)
        self._known = known  # only what is committed
        return bool(new)

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
        self._known = kept
