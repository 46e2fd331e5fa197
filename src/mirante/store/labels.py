"""Labels in the store: what turned out to be true, joined to predictions by id."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from mirante.errors import StoreError
from mirante.store.database import Database
from mirante.store.dialect import bulk, one_of, upsert
from mirante.store.schema import label_models, labels

__all__ = ["LabelColumn", "LabelsPart"]

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
    """

    values: NDArray[Any]
    found: NDArray[np.bool_]


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
        arrived: datetime,
        *,
        connection: Connection | None = None,
    ) -> int:
        """Write labels; a later label for the same id replaces the earlier one.

        Parameters
        ----------
        model : str
            Name of the model.
        ids : sequence of str
            Ids of the predictions.
        values : sequence of float or str
            One label per id.
        arrived : datetime
            When they came in.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        int
            How many ids were written.

        Raises
        ------
        StoreError
            If there are not as many values as ids.
        """
        if len(ids) != len(values):
            raise StoreError(f"got {len(ids)} ids and {len(values)} labels; give one label for each id")
        plain: Sequence[float | str] = np.asarray(values, dtype=object).tolist()
        batch = {str(key): value for key, value in zip(ids, plain, strict=True)}
        if not batch:
            return 0
        with self._database.writing(connection) as transaction:
            model_id = self._model_id(transaction, model)
            columns: dict[str, Sequence[Any]] = {
                "model_id": [model_id] * len(batch),
                "id": list(batch),
                "number": [None if isinstance(value, str) else value for value in batch.values()],
                "text": [value if isinstance(value, str) else None for value in batch.values()],
                "arrived": [arrived] * len(batch),
            }
            bulk(transaction, upsert(transaction, labels, update=["number", "text", "arrived"]), columns)
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
        columns = (labels.c.id, labels.c.number, labels.c.text)
        query = select(*columns).join_from(labels, label_models).where(label_models.c.model == model)
        with self._database.reading(connection) as snapshot:
            for start in range(0, len(keys), _CHUNK):
                asked = one_of(snapshot, labels.c.id, keys[start : start + _CHUNK])
                rows = snapshot.execute(query.where(asked)).all()
                known |= {key: number if text is None else text for key, number, text in rows}
        found = np.fromiter((key in known for key in keys), dtype=np.bool_, count=len(keys))
        texts = any(isinstance(value, str) for value in known.values())
        values = np.full(len(keys), math.nan, dtype=np.object_ if texts else np.float64)
        values[found] = [known[key] for key in keys if key in known]
        return LabelColumn(values, found)

    def count(self, model: str, *, connection: Connection | None = None) -> int:
        """Return how many labels a model has."""
        query = (
            select(func.count()).select_from(labels.join(label_models)).where(label_models.c.model == model)
        )
        with self._database.reading(connection) as snapshot:
            return int(snapshot.execute(query).scalar_one())
