"""Taking things out of a store: what a scratch store needs no longer, and alerts that are no more."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select

from mirante.store.blocks.writing import drop_packed_before
from mirante.store.dialect import chunks
from mirante.store.schema import alerts, events, labels, readings, slice_windows, windows

if TYPE_CHECKING:
    from mirante.store.store import Store

__all__ = ["drop_before", "remove_alerts"]


def drop_before(store: Store, time: datetime) -> None:
    """Drop readings, windows with their slices, and labels from before a time, and all events.

    Only for a store that is thrown away afterwards: what `Store.measure` says of it is wrong from then on.

    Parameters
    ----------
    store : Store
        Open.
    time : datetime
        Aware.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import timedelta, UTC
    >>> from mirante.readings import Reading
    >>> from mirante.store import Store
    >>> t = datetime(2013, 2, 8, tzinfo=UTC)
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/scratch.db") as store:
    ...     _ = store.readings.write([Reading("x", 1.0, t + timedelta(days=day)) for day in range(3)])
    ...     drop_before(store, t + timedelta(days=1))
    ...     store.readings.count()
    2
    """
    with store.transaction() as connection:
        connection.execute(delete(readings).where(readings.c.time < time))
        drop_packed_before(connection, time)
        connection.execute(delete(windows).where(windows.c.end < time))
        of_slices = slice_windows.c  # one that still has its profile is remembered
        connection.execute(delete(slice_windows).where(of_slices.end < time, of_slices.profile == b""))
        connection.execute(delete(labels).where(labels.c.arrived < time))
        connection.execute(delete(events))


def remove_alerts(ids: Collection[str], subject: str, connection: Connection) -> None:
    """Remove alerts of a subject, and the events that tell of them.

    Parameters
    ----------
    ids : collection of str
        Of the alerts.
    subject : str
        What they are about.
    connection : Connection
        A transaction to join.
    """
    if not ids:
        return
    for chunk in chunks(sorted(ids)):
        connection.execute(delete(alerts).where(alerts.c.id.in_(chunk)))
    told = select(events.c.id, events.c.data).where(events.c.subject == subject)
    gone = set(ids)
    rows = connection.execute(told.where(events.c.kind.in_(["alert_fired", "alert_resolved"])))
    of_them = [row.id for row in rows if row.data.get("alert") in gone]
    for chunk in chunks(of_them):
        connection.execute(delete(events).where(events.c.id.in_(chunk)))
