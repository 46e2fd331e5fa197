"""Acknowledgements in the store: somebody has an alert in hand, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from mirante.store.database import Database
from mirante.store.dialect import chunks, upsert
from mirante.store.schema import acknowledgements
from mirante.store.types import as_values

__all__ = ["AcknowledgementRow", "AcknowledgementsPart"]


@dataclass(frozen=True, slots=True)
class AcknowledgementRow:
    """One acknowledgement.

    Parameters
    ----------
    alert_id : str
        Of which alert.
    author : str
        Who has it in hand.
    time : datetime
        Since when.
    note : str
        What they say about it.
    """

    alert_id: str
    author: str
    time: datetime
    note: str = ""


class AcknowledgementsPart:
    """Acknowledgements in a database, one for each alert at most.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: AcknowledgementRow, *, connection: Connection | None = None) -> None:
        """Write an acknowledgement; an earlier one of the same alert is replaced."""
        with self._database.writing(connection) as transaction:
            statement = upsert(transaction, acknowledgements, update=["author", "time", "note"])
            transaction.execute(statement, as_values(row))

    def remove(self, alert_id: str, *, connection: Connection | None = None) -> bool:
        """Take an acknowledgement back; False when there is none."""
        query = delete(acknowledgements).where(acknowledgements.c.alert_id == alert_id)
        with self._database.writing(connection) as transaction:
            return bool(transaction.execute(query).rowcount)

    def of(
        self, alert_ids: Sequence[str], *, connection: Connection | None = None
    ) -> dict[str, AcknowledgementRow]:
        """Return the acknowledgements of some alerts by their ids."""
        found: dict[str, AcknowledgementRow] = {}
        with self._database.reading(connection) as snapshot:
            for chunk in chunks(alert_ids):
                wanted = acknowledgements.c.alert_id.in_(chunk)
                for row in snapshot.execute(select(acknowledgements).where(wanted)):
                    found[row.alert_id] = AcknowledgementRow(**row._mapping)
        return found
