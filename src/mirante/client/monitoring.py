"""The view of a notebook: subjects, readings, windows and alerts as data frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from mirante.client.frames import (
    alerts_frame,
    readings_frame,
    subjects_frame,
    table_frame,
    windows_frame,
)
from mirante.errors import InputError
from mirante.notebook import html_result, html_table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mirante.client.frames import SubjectLine
    from mirante.store import AlertRow, Series, WindowRow
    from mirante.views.tables.columns import TableName

__all__ = ["Backend", "Monitoring"]

Moment = str | date | datetime | None
_STATES = ("pending", "firing", "resolved")


class Backend(Protocol):
    """Where a view reads from."""

    @property
    def name(self) -> str:
        """The address, without any secret."""
        ...

    def subjects(self) -> Iterable[SubjectLine]:
        """Return all subjects that have readings, ordered by name."""
        ...

    def series(
        self,
        names: Sequence[str] | None,
        subject: str | None,
        since: datetime | None,
        until: datetime | None,
    ) -> Iterable[Series]:
        """Return series with their readings in ``[since, until)``; one may come in several pieces."""
        ...

    def windows(self, subject: str, since: datetime | None, until: datetime | None) -> Iterable[WindowRow]:
        """Return windows that begin in ``[since, until)``, oldest first."""
        ...

    def table(
        self, name: TableName, subject: str, since: datetime | None, until: datetime | None
    ) -> pa.Table:
        """Return the rows of a result table for windows that begin in ``[since, until)``, oldest first."""
        ...

    def alerts(
        self,
        subject: str | None,
        states: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
    ) -> Iterable[AlertRow]:
        """Return alerts that began in ``[since, until)``, newest first."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class Monitoring:
    """A read-only view of what Mirante knows; `mirante.connect` makes one.

    Times may be datetimes, dates or ISO texts, without a zone they are UTC; an interval is half-open.

    Parameters
    ----------
    backend : Backend
        Where it reads.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def name(self) -> str:
        """The address, without any secret."""
        return self._backend.name

    def subjects(self) -> pd.DataFrame:
        """Return what is monitored.

        Returns
        -------
        DataFrame
            ``subject, series, first_time, last_time, open_alerts``, ordered by subject.
        """
        return subjects_frame(self._backend.subjects())

    def readings(
        self,
        name: str | Sequence[str] | None = None,
        *,
        subject: str | None = None,
        since: Moment = None,
        until: Moment = None,
    ) -> pd.DataFrame:
        """Return readings, one in each row.

        Parameters
        ----------
        name : str or sequence of str, optional
            Names of the readings, such as ``drift_effect``; all when None.
        subject : str, optional
            Such as ``model/churn@champion``; all when None.
        since, until : str, date or datetime, optional
            Half-open interval of time.

        Returns
        -------
        DataFrame
            ``time`` (UTC), ``name``, ``value`` (NaN where unknown), a column for each label, ``note``;
            ordered by name, labels and time. A label that is called as one of these gets ``label_`` before
            its name. Empty when nothing fits.
        """
        names = [name] if isinstance(name, str) else None if name is None else list(name)
        return readings_frame(self._backend.series(names, subject, *_interval(since, until)))

    def windows(self, subject: str, *, since: Moment = None, until: Moment = None) -> pd.DataFrame:
        """Return the windows of a subject with what was found in them, one in each row.

        Parameters
        ----------
        subject : str
            Such as ``model/churn@champion``.
        since, until : str, date or datetime, optional
            Half-open interval of their starts.

        Returns
        -------
        DataFrame
            ``start, end, version, rows, late, closed, drifted, drift_share, drifted_columns`` (strongest
            first), ``missing_columns, outliers``, and ``latency_…``, ``estimated_…`` and ``performance_…``
            where they are known; oldest first.
        """
        return windows_frame(self._backend.windows(subject, *_interval(since, until)))

    def profile_metrics(self, subject: str, *, since: Moment = None, until: Moment = None) -> pd.DataFrame:
        """Return what each column of each closed window looked like: the table ``profile_metrics``.

        Parameters
        ----------
        subject : str
            Such as ``model/churn@champion``.
        since, until : str, date or datetime, optional
            Half-open interval of the windows' starts.

        Returns
        -------
        DataFrame
            A row for each window as a whole (``kind`` is ``table``: predictions, outliers, latency,
            performance, estimates) and for each of its columns (counts, moments, quantiles, categories);
            oldest first. All columns are in the documentation, under *Result tables*. Empty when there is
            no such window.
        """
        return table_frame(self._backend.table("profile_metrics", subject, *_interval(since, until)))

    def drift_metrics(self, subject: str, *, since: Moment = None, until: Moment = None) -> pd.DataFrame:
        """Return how far each column of each closed window moved: the table ``drift_metrics``.

        Parameters
        ----------
        subject : str
            Such as ``model/churn@champion``.
        since, until : str, date or datetime, optional
            Half-open interval of the windows' starts.

        Returns
        -------
        DataFrame
            A row for each column against the baseline (``type`` is ``baseline``: scores and verdict) and
            against the window before it (``consecutive``: scores); oldest first. All columns are in the
            documentation, under *Result tables*. Empty when there is no such window.
        """
        return table_frame(self._backend.table("drift_metrics", subject, *_interval(since, until)))

    def alerts(
        self,
        *,
        subject: str | None = None,
        state: str | Sequence[str] | None = None,
        since: Moment = None,
        until: Moment = None,
    ) -> pd.DataFrame:
        """Return alerts, newest first.

        Parameters
        ----------
        subject : str, optional
            What they are about; all when None.
        state : {"pending", "firing", "resolved"} or sequence of them, optional
            All when None.
        since, until : str, date or datetime, optional
            Half-open interval of when they began.

        Returns
        -------
        DataFrame
            ``rule, subject, severity, state, active_at, fired_at, resolved_at, value, summary, note,
            labels, id``.
        """
        states = [state] if isinstance(state, str) else None if state is None else list(state)
        wrong = sorted(set(states or ()) - set(_STATES))
        if wrong:
            raise InputError(f"{wrong[0]!r} is no state of an alert; give {', '.join(_STATES)}")
        return alerts_frame(self._backend.alerts(subject, states, *_interval(since, until)))

    def close(self) -> None:
        """Close connections; a second call does nothing."""
        self._backend.close()

    def __enter__(self) -> Monitoring:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Monitoring of {self.name}>"

    def _repr_html_(self) -> str:
        """Return the subjects as a table for a notebook, every text escaped."""
        lines = list(self._backend.subjects())
        rows = [
            (
                one.subject,
                f"{one.series:,}",
                f"{one.first_time:%Y-%m-%d %H:%M}",
                f"{one.last_time:%Y-%m-%d %H:%M}",
                str(one.open_alerts),
            )
            for one in lines
        ]
        heads = ("subject", "series", "first reading (UTC)", "last reading (UTC)", "open alerts")
        return html_result(f"{len(lines)} subjects at {self.name}", html_table(heads, rows))


def _interval(since: Moment, until: Moment) -> tuple[datetime | None, datetime | None]:
    return _moment("since", since), _moment("until", until)


def _moment(name: str, given: Moment) -> datetime | None:
    if given is None:
        return None
    if isinstance(given, str):
        try:
            time = datetime.fromisoformat(given.strip())
        except ValueError:
            raise InputError(f"{name} is {given[:80]!r}; give a time such as 2026-01-31T14:00:00Z") from None
    elif isinstance(given, datetime):
        time = given
    else:
        time = datetime(given.year, given.month, given.day, tzinfo=UTC)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
