"""The monitor of a table that is looked at as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mirante.monitors.model.advance import Advance
from mirante.monitors.model.judging import WindowJudge
from mirante.monitors.openwindow import OpenWindow
from mirante.monitors.tables.rows import SnapshotRows
from mirante.readings import Reading

if TYPE_CHECKING:
    from mirante.monitors.rows import TableSource
    from mirante.monitors.tables.config import TableConfig
    from mirante.monitors.tables.kept import KeptBaseline
    from mirante.store import Store

__all__ = ["SnapshotMonitor"]

_NOTHING = Advance(0, 0, (), (), ())


class SnapshotMonitor:
    """Counts all rows of a table once in each window in which it has changed, and judges them at once.

    Parameters
    ----------
    config : TableConfig
        What to watch; a window is how often at most.
    kept : KeptBaseline
        What is normal.
    store : Store
        Keeps windows, readings, and what the table was like.
    source : TableSource
        Has the rows.
    locale : str
        Of the sentences.
    """

    def __init__(
        self,
        config: TableConfig,
        kept: KeptBaseline,
        store: Store,
        source: TableSource,
        *,
        locale: str = "en",
    ) -> None:
        self._config, self._kept, self._store, self._source = config, kept, store, source
        self._clock = config.clock()
        self._cursor = f"log/{config.subject}/{kept.version}"
        self._rows = SnapshotRows(source)
        self._judge = WindowJudge(config, kept.version, kept.baseline, store, self._rows, locale=locale)

    def advance(self, now: datetime) -> Advance:
        """Look at the table when its window has not been looked at yet and it has changed.

        Parameters
        ----------
        now : datetime
            The present.

        Returns
        -------
        Advance
            What was found; its readings are in the store already.
        """
        config, version = self._config, self._kept.version
        window = self._clock.of(now)
        known = self._store.cursors.get(self._cursor) or {"start": None, "table": "", "rows": 0}
        if known["start"] == window.start.isoformat() or self._before(window.start):
            return _NOTHING
        mark = self._source.fingerprint()
        if mark and mark == known["table"]:
            return _NOTHING
        filled = OpenWindow.empty(window, self._kept.baseline)
        for table in self._rows.portions(now):
            if table.num_rows:
                filled.add(table, self._kept.baseline)
        every = self._store.windows.list(config.subject, with_verdicts=False)
        self._judge.restart([row for row in every if row.version == version and row.closed and row.rows])
        closed, readings = self._judge.judge([filled])
        total = int(known["rows"]) + filled.rows
        readings.append(Reading("table_rows_read_total", total, now, config.labels(version)))
        with self._store.transaction() as connection:
            cursor = {"start": window.start.isoformat(), "table": mark, "rows": total}
            self._store.cursors.set(self._cursor, cursor, connection=connection)
            for row in closed:
                self._store.windows.put(row, connection=connection)
            self._store.readings.write(readings, connection=connection)
        return Advance(filled.rows, 0, tuple(closed), (), tuple(readings))

    @property
    def memory(self) -> int:
        """How many of the last windows count for the next."""
        return self._judge.memory

    def _before(self, start: datetime) -> bool:
        """Say whether the window is the one of the baseline's own rows."""
        return self._kept.begin is not None and start < self._kept.begin
