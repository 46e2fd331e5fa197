"""Baselines in the store: what "normal" was for a model version when it was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from mirante.store.database import Database
from mirante.store.dialect import upsert
from mirante.store.schema import baselines
from mirante.store.types import as_values

__all__ = ["BaselineRow", "BaselinesPart"]


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """The baseline of one subject and version.

    Parameters
    ----------
    subject, version : str
        Whose baseline it is.
    created : datetime
        When it was accepted.
    rows : int
        Rows that it was made of.
    profile : bytes
        The profile with its calibration.
    source : str
        Where its rows came from, for people.
    """

    subject: str
    version: str
    created: datetime
    rows: int
    profile: bytes
    source: str = ""


class BaselinesPart:
    """Baselines in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: BaselineRow, *, connection: Connection | None = None) -> None:
        """Write a baseline; one of the same subject and version is replaced."""
        update = ["created", "profile", "rows", "source"]
        with self._database.writing(connection) as transaction:
            transaction.execute(upsert(transaction, baselines, update=update), as_values(row))

    def get(
        self, subject: str, version: str | None = None, *, connection: Connection | None = None
    ) -> BaselineRow | None:
        """Return the baseline of a version, or the newest of the subject; None where there is none."""
        query = select(baselines).where(baselines.c.subject == subject)
        if version is not None:
            query = query.where(baselines.c.version == version)
        query = query.order_by(baselines.c.created.desc(), baselines.c.version.desc()).limit(1)
        with self._database.reading(connection) as snapshot:
            found = snapshot.execute(query).first()
        return None if found is None else BaselineRow(**found._mapping)

    def list(self, subject: str, *, connection: Connection | None = None) -> list[BaselineRow]:
        """Return all baselines of a subject, newest first."""
        query = select(baselines).where(baselines.c.subject == subject)
        query = query.order_by(baselines.c.created.desc(), baselines.c.version.desc())
        with self._database.reading(connection) as snapshot:
            return [BaselineRow(**row._mapping) for row in snapshot.execute(query)]
