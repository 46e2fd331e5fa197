"""Acknowledgements: somebody takes an alert in hand, and the others see who and why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from mirante.errors import ConflictError, InputError, NotFoundError
from mirante.i18n import translator
from mirante.store import AcknowledgementRow, AlertRow, EventRow, Store
from mirante.store.alerts import OPEN_STATES

__all__ = ["acknowledge", "no_alert", "take_back"]

_MOST_CHARACTERS = 2_000


def no_alert(alert_id: str, locale: str = "en") -> str:
    """Return the sentence for those who ask for an alert that is not there, by an old link perhaps.

    Parameters
    ----------
    alert_id : str
        What they asked for.
    locale : str
        Their language.

    Examples
    --------
    >>> no_alert("a7")
    "there is no alert 'a7'; one that has been over for longer than retention.history is not kept"
    """
    _ = translator(locale)
    return _(
        "there is no alert %(id)s; one that has been over for longer than retention.history is not kept",
        id=repr(alert_id[:80]),
    )


def acknowledge(
    store: Store,
    alert_id: str,
    *,
    author: str,
    now: datetime,
    note: str = "",
    take_over: bool = False,
    locale: str = "en",
) -> AcknowledgementRow:
    """Write that somebody has an alert in hand; the same person may change the note.

    Parameters
    ----------
    store : Store
        Where the alert is.
    alert_id : str
        The alert.
    author : str
        Who takes it in hand.
    now : datetime
        The present.
    note : str
        What they say about it.
    take_over : bool
        Whether it may be taken from somebody else's hands.
    locale : str
        Language of what is said against it.

    Returns
    -------
    AcknowledgementRow
        As it was written.

    Raises
    ------
    InputError
        If nobody is named, or name or note is too long.
    NotFoundError
        If there is no such alert.
    ConflictError
        If the alert is over, or somebody else has it in hand.
    """
    _ = translator(locale)
    row = AcknowledgementRow(alert_id, author.strip(), now, note.strip())
    if not row.author:
        raise InputError(_("nobody is named; say who you are"))
    if max(len(row.author), len(row.note)) > _MOST_CHARACTERS:
        raise InputError(_("name or note is too long; at most 2,000 characters each"))
    with store.transaction() as connection:
        alert = _alert(store, alert_id, locale, connection)
        if alert.state not in OPEN_STATES:
            raise ConflictError(_("this alert is over; there is nothing to take in hand"))
        earlier = store.acknowledgements.of([alert_id], connection=connection).get(alert_id)
        if earlier is not None and earlier.author != row.author and not take_over:
            since = f"{earlier.time:%Y-%m-%d %H:%M} UTC"
            raise ConflictError(
                _(
                    "%(author)s has this alert in hand since %(time)s; take it over if you mean to",
                    author=earlier.author,
                    time=since,
                )
            )
        store.acknowledgements.put(row, connection=connection)
        text = f"{row.author} has it in hand: {row.note}" if row.note else f"{row.author} has it in hand"
        store.events.add(_event(alert, row, "alert_acknowledged", text), connection=connection)
    return row


def take_back(
    store: Store, alert_id: str, *, author: str, now: datetime, locale: str = "en"
) -> AcknowledgementRow:
    """Take an acknowledgement back: nobody has the alert in hand any more.

    Parameters
    ----------
    store : Store
        Where the alert is.
    alert_id : str
        The alert.
    author : str
        Who takes it back.
    now : datetime
        The present.
    locale : str
        Language of what is said against it.

    Returns
    -------
    AcknowledgementRow
        As it was before.

    Raises
    ------
    InputError
        If nobody is named.
    NotFoundError
        If there is no such alert.
    ConflictError
        If nobody has it in hand.
    """
    _ = translator(locale)
    by = author.strip()[:_MOST_CHARACTERS]
    if not by:
        raise InputError(_("nobody is named; say who you are"))
    with store.transaction() as connection:
        alert = _alert(store, alert_id, locale, connection)
        earlier = store.acknowledgements.of([alert_id], connection=connection).get(alert_id)
        if earlier is None or not store.acknowledgements.remove(alert_id, connection=connection):
            raise ConflictError(_("nobody has this alert in hand; there is nothing to take back"))
        row = AcknowledgementRow(alert_id, by, now)
        text = f"{by} took back that {earlier.author} has it in hand"
        store.events.add(_event(alert, row, "alert_unacknowledged", text), connection=connection)
    return earlier


def _alert(store: Store, alert_id: str, locale: str, connection: Connection) -> AlertRow:
    alert = store.alerts.get(alert_id, connection=connection)
    if alert is None:
        raise NotFoundError(no_alert(alert_id, locale))
    return alert


def _event(alert: AlertRow, row: AcknowledgementRow, kind: str, text: str) -> EventRow:
    data = {"alert": alert.id, "rule": alert.rule, "author": row.author, "note": row.note}
    return EventRow(alert.subject, row.time, kind, text, data)
