"""What pages share: where a subject's is, and what all rows of a list have in common, said once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirante.readings import split_subject

if TYPE_CHECKING:
    from mirante.web.pages.alertlist import ShownAlert

__all__ = ["Common", "common_labels", "common_to", "page_path"]

_PAGES = {"model": "/model", "table": "/table", "experiment": "/experiment"}


def page_path(subject: str) -> str:
    """Return the path of a subject's page.

    Examples
    --------
    >>> page_path("table/orders"), page_path("host/web-1"), page_path("monitor")
    ('/table', '/host', '/host')
    """
    return _PAGES.get(split_subject(subject)[0], "/host")


@dataclass(frozen=True, slots=True)
class Common:
    """What all alerts of a list have in common.

    Parameters
    ----------
    name, rule : str
        Their subject for people, and their rule; empty where they differ.
    labels : list of (str, str)
        The labels that all of them have.
    historic : bool
        Whether all of them belong to a replay of the past.
    """

    name: str
    rule: str
    labels: list[tuple[str, str]]
    historic: bool


def common_to(alerts: Sequence[ShownAlert]) -> Common:
    """Return what the alerts of a list have in common; of a single one nothing."""
    if len(alerts) < 2:
        return Common("", "", [], historic=False)
    names, rules = {one.name for one in alerts}, {one.row.rule for one in alerts}
    return Common(
        names.pop() if len(names) == 1 else "",
        rules.pop() if len(rules) == 1 else "",
        common_labels(dict(one.labels) for one in alerts),
        historic=all(one.row.historic for one in alerts),
    )


def common_labels(rows: Iterable[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Return the labels that all rows have; of a single row none, since nothing is repeated.

    Examples
    --------
    >>> common_labels([{"model": "churn", "feature": "age"}, {"model": "churn", "feature": "sex"}])
    [('model', 'churn')]
    >>> common_labels([{"model": "churn"}])
    []
    """
    every = [set(labels.items()) for labels in rows]
    return sorted(set.intersection(*every)) if len(every) > 1 else []
