"""Follows a table: finds out what is normal for it, then lets its monitor advance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from mirante.monitors.model import Advance, ModelMonitor
from mirante.monitors.tables.baseline import (
    MOST_ROWS,
    baseline_of_file,
    baseline_of_rows,
    baseline_of_windows,
    first_windows,
)
from mirante.monitors.tables.kept import KeptBaseline, keep_baseline, kept_baseline, mark_of
from mirante.monitors.tables.rows import JudgedRows, SnapshotRows
from mirante.monitors.tables.snapshot import SnapshotMonitor
from mirante.readings import Reading
from mirante.sources.rows.opening import open_source
from mirante.store import EventRow

if TYPE_CHECKING:
    from mirante.monitors.elsewhere import SparkCounting
    from mirante.monitors.rows import TableSource
    from mirante.monitors.tables.config import TableConfig
    from mirante.store import Store

__all__ = ["TableWatch"]

_log = structlog.get_logger("mirante.watch")
_NOTHING = Advance(0, 0, (), (), ())


class TableWatch:
    """Monitors one table.

    Parameters
    ----------
    config : TableConfig
        What to watch.
    store : Store
        Keeps what is found, the baseline too.
    locale : str
        Of what the monitor writes.
    open_rows : callable, optional
        Opens the source; called when it is first looked at.
    spark : SparkCounting, optional
        Has new rows counted by Spark's workers.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC, timedelta
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> from structlog.testing import capture_logs
    >>> from mirante.monitors.tables.config import TableConfig
    >>> from mirante.store import Store
    >>> now = datetime(2026, 2, 1, tzinfo=UTC)
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
    ...     at = [now - timedelta(hours=n) for n in range(96)]
    ...     pq.write_table(pa.table({"at": at, "size": [n % 7 for n in range(96)]}), f"{folder}/a.parquet")
    ...     source = {"parquet": folder, "time": "at"}
    ...     watch = TableWatch(TableConfig(table="orders", source=source, baseline="first 2 windows"), store)
    ...     with capture_logs():
    ...         step = watch.advance(now + timedelta(hours=1))
    ...     [(row.start.day, row.rows) for row in step.closed]
    [(30, 24), (31, 24)]
    """

    def __init__(
        self,
        config: TableConfig,
        store: Store,
        *,
        locale: str = "en",
        open_rows: Callable[[], TableSource] | None = None,
        spark: SparkCounting | None = None,
    ) -> None:
        self._spark = spark
        self.config = config
        self.monitor: ModelMonitor | SnapshotMonitor | None = None
        self._store, self._locale = store, locale
        self._open = open_rows or (lambda: open_source(config.source, config.columns))
        self._source: TableSource | None = None
        self._mark = ""

    def advance(self, now: datetime) -> Advance:
        """Take up a baseline where there is none or another one is asked for, then judge what is new.

        Parameters
        ----------
        now : datetime
            The present.

        Returns
        -------
        Advance
            What the monitor did; nothing while the first windows, which are the baseline, are not over.

        Raises
        ------
        InputError
            If the source does not answer, or the config names a column that is not there.
        ConfigError
            If its address is none, or its password cannot be read.
        """
        if self._source is None:
            self._appear(now)
        source = self.source
        if self.monitor is None or (
            self.config.baseline_file is not None and mark_of(self.config) != self._mark
        ):
            self._prepare(source, now)
        return _NOTHING if self.monitor is None else self.monitor.advance(now)

    @property
    def only_counts(self) -> bool:
        """Whether rows are counted and never judged: a table makes its baseline of its first windows."""
        return False

    def _appear(self, now: datetime) -> None:
        """Let the table be seen before its first window is judged, also while it cannot be read."""
        name = "table_rows_read_total"
        if not self._store.readings.latest(subject=self.config.subject, names=[name]):
            self._store.readings.write([Reading(name, 0, now, self.config.labels(""))])

    @property
    def source(self) -> TableSource:
        """Where its rows are; it is opened when it is first asked for."""
        if self._source is None:
            self._source = self._open()
        return self._source

    def take_baseline(self, now: datetime) -> KeptBaseline | None:
        """Return the baseline that the config asks for, which is in the store from then on.

        Parameters
        ----------
        now : datetime
            The present.

        Returns
        -------
        KeptBaseline or None
            None while its rows are not there.

        Raises
        ------
        InputError, ConfigError
            As `advance` does.
        """
        features = self.source.features()
        if not features:
            return None
        mark, known = mark_of(self.config), kept_baseline(self._store, self.config)
        kept = (
            known
            if known is not None and known.mark == mark
            else self._fresh(self.source, features, known, mark, now)
        )
        if kept is not None and kept is not known:
            keep_baseline(self._store, self.config, kept, now)
            self._announce(kept, known, now)
        return kept

    def _prepare(self, source: TableSource, now: datetime) -> None:
        mark, kept = mark_of(self.config), self.take_baseline(now)
        if kept is None:
            return
        config, store = self.config, self._store
        self._mark = mark
        if config.kind == "snapshot":
            self.monitor = SnapshotMonitor(config, kept, store, source, locale=self._locale)
        else:
            rows = JudgedRows(source, kept.version, kept.begin)
            self.monitor = ModelMonitor(
                config, kept.version, kept.baseline, store, rows, locale=self._locale, spark=self._spark
            )

    def _fresh(
        self, source: TableSource, features: list[str], known: KeptBaseline | None, mark: str, now: datetime
    ) -> KeptBaseline | None:
        """Return the baseline that the config asks for; None while its rows are not there."""
        config = self.config
        version = "1" if known is None else str(int(known.version) + 1)
        file = config.baseline_file
        if file is not None:
            if known is not None and not file.exists():
                _log.warning(
                    "the baseline's file is gone; the known one goes on", table=config.table, file=str(file)
                )
                return known
            return KeptBaseline(
                baseline_of_file(config, config.source.columns(config.columns)), version, None, mark
            )
        if config.kind == "snapshot":
            names = [*features, "__time", "__prediction"]
            rows = SnapshotRows(source).sample(config.model, "", MOST_ROWS, columns=names)
            if not rows.num_rows:
                return None
            end = config.clock().of(now).end
            said = f"the table of {now:%Y-%m-%d %H:%M} UTC"
            return KeptBaseline(baseline_of_rows(rows, config, said), version, end, mark)
        windows = first_windows(source, config, now)
        if windows is None:
            return None
        baseline = baseline_of_windows(source, windows, features, config)
        return KeptBaseline(baseline, version, windows[-1].end, mark)

    def _announce(self, kept: KeptBaseline, known: KeptBaseline | None, now: datetime) -> None:
        said = str(kept.baseline.about["source"])
        _log.info("baseline of a table", table=self.config.table, version=kept.version, source=said)
        if known is not None:
            text = f"a new baseline: {said}"
            event = EventRow(self.config.subject, now, "baseline_accepted", text, {"version": kept.version})
            self._store.events.add(event)
