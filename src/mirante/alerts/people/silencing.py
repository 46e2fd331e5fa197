"""Silences as people make, change and end them; and which of them hold an alert back.

Command, API and page call the same functions. What somebody did is written as an event beside the row, in
the same transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from mirante.alerts.matchers import Matchers
from mirante.durations import parse_duration
from mirante.errors import ConfigError, ConflictError, InputError, NotFoundError
from mirante.i18n import Translator, translator
from mirante.store import EventRow, SilenceRow, Store

__all__ = [
    "Holding",
    "SilenceOrder",
    "add_silence",
    "change_silence",
    "check_silence",
    "end_silence",
    "silence_state",
]

LONGEST = timedelta(days=366)
_MOST_MATCHERS = 50
_MOST_CHARACTERS = 2_000
_ANYTHING = "\x00 no label has this value"


@dataclass(frozen=True, slots=True)
class SilenceOrder:
    """What somebody asks for.

    Parameters
    ----------
    matchers : mapping of str to str
        Labels of the alerts that shall be held back; ``rule``, ``severity`` and ``subject`` count as labels.
    author, comment : str
        Who, and why; both are needed.
    starts_at : datetime, optional
        From when; the present when it is left out or past.
    ends_at : datetime, optional
        Until when; or give `lasting`.
    lasting : str, optional
        For how long, such as ``2h``.
    """

    matchers: Mapping[str, str]
    author: str
    comment: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    lasting: str = ""


def check_silence(order: SilenceOrder, now: datetime, *, locale: str = "en") -> SilenceRow:
    """Return the silence that an order means, without writing it.

    Parameters
    ----------
    order : SilenceOrder
        What is asked for.
    now : datetime
        The present.
    locale : str
        Language of what is said against it.

    Returns
    -------
    SilenceRow
        With an id of its own.

    Raises
    ------
    InputError
        With everything that is wrong in one text.

    Examples
    --------
    >>> from datetime import UTC
    >>> now = datetime(2013, 2, 8, 12, tzinfo=UTC)
    >>> order = SilenceOrder({"host": "web-1"}, "ana", "new disk", lasting="2h")
    >>> check_silence(order, now).ends_at.hour
    14
    >>> check_silence(SilenceOrder({}, "ana", "new disk", lasting="2h"), now)
    Traceback (most recent call last):
    ...
    mirante.errors.InputError: nothing says which alerts are meant; name at least one label and its value
    """
    _ = translator(locale)
    starts_at = max(order.starts_at or now, now)
    faults = [*_matcher_faults(order.matchers, _), *_word_faults(order, _)]
    ends_at, fault = _end(order, starts_at, _)
    faults += [fault] if fault else []
    if faults:
        raise InputError("; ".join(faults))
    return SilenceRow(
        id=uuid.uuid4().hex,
        matchers=dict(order.matchers),
        starts_at=starts_at,
        ends_at=ends_at,
        author=order.author.strip(),
        comment=order.comment.strip(),
        created_at=now,
    )


def _matcher_faults(matchers: Mapping[str, str], _: Translator) -> list[str]:
    if not matchers:
        return [_("nothing says which alerts are meant; name at least one label and its value")]
    if len(matchers) > _MOST_MATCHERS or any(
        not label or len(label) + len(text) > _MOST_CHARACTERS for label, text in matchers.items()
    ):
        return [_("these are too many labels, or too long ones; at most 50 of 2,000 characters each")]
    try:
        found = Matchers.of(matchers)
    except ConfigError as error:
        return [str(error)]
    # As in Alertmanager: one that also takes alerts without the label says nothing of those that are meant.
    if all(one.accepts("") or one.accepts(_ANYTHING) for one in found.items):
        return [_("this would hold back nearly every alert; name at least one label with a value")]
    return []


def _word_faults(order: SilenceOrder, _: Translator) -> list[str]:
    faults = []
    if not order.author.strip():
        faults.append(_("nobody is named; say who you are"))
    if not order.comment.strip():
        faults.append(_("the comment is empty; say why, for those who wonder later"))
    if max(len(order.author), len(order.comment)) > _MOST_CHARACTERS:
        faults.append(_("name or comment is too long; at most 2,000 characters each"))
    return faults


def _end(order: SilenceOrder, starts_at: datetime, _: Translator) -> tuple[datetime, str]:
    """Return when it ends, and what is wrong with that."""
    if (order.ends_at is None) == (not order.lasting.strip()):
        return starts_at, _("an end is needed: either a moment, or a length such as 2h")
    try:
        ends_at = order.ends_at or starts_at + min(parse_duration(order.lasting), 2 * LONGEST)
    except ConfigError:
        said = order.lasting.strip()[:40]
        return starts_at, _("%(text)s is no length of time; write such as 30m, 2h, 1d", text=repr(said))
    except OverflowError:
        ends_at = starts_at + 2 * LONGEST if starts_at.year < 9_000 else starts_at
    if ends_at <= starts_at:
        return starts_at, _("it would end before it begins; give a later end")
    if ends_at - starts_at > LONGEST:
        return starts_at, _("it would last more than 366 days; change the rule or the route instead")
    return ends_at, ""


def add_silence(store: Store, order: SilenceOrder, now: datetime, *, locale: str = "en") -> SilenceRow:
    """Write a new silence, with its event.

    Parameters
    ----------
    store : Store
        Where it goes.
    order : SilenceOrder
        What is asked for.
    now : datetime
        The present.
    locale : str
        Language of what is said against it.

    Returns
    -------
    SilenceRow
        As it was written.

    Raises
    ------
    InputError
        As for `check_silence`.
    """
    row = check_silence(order, now, locale=locale)
    with store.transaction() as connection:
        store.silences.add(row, connection=connection)
        store.events.add(_created(row), connection=connection)
    return row


def change_silence(
    store: Store,
    id: str,  # noqa: A002  the column's name
    order: SilenceOrder,
    now: datetime,
    *,
    locale: str = "en",
) -> SilenceRow:
    """End a silence and write another in its place; the old one stays in the history.

    Parameters
    ----------
    store : Store
        Where it is.
    id : str
        Of the silence that is to be changed.
    order : SilenceOrder
        All of the new one.
    now : datetime
        The present.
    locale : str
        Language of what is said against it.

    Returns
    -------
    SilenceRow
        The new one; its `replaces` names the old one.

    Raises
    ------
    InputError
        As for `check_silence`.
    NotFoundError
        If there is no silence of this id.
    ConflictError
        If it is over, or somebody else changed it meanwhile.
    """
    checked = check_silence(order, now, locale=locale)
    with store.transaction() as connection:
        old = _end_it(store, id, now, locale, connection)
        row = replace(checked, replaces=old.id)
        store.silences.add(row, connection=connection)
        store.events.add(_created(row), connection=connection)
    return row


def end_silence(
    store: Store,
    id: str,  # noqa: A002  the column's name
    author: str,
    now: datetime,
    *,
    locale: str = "en",
) -> SilenceRow:
    """End a silence now, with an event that says who did.

    Parameters
    ----------
    store : Store
        Where it is.
    id : str
        Of the silence.
    author : str
        Who ends it.
    now : datetime
        The present.
    locale : str
        Language of what is said against it.

    Returns
    -------
    SilenceRow
        As it was before.

    Raises
    ------
    InputError
        If nobody is named.
    NotFoundError
        If there is no silence of this id.
    ConflictError
        If it is over already.
    """
    if not author.strip() or len(author) > _MOST_CHARACTERS:
        raise InputError(translator(locale)("nobody is named; say who you are"))
    with store.transaction() as connection:
        old = _end_it(store, id, now, locale, connection)
        data = {"silence": old.id, "author": author.strip(), "matchers": dict(old.matchers)}
        event = EventRow(
            _subject(old), now, "silence_ended", f"{author.strip()} ended a silence: {old.comment}", data
        )
        store.events.add(event, connection=connection)
    return old


def _end_it(store: Store, wanted: str, now: datetime, locale: str, connection: Connection) -> SilenceRow:
    _ = translator(locale)
    old = store.silences.get(wanted, connection=connection)
    if old is None:
        raise NotFoundError(_("there is no silence %(id)s", id=repr(wanted[:80])))
    if not store.silences.end(wanted, now, connection=connection):
        ended = f"{old.ends_at:%Y-%m-%d %H:%M} UTC"
        raise ConflictError(_("this silence is over since %(time)s; make a new one", time=ended))
    return old


def _created(row: SilenceRow) -> EventRow:
    data = {
        "silence": row.id,
        "author": row.author,
        "comment": row.comment,
        "matchers": dict(row.matchers),
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
        "replaces": row.replaces,
    }
    until = f"{row.ends_at:%Y-%m-%d %H:%M} UTC"
    text = f"{row.author} silenced alerts until {until}: {row.comment}"
    return EventRow(_subject(row), row.created_at, "silence_created", text, data)


def _subject(row: SilenceRow) -> str:
    return Matchers.of(row.matchers).equalities.get("subject", "monitor")


def silence_state(row: SilenceRow, now: datetime) -> str:
    """Return ``coming``, ``holding`` or ``over``.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2013, 2, 8, 12, tzinfo=UTC)
    >>> row = SilenceRow("a", {"host": "x"}, noon, noon + timedelta(hours=1), "ana", "known", noon)
    >>> silence_state(row, noon), silence_state(row, row.ends_at)
    ('holding', 'over')
    """
    if row.ends_at <= now:
        return "over"
    return "holding" if row.starts_at <= now else "coming"


class Holding:
    """The silences that hold at one moment, compiled once for many alerts.

    Parameters
    ----------
    silences : iterable of SilenceRow
        Such as ``store.silences.list(since=now)``; one whose matchers are broken holds nothing back.
    now : datetime
        The moment, on the wall clock, which is the one that people set silences by. A silence holds from its
        start to just before its end.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2013, 2, 8, 12, tzinfo=UTC)
    >>> row = SilenceRow("a", {"host": "x"}, noon, noon + timedelta(hours=1), "ana", "known", noon)
    >>> len(Holding([row], noon).back({"host": "x"})), len(Holding([row], noon).back({"host": "y"}))
    (1, 0)
    """

    def __init__(self, silences: Iterable[SilenceRow], now: datetime) -> None:
        rows = [row for row in silences if silence_state(row, now) == "holding"]
        rows.sort(key=lambda row: row.ends_at, reverse=True)
        self._compiled: list[tuple[SilenceRow, Matchers]] = []
        for row in rows:
            try:
                self._compiled.append((row, Matchers.of(row.matchers)))
            except ConfigError:
                continue  # too many notices are better than none at all

    def back(self, labels: Mapping[str, str]) -> list[SilenceRow]:
        """Return what holds an alert back, the one that ends last first.

        Parameters
        ----------
        labels : mapping of str to str
            The alert's, with ``rule``, ``severity`` and ``subject``: see `routing_labels`.

        Returns
        -------
        list of SilenceRow
            Empty when nothing holds it.
        """
        return [row for row, matchers in self._compiled if matchers.accept(labels)]
