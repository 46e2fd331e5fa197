"""Labels in the store: what turned out to be true, joined to predictions by id."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, not_, select, union, update

from mirante.errors import StoreError
from mirante.readings import split_subject
from mirante.store.database import Database
from mirante.store.dialect import bulk, one_of, upsert
from mirante.store.schema import baselines, label_models, labels, series
from mirante.store.tallies import reserve

__all__ = ["Doubt", "LabelColumn", "LabelsPart"]

_COUNTER = "labels"
_CHUNK = 5_000  # ids per query: below SQLite's 32,766 and PostgreSQL's 65,535 variables


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """Labels in the order of the ids that were asked for.

    Parameters
    ----------
    values : ndarray, shape (n,)
        float64 with NaN where there is no label; object (text, float, NaN) if any label is text.
    found : ndarray of bool, shape (n,)
        Whether there is a label; a label that was written as NaN is there.
    unmatched : ndarray of bool, shape (n,)
        Whether there is a label that `LabelsPart.match` was not told of yet.
    """

    values: NDArray[Any]
    found: NDArray[np.bool_]
    unmatched: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is strange about labels that were taken all the same.

    Parameters
    ----------
    sentence : str
        For people.
    nearest : tuple of str
        Known models whose names are like theirs, at most three, the nearest first; empty where there is none.
    """

    sentence: str
    nearest: tuple[str, ...]


class LabelsPart:
    """Labels in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._models: dict[str, int] = {}  # committed ones only

    def write(
        self,
        model: str,
        ids: Sequence[str],
        values: Sequence[float | str],
        arrived: datetime | Sequence[datetime],
        *,
        connection: Connection | None = None,
    ) -> int:
        """Write labels; one that is written later replaces that of the same id, whatever its time.

        A label that says what the store has already changes nothing, so that a file can be sent again.

        Parameters
        ----------
        model : str
            Name of the model.
        ids : sequence of str
            Ids of the predictions.
        values : sequence of float or str
            One label per id.
        arrived : datetime or sequence of datetime
            When they became known, all of them or each.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        int
            How many ids were written.

        Raises
        ------
        StoreError
            If there are not as many values or times as ids, or the model has no name.
        """
        if not model.strip():
            raise StoreError("got labels for a model without a name; give the name that its predictions have")
        if len(ids) != len(values):
            raise StoreError(f"got {len(ids)} ids and {len(values)} labels; give one label for each id")
        times = [arrived] * len(ids) if isinstance(arrived, datetime) else list(arrived)
        if len(times) != len(ids):
            raise StoreError(f"got {len(ids)} ids and {len(times)} times; give one time for each id")
        plain: Sequence[float | str] = np.asarray(values, dtype=object).tolist()
        batch = {str(key): (value, time) for key, value, time in zip(ids, plain, times, strict=True)}
        if not batch:
            return 0
        with self._database.writing(connection) as transaction:
            model_id = self._model_id(transaction, model)
            keys = sorted(batch)  # in the order of the table: a third of the time that any other takes
            found = [batch[key] for key in keys]
            columns: dict[str, Sequence[Any]] = {
                "model_id": [model_id] * len(batch),
                "id": keys,
                "number": [None if isinstance(value, str) else value for value, _ in found],
                "text": [value if isinstance(value, str) else None for value, _ in found],
                "arrived": [time for _, time in found],
            }
            last = reserve(transaction, _COUNTER, len(batch))
            columns["sequence"] = range(last - len(batch) + 1, last + 1)
            said = ["number", "text"]
            bulk(
                transaction,
                upsert(transaction, labels, update=[*said, "arrived", "sequence"], only_if_changed=said),
                columns,
            )
        return len(batch)

    def _model_id(self, connection: Connection, model: str) -> int:
        known = self._models.get(model)
        if known is not None:
            return known
        connection.execute(upsert(connection, label_models), {"model": model})
        query = select(label_models.c.id).where(label_models.c.model == model)
        found = int(connection.execute(query).scalar_one())
        self._database.on_commit(lambda: self._models.update({model: found}))
        return found

    def get(self, model: str, ids: Sequence[str], *, connection: Connection | None = None) -> LabelColumn:
        """Return the labels of predictions, in the order of `ids`.

        Parameters
        ----------
        model : str
            Name of the model.
        ids : sequence of str
            Ids of the predictions.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        LabelColumn
            Values, and which of them are there.
        """
        keys = [str(key) for key in ids]
        known: dict[str, float | str] = {}
        unmatched: set[str] = set()
        columns = (labels.c.id, labels.c.number, labels.c.text, labels.c.matched)
        query = select(*columns).join_from(labels, label_models).where(label_models.c.model == model)
        with self._database.reading(connection) as snapshot:
            for start in range(0, len(keys), _CHUNK):
                asked = one_of(snapshot, labels.c.id, keys[start : start + _CHUNK])
                rows = snapshot.execute(query.where(asked)).all()
                known |= {key: number if text is None else text for key, number, text, _ in rows}
                unmatched.update(key for key, _, _, matched in rows if not matched)
        found = np.fromiter((key in known for key in keys), dtype=np.bool_, count=len(keys))
        texts = any(isinstance(value, str) for value in known.values())
        values = np.full(len(keys), math.nan, dtype=np.object_ if texts else np.float64)
        values[found] = [known[key] for key in keys if key in known]
        fresh = np.fromiter((key in unmatched for key in keys), dtype=np.bool_, count=len(keys))
        return LabelColumn(values, found, fresh)

    def match(self, model: str, ids: Sequence[str], *, connection: Connection | None = None) -> None:
        """Note that labels belong to predictions of a judged window.

        Parameters
        ----------
        model : str
            Name of the model.
        ids : sequence of str
            Ids whose labels were found.
        connection : Connection, optional
            A transaction to join.
        """
        if not ids:
            return
        with self._database.writing(connection) as transaction:
            mine = labels.c.model_id == self._model_id(transaction, model)
            for start in range(0, len(ids), _CHUNK):
                asked = one_of(transaction, labels.c.id, list(ids[start : start + _CHUNK]))
                transaction.execute(update(labels).where(mine, asked).values(matched=True))

    def after(
        self, model: str, sequence: int, *, limit: int = 100_000, connection: Connection | None = None
    ) -> tuple[list[str], int]:
        """Return the ids whose labels were new or changed after a sequence number.

        Parameters
        ----------
        model : str
            Name of the model.
        sequence : int
            The last number that the caller has seen; 0 for the beginning.
        limit : int
            At most so many.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        ids : list of str
            In the order of arrival.
        last : int
            The number of the last of them; `sequence` if there are none.
        """
        query = (
            select(labels.c.id, labels.c.sequence)
            .join_from(labels, label_models)
            .where(label_models.c.model == model, labels.c.sequence > sequence)
            .order_by(labels.c.sequence)
            .limit(limit)
        )
        with self._database.reading(connection) as snapshot:
            rows = snapshot.execute(query).all()
        return [key for key, _ in rows], rows[-1][1] if rows else sequence

    def last(self, model: str, *, connection: Connection | None = None) -> int | None:
        """Return the number of the label that came or changed last; None where the model has no label."""
        query = (
            select(func.max(labels.c.sequence))
            .select_from(labels.join(label_models))
            .where(label_models.c.model == model)
        )
        with self._database.reading(connection) as snapshot:
            found = snapshot.execute(query).scalar_one()
        return None if found is None else int(found)

    def unmatched(self, model: str, before: datetime, *, connection: Connection | None = None) -> int:
        """Return how many labels that came before a moment belong to no prediction of a judged window."""
        query = (
            select(func.count())
            .select_from(labels.join(label_models))
            .where(label_models.c.model == model, not_(labels.c.matched), labels.c.arrived < before)
        )
        with self._database.reading(connection) as snapshot:
            return int(snapshot.execute(query).scalar_one())

    def known_models(self, *, connection: Connection | None = None) -> list[str]:
        """Return the models that have readings or a baseline, in the order of their names."""
        model_ones = "model/%"
        subjects = union(
            select(series.c.subject).where(series.c.subject.like(model_ones)),
            select(baselines.c.subject).where(baselines.c.subject.like(model_ones)),
        )
        with self._database.reading(connection) as snapshot:
            return sorted({split_subject(subject)[1] for subject in snapshot.execute(subjects).scalars()})

    def doubt(
        self, model: str, *, named: Collection[str] = (), connection: Connection | None = None
    ) -> Doubt | None:
        """Return what is strange about a model that labels came for; None where it is known.

        Parameters
        ----------
        model : str
            The name that the labels came with.
        named : collection of str, optional
            Models that are known beside, since a config names them.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        Doubt or None
            Known are models that have readings or a baseline, and those that are named.
        """
        found = sorted({*self.known_models(connection=connection), *named})
        if model in found:
            return None
        nearest = tuple(get_close_matches(model, found, n=3, cutoff=0.0))
        known = f"nearest to it are {', '.join(map(repr, nearest))}" if nearest else "and no other yet"
        return Doubt(
            f"Mirante knows no model {model[:100]!r}, {known}; the labels are kept, and count once its "
            "predictions are there",
            nearest,
        )

    def count(self, model: str, *, connection: Connection | None = None) -> int:
        """Return how many labels a model has."""
        query = (
            select(func.count()).select_from(labels.join(label_models)).where(label_models.c.model == model)
        )
        with self._database.reading(connection) as snapshot:
            return int(snapshot.execute(query).scalar_one())
