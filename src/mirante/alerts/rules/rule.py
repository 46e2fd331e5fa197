"""A rule: a condition on readings with ``for``, severity and message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple

from mirante.alerts.expression import Expression
from mirante.alerts.matchers import Matchers
from mirante.alerts.rules.states import OnMissing
from mirante.alerts.templates import check_template, names_label, render
from mirante.errors import ConfigError
from mirante.readings import SLICE

__all__ = ["SEVERITIES", "Origin", "Rule", "check_severity", "twins"]

SEVERITIES = ("info", "warning", "critical")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_severity(severity: str) -> str:
    """Return the severity, or say which there are.

    Examples
    --------
    >>> check_severity("critical")
    'critical'
    """
    if severity not in SEVERITIES:
        raise ConfigError(f"severity is {severity!r}; it must be one of: {', '.join(SEVERITIES)}")
    return severity


def twins(names: Iterable[str]) -> list[str]:
    """Return the names that are there more than once, sorted.

    Examples
    --------
    >>> twins(["busy", "hot", "busy"])
    ['busy']
    """
    return sorted(name for name, count in Counter(names).items() if count > 1)


class Origin(NamedTuple):
    """Where a rule is written.

    Attributes
    ----------
    file : str
        The file's name as it was given.
    line : int
        The line that it begins at.
    own : bool
        Whether it is the user's; False for the rules that come with Mirante.
    """

    file: str
    line: int
    own: bool = True


@dataclass(frozen=True)
class Rule:
    """A condition on readings; with one set of labels it makes one alert.

    Parameters
    ----------
    name : str
        Unique among the rules.
    when : str
        The condition, see `Expression`.
    where : mapping of str to str
        Labels that the readings must have: ``x``, ``!=x``, ``~regex``, ``!~regex``.
    for_ : timedelta
        How long the condition must be true.
    keep_firing_for : timedelta
        How long it must be false before the alert resolves.
    severity : {"info", "warning", "critical"}
        How bad.
    summary, description : str
        Templates with ``{{ $value }}`` and ``{{ $labels.x }}``; without a summary, the condition is shown.
    on_missing : {"keep", "resolve", "alert"}
        What a missing or NaN reading means.
    labels : mapping of str to str
        Added to the alert's labels, for routes.
    origin : Origin, optional
        Where it is written; not part of what it is.

    Raises
    ------
    ConfigError
        If any of them is wrong.

    Examples
    --------
    >>> rule = Rule("drift", "drift_share > 0.3", where={"model": "m"}, summary="{{ $labels.model }} drifts")
    >>> rule.expression.metrics
    ('drift_share',)
    """

    name: str
    when: str
    where: Mapping[str, str] = field(default_factory=dict)
    for_: timedelta = timedelta()
    keep_firing_for: timedelta = timedelta()
    severity: str = "warning"
    summary: str = ""
    description: str = ""
    on_missing: OnMissing = "keep"
    labels: Mapping[str, str] = field(default_factory=dict)
    origin: Origin | None = field(default=None, repr=False, compare=False)
    expression: Expression = field(init=False, repr=False, compare=False)

    def said(self, labels: Mapping[str, str], value: float) -> str:
        """Return the sentence of an alert of this rule; one about a slice of the rows begins with the slice.

        Parameters
        ----------
        labels : mapping of str to str
            Of the alert.
        value : float
            Its value.

        Examples
        --------
        >>> rule = Rule("drift", "drift_share > 0.3", summary="{{ $labels.model }} drifts")
        >>> rule.said({"model": "m"}, 0.5), rule.said({"model": "m", "slice": "region=north"}, 0.5)
        ('m drifts', 'region=north: m drifts')
        """
        text = render(self.summary, labels, value) if self.summary else f"{self.name}: {self.when}"
        part = labels.get(SLICE)
        return f"{part}: {text}" if part and not names_label(self.summary, SLICE) else text

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ConfigError("a rule has an empty name; give each rule a name of its own")
        check_severity(self.severity)
        check_template(self.summary)
        check_template(self.description)
        for label in (*self.where, *self.labels):
            if not _LABEL.fullmatch(label):
                raise ConfigError(f"{label!r} is no label; labels are letters, digits and _")
        object.__setattr__(self, "where", MappingProxyType(dict(self.where)))
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))
        object.__setattr__(self, "expression", Expression(self.when, Matchers.of(self.where)))
