"""The other aliases of a model beside the one of a page: champion and challenger over the same time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.i18n import Translator, translator
from mirante.readings import split_subject
from mirante.web.pages.query import Query, TimeRange
from mirante.web.pages.render import number, percent

if TYPE_CHECKING:
    from mirante.store import Series, Store

__all__ = ["Versus", "versus"]

_MOST = 3
_PROFILES = 30
_MOMENT = timedelta(microseconds=1)
_SHARES = ("accuracy",)
_MEASURES = ("accuracy", "roc_auc", "log_loss", "brier", "mae", "rmse")
_SHARED = "challenger_shared"
_PAIRED = (_SHARED, "challenger_agreement", "challenger_gap")


@dataclass(frozen=True, slots=True)
class Versus:
    """Several aliases of one model side by side.

    Parameters
    ----------
    since, until : datetime
        The time in which all of them have windows.
    aliases : list of (str, str)
        Each with the address of its page; that of the page itself first, without one.
    lines : list of (str, list of str)
        Names of figures, and what each alias has of them.
    model : str
        The model's name, for the command that says more.
    """

    since: datetime
    until: datetime
    aliases: list[tuple[str, str]]
    lines: list[tuple[str, list[str]]]
    model: str


def versus(store: Store, subject: str, span: TimeRange, query: Query) -> Versus | None:
    """Return a model's aliases side by side; None where no other one has windows in the same time.

    Parameters
    ----------
    store : Store
        What is shown.
    subject : str
        ``model/<name>@<alias>`` of the page.
    span : TimeRange
        Of the page.
    query : Query
        Gives the language.
    """
    _, name, alias = split_subject(subject)
    others = [
        other
        for other in store.readings.subject_names()
        if other != subject and split_subject(other)[:2] == ("model", name)
    ]
    if not others:
        return None
    ends = {one: _ends(store, one, span) for one in [subject, *others]}
    own = ends[subject]
    beside = [one for one in others if own and (found := ends[one]) and _overlap(own, found)][:_MOST]
    if own is None or not beside:
        return None
    known = [found for one in (subject, *beside) if (found := ends[one]) is not None]
    since, until = max(first for first, _last in known), min(last for _first, last in known) + _MOMENT
    if since >= until:  # of three, two may not meet
        beside, known = beside[:1], known[:2]
        since, until = max(first for first, _last in known), min(last for _first, last in known) + _MOMENT
    words = translator(query.locale)
    sides = [_Side(store, one, since, until) for one in (subject, *beside)]
    aliases = [(alias, "")] + [
        (split_subject(one)[2], query.url("/model", subject=one, range=query.get("range"))) for one in beside
    ]
    lines = [line for line in _lines(sides, query, words) if any(text != "–" for text in line[1])]
    return Versus(since, until, aliases, lines, name)


def _ends(store: Store, subject: str, span: TimeRange) -> tuple[datetime, datetime] | None:
    found = store.readings.series(
        "predictions", subject=subject, since=span.since, until=span.until, slices=False
    )
    times = [time for one in found for time in (one.times[0].item(), one.times[-1].item())]
    return (min(times).replace(tzinfo=UTC), max(times).replace(tzinfo=UTC)) if times else None


def _overlap(own: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    return own[0] <= other[1] and other[0] <= own[1]


class _Side:
    """What the store knows of one alias in a time."""

    def __init__(self, store: Store, subject: str, since: datetime, until: datetime) -> None:
        self.subject = subject
        names = ["predictions", "drift_share", "performance_labels", *_PAIRED]
        names += [f"{kind}_{name}" for kind in ("performance", "estimated") for name in _MEASURES]
        self._store = store
        self._time: dict[str, Any] = {"since": since, "until": until}
        self._series: dict[str, list[Series]] = {}
        for one in store.readings.series(names, subject=subject, slices=False, **self._time):
            self._series.setdefault(one.name, []).append(one)

    @property
    def versions(self) -> str:
        found = {one.labels.get("version", "") for one in self._series.get("predictions", ())}
        return ", ".join(sorted(one[:20] for one in found))

    def total(self, name: str) -> float:
        found = [float(np.nansum(one.values)) for one in self._series.get(name, ())]
        return sum(found) if found else math.nan

    def mean(self, name: str, weights: str) -> float:
        """Return the mean over windows, each counted by its rows."""
        rows = {
            (one.labels.get("version"), time): value
            for one in self._series.get(weights, ())
            for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
        }
        pairs = [
            (value, rows.get((one.labels.get("version"), time), 0.0))
            for one in self._series.get(name, ())
            for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
            if math.isfinite(value)
        ]
        weight = sum(many for _value, many in pairs)
        return sum(value * many for value, many in pairs) / weight if weight else math.nan

    def paired(self, other: _Side, name: str) -> float:
        """Return what this alias's readings say of another one, mean over windows by shared rows."""
        alias = split_subject(other.subject)[2]
        weights: dict[Any, float] = {}
        values: dict[Any, float] = {}
        for into, wanted in ((weights, _SHARED), (values, name)):
            for one in self._series.get(wanted, ()):
                if one.labels.get("challenger") == alias:
                    into |= dict(zip(one.times.tolist(), one.values.tolist(), strict=True))
        if name == _SHARED:
            return sum(weights.values()) if weights else math.nan
        known = [time for time, value in values.items() if math.isfinite(value) and weights.get(time)]
        whole = sum(weights[time] for time in known)
        return sum(values[time] * weights[time] for time in known) / whole if whole else math.nan

    def mean_prediction(self) -> float:
        """Return the mean prediction of the last windows, from their profiles."""
        from mirante.profiles import NumericProfile, TableProfile

        rows = self._store.windows.list(
            self.subject, **self._time, with_profile=True, with_verdicts=False, limit=_PROFILES
        )
        columns = [
            TableProfile.from_bytes(row.profile).columns.get("prediction")
            for row in rows
            if row.closed and row.rows and row.profile
        ]
        found = [column for column in columns if isinstance(column, NumericProfile)]
        many = sum(one.n for one in found)
        return sum(one.mean * one.n for one in found if one.n) / many if many else math.nan


def _lines(sides: Sequence[_Side], query: Query, _: Translator) -> list[tuple[str, list[str]]]:
    locale = query.locale

    def row(name: str, values: Sequence[float], *, share: bool = False) -> tuple[str, list[str]]:
        shown = percent if share else number
        return name, ["–" if math.isnan(value) else shown(value, locale) for value in values]

    def exact(name: str, values: Sequence[float]) -> tuple[str, list[str]]:
        return name, ["–" if math.isnan(value) else number(value, locale, digits=4) for value in values]

    names = {"accuracy": _("Accuracy"), "log_loss": _("Log loss"), "brier": _("Brier score"),
             "roc_auc": "ROC AUC", "mae": "MAE", "rmse": "RMSE"}  # fmt: skip
    first = sides[0]
    lines = [
        (_("Model version"), [one.versions or "–" for one in sides]),
        row(_("Predictions"), [one.total("predictions") for one in sides]),
        row(_("Columns drifted"), [one.mean("drift_share", "predictions") for one in sides], share=True),
        exact(_("Mean prediction"), [one.mean_prediction() for one in sides]),
    ]
    for kind, weights in (("performance", "performance_labels"), ("estimated", "predictions")):
        for name in _MEASURES:
            said = names[name] if kind == "performance" else _("%(name)s, estimated", name=names[name])
            values = [one.mean(f"{kind}_{name}", weights) for one in sides]
            lines.append(row(said, values, share=True) if name in _SHARES else exact(said, values))
    shared, equal, gap = ([math.nan, *(_either(first, one, name) for one in sides[1:])] for name in _PAIRED)
    lines += [
        row(_("Rows that both answered"), shared),
        row(_("Same answer"), equal, share=True),
        exact(_("Mean absolute difference"), gap),
    ]
    return lines


def _either(first: _Side, other: _Side, name: str) -> float:
    """Return what one of two says of the other: agreement has no direction."""
    found = first.paired(other, name)
    return other.paired(first, name) if math.isnan(found) else found
