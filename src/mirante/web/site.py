"""What every page needs beside its request: the store, the language, the clock, the token's sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, quote, unquote

from mirante.errors import ConfigError, StoreError
from mirante.i18n import normal_locale
from mirante.web.kept import Kept
from mirante.web.pages import Query
from mirante.web.ruling import Ruling
from mirante.web.sessions import LoginLimit, LoginLimits, Sessions

if TYPE_CHECKING:
    from mirante.sinks.prometheus import Exposition
    from mirante.store import Store

__all__ = ["AUTHOR_COOKIE", "NotReadyError", "Site", "site_without_store", "utc_now"]

AUTHOR_COOKIE = "mirante_author"
"""Remembers who the reader said to be."""


class NotReadyError(StoreError):
    """There is no store to show yet; the message says to people what to do, and holds no secret."""


def utc_now() -> datetime:
    """Return the present, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Site:
    """The pages of one store, wherever they hang.

    Parameters
    ----------
    store : Store
        All that is shown and written.
    health : callable, optional
        What the service says of itself.
    locale : str
        Language of readers whose browser asks for none that there is.
    historic : bool
        Whether the data is a replay of the past, so that old data does not mean "no data".
    read_only : bool
        Whether nothing can be written.
    clock : callable
        The present, aware.
    sessions : Sessions, optional
        Knows the token; None when these pages ask for none.
    mlflow : str
        Address of MLflow's pages, for links; empty when there is none.
    ruling : Ruling
        The rules and routes, where they are known.
    limit, brake : LoginLimit, LoginLimits
        Brake guessing in the form and by programs.
    kept : Kept
        Answers that cost something.
    """

    store: Store
    health: Callable[[], Mapping[str, Any]] | None = None
    locale: str = "en"
    historic: bool = False
    read_only: bool = False
    clock: Callable[[], datetime] = utc_now
    sessions: Sessions | None = None
    mlflow: str = ""
    ruling: Ruling = field(default_factory=Ruling)
    limit: LoginLimit = field(default_factory=LoginLimit)
    brake: LoginLimits = field(default_factory=LoginLimits)
    kept: Kept = field(default_factory=Kept)

    @cached_property
    def exposition(self) -> Exposition:
        """Writes all readings for Prometheus, and remembers what of them stays the same."""
        from mirante.sinks.prometheus import Exposition

        return Exposition(self.store)

    def query(
        self,
        path: str,
        query_string: str,
        headers: Mapping[str, str],
        *,
        base: str = "",
        user: str = "",
        decides: bool = True,
    ) -> Query:
        """Return what a request asks for.

        Parameters
        ----------
        path : str
            Below `base`, without ``%`` escapes.
        query_string : str
            What stands behind the question mark; of a name that is given twice, the last counts.
        headers : mapping of str to str
            Names in lower case.
        base : str
            Where the pages hang, such as ``/mirante``.
        user : str
            Who has logged in, where the server around the pages knows it.
        decides : bool
            Whether the reader may decide about proposals and baselines.
        """
        values = dict(parse_qsl(query_string, keep_blank_values=True))
        return Query(
            values,
            now=self.clock(),
            path=quote(path),
            locale=_locale(values.get("lang", ""), headers.get("accept-language", ""), self.locale),
            base=base,
            historic=self.historic,
            author=user or _author(headers.get("cookie", "")),
            read_only=self.read_only,
            decides=decides,
            mlflow=self.mlflow,
            rule=self.ruling.rule,
        )

    def tasks(self) -> Mapping[str, Any] | None:
        """Return what the service says of its tasks; None where it says nothing and only its store can."""
        found = None if self.health is None else self.health().get("tasks")
        return found if isinstance(found, Mapping) else None

    def state(self) -> dict[str, Any]:
        """Return how the service and the store are, for ``/healthz`` and the line at the foot."""
        said: dict[str, Any] = {"status": "ok"}
        try:
            said |= {} if self.health is None else self.health()
            return {**said, "store": "ok", "notices_owed": self.store.outbox.owed()}
        except StoreError:
            # the reason may hold the store's address, and anybody may ask for this
            return {**said, "status": "failed", "store": "does not answer"}


def _locale(asked: str, accepted: str, default: str) -> str:
    """Take what the address asks for, else the first language of the browser that there is."""
    wishes = [wish.partition(";")[0].strip() for wish in accepted[:200].split(",")]
    for wish in (asked, *wishes, default):
        try:
            return normal_locale(wish)
        except ConfigError:
            continue
    return "en"


def _author(header: str) -> str:
    """Return who the reader said to be when they last wrote something here."""
    for cookie in header.split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == AUTHOR_COOKIE:
            return unquote(value)[:200]
    return ""


class _NoStore:
    """Stands where a store should be, and says what is missing to whoever wants anything of it."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        raise NotReadyError(self._reason)


def site_without_store(reason: str, *, mlflow: str = "") -> Site:
    """Return a site whose pages all say what is missing.

    Parameters
    ----------
    reason : str
        What it is, and what to do; without secrets.
    mlflow : str
        Address of MLflow's pages, for links.

    Examples
    --------
    >>> site_without_store("there is no store").state()["store"]
    'does not answer'
    """
    return Site(cast("Store", _NoStore(reason)), mlflow=mlflow)
