"""Alerts as a page shows them: with their place, their notices and the address that explains them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mirante.alerts.evidence import windows_of
from mirante.alerts.grouping import routing_labels
from mirante.alerts.people.silencing import Holding
from mirante.readings import SLICE
from mirante.web.pages.query import Query
from mirante.web.pages.shared import page_path
from mirante.web.pages.states import name_of

if TYPE_CHECKING:
    from mirante.store import AcknowledgementRow, AlertRow, NoticeRow, SilenceRow, Store

__all__ = ["ShownAlert", "alerts_shown", "subject_url"]

_IN_SUBJECT = frozenset({"model", "alias", "host", "experiment", "table", "registry"})


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """An alert ready for a template.

    Parameters
    ----------
    row : AlertRow
        The alert itself.
    name, url : str
        Its subject for people, and the page that shows what it speaks of.
    labels : list of (str, str)
        Its labels but for those that the subject's name says already.
    notices : list of NoticeRow
        The last that each channel was sent about it, and the last that says it is over.
    acknowledgement : AcknowledgementRow, optional
        Who has it in hand.
    silence : SilenceRow, optional
        What holds it back now; of several the one that ends last.
    window : (datetime, datetime), optional
        Where the window that it is about begins and ends; None for an alert about a moment.
    """

    row: AlertRow
    name: str
    url: str
    labels: list[tuple[str, str]]
    notices: list[NoticeRow]
    acknowledgement: AcknowledgementRow | None = None
    silence: SilenceRow | None = None
    window: tuple[datetime, datetime] | None = None


def subject_url(query: Query, subject: str, **parameters: str) -> str:
    """Return the address of a subject's page."""
    return query.url(page_path(subject), subject=subject, **parameters)


def alerts_shown(
    store: Store,
    alerts: Iterable[AlertRow],
    query: Query,
    notices: Mapping[str, Sequence[NoticeRow]],
    silences: Iterable[SilenceRow] | None = None,
) -> list[ShownAlert]:
    """Return alerts ready for a template, in the order given.

    Parameters
    ----------
    store : Store
        Has what people said to them, and their windows.
    alerts : iterable of AlertRow
        The alerts.
    query : Query
        Gives the moment and the addresses.
    notices : mapping of str to sequence of NoticeRow
        By the id of the alert, oldest first; empty where the page shows none.
    silences : iterable of SilenceRow, optional
        Those that end after the moment; read from the store when None.
    """
    rows = list(alerts)
    said = store.acknowledgements.of([row.id for row in rows])
    holding = Holding(store.silences.list(since=query.now) if silences is None else silences, query.now)
    return [
        ShownAlert(
            row=row,
            name=name_of(row.subject),
            url=_where(row, query),
            labels=sorted((key, value) for key, value in row.labels.items() if key not in _IN_SUBJECT),
            notices=_newest(notices.get(row.id, ())),
            acknowledgement=said.get(row.id),
            silence=_silence(row, holding) if row.state != "resolved" else None,
            window=window,
        )
        for row, window in zip(rows, windows_of(store, rows), strict=True)
    ]


def _newest(notices: Sequence[NoticeRow]) -> list[NoticeRow]:
    """Return one notice for each channel and side of an alert's end: reminders alone would fill the list."""
    return list({(notice.channel, notice.reason == "resolved"): notice for notice in notices}.values())


def _silence(alert: AlertRow, holding: Holding) -> SilenceRow | None:
    return next(iter(holding.back(routing_labels(alert))), None)


def _where(alert: AlertRow, query: Query) -> str:
    time = alert.reading_time
    if page_path(alert.subject) == "/host" or time is None:
        return subject_url(query, alert.subject)
    labels = alert.labels
    address = subject_url(
        query,
        alert.subject,
        feature=labels.get("feature", ""),
        slice=labels.get(SLICE, ""),
        window=f"{time:%Y-%m-%dT%H:%M:%SZ}",
    )
    return address + ("#slices" if SLICE in labels else "#compare" if "feature" in labels else "#charts")
