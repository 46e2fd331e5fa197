"""A table's baseline in the store: there it outlives the rows that it was made of."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.monitors.baseline import ModelBaseline
from mirante.sources.rows.config import SqlConfig
from mirante.sources.rows.database import bare_address

if TYPE_CHECKING:
    from mirante.monitors.tables.config import TableConfig
    from mirante.store import Store

__all__ = ["KeptBaseline", "keep_baseline", "kept_baseline", "mark_of"]


@dataclass(frozen=True, slots=True)
class KeptBaseline:
    """A baseline and what it was made from.

    Parameters
    ----------
    baseline : ModelBaseline
        What is normal.
    version : str
        Its number: the windows that it judges carry it.
    begin : datetime, optional
        Where the rows begin that it judges; None for all.
    mark : str
        See `mark_of`.
    """

    baseline: ModelBaseline
    version: str
    begin: datetime | None
    mark: str


def mark_of(config: TableConfig) -> str:
    """Return a text that changes when the config asks for another baseline, or its file is another one.

    Parameters
    ----------
    config : TableConfig
        The table's entry.
    """
    said = config.model_dump(
        mode="json", include={"source", "kind", "window", "timezone", "baseline", "columns"}, by_alias=True
    )
    for name in ("password", "password_file", "overlap"):
        said["source"].pop(name, None)
    if isinstance(config.source, SqlConfig):  # a password that is changed is no other table
        said["source"]["sql"] = bare_address(config.source.sql)
    said["first"] = config.first_windows
    file = config.baseline_file
    if file is not None and file.is_file():
        stat = file.stat()
        said["file"] = [stat.st_size, stat.st_mtime_ns]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def kept_baseline(store: Store, config: TableConfig) -> KeptBaseline | None:
    """Return what the store has; None where there is none yet.

    Parameters
    ----------
    store : Store
        Open.
    config : TableConfig
        Whose.
    """
    row: dict[str, Any] | None = store.cursors.get(_name(config))
    if row is None:
        return None
    files = {name: base64.b64decode(text) for name, text in row["files"].items()}
    begin = None if row["begin"] is None else datetime.fromisoformat(row["begin"])
    return KeptBaseline(ModelBaseline.from_files(files), row["version"], begin, row["mark"])


def keep_baseline(store: Store, config: TableConfig, kept: KeptBaseline, now: datetime) -> None:
    """Write a baseline to the store, for the monitor and for the pages.

    Parameters
    ----------
    store : Store
        Open.
    config : TableConfig
        Whose.
    kept : KeptBaseline
        The baseline.
    now : datetime
        The present.
    """
    files = {name: base64.b64encode(data).decode() for name, data in kept.baseline.to_files().items()}
    begin = None if kept.begin is None else kept.begin.isoformat()
    row = {"files": files, "version": kept.version, "begin": begin, "mark": kept.mark}
    with store.transaction() as connection:
        store.cursors.set(_name(config), row, connection=connection)
        shown = kept.baseline.row(config.subject, kept.version, now)
        store.baselines.put(shown, connection=connection)


def _name(config: TableConfig) -> str:
    return f"baseline/{config.subject}"
