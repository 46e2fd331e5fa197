"""What judging a data frame gave: its windows, their readings, and a page."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mirante.client.monitoring import Monitoring
from mirante.client.stored import StoreBackend
from mirante.notebook import html_result, html_table

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from mirante.monitors.model import Advance
    from mirante.store import Store

__all__ = ["JudgedFrame"]


class JudgedFrame:
    """What `mirante.monitor` found. What it is asked, it reads from its store, which has earlier calls too.

    Parameters
    ----------
    store : Store
        Open.
    subject, version : str
        What was judged. A table's version is the number of its baseline; empty while there is none.
    advance : Advance or None
        What the call did; None while the windows of a table's baseline are not there.
    close : callable
        Lets go of the store; called when nobody has this object any more.
    timezone, locale : str
        Of the page.

    Attributes
    ----------
    rows : int
        Rows that this call read; those that came after their window was judged are among them.
    late : int
        How many of them came too late.
    windows : int
        Windows that this call judged.
    drifted : tuple of datetime
        The starts of those that drifted, in UTC.
    """

    def __init__(
        self,
        store: Store,
        subject: str,
        version: str,
        advance: Advance | None,
        close: Callable[[], None],
        *,
        timezone: str = "UTC",
        locale: str = "en",
    ) -> None:
        self.subject, self.version = subject, version
        closed = () if advance is None else advance.closed
        self.rows, self.late = (0, 0) if advance is None else (advance.rows, advance.late)
        self.windows = len(closed)
        self.drifted: tuple[datetime, ...] = tuple(row.start for row in closed if row.verdicts.get("drifted"))
        self._store, self._timezone, self._locale = store, timezone, locale
        self._view = Monitoring(StoreBackend(store))
        self._close = weakref.finalize(self, close)

    def to_pandas(self) -> pd.DataFrame:
        """Return the windows with what was found in them, oldest first; as `mirante.connect` has them."""
        return self._view.windows(self.subject)

    def readings(self, name: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Return the readings, one in each row.

        Parameters
        ----------
        name : str or sequence of str, optional
            Names of the readings, such as ``drift_effect``; all when None.
        """
        return self._view.readings(name, subject=self.subject)

    def drift_metrics(self) -> pd.DataFrame:
        """Return scores and verdict of each column and slice of each window: the table ``drift_metrics``."""
        return self._view.drift_metrics(self.subject)

    def profile_metrics(self) -> pd.DataFrame:
        """Return counts, quantiles and performance of windows, columns, slices: ``profile_metrics``."""
        return self._view.profile_metrics(self.subject)

    def to_html(self, path: str | Path) -> Path:
        """Write the subject's page as one HTML file that needs no network.

        Parameters
        ----------
        path : path
            The file; an existing one is replaced as a whole.

        Raises
        ------
        InputError
            If the place cannot be written.
        """
        from mirante.views.dashboard import write_dashboard

        return write_dashboard(
            self._store, path, locale=self._locale, timezone=self._timezone, subjects=[self.subject]
        )

    def close(self) -> None:
        """Let go of the store; a second call does nothing, and nothing can be asked afterwards."""
        self._close()

    def __repr__(self) -> str:
        return (
            f"<{self.subject}: {self.rows:,} rows read, {self.windows:,} windows judged, "
            f"{len(self.drifted):,} with drift>"
        )

    def _repr_html_(self) -> str:
        """Return the newest windows as a table for a notebook, every text escaped."""
        found = self.to_pandas().tail(30).iloc[::-1]
        lines = [
            (
                f"{line['start']:%Y-%m-%d %H:%M}",
                f"{line['rows']:,}",
                "not judged yet" if not line["closed"] else "drift" if line["drifted"] else "no drift",
                ", ".join((line["drifted_columns"] or [])[:5]),
            )
            for line in found.to_dict("records")
        ]
        heads = ("window (UTC)", "rows", "verdict", "columns")
        return html_result(repr(self)[1:-1], html_table(heads, lines))
