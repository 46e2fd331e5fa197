"""The result tables of a service's store as Parquet: for the command, and as a task of the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from mirante.app.dashboard import chosen_subjects
from mirante.errors import ConflictError
from mirante.views.tables.files import WrittenTables, write_tables

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["TablesTask", "make_tables"]

_log = structlog.get_logger("mirante.tables")


def make_tables(
    store: Store,
    folder: Path,
    *,
    models: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> WrittenTables:
    """Write what the store knows of windows as two folders of Parquet files.

    Parameters
    ----------
    store : Store
        Open.
    folder : Path
        Made when it is not there.
    models : sequence of str
        Names of models, or subjects; everything when empty.
    since, until : datetime, optional
        Only the months in which this half-open interval lies.

    Returns
    -------
    WrittenTables
        What was written, and what was right already.

    Raises
    ------
    ConflictError
        If another process writes there.
    InputError
        If the store has no windows of such a model, the interval is empty, or the folder cannot be written.
    """
    subjects = chosen_subjects(store.windows.subjects(), models, "windows")
    return write_tables(store, folder, subjects=subjects, since=since, until=until)


class TablesTask:
    """One task of the service: keeps the files up to the store.

    Parameters
    ----------
    store : Store
        What is written.
    folder : Path
        Where to.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._folder = store, folder

    def advance(self, _now: datetime) -> None:
        """Write what is new."""
        try:
            done = write_tables(self._store, self._folder)
        except ConflictError:  # the command is at it
            return
        if done.files:
            _log.info("tables written", folder=str(self._folder), files=done.files, rows=done.rows)
