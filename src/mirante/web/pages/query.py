"""What was asked for: the address' parameters, the reader's language, the moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mirante.errors import InputError

if TYPE_CHECKING:
    from mirante.alerts.rules import Rule

__all__ = ["Query", "TimeRange", "UnknownPageError", "parse_time", "zone_of"]

_SPANS: Mapping[str, timedelta | None] = {
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "1y": timedelta(days=366),
    "all": None,
}
_Item = TypeVar("_Item")


def _unknown(_: str) -> Rule | None:
    return None


class UnknownPageError(InputError):
    """The address asks for a subject or an alert that the store does not know."""


def zone_of(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name; None when there is none of that name. No name means UTC.

    Examples
    --------
    >>> str(zone_of("America/New_York")), zone_of("Mars/Olympus"), zone_of("../etc/passwd")
    ('America/New_York', None, None)
    """
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def parse_time(text: str, zone: str = "") -> datetime | None:
    """Return the time that a text means, in UTC; None when it means none.

    Parameters
    ----------
    text : str
        ISO 8601; one without an offset is on the clock of `zone`.
    zone : str
        An IANA name; UTC when it is empty or unknown.

    Examples
    --------
    >>> parse_time("2013-02-08", "America/New_York").isoformat()
    '2013-02-08T05:00:00+00:00'
    >>> parse_time("2013-02-08T05:00:00Z").isoformat(), parse_time("2013-02-08").isoformat()
    ('2013-02-08T05:00:00+00:00', '2013-02-08T00:00:00+00:00')
    >>> parse_time("yesterday") is None
    True
    """
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=zone_of(zone) or UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:  # within a day of year 1 or 9999
        return None


def _whole_day(text: str) -> str:
    """Return the end of a day where a bare date is given: it means the whole of that day."""
    text = text.strip()
    try:
        return str(date.fromisoformat(text) + timedelta(days=1)) if len(text) == 10 else text
    except (ValueError, OverflowError):
        return text


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The stretch of time that all charts of a page share, ``[since, until)``."""

    name: str
    since: datetime
    until: datetime

    @classmethod
    def of(cls, query: Query, first: datetime, last: datetime, *, default: str) -> TimeRange:
        """Return the range that a query asks for.

        Spans such as ``7d`` are counted back from the newest data, so that a page shows something although
        its data ended long ago, and stays the same until new data comes.

        Parameters
        ----------
        query : Query
            Its ``since`` and ``until`` win over its ``range``; its ``zone`` names the clock that they are on.
        first, last : datetime
            Times of the oldest and the newest data.
        default : str
            The span when the query names none.
        """
        zone = query.get("zone")
        since, until = parse_time(query.get("since"), zone), parse_time(_whole_day(query.get("until")), zone)
        end = last + timedelta(microseconds=1)
        if since is not None or until is not None:
            return cls("custom", since or first, until or end)
        name = query.get("range")
        name = name if name in _SPANS else default
        span = _SPANS[name]
        return cls(name, first if span is None else max(first, end - span), end)

    @staticmethod
    def names() -> list[str]:
        """Return the names of the spans, shortest first."""
        return list(_SPANS)


@dataclass(frozen=True, slots=True)
class Query:
    """One request for a page, without any framework.

    Parameters
    ----------
    values : mapping of str to str
        The address' parameters.
    now : datetime
        The present, aware.
    path : str
        The page's own path below `base`.
    locale : str
        Language of the texts.
    base : str
        Where the pages hang, such as ``/mirante``; empty at the root.
    historic : bool
        Whether the data is a replay of the past, so that old data does not mean "no data".
    author : str
        Who the reader said to be when they last wrote something; empty when they never did.
    read_only : bool
        Whether nothing can be written here, so that no form is shown.
    decides : bool
        Whether the reader may decide about proposals and baselines.
    mlflow : str
        Address of MLflow's pages, for links; empty when there is none.
    rule : callable
        Gives the rule of a name; None where the rules are not known.

    Examples
    --------
    >>> query = Query({"range": "7d", "lang": "pt_BR"}, now=datetime(2013, 2, 8, tzinfo=UTC))
    >>> query.url("/model", subject="model/a b@x")
    '/model?subject=model/a+b@x&lang=pt_BR'
    """

    values: Mapping[str, str]
    now: datetime
    path: str = "/"
    locale: str = "en"
    base: str = ""
    historic: bool = False
    author: str = ""
    read_only: bool = False
    decides: bool = True
    mlflow: str = ""
    rule: Callable[[str], Rule | None] = _unknown
    _kept: tuple[str, ...] = field(default=("lang",), repr=False)

    def get(self, name: str) -> str:
        """Return a parameter, empty when it was not given."""
        return self.values.get(name, "")

    def cut(self, items: Sequence[_Item], name: str, size: int) -> tuple[Sequence[_Item], int, int]:
        """Return the page of a list that a parameter asks for (or the nearest), its number, and of how many.

        Parameters
        ----------
        items : sequence
            The whole list.
        name : str
            The parameter.
        size : int
            Items on a page.

        Examples
        --------
        >>> query = Query({"page": "2"}, now=datetime(2013, 2, 8, tzinfo=UTC))
        >>> query.cut("abcde", "page", 2)
        ('cd', 2, 3)
        """
        pages = max(1, -(-len(items) // size))
        asked = self.get(name)
        page = min(max(int(asked), 1), pages) if asked.isdecimal() and len(asked) < 9 else 1
        return items[(page - 1) * size : page * size], page, pages

    def url(self, path: str, **parameters: str) -> str:
        """Return the address of a page with these parameters, in the same language as this one."""
        kept = {name: self.values[name] for name in self._kept if name in self.values}
        pairs = {name: value for name, value in {**parameters, **kept}.items() if value}
        return self.base + path + (f"?{_encode(pairs)}" if pairs else "")

    def here(self, **changes: str) -> str:
        """Return this page's own address with some parameters changed; an empty one is left out."""
        pairs = {name: value for name, value in {**self.values, **changes}.items() if value}
        return self.base + self.path + (f"?{_encode(pairs)}" if pairs else "")


def _encode(pairs: Mapping[str, str]) -> str:
    # surrogates cannot be UTF-8: such a name gets a link that finds nothing rather than a failing page
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in pairs.items()}
    return urlencode(
        clean, safe="/@:", quote_via=lambda text, safe, *_: quote(text, safe).replace("%20", "+")
    )
