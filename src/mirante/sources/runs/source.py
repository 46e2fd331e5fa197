"""The readings of MLflow's experiments: what changed since the last look, and never all runs at once."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from mirante.errors import TrackingError
from mirante.i18n import Translator, translator
from mirante.readings import Reading
from mirante.sources.experiments import LeftExperiments, WatchedExperiments
from mirante.sources.news import News
from mirante.sources.runs.book import DAY, ExperimentBook, LiveRun, Mark
from mirante.store import Store
from mirante.store.endings import Judge
from mirante.tracking.client import brief_requests
from mirante.tracking.registry import answering
from mirante.tracking.runs.changes import (
    RunSeen,
    find_run,
    runs_ended_since,
    runs_live,
    runs_page,
)
from mirante.tracking.runs.directions import Direction, direction_of
from mirante.tracking.runs.search import ExperimentRef

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.sources.runs.config import ExperimentsConfig

__all__ = ["RunsSource"]

_TOLD_AGAIN = timedelta(minutes=5)
_COUNTED_AGAIN = timedelta(days=1)
_SCAN_SECONDS = 2.0
_SCAN_PAGE = 500
_LOOKED_UP = 50  # runs that are gone, in one look
_OWN = ("run_", "experiment_", "mlflow_experiment_")  # readings of others speak of experiments too
_STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")


class RunsSource:
    """Looks at MLflow's experiments and writes what it finds as readings.

    A look asks for the runs that have not ended and for those that ended since the last one. All runs are
    counted when an experiment is first seen, and once a day, a few pages in each look.

    Parameters
    ----------
    config : ExperimentsConfig
        Which experiments, and what of their runs.
    store : Store
        Keeps what is found; the state between two looks is written with the readings.
    client : callable
        Gives the MLflow client.
    own : str
        The experiment of the monitoring runs, which is left out.
    locale : str
        Of the notes.
    monotonic : callable
        Seconds that nobody sets, by which counting stops for this look.
    """

    def __init__(
        self,
        config: ExperimentsConfig,
        store: Store,
        client: Callable[[], MlflowClient],
        *,
        own: str = "mirante",
        locale: str = "en",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._store, self._client = config, store, client
        self._monotonic = monotonic
        self._ = translator(locale)
        self._news = News(_TOLD_AGAIN)
        self._settled: dict[str, object] = {}
        self._kept: dict[str, tuple[ExperimentBook, datetime]] = {}
        _ = self._
        self._watched: WatchedExperiments[ExperimentBook] = WatchedExperiments(
            lambda name: name != own and config.watches(name),
            self._opened,
            LeftExperiments(store, _OWN),
            _("the experiment is not watched any more"),
        )
        self._pages: dict[str, int] = {}
        self._trouble: TrackingError | None = None

    @property
    def experiments(self) -> list[str]:
        """The names of the experiments that are watched."""
        return self._watched.names

    def advance(self, now: datetime) -> int:
        """Look at what changed and write it.

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
            If MLflow does not answer; the next look begins where this one began. Where it fails to count
            all runs, that is said when what changed has been written.
        """
        client = answering(self._client)
        with brief_requests():
            for left in self._watched.look(client, now):
                self._settled.pop(left, None)
                self._kept.pop(left, None)
                self._pages.pop(left, None)
            if not self._watched.books:
                return 0
            live, ended = self._changes(client, now)
            books = [
                self._advanced(client, book, now, live[book.id], ended[book.id])
                for book in self._watched.books.values()
            ]
            self._count(client, books, now)
        written = self._write(books, now)
        if self._trouble is not None:
            raise self._trouble
        return written

    def _opened(self, one: ExperimentRef) -> ExperimentBook:
        kept = self._store.cursors.get(_cursor(one.id))
        if kept is None:
            return ExperimentBook(one.id, one.name)
        book = ExperimentBook.from_json(kept)
        book.name = one.name
        return book

    def _changes(
        self, client: MlflowClient, now: datetime
    ) -> tuple[defaultdict[str, list[RunSeen]], defaultdict[str, list[RunSeen]]]:
        """Ask for all experiments at once what is live and what ended."""
        live, ended = defaultdict(list), defaultdict(list)
        ids = list(self._watched.books)
        since = min(book.look_from(now) for book in self._watched.books.values())
        for run in runs_ended_since(client, ids, since):
            if not run.live and (run.ended or now) >= self._watched.books[run.experiment_id].look_from(now):
                ended[run.experiment_id].append(run)
        done = {run.id for runs in ended.values() for run in runs}
        for run in runs_live(client, ids):
            if run.id not in done:  # it may have been started again in between
                live[run.experiment_id].append(run)
        return live, ended

    def _advanced(
        self,
        client: MlflowClient,
        book: ExperimentBook,
        now: datetime,
        live: list[RunSeen],
        ended: list[RunSeen],
    ) -> ExperimentBook:
        """Return the next state of an experiment; the one that was stays until it is written."""
        book = ExperimentBook.from_json(book.to_json())
        gone = book.gone(live, ended)
        for one in gone[:_LOOKED_UP]:
            run = find_run(client, one)
            if run is not None and run.experiment_id == book.id:
                (live if run.live else ended).append(run)
        live.sort(key=lambda run: (run.started is None, run.started, run.id), reverse=True)
        chosen = self._chosen([*live[: self._config.most_runs], *ended])
        book.advance(now, live, ended, self._directions(chosen), chosen, gone[_LOOKED_UP:])
        return book

    def _count(self, client: MlflowClient, books: Iterable[ExperimentBook], now: datetime) -> None:
        """Count all runs of experiments whose count is missing or old, for a while."""
        self._trouble = None
        until = self._monotonic() + _SCAN_SECONDS
        for book in books:
            if book.scan is None and (
                book.scanned is None or now - datetime.fromisoformat(book.scanned) >= _COUNTED_AGAIN
            ):
                marks = {one: list(run.marks) for one, run in book.live.items()}
                book.begin_scan(now, self._directions(marks))
            while book.scan is not None:
                if self._monotonic() > until:
                    return
                size = self._pages.get(book.id, _SCAN_PAGE)
                try:
                    runs, token = runs_page(client, book.id, book.scan.token, size)
                except TrackingError as error:  # runs with thousands of metrics may be too many for a page
                    self._pages[book.id], self._trouble = max(1, size // 2), error
                    break
                chosen = self._chosen(runs)
                book.take_page(runs, token, self._directions(chosen), chosen)

    def _chosen(self, runs: Iterable[RunSeen]) -> dict[str, list[str]]:
        most = self._config.most_metrics
        return {run.id: self._config.chosen(run.metrics)[:most] for run in runs}

    def _directions(self, chosen: Mapping[str, list[str]]) -> dict[str, Direction]:
        said = self._config.directions
        names = {name for some in chosen.values() for name in some}
        return {name: said.get(name) or direction_of(name) for name in names}

    def _write(self, books: Sequence[ExperimentBook], now: datetime) -> int:
        fresh = [
            reading
            for book in books
            for reading in (*experiment_readings(book, now, self._), *self._run_readings(book, now))
            if self._news.is_new(reading, now)
        ]
        changed = [book for book in books if self._is_changed(book, now)]
        going = {book.id: (tuple(self._followed(book)), tuple(book.failed)) for book in books}
        with self._store.transaction() as connection:
            for book in changed:
                self._store.cursors.set(_cursor(book.id), book.to_json(), connection=connection)
            for book in books:
                if self._settled.get(book.id) != going[book.id]:
                    judge = _judge(book, going[book.id][0], self._)
                    self._store.endings.settle(f"experiment/{book.name}", judge, connection=connection)
            # after the ends, so that rules hear of these as soon as of the readings
            self._store.readings.write(fresh, connection=connection)
        self._kept |= {book.id: (replace(book, until=None), now) for book in changed}
        self._watched.books |= {book.id: book for book in books}
        self._settled |= going
        self._news.told(fresh, now)
        return len(fresh)

    def _is_changed(self, book: ExperimentBook, now: datetime) -> bool:
        """Whether a state is worth to be written: up to when ends were looked at, only once in a while."""
        known = self._kept.get(book.id)
        return known is None or now - known[1] >= _TOLD_AGAIN or known[0] != replace(book, until=None)

    def _followed(self, book: ExperimentBook) -> list[str]:
        """Return the running runs that are followed: the newest."""
        return list(book.live)[: self._config.most_runs]

    def _run_readings(self, book: ExperimentBook, now: datetime) -> Iterator[Reading]:
        _ = self._
        followed = self._followed(book)
        for one in followed:
            yield from run_readings(book, one, now, self._config.directions, _)
        for one, (name, at) in book.failed.items():
            note = _("seen at %(time)s UTC", time=f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M}")
            yield Reading("run_failed", 1.0, now, _labels(book) | {"run": name, "run_id": one}, note)
        yield Reading("experiment_runs_left_out", len(book.live) - len(followed), now, _labels(book))


def experiment_readings(book: ExperimentBook, now: datetime, _: Translator) -> Iterator[Reading]:
    """Return what is to be said of an experiment as a whole.

    Parameters
    ----------
    book : ExperimentBook
        What is known of it.
    now : datetime
        The time of the readings.
    _ : Translator
        Of the notes.
    """
    labels = _labels(book)
    counts = Counter(run.status for run in book.live.values())
    for status in _STATUSES:
        if status in ("RUNNING", "SCHEDULED"):
            yield Reading("mlflow_experiment_runs", counts[status], now, labels | {"status": status.lower()})
        elif book.counts is not None:
            ended = book.counts.get(status, 0)
            yield Reading("mlflow_experiment_runs", ended, now, labels | {"status": status.lower()})
    since = (now - DAY).isoformat()
    day = [end for end in book.ended.values() if end.at >= since]
    share = sum(end.status == "FAILED" for end in day) / len(day) if day else math.nan
    yield Reading(
        "experiment_failed_share",
        share,
        now,
        labels,
        _.n("of %(n)s run", "of %(n)s runs", len(day)) if day else "",
    )
    seconds = np.array([end.seconds for end in day if end.status == "FINISHED" and end.seconds >= 0])
    median, p95 = np.quantile(seconds, (0.5, 0.95)) if seconds.size else (math.nan, math.nan)
    yield Reading("experiment_run_seconds_p50", median, now, labels)
    yield Reading("experiment_run_seconds_p95", p95, now, labels)
    for key, best in book.best.items():
        yield Reading(
            "experiment_best_metric", best.value, now, labels | {"key": key}, f"{best.name} ({best.run})"
        )


def run_readings(
    book: ExperimentBook, run_id: str, now: datetime, directions: Mapping[str, Direction], _: Translator
) -> Iterator[Reading]:
    """Return what is to be said of a running run.

    Parameters
    ----------
    book : ExperimentBook
        Of its experiment.
    run_id : str
        One of its live runs.
    now : datetime
        The time of the readings.
    directions : mapping of str to {"lower", "higher"}
        What the config says of metrics.
    _ : Translator
        Of the notes.
    """
    run: LiveRun = book.live[run_id]
    labels = _labels(book) | {"run": run.name, "run_id": run_id}
    if run.started is not None:
        yield Reading("run_seconds", _since(run.started, now), now, labels)
    yield Reading("run_idle_seconds", _since(run.moved, now), now, labels)
    for key, mark in run.marks.items():
        own = labels | {"key": key}
        yield Reading("run_metric", mark.value, now, own, _("step %(step)s", step=mark.step))
        yield Reading("run_metric_step", mark.step, now, own)
        yield Reading("run_metric_stagnant_seconds", _since(mark.best_seen, now), now, own)
        direction = directions.get(key) or direction_of(key)
        yield Reading("run_metric_worsening", _worsening(mark, direction), now, own)


def _worsening(mark: Mark, direction: Direction) -> float:
    """Return by how much a metric is worse than its best, as a share of it; NaN where that is no number."""
    if mark.best is None or mark.best == 0 or not math.isfinite(mark.value):
        return math.inf if math.isinf(mark.value) and mark.best is not None else math.nan
    worse = mark.value - mark.best if direction == "lower" else mark.best - mark.value
    return max(0.0, worse / abs(mark.best))


def _since(moment: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(moment)).total_seconds())


def _labels(book: ExperimentBook) -> dict[str, str]:
    return {"experiment": book.name, "experiment_id": book.id}


def _judge(book: ExperimentBook, followed: Iterable[str], _: Translator) -> Judge:
    """Say of each series of an experiment why it is over."""
    going = set(followed)

    def judge(name: str, labels: Mapping[str, str]) -> str | None:
        if not name.startswith(_OWN):
            return None
        run = labels.get("run_id")
        if run is None:
            return ""
        if name == "run_failed":
            return "" if run in book.failed else _("it failed more than an hour ago")
        if run in going:
            return ""
        if run in book.ended:
            return _("the run has ended: %(status)s", status=book.ended[run].status.lower())
        return _("the run is not followed any more")

    return judge


def _cursor(experiment: str) -> str:
    return f"experiment/{experiment}"
