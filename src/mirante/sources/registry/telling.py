"""What is said of the registry: readings with their notes, events, and why a series is over."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta

from mirante.i18n import Translator
from mirante.readings import Reading
from mirante.sources.registry.book import Happening, ModelBook
from mirante.store import EventRow

__all__ = ["alias_readings", "event_of", "model_readings", "why_over"]

_MOMENT = timedelta(microseconds=1)


def model_readings(book: ModelBook, registry: str, now: datetime, _: Translator) -> Iterator[Reading]:
    """Return what is to be said of a model and of its versions.

    Parameters
    ----------
    book : ModelBook
        What is known of it.
    registry : str
        The registry's address.
    now : datetime
        The time of the readings.
    _ : Translator
        Of the notes.
    """
    labels = {"registry": registry, "registered_model": book.name}
    if book.count is not None:
        yield Reading("mlflow_model_versions", book.count, now, labels)
    for version, known in book.versions.items():
        own = labels | {"version": version}
        pointed = sorted(alias for alias, one in book.present.items() if one.version == version)
        note = "" if known.baseline else _missing_baseline(book.name, version, pointed, _)
        yield Reading("version_baseline_missing", not known.baseline, now, own, note)
        if known.looked is not None:
            note, missing = "", math.nan
            if known.signature is None:
                note = _("its description cannot be read")
            else:
                missing = float(not known.signature)
            if missing == 1:
                note = _(
                    "version %(version)s was logged without a signature, so nothing can say which rows break "
                    "it; log the model with signature= or input_example=, and register that",
                    version=version,
                )
            yield Reading("version_signature_missing", missing, now, own, note)


def _missing_baseline(model: str, version: str, aliases: list[str], _: Translator) -> str:
    place = f"models:/{model}@{aliases[0]}" if aliases else f"models:/{model}/{version}"
    command = f"mirante baseline create {shlex.quote(place)}"
    if not aliases:
        return _("version %(version)s has no baseline: %(command)s", version=version, command=command)
    return _(
        "version %(version)s, which is %(aliases)s, has no baseline: %(command)s",
        version=version,
        aliases=", ".join(aliases),
        command=command,
    )


def alias_readings(
    book: ModelBook,
    alias: str,
    registry: str,
    now: datetime,
    _: Translator,
    *,
    moves: int | None,
    before: datetime | None,
) -> Iterator[Reading]:
    """Return where an alias points to, and how often it moved.

    Parameters
    ----------
    book : ModelBook
        Of its model.
    alias : str
        One that there is.
    registry : str
        The registry's address.
    now : datetime
        The time of the readings.
    _ : Translator
        Of the notes.
    moves : int, optional
        How often it had moved at the last look; None where it was not known then.
    before : datetime, optional
        When that was.
    """
    labels = {"registry": registry, "registered_model": book.name, "alias": alias}
    known = book.aliases[alias]
    moved = moves is not None and known.moves > moves
    note = _moved(alias, known.left, known.version, _) if moved else ""
    number = float(known.version) if known.version.isascii() and known.version.isdigit() else math.nan
    if moves is not None and moved:
        # a rule sees a counter grow only where it stood lower within its stretch of time
        time = now - _MOMENT if before is None else min(before, now - _MOMENT)
        yield Reading("alias_moves_total", moves, time, labels)
    yield Reading("alias_version", number, now, labels, note)
    yield Reading("alias_moves_total", known.moves, now, labels, note)


def event_of(happening: Happening, subject: str, now: datetime, _: Translator) -> EventRow:
    """Return the event of what has happened.

    Parameters
    ----------
    happening : Happening
        What has.
    subject : str
        The registry's.
    now : datetime
        When it was seen.
    _ : Translator
        Of the sentence.
    """
    data = {"registered_model": happening.model}
    pointer = "stage" if happening.kind == "stage_changed" else "alias"
    data |= {key: value for key, value in ((pointer, happening.pointer), ("to", happening.to)) if value}
    if happening.before:
        data["from"] = happening.before
    return EventRow(subject=subject, time=now, kind=happening.kind, text=_sentence(happening, _), data=data)


def _sentence(one: Happening, _: Translator) -> str:
    named = {"model": one.model, "version": one.to, "alias": one.pointer}
    if one.kind == "version_created":
        return _("%(model)s: version %(version)s was registered", **named)
    if one.kind == "alias_created":
        return _("%(model)s: %(alias)s was set to version %(version)s", **named)
    if one.kind == "alias_deleted":
        return _(
            "%(model)s: %(alias)s was deleted, it was version %(version)s", **named | {"version": one.before}
        )
    if one.kind == "stage_changed":
        return _("%(model)s: version %(version)s is now in stage %(alias)s", **named)
    return f"{one.model}: {_moved(one.pointer, one.before, one.to, _)}"


def _moved(alias: str, old: str, new: str, _: Translator) -> str:
    return _("%(alias)s moved from version %(old)s to version %(new)s", alias=alias, old=old, new=new)


def why_over(
    books: Mapping[str, ModelBook], watched: Collection[tuple[str, str]], _: Translator
) -> Callable[[str, Mapping[str, str]], str]:
    """Return what says of each series of a registry why it is over.

    Parameters
    ----------
    books : mapping of str to ModelBook
        The models that are watched.
    watched : collection of (str, str)
        Models with aliases that are watched themselves.
    _ : Translator
        Of the reasons.
    """

    def judge(_name: str, labels: Mapping[str, str]) -> str:
        model, alias, version = (labels.get(key) for key in ("registered_model", "alias", "version"))
        if model is None:
            return ""
        book = books.get(model)
        if book is None:
            return _("the model is not in the registry any more, or not watched")
        if alias is not None:
            if (model, alias) in watched:
                return _("the alias is watched itself")
            return "" if alias in book.present else _("the alias was deleted")
        if version is not None and version not in book.versions:
            return _("no alias points to this version, and there is a newer one")
        return ""

    return judge
