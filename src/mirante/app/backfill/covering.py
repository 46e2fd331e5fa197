"""What the store has where a backfill writes: retention makes one window of those of a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mirante.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mirante.monitors.windows import Window
    from mirante.store import Store, WindowRow

__all__ = ["check_whole", "clear", "is_within", "places_of"]

_LONGEST = timedelta(hours=25)  # a day on which the clocks go back


def places_of(
    store: Store, rows: Collection[WindowRow], *, connection: Connection | None = None
) -> dict[datetime, list[WindowRow]]:
    """Return by its start what stands in the place of each window, of its version: often it is one, or none.

    Parameters
    ----------
    store : Store
        Has them.
    rows : collection of WindowRow
        Of one subject and version.
    connection : Connection, optional
        A transaction to read in.
    """
    if not rows:
        return {}
    begin, end = min(row.start for row in rows), max(row.end for row in rows)
    subject = next(iter(rows)).subject
    known = store.windows.list(subject, since=begin - _LONGEST, until=end, connection=connection)
    return {
        row.start: [
            one for one in known if one.version == row.version and one.start < row.end and row.start < one.end
        ]
        for row in rows
    }


def is_within(row: WindowRow, span: Window) -> bool:
    """Say whether a window lies as a whole in what a backfill was asked for."""
    return span.start <= row.start and row.end <= span.end


def check_whole(store: Store, subject: str, version: str, span: Window) -> None:
    """Refuse to judge anew a part of a window that was made of several.

    Parameters
    ----------
    store : Store
        Has the windows.
    subject, version : str
        Whose.
    span : Window
        What was asked for.

    Raises
    ------
    InputError
        If there is such a window at either end.
    """
    known = store.windows.list(subject, since=span.start - _LONGEST, until=span.end, with_verdicts=False)
    for row in known:
        if row.version == version and row.closed and row.end > span.start and not is_within(row, span):
            raise InputError(
                f"--replace would take a part of one window: that from {row.start:%Y-%m-%d %H:%M} to "
                f"{row.end:%Y-%m-%d %H:%M} UTC, which retention has made of shorter ones; let --from and "
                "--to take all of it, or nothing"
            )


def clear(
    store: Store,
    rows: Iterable[WindowRow],
    places: Mapping[datetime, Sequence[WindowRow]],
    *,
    connection: Connection,
) -> datetime | None:
    """Take away what stands in the place of windows that are about to be written, with its slices.

    Parameters
    ----------
    store : Store
        Has them.
    rows : iterable of WindowRow
        What is written; one of the same start and end is left for it to replace.
    places : mapping
        What `places_of` said.
    connection : Connection
        In a transaction that writes.

    Returns
    -------
    datetime or None
        Where the last of them ended; None where none went.
    """
    gone = {
        one.start: one
        for row in rows
        for one in places[row.start]
        if (one.start, one.end) != (row.start, row.end)
    }
    for one in gone.values():
        slices = store.slice_windows.list(
            one.subject, since=one.start, until=one.end, with_verdicts=False, connection=connection
        )
        mine = [each for each in slices if each.version == one.version]
        store.slice_windows.remove(mine, connection=connection)
        store.windows.remove(one.subject, [(one.start, one.version)], connection=connection)
    return max((one.end for one in gone.values()), default=None)
