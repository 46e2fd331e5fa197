"""Forgetting rows that were deleted from an inference log: their labels, and what windows kept of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, select, update

from mirante.readings import split_subject
from mirante.store.dialect import chunks, one_of
from mirante.store.schema import label_models, labels, windows

if TYPE_CHECKING:
    from mirante.store.store import Store

__all__ = ["forget_rows", "forgotten_cursor"]


def forgotten_cursor(model: str) -> str:
    """Return the name of the cursor that changes when rows of a model are forgotten."""
    return f"forgotten/{model}"


def forget_rows(store: Store, model: str, ids: Sequence[str]) -> dict[str, int]:
    """Delete what is kept of predictions by their ids, in one transaction.

    Counts by bins and categories stay: they are of all rows together.

    Parameters
    ----------
    store : Store
        Open.
    model : str
        Name of the model, with whatever alias.
    ids : sequence of str
        Of the predictions.

    Returns
    -------
    dict of str to int
        ``labels``, and ``outlier_rows``: rows that windows had kept as their strangest.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import datetime, UTC
    >>> from mirante.store import Store
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
    ...     _ = store.labels.write("churn", ["a", "b"], [0, 1], datetime(2026, 1, 2, tzinfo=UTC))
    ...     forget_rows(store, "churn", ["a", "c"])
    {'labels': 1, 'outlier_rows': 0}
    """
    if not ids:
        return {"labels": 0, "outlier_rows": 0}
    name = forgotten_cursor(model)
    with store.transaction() as connection:
        # first, so that on PostgreSQL a monitor that writes its windows waits here, or is waited for
        known = store.cursors.get(name, connection=connection) or {"times": 0}
        store.cursors.set(name, {"times": known["times"] + 1}, connection=connection)
        return {
            "labels": _forget_labels(connection, model, ids),
            "outlier_rows": _forget_outliers(connection, model, set(ids)),
        }


def _forget_labels(connection: Connection, model: str, ids: Sequence[str]) -> int:
    model_id = connection.execute(select(label_models.c.id).where(label_models.c.model == model)).scalar()
    if model_id is None:
        return 0
    mine = delete(labels).where(labels.c.model_id == model_id)
    return sum(
        connection.execute(mine.where(one_of(connection, labels.c.id, part))).rowcount for part in chunks(ids)
    )


def _forget_outliers(connection: Connection, model: str, ids: set[str]) -> int:
    """Take rows out of the windows' verdicts."""
    gone = 0
    for key, verdicts in list(_windows_with(connection, model, ids)):
        kept = [note for note in verdicts["top_outliers"] if note["id"] not in ids]
        gone += len(verdicts["top_outliers"]) - len(kept)
        here = [column == key[column.name] for column in windows.primary_key]
        connection.execute(update(windows).where(*here).values(verdicts={**verdicts, "top_outliers": kept}))
    return gone


def _windows_with(
    connection: Connection, model: str, ids: set[str]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    subjects = connection.execute(select(windows.c.subject).distinct()).scalars().all()
    mine = [subject for subject in subjects if split_subject(subject)[:2] == ("model", model)]
    columns = [*windows.primary_key, windows.c.verdicts]
    for subject in mine:
        rows = connection.execute(
            select(*columns).where(windows.c.subject == subject),
            execution_options={"yield_per": 200},  # the verdicts of a year are large
        )
        for row in rows:
            found = dict(row._mapping)
            verdicts = found.pop("verdicts")
            if any(note["id"] in ids for note in verdicts.get("top_outliers") or ()):
                yield found, verdicts
