"""The predictions of a model that is scored in batches, as its monitors read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mirante.monitors.rows import FrameRows
from mirante.sources.rows.drawing import sample_portions, scan_portions
from mirante.sources.rows.mapping import LABEL
from mirante.sources.rows.parquet import ParquetFolder

if TYPE_CHECKING:
    from pathlib import Path

    from mirante.inference_log.steps import Step
    from mirante.monitors.rows import TableSource
    from mirante.store import Store

__all__ = ["BatchRows"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ALL = 1_000_000  # moves of one alias; without the first of them the version before is not known


def _now() -> datetime:
    return datetime.now(UTC)


class BatchRows:
    """Rows of a table for the monitors of a model's versions.

    Where the table has a column of versions, a row is of the version that stands in it. Otherwise it is of
    the version that the alias pointed to at the row's time, as the store's events say.

    Labels that the rows bring are written to the store as rows are read, when they are new and when the
    performance of their window is measured: so labels that are filled in later are found.

    Parameters
    ----------
    source : TableSource
        Has the rows.
    store : Store
        Has the events, and takes the labels.
    subject : str
        ``model/<name>@<alias>``.
    version : str, optional
        Of which all rows are that do not say it themselves, whatever the alias pointed to.
    clock : callable
        Gives the present.
    """

    def __init__(
        self,
        source: TableSource,
        store: Store,
        subject: str,
        *,
        version: str | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._source, self._store, self._subject, self._clock = source, store, subject, clock
        self._version = version
        self._checked = False

    @property
    def root(self) -> Path | str:
        """Where the rows are."""
        return self._source.root

    def read_new(
        self, model: str, cursor: Mapping[str, Any] | None
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return rows that `cursor` has not had, and the next cursor.

        Raises
        ------
        InputError
            If the config names a column that is not there.
        """
        if not self._checked:
            self._checked = bool(self._source.features())
        table, following = self._source.read_new(model, cursor)
        return (None if table is None else self._complete(model, table)), following

    def scan(
        self,
        model: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the rows of a time, with their versions."""
        if columns is None:
            return self._complete(model, scan_portions(self._source, start=start, end=end))
        own = [name for name in columns if name != "__version" or self._source.versioned]
        wanted = [*dict.fromkeys([*own, "__time", "__id", LABEL])]
        table = scan_portions(self._source, wanted, start=start, end=end)
        return self._complete(model, table).select(list(columns))

    def sample(
        self,
        model: str,  # noqa: ARG002  a table has the rows of one
        version: str,
        most: int,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str],
        seed: int = 0,
    ) -> pa.Table:
        """Return some rows of a time and a version, drawn uniformly."""
        if self._source.versioned:
            first, last = start, end
        else:
            since, until = self._reign(version)
            first = since if start is None or (since is not None and since > start) else start
            last = until if end is None or (until is not None and until < end) else end
        return sample_portions(self._source, version, most, start=first, end=last, columns=columns, seed=seed)

    def _complete(self, model: str, table: pa.Table) -> pa.Table:
        """Return rows with their versions and without labels, which go to the store."""
        if LABEL in table.column_names:
            self._keep_labels(model, table)
            table = table.drop_columns([LABEL])
        if self._source.versioned or "__time" not in table.column_names:
            return table
        return _with_versions(table, *self._moves())

    def new_frame(self, cursor: Mapping[str, Any] | None) -> tuple[Any, dict[str, Any]] | None:
        """Return the rows of a table of Spark that `cursor` has not had, and the next cursor; else None."""
        return self._source.new_frame(cursor) if isinstance(self._source, FrameRows) else None

    def plan(self, model: str, cursor: Mapping[str, Any] | None) -> Step | None:
        """Return what `read_new` would read next, where its place is known before; else None."""
        return self._source.plan(model, cursor) if isinstance(self._source, ParquetFolder) else None

    def read_step(self, model: str, step: Step) -> pa.Table:
        """Return the rows that `plan` named."""
        source = self._source
        assert isinstance(source, ParquetFolder)  # noqa: S101 - nothing else was planned
        return self._complete(model, source.read_step(model, step))

    def __reduce__(self) -> tuple[Any, ...]:
        moves = None if self._source.versioned else self._moves()
        return _AsOf, (self._source, moves)  # where others count there is no store

    def _moves(self) -> tuple[list[datetime], list[str]]:
        """Return when the alias moved, and the versions before, between and after."""
        if self._version is not None:
            return [], [self._version]
        events = self._store.events.list(self._subject, kinds=["alias_moved"], limit=_ALL)
        if not events:
            known = self._store.baselines.get(self._subject)
            return [], ["" if known is None else known.version]
        versions = [str(events[0].data.get("from", "")), *(str(event.data.get("to", "")) for event in events)]
        return [event.time for event in events], versions

    def _reign(self, version: str) -> tuple[datetime | None, datetime | None]:
        """Return from when to when the alias pointed to a version, the last time that it did."""
        moves, versions = self._moves()
        places = [place for place, one in enumerate(versions) if one == version]
        if not places:
            return None, None
        last = places[-1]
        return (moves[last - 1] if last else None), (moves[last] if last < len(moves) else None)

    def _keep_labels(self, model: str, table: pa.Table) -> None:
        labels, ids = table[LABEL].to_pylist(), table["__id"].to_pylist()
        known = [
            (one, _label(label))
            for one, label in zip(ids, labels, strict=True)
            if one is not None and label is not None and not (isinstance(label, float) and math.isnan(label))
        ]
        if not known:
            return
        found = self._store.labels.get(model, [one for one, _ in known])
        fresh = [
            pair
            for pair, there, value in zip(known, found.found.tolist(), found.values.tolist(), strict=True)
            if not there or value != pair[1]
        ]
        if fresh:
            self._store.labels.write(
                model, [one for one, _ in fresh], [label for _, label in fresh], self._clock()
            )


def _with_versions(table: pa.Table, moves: Sequence[datetime], versions: Sequence[str]) -> pa.Table:
    """Return rows with the versions that an alias pointed to at their times."""
    bounds = np.array([(time - _EPOCH) // _MICROSECOND for time in moves], dtype=np.int64)
    micros = table["__time"].cast(pa.int64()).to_numpy()
    places = np.searchsorted(bounds, micros, side="right")
    said = pa.array(np.array(versions, dtype=object)[places].tolist(), pa.string())
    return table.append_column("__version", said)


class _AsOf:
    """What `BatchRows` is on another machine: planned rows, with the versions as they were known."""

    def __init__(self, source: Any, moves: tuple[list[datetime], list[str]] | None) -> None:
        self._source, self._moves = source, moves

    def read_step(self, model: str, step: Step) -> pa.Table:
        return self._versioned(self._source.read_step(model, step))

    def shaped(self, raw: pa.Table) -> pa.Table:
        return self._versioned(self._source.shaped(raw))

    def _versioned(self, table: pa.Table) -> pa.Table:
        return table if self._moves is None else _with_versions(table, *self._moves)


def _label(value: Any) -> float | str:
    return float(value) if isinstance(value, bool | int | float) else str(value)
