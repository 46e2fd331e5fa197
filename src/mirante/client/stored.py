"""Reading from a store directly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from mirante.client.frames import SubjectLine

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.store import AlertRow, Doubt, Series, Store, WindowRow
    from mirante.views.tables.columns import TableName

__all__ = ["StoreBackend"]

_EVERY = 2**31 - 1
_LABELS = 100_000


class StoreBackend:
    """Reads a store and writes nothing; see `mirante.client.monitoring.Backend`.

    Parameters
    ----------
    store : Store
        Open; closed with this.
    named : collection of str, optional
        Models that the config of the store names.
    """

    def __init__(self, store: Store, named: Collection[str] = ()) -> None:
        self._store = store
        self.named = frozenset(named)

    @property
    def name(self) -> str:
        """The address, without its password."""
        return self._store.name

    def subjects(self) -> Iterable[SubjectLine]:
        """Return all subjects that have readings, ordered by name."""
        alerts = Counter(alert.subject for alert in self._store.alerts.open())
        rows = self._store.readings.subjects()
        return [SubjectLine(**asdict(row), open_alerts=alerts[row.subject]) for row in rows]

    def series(
        self,
        names: Sequence[str] | None,
        subject: str | None,
        since: datetime | None,
        until: datetime | None,
    ) -> Iterable[Series]:
        """Return series with their readings in ``[since, until)``."""
        return self._store.readings.series(names, subject=subject, since=since, until=until)

    def windows(self, subject: str, since: datetime | None, until: datetime | None) -> Iterable[WindowRow]:
        """Return windows that begin in ``[since, until)``, oldest first."""
        return self._store.windows.list(subject, since=since, until=until)

    def table(
        self, name: TableName, subject: str, since: datetime | None, until: datetime | None
    ) -> pa.Table:
        """Return the rows of a result table for windows that begin in ``[since, until)``, oldest first."""
        import pyarrow as pa

        from mirante.views.tables.columns import schema_of
        from mirante.views.tables.walk import batch_of, rows_of, walk

        found = walk(self._store, subject, since, until)
        return pa.Table.from_batches((batch_of(name, rows_of(name, one)) for one in found), schema_of(name))

    def models(self) -> list[str]:
        """Return the models that have readings or a baseline, in the order of their names."""
        return self._store.labels.known_models()

    def alerts(
        self,
        subject: str | None,
        states: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
    ) -> Iterable[AlertRow]:
        """Return alerts that began in ``[since, until)``, newest first."""
        return self._store.alerts.list(subject=subject, states=states, since=since, until=until, limit=_EVERY)

    def write_labels(
        self,
        model: str,
        ids: Sequence[str],
        values: Sequence[float | str],
        arrived: datetime | Sequence[datetime],
    ) -> tuple[int, Doubt | None]:
        """Write labels; return how many, and what is strange about their model."""
        written = 0
        for start in range(0, len(ids), _LABELS):  # a transaction of a million keeps all others waiting
            part = slice(start, start + _LABELS)
            times = arrived if isinstance(arrived, datetime) else arrived[part]
            written += self._store.labels.write(model, ids[part], values[part], times)
        return written, self._store.labels.doubt(model, named=self.named)

    def close(self) -> None:
        """Close the store."""
        self._store.close()
