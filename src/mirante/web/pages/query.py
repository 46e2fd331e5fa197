"""What was asked for: the address' parameters, the reader's language, the moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from mirante.errors import InputError

__all__ = ["Query", "TimeRange", "UnknownPageError", "parse_time"]

_SPANS: Mapping[str, timedelta | None] = {
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "1y": timedelta(days=366),
    "all": None,
}
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)


class UnknownPageError(InputError):
    """The address asks for a subject or an alert that the store does not know."""


def parse_time(text: str) -> datetime | None:
    """Return the time that a text means, in UTC; None when it means none.

    Examples
    --------
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
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:  # within a day of year 1 or 9999
        return None


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
            Its ``since`` and ``until`` win over its ``range``.
        first, last : datetime
            Times of the oldest and the newest data.
        default : str
            The span when the query names none.
        """
        since, until = parse_time(query.get("since")), parse_time(query.get("until"))
        if until is not None and len(query.get("until").strip()) == 10 and until < _LATEST:
            until += timedelta(days=1)  # a bare date means the whole of that day
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
    _kept: tuple[str, ...] = field(default=("lang",), repr=False)

    def get(self, name: str) -> str:
        """Return a parameter, empty when it was not given."""
        return self.values.get(name, "")

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
