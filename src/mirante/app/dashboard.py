"""The dashboard file of a service: which subjects of its store, on which clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mirante.errors import InputError
from mirante.readings import subject_of
from mirante.views.dashboard import write_dashboard

if TYPE_CHECKING:
    from mirante.app.settings import Settings
    from mirante.store import Store

__all__ = ["chosen_subjects", "holds_any", "make_dashboard"]

_NAMED = 20


def make_dashboard(
    settings: Settings,
    store: Store,
    output: Path,
    *,
    models: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    locale: str | None = None,
) -> Path:
    """Write what the store knows as one HTML file, on the clock of the models where they share one.

    Parameters
    ----------
    settings : Settings
        Of the service.
    store : Store
        Open.
    output : Path
        The file; an existing one is replaced as a whole.
    models : sequence of str
        Names of models, or subjects; everything when empty.
    since, until : datetime, optional
        Half-open interval of what is drawn and listed.
    locale : str, optional
        That of the settings by default.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the store knows no such model, the interval is empty, or the place cannot be written.
    """
    if since is not None and until is not None and since >= until:
        raise InputError(f"since ({since:%Y-%m-%d %H:%M}) is not before until ({until:%Y-%m-%d %H:%M})")
    clocks = {one.timezone for one in settings.watched}
    return write_dashboard(
        store,
        output,
        locale=locale or settings.locale,
        timezone=clocks.pop() if len(clocks) == 1 else "UTC",
        subjects=chosen_subjects([row.subject for row in store.readings.subjects()], models),
        since=since,
        until=until,
    )


def holds_any(
    store: Store, models: Sequence[str] = (), *, since: datetime | None = None, until: datetime | None = None
) -> bool:
    """Say whether the store has any reading in a time, of everything or of some models.

    Parameters
    ----------
    store : Store
        Open.
    models : sequence of str
        As for `make_dashboard`.
    since, until : datetime, optional
        Half-open interval.

    Raises
    ------
    InputError
        If the store knows no such model.
    """
    chosen = chosen_subjects(store.readings.subject_names(), models)
    where = None if chosen is None else lambda labels: subject_of(labels) in chosen
    return store.readings.count(where=where, since=since, until=until) > 0


def chosen_subjects(known: Sequence[str], asked: Sequence[str], what: str = "readings") -> list[str] | None:
    """Return the subjects that are asked for, by subject or by the name of a model; None for all.

    Parameters
    ----------
    known : sequence of str
        What the store has.
    asked : sequence of str
        Such as ``churn``, ``churn@champion`` or ``host/web-1``.
    what : str
        What the store has of those that are known, for the message.

    Raises
    ------
    InputError
        If one of them is not there; the message says what is.

    Examples
    --------
    >>> chosen_subjects(["host/web-1", "model/churn@champion", "model/churn@next"], ["churn"])
    ['model/churn@champion', 'model/churn@next']
    """
    if not asked:
        return None
    found: list[str] = []
    for name in asked:
        exact = [one for one in known if one in (name, f"model/{name}")]
        fits = exact or [one for one in known if one.startswith(f"model/{name}@")]
        if not fits:
            raise InputError(f"the store has no {what} of {name[:200]!r}; {_listed(known)}")
        found += fits
    return list(dict.fromkeys(found))


def _listed(known: Sequence[str]) -> str:
    if not known:
        return "it has none at all yet"
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f"it has: {', '.join(known[:_NAMED])}{more}"
