"""The readings and events of MLflow's registry: a look asks for the models, and for what is new of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from mirante.errors import TrackingError
from mirante.i18n import translator
from mirante.readings import Reading
from mirante.sources.news import News
from mirante.sources.registry.book import Happening, ModelBook, RegistryBook, Scan, VersionKnown
from mirante.sources.registry.telling import alias_readings, event_of, model_readings, why_over
from mirante.sources.registry.wake import Wake, woken
from mirante.store import Store
from mirante.tracking.client import brief_requests, server_name
from mirante.tracking.registry import answering
from mirante.tracking.signatures import has_signature
from mirante.tracking.versions import ModelSeen, find_models, find_seen, versions_page

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from mirante.sources.registry.config import RegistryConfig

__all__ = ["RegistrySource"]

_log = structlog.get_logger("mirante.registry")
_TOLD_AGAIN = timedelta(minutes=10)
_BASELINE_AGAIN = timedelta(minutes=5)
_RETRY = timedelta(seconds=10)
_SECONDS = 3.0
_PAGE = 1000
_MOST_MADE = 20
_EPOCH = datetime.fromtimestamp(0, UTC)
_DAY = timedelta(days=1)


class RegistrySource:
    """Looks at MLflow's registry and writes what it finds as readings and events.

    Each look asks for all models with their aliases and newest versions, and beyond that for what is new. All
    versions are counted when the registry is first seen, and once a day, some pages in each look.

    Parameters
    ----------
    config : RegistryConfig
        Which models.
    store : Store
        Keeps what is found; the state between two looks is written with the readings.
    client : callable
        Gives the MLflow client.
    watched : callable
        Gives the models with the aliases that are watched themselves, of which nothing is said here.
    noticed : callable
        Called with the models of which a webhook said that something changed.
    locale : str
        Of notes and events.
    monotonic : callable
        Seconds that nobody sets, by which a look ends.
    """

    def __init__(
        self,
        config: RegistryConfig,
        store: Store,
        client: Callable[[], MlflowClient],
        *,
        watched: Callable[[], Collection[tuple[str, str]]] = tuple,
        noticed: Callable[[Collection[str]], None] = lambda _: None,
        locale: str = "en",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._store, self._client, self._watched = config, store, client, watched
        self._noticed, self._monotonic = noticed, monotonic
        self._ = translator(locale)
        self._registry: str | None = None
        self._whole = RegistryBook()
        self._books: dict[str, ModelBook] = {}
        self._news = News(_TOLD_AGAIN)
        self._settled: object = None
        self._next: datetime | None = None
        self._trouble: TrackingError | None = None
        self._finished = True

    def advance(self, now: datetime) -> int:
        """Look at the registry if that is due, or if a webhook said that something changed.

        Parameters
        ----------
        now : datetime
            The present.

        Returns
        -------
        int
            How many readings were written.

        Raises
        ------
        TrackingError
            If MLflow does not answer, or did not at the last look.
        """
        told = woken(self._store, self._whole.heard) if self._registry is not None else None
        if told is None and self._next is not None and now < self._next:
            if self._trouble is not None:
                raise self._trouble
            return 0
        self._next = now + min(
            self._config.interval, _RETRY
        )  # before the work, so a failure does not repeat at once
        try:
            written = self._look(now, told)
        except TrackingError as error:
            self._trouble = error
            raise
        self._trouble = None
        if self._finished:
            self._next = now + self._config.interval
        return written

    def _look(self, now: datetime, told: Wake | None) -> int:
        client = answering(self._client)
        with brief_requests():
            seen = find_models(client)
            self._open(server_name(client.tracking_uri))
            told = told or woken(self._store, self._whole.heard)
            if told is not None:
                self._noticed(told.models)
            whole = RegistryBook.from_json(self._whole.to_json())
            chosen = self._chosen(seen)
            books, happened = self._advanced(client, whole, now, chosen)
            touched = frozenset() if told is None else told.models
            until = self._monotonic() + _SECONDS
            done = self._ask_of_versions(client, books, chosen, now, touched, until)
            self._count(client, whole, books, now, until)
        self._finished = done and whole.scan is None
        whole.until = now.isoformat()
        whole.heard = self._whole.heard if told is None else told.number
        created = [one.created.isoformat() for one in seen if one.created is not None]
        whole.newest = max(created, default=whole.newest)
        return self._write(whole, books, happened, len(seen), len(seen) - len(chosen), now)

    def _open(self, registry: str) -> None:
        """Take up what is kept of this registry."""
        if registry == self._registry:
            return
        self._registry, self._books, self._settled = registry, {}, None
        kept = self._store.cursors.get(self._cursor())
        self._whole = RegistryBook() if kept is None else RegistryBook.from_json(kept)

    def _cursor(self, model: str | None = None) -> str:
        return f"registry/{self._registry}" + ("" if model is None else f"#{model}")

    def _chosen(self, seen: Iterable[ModelSeen]) -> dict[str, ModelSeen]:
        """Return the models that are watched: those with aliases first, then those that changed last."""
        wanted = [one for one in seen if self._config.watches(one.name)]
        wanted.sort(key=lambda one: one.name)
        wanted.sort(key=lambda one: one.updated or one.created or _EPOCH, reverse=True)
        wanted.sort(key=lambda one: not one.aliases)
        return {one.name: one for one in wanted[: self._config.most_models]}

    def _advanced(
        self, client: MlflowClient, whole: RegistryBook, now: datetime, chosen: Mapping[str, ModelSeen]
    ) -> tuple[dict[str, ModelBook], list[Happening]]:
        """Return the next state of each model; those that were stay until these are written."""
        books: dict[str, ModelBook] = {}
        happened: list[Happening] = []
        for name, seen in chosen.items():
            book = self._opened(whole, seen)
            made = [
                str(number)
                for number in list(book.unseen(seen))[-_MOST_MADE:]
                if find_seen(client, name, str(number)) is not None
            ]
            if seen.number < book.newest or len(book.unseen(seen)) > _MOST_MADE:
                whole.scanned = None  # versions were deleted, nobody says how many; or came by the hundred
            new = book.advance(now, seen, made)
            happened += new
            if whole.scan is not None:
                count = sum(one.kind == "version_created" for one in new)
                whole.scan.meanwhile[name] = whole.scan.meanwhile.get(name, 0) + count
            books[name] = book
        return books, happened

    def _opened(self, whole: RegistryBook, seen: ModelSeen) -> ModelBook:
        known = self._books.get(seen.name)
        if known is None and (kept := self._store.cursors.get(self._cursor(seen.name))) is not None:
            known = self._books[seen.name] = ModelBook.from_json(kept)
        if known is not None and known.is_of(seen):
            return ModelBook.from_json(known.to_json())
        created = "" if seen.created is None else seen.created.isoformat()
        return ModelBook.opened(seen, new=whole.until is not None and created > (whole.newest or ""))

    def _ask_of_versions(
        self,
        client: MlflowClient,
        books: Mapping[str, ModelBook],
        chosen: Mapping[str, ModelSeen],
        now: datetime,
        touched: Collection[str],
        until: float,
    ) -> bool:
        """Find out what versions lack, and return whether there was time for all that is not known."""
        done = True
        for name, book in books.items():
            seen = chosen[name]
            for version in book.needed(seen):
                known = book.versions.get(version)
                if not _is_due(known, now, touched=name in touched) and version != str(seen.number):
                    continue
                found = seen.newest if version == str(seen.number) else None
                if found is None:
                    if self._monotonic() > until:
                        done = False
                        continue
                    found = find_seen(client, name, version)
                if found is None:
                    continue
                if known is None or known.baseline != found.has_baseline or _is_due(known, now):
                    known = replace(
                        known or VersionKnown(False, ""), baseline=found.has_baseline, asked=now.isoformat()
                    )
                    book.versions[version] = known
                if _is_unsigned(known, now):
                    if self._monotonic() > until:
                        done = False
                        continue
                    known.looked = now.isoformat()  # also where nothing can be read
                    known.signature = _signature(client, found.entity)
        return done

    def _count(
        self,
        client: MlflowClient,
        whole: RegistryBook,
        books: Mapping[str, ModelBook],
        now: datetime,
        until: float,
    ) -> None:
        """Count all versions where that is due, for the rest of the time of this look."""
        due = whole.scanned is None or now - datetime.fromisoformat(whole.scanned) >= _DAY
        if whole.scan is None and (due or any(book.count is None for book in books.values())):
            whole.scan = Scan({name: book.top for name, book in books.items()})
            whole.scanned = now.isoformat()
        while whole.scan is not None and self._monotonic() <= until:
            found = whole.take_page(*versions_page(client, whole.scan.token, _PAGE))
            for name in books.keys() & (found or {}).keys():
                books[name].count = (found or {})[name]

    def _write(
        self,
        whole: RegistryBook,
        books: dict[str, ModelBook],
        happened: Iterable[Happening],
        count: int,
        left_out: int,
        now: datetime,
    ) -> int:
        _, registry, watched = self._, str(self._registry), frozenset(self._watched())
        labels = {"registry": registry}
        readings = [
            Reading("mlflow_registered_models", count, now, labels),
            Reading("registered_models_left_out", left_out, now, labels),
        ]
        before = None if self._whole.until is None else datetime.fromisoformat(self._whole.until)
        for name, book in books.items():
            readings += model_readings(book, registry, now, _)
            known = self._books.get(name)
            for alias in book.present.keys() - {alias for model, alias in watched if model == name}:
                moves = None if known is None or alias not in known.aliases else known.aliases[alias].moves
                readings += alias_readings(book, alias, registry, now, _, moves=moves, before=before)
        fresh = [one for one in readings if one.time < now or self._news.is_new(one, now)]
        events = [
            event_of(one, f"registry/{registry}", now, _)
            for one in happened
            if (one.model, one.pointer) not in watched
        ]
        going = {name: (tuple(book.versions), tuple(book.present)) for name, book in books.items()}, watched
        with self._store.transaction() as connection:
            for name, book in books.items():
                if book != self._books.get(name):
                    self._store.cursors.set(self._cursor(name), book.to_json(), connection=connection)
            self._store.cursors.set(self._cursor(), whole.to_json(), connection=connection)
            if going != self._settled:
                judge = why_over(books, watched, _)
                self._store.endings.settle(f"registry/{registry}", judge, connection=connection)
            self._store.events.add_all(events, connection=connection)
            # after the ends, so that rules hear of these as soon as of the readings
            self._store.readings.write(fresh, connection=connection)
        self._whole, self._books, self._settled = whole, books, going
        self._news.told(fresh, now)
        return len(fresh)


def _is_due(known: VersionKnown | None, now: datetime, *, touched: bool = False) -> bool:
    """Say whether MLflow is to be asked once more whether a version has a baseline: tags change no time."""
    if known is None or touched:
        return True
    return now - datetime.fromisoformat(known.asked) >= (_DAY if known.baseline else _BASELINE_AGAIN)


def _is_unsigned(known: VersionKnown, now: datetime) -> bool:
    """Say whether a signature is to be looked for: once, and once a day where nothing could be read."""
    return known.signature is None and (
        known.looked is None or now - datetime.fromisoformat(known.looked) >= _DAY
    )


def _signature(client: MlflowClient, found: ModelVersion) -> bool | None:
    try:
        return has_signature(client, found)
    except TrackingError as error:
        _log.warning("a model's description cannot be read", error=str(error))
        return None
