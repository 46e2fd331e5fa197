"""Label matchers: which labels a rule or a route is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Generic, TypeVar

from mirante.errors import ConfigError

__all__ = ["EVERYTHING", "LabelIndex", "Matcher", "Matchers"]

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label held against one value or pattern.

    Parameters
    ----------
    label : str
        Name of the label; a label that is not there counts as the empty text, as in Prometheus.
    text : str
        ``x`` or ``=x`` (equal), ``!=x`` (not equal), ``~re`` (the whole value matches), ``!~re`` (does not).

    Raises
    ------
    ConfigError
        If the regular expression is wrong.

    Examples
    --------
    >>> Matcher("feature", "!~id_.*").accepts("age"), Matcher("feature", "!~id_.*").accepts("id_7")
    (True, False)
    """

    label: str
    text: str
    value: str = field(init=False, repr=False)
    negative: bool = field(init=False, repr=False)
    pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        operator = next((o for o in ("!=", "!~", "=", "~") if self.text.startswith(o)), "")
        value = self.text[len(operator) :]
        pattern = None
        if operator.endswith("~"):
            try:
                pattern = re.compile(value)
            except (re.error, RecursionError, OverflowError) as error:
                raise ConfigError(
                    f"{self.text!r} for label {self.label!r} is no regular expression: {error}"
                ) from error
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "negative", operator.startswith("!"))
        object.__setattr__(self, "pattern", pattern)

    def accepts(self, value: str) -> bool:
        """Say whether the label's value (empty when it is not there) is the one meant."""
        same = self.pattern.fullmatch(value) is not None if self.pattern else value == self.value
        return same != self.negative

    @property
    def equality(self) -> bool:
        """Whether it asks for one exact, non-empty value."""
        return self.pattern is None and not self.negative and self.value != ""


@dataclass(frozen=True, slots=True)
class Matchers:
    """All the matchers of a ``where``; all must accept.

    Parameters
    ----------
    items : tuple of Matcher
        None means: everything.

    Examples
    --------
    >>> where = Matchers.of({"model": "m", "feature": "!~id_.*"})
    >>> where.accept({"model": "m", "feature": "age"}), where.accept({"feature": "age"})
    (True, False)
    >>> where.equalities
    {'model': 'm'}
    """

    items: tuple[Matcher, ...] = ()

    @classmethod
    def of(cls, where: Mapping[str, str]) -> Matchers:
        """Build from a mapping of label to text.

        Examples
        --------
        >>> Matchers.of({"host": "~web-[0-9]+"}).accept({"host": "web-12"})
        True
        """
        return cls(tuple(Matcher(label, str(text)) for label, text in where.items()))

    def accept(self, labels: Mapping[str, str]) -> bool:
        """Say whether all matchers accept these labels."""
        return all(m.accepts(labels.get(m.label, "")) for m in self.items)

    def may_accept(self, labels: Mapping[str, str]) -> bool:
        """Say whether these labels could still be accepted once joined with others that they do not have."""
        return all(m.accepts(labels[m.label]) for m in self.items if m.label in labels)

    @property
    def text(self) -> str:
        """The matchers as people write them, in the order of the labels.

        Examples
        --------
        >>> Matchers.of({"team": "a", "feature": "!~id_.*"}).text
        'feature!~id_.*, team=a'
        """
        items = sorted(self.items, key=lambda item: item.label)
        return ", ".join(f"{m.label}{'' if m.text[:1] in ('=', '!', '~') else '='}{m.text}" for m in items)

    @property
    def equalities(self) -> dict[str, str]:
        """The labels that are named exactly: what is expected to be there."""
        return {m.label: m.value for m in self.items if m.equality}


EVERYTHING = Matchers()


class LabelIndex(Generic[_Item]):
    """Things with labels, in which those that matchers may accept are found without asking each.

    Parameters
    ----------
    items : sequence
        The things.
    labels : callable
        Gives the labels of one.

    Examples
    --------
    >>> index = LabelIndex([{"model": "m"}, {"model": "n"}, {"host": "h"}], dict)
    >>> list(index.accepted(Matchers.of({"model": "n"})))
    [{'model': 'n'}, {'host': 'h'}]
    """

    def __init__(self, items: Sequence[_Item], labels: Callable[[_Item], Mapping[str, str]]) -> None:
        self._items, self._labels = items, labels
        self._places: dict[str, dict[str | None, list[int]]] = {}

    def accepted(self, where: Matchers) -> Iterator[_Item]:
        """Give what `Matchers.may_accept` accepts, in order."""
        for place in self._candidates(where):
            item = self._items[place]
            if where.may_accept(self._labels(item)):
                yield item

    def _candidates(self, where: Matchers) -> Iterable[int]:
        equal = next((matcher for matcher in where.items if matcher.equality), None)
        if equal is None:
            return range(len(self._items))
        places = self._by_value(equal.label)
        return merge(places.get(equal.value, ()), places.get(None, ()))

    def _by_value(self, label: str) -> dict[str | None, list[int]]:
        """Return where each value of a label stands; None is where there is no such label."""
        if label not in self._places:
            found: dict[str | None, list[int]] = {}
            for place, item in enumerate(self._items):
                found.setdefault(self._labels(item).get(label), []).append(place)
            self._places[label] = found
        return self._places[label]
