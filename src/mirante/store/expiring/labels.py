"""Labels that were written long ago, whatever time they came with.

The time of a label is what its sender says of it: one of last year may have come today, for a backfill that
is yet to run. So it is noted now and then how far the numbers were that labels get when they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from mirante.store.database import Database
from mirante.store.dialect import one_of, upsert
from mirante.store.schema import counters, cursors, label_models, labels

__all__ = ["expire_labels"]

_NOTES = "labels/written"
_COUNTER = "labels"
_AT_ONCE = 5_000  # labels of one transaction
_STEPS = 50  # notes within the time that labels are kept

_Notes = list[tuple[datetime, int]]


def expire_labels(
    database: Database,
    now: datetime,
    keep: Callable[[str], timedelta | None],
    *,
    more: Callable[[], bool],
) -> tuple[int, bool]:
    """Remove labels that were written long ago; see `ExpiringPart.labels`."""
    query = select(label_models.c.id, label_models.c.model).order_by(label_models.c.id)
    with database.reading() as snapshot:
        known = {id_: keep(model) for id_, model in snapshot.execute(query)}
    kept = {id_: length for id_, length in known.items() if length is not None}
    if not kept:
        return 0, True
    notes = _noted(database, now, min(kept.values()), max(kept.values()))
    gone = 0
    for id_, length in kept.items():
        until = max((number for time, number in notes if time <= now - length), default=None)
        while until is not None:
            if not more():
                return gone, False
            with database.transaction() as connection:
                removed = _remove(connection, id_, until)
            gone += removed
            if removed < _AT_ONCE:
                break
    return gone, True


def _noted(database: Database, now: datetime, shortest: timedelta, longest: timedelta) -> _Notes:
    """Note how far the numbers are, if that is due, and return all notes that are still needed."""
    with database.transaction() as connection:
        found = connection.execute(select(cursors.c.value).where(cursors.c.name == _NOTES)).scalar() or {}
        notes = [(datetime.fromisoformat(time), int(number)) for time, number in found.get("notes", ())]
        if notes and timedelta(0) <= now - notes[-1][0] < shortest / _STEPS:
            return notes
        notes.append((now, _last(connection)))
        over = [place for place, (time, _) in enumerate(notes) if time <= now - longest]
        notes = notes[over[-1] :] if over else notes
        value = {"notes": [[time.isoformat(), number] for time, number in notes]}
        connection.execute(upsert(connection, cursors, update=["value"]), {"name": _NOTES, "value": value})
    return notes


def _last(connection: Connection) -> int:
    """Return the number of the label that was written last."""
    found = connection.execute(select(counters.c.value).where(counters.c.name == _COUNTER)).scalar()
    return 0 if found is None else int(found)


def _remove(connection: Connection, model: int, until: int) -> int:
    mine = (labels.c.model_id == model) & (labels.c.sequence <= until)
    query = select(labels.c.id).where(mine).order_by(labels.c.sequence).limit(_AT_ONCE)
    ids: Sequence[str] = connection.execute(query).scalars().all()
    if ids:
        connection.execute(delete(labels).where(mine, one_of(connection, labels.c.id, ids)))
    return len(ids)
