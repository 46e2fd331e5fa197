"""The page of all rules: what each asks for, how it stands, and which can never fire with what is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import quote

from mirante.alerts.matchers import LabelIndex
from mirante.alerts.rules.sight import can_fire, unseen
from mirante.i18n import Translator, translator
from mirante.readings import READINGS
from mirante.web.pages.query import Query
from mirante.web.pages.render import render

if TYPE_CHECKING:
    from mirante.alerts.rules import Rule
    from mirante.store import AlertRow, Store
    from mirante.web.ruling import Ruling

__all__ = ["STATES", "ShownRule", "rule_url", "rules_page", "shown_rules"]

STATES = ("firing", "pending", "inactive", "unable")
_PER_PAGE = 50
_MOST_SERIES = 5_000


@dataclass(frozen=True, slots=True)
class ShownRule:
    """A rule ready for a template.

    Parameters
    ----------
    rule : Rule
        The rule itself.
    url : str
        Its own page.
    state : str
        ``firing``, ``pending``, ``inactive`` or ``unable``: the worst of its alerts, or that it cannot fire.
    firing, pending : int
        How many alerts it has.
    reasons : tuple of str
        Which of its readings are not there.
    """

    rule: Rule
    url: str
    state: str
    firing: int
    pending: int
    reasons: tuple[str, ...]


def rule_url(query: Query, name: str, **parameters: str) -> str:
    """Return the address of a rule's page; the name may have any character.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> rule_url(Query({}, now=datetime.now(UTC)), "a/../b?c#d")
    '/rules/a%2F..%2Fb%3Fc%23d'
    """
    return query.url(f"/rules/{quote(name.encode('utf-8', 'replace'), safe='')}", **parameters)


def rules_page(store: Store, query: Query, ruling: Ruling) -> str:
    """Return the page of all rules as HTML.

    Parameters
    ----------
    store : Store
        Where readings and alerts are.
    query : Query
        ``state`` and ``page``.
    ruling : Ruling
        The rules of the service.
    """
    every = shown_rules(store, ruling.rules(), query)
    counts = [(state, sum(one.state == state for one in every)) for state in STATES]
    asked = query.get("state") if query.get("state") in STATES else ""
    chosen = [one for one in every if asked in ("", one.state)]
    pages = max(1, -(-len(chosen) // _PER_PAGE))
    page = min(pages, max(1, int(query.get("page")) if query.get("page").isdecimal() else 1))
    return render(
        "rules.html",
        query,
        rules=chosen[(page - 1) * _PER_PAGE : page * _PER_PAGE],
        total=len(every),
        counts=counts,
        asked=asked,
        error=ruling.error(),
        page=page,
        pages=pages,
    )


def shown_rules(store: Store, rules: Sequence[Rule], query: Query) -> list[ShownRule]:
    """Return rules ready for a template: those with alerts first, those that cannot fire last."""
    _ = translator(query.locale)
    alerts: dict[str, list[AlertRow]] = {}
    for alert in store.alerts.open():
        alerts.setdefault(alert.rule, []).append(alert)
    names = store.readings.names()
    known = _known(store, rules, names)
    shown = [_shown(rule, alerts.get(rule.name, ()), names, known, query, _) for rule in rules]
    return sorted(shown, key=lambda one: STATES.index(one.state))


def _known(
    store: Store, rules: Iterable[Rule], names: Mapping[str, int]
) -> dict[str, LabelIndex[Mapping[str, str]]]:
    """Return the labels of what is there by name; labels are read only where a rule asks for some."""
    asked = {name for rule in rules if rule.where for name in rule.expression.metrics if name in names}
    read = {name for name in asked if names[name] <= _MOST_SERIES}
    labels: Mapping[str, Sequence[Mapping[str, str]]] = (
        store.readings.known(sorted(read), most=10 * _MOST_SERIES) if read else {}
    )
    return {name: LabelIndex(labels.get(name) or [{}], _itself) for name in names}


def _itself(labels: Mapping[str, str]) -> Mapping[str, str]:
    return labels


def _shown(
    rule: Rule,
    alerts: Sequence[AlertRow],
    names: Mapping[str, int],
    known: Mapping[str, LabelIndex[Mapping[str, str]]],
    query: Query,
    _: Translator,
) -> ShownRule:
    firing = sum(alert.state == "firing" for alert in alerts)
    pending = sum(alert.state == "pending" for alert in alerts)
    blind = unseen(rule, known)
    calm = "inactive" if can_fire(rule, blind) else "unable"
    state = "firing" if firing else "pending" if pending else calm
    reasons = tuple(_reason(name, names, _) for name in blind)
    return ShownRule(rule, rule_url(query, rule.name), state, firing, pending, reasons)


def _reason(name: str, names: Mapping[str, int], _: Translator) -> str:
    if name in names:
        return _("No reading of %(name)s has the labels that the rule asks for.", name=name)
    if name in READINGS:
        return _("There is no reading of %(name)s yet.", name=name)
    near = get_close_matches(name, sorted({*READINGS, *names}), n=1)
    if near:
        return _("No reading is named %(name)s; did you mean %(near)s?", name=name, near=near[0])
    return _("No reading is named %(name)s.", name=name)
