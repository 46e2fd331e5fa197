"""The readings of MLflow's traces, window by window, and whether a window is like those before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from mirante.errors import TrackingError
from mirante.i18n import translator
from mirante.readings import Reading
from mirante.sources.experiments import LeftExperiments, WatchedExperiments
from mirante.sources.traces.book import LATENCY, STATUS, KeptWindow, TraceBook, assessment_feature
from mirante.sources.traces.judging import judge_feature, rises
from mirante.sources.traces.scores import Scores
from mirante.store import Store
from mirante.tracking.client import brief_requests
from mirante.tracking.registry import answering
from mirante.tracking.runs.search import ExperimentRef
from mirante.tracking.traces import (
    TraceWindow,
    assessment_counts,
    assessment_values,
    model_name,
    trace_totals,
    windows_aggregated,
    windows_counted,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.drift.verdicts import ColumnVerdict
    from mirante.sources.traces.config import TracesConfig

__all__ = ["TracesSource", "score_readings", "window_readings"]

_log = structlog.get_logger("mirante.traces")
_AGGREGATES_AGAIN = timedelta(hours=1)
_LOOK_SECONDS = 20.0
_COUNTED_AT_ONCE = 4  # windows that are read trace by trace before they are written
_MORE = 1.25  # so many times as much feedback as was judged makes a window be judged again
_MOST_SHARES = 20  # categories of an assessment that are readings
_KEPT = 3  # times as many windows as a reference has
_MOST_WAITING = 500  # windows that are kept for the feedback that may come
_ERRORS = 1 / 3  # of the least shift that matters: a small share of errors more is much
_LEAST = 8  # windows of a reference that have values of the wanted kind
_EPOCH = datetime.fromtimestamp(0, UTC)
_STATUSES = ("ok", "error", "in_progress")
_PERCENTILES = (50, 95, 99)
_OWN = ("trace", "assessment", "drift_", "mlflow_traces", "logged_model_")


class TracesSource:
    """Looks at the traces of MLflow's experiments, and writes each window once it is closed.

    A look asks for what has closed since the last one, and how much feedback has come for windows that are
    still waited for; between two closings that is one query for an experiment, whatever the number of its
    traces.

    Parameters
    ----------
    config : TracesConfig
        Which experiments, and how.
    store : Store
        Keeps what is found; how far it has come is written with the readings.
    client : callable
        Gives the MLflow client.
    own : str
        The experiment of the monitoring runs, which is left out.
    locale : str
        Of the notes.
    monotonic : callable
        Seconds that nobody sets, by which a look stops: what is left over is for the next.
    """

    def __init__(
        self,
        config: TracesConfig,
        store: Store,
        client: Callable[[], MlflowClient],
        *,
        own: str = "mirante",
        locale: str = "en",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._store, self._client = config, store, client
        self._locale, self._monotonic = locale, monotonic
        self._tried: dict[str, datetime] = {}  # when an experiment had its last turn
        _ = translator(locale)
        self._watched: WatchedExperiments[TraceBook] = WatchedExperiments(
            lambda name: name != own and config.watches(name),
            self._opened,
            LeftExperiments(store, _OWN),
            _("the experiment is not watched any more"),
        )
        self._aggregates = True
        self._counted_since: datetime | None = None  # the server did not aggregate then
        self._told = False
        self._names: dict[str, str] = {}  # of logged models, which keep theirs

    @property
    def experiments(self) -> list[str]:
        """The names of the experiments that are watched."""
        return self._watched.names

    def advance(self, now: datetime) -> int:
        """Look at what has closed, and write it.

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
            If MLflow does not answer, or for one of the experiments does not; what it answered for the others
            is written. The next look begins where this one stopped.
        """
        client = answering(self._client)
        if self._counted_since is not None and now - self._counted_since >= _AGGREGATES_AGAIN:
            self._aggregates, self._counted_since = True, None  # it may have been a proxy that said so
        written, failure = 0, None
        until = self._monotonic() + _LOOK_SECONDS
        with brief_requests():
            for left in self._watched.look(client, now):
                self._tried.pop(left, None)
            for book in sorted(self._watched.books.values(), key=self._turn):
                self._tried[book.id] = now
                try:
                    written += self._look(client, book, now, until)
                except TrackingError as error:
                    failure = failure or error
                if self._monotonic() > until:
                    break
        if failure is not None:
            raise failure
        return written

    def _turn(self, book: TraceBook) -> tuple[datetime, datetime]:
        """Return the order of experiments: nobody waits forever, also not behind one that always fails."""
        return self._tried.get(book.id, _EPOCH), book.until or _EPOCH

    def _opened(self, one: ExperimentRef) -> TraceBook:
        length = int(self._config.window.total_seconds())
        kept = self._store.cursors.get(_cursor(one.id))
        if kept is None or kept["length"] != length:
            return TraceBook(one.id, one.name, length=length)
        return replace(TraceBook.from_json(kept), name=one.name)

    def _look(self, client: MlflowClient, book: TraceBook, now: datetime, until: float) -> int:
        config, before, written = self._config, book, 0
        closed = _floor(now - config.lateness, config.window)
        earliest = closed - 2 * config.reference_windows * config.window
        first = max(book.until or earliest, earliest)
        if book.until is None:
            book = replace(book, judged_from=closed - config.window)
        while first < closed:
            found, end = self._windows(client, book.id, first, closed, now)
            book, readings = self._close(client, book, found, first, end)
            written += self._write(book, readings)
            first = end
            if first < closed and self._monotonic() > until:
                return written
        if before.windows:
            known = book
            book, readings = self._measure_again(client, book, before, now)
            if book is not known:
                written += self._write(book, readings)
        return written

    def _write(self, book: TraceBook, readings: list[Reading]) -> int:
        """Write readings and how far they go, and return how many they are."""
        with self._store.transaction() as connection:
            self._store.cursors.set(_cursor(book.id), book.to_json(), connection=connection)
            self._store.readings.write(readings, connection=connection)
        self._watched.books[book.id] = book
        return len(readings)

    def _close(
        self, client: MlflowClient, book: TraceBook, found: list[TraceWindow], first: datetime, end: datetime
    ) -> tuple[TraceBook, list[Reading]]:
        """Take in the windows that are over; those from before the first look are a reference and no more."""
        config = self._config
        waiting = min(config.assessment_lateness // config.window + 1, _MOST_WAITING)
        most = max(_KEPT * config.reference_windows, waiting)
        book = book.with_windows(map(KeptWindow.of, found), until=end, most=most)
        if not book.windows:
            return book, []
        readings: list[Reading] = []
        seen = {one.start: one for one in found}
        start = max(first, min(book.windows))
        while start < end:
            window = seen.get(start, TraceWindow(start))
            readings += window_readings(window, _labels(book))
            for model, one in window.models.items():
                about = _labels(book) | self._model_labels(client, model)
                readings += window_readings(one, about, "logged_model_")
                readings += score_readings(start, KeptWindow.of(one).scores, about, "logged_model_")
            if start in book.windows:
                kept = book.windows[start]
                readings += score_readings(start, kept.scores, _labels(book))
                if book.judged_from is None or start >= book.judged_from:
                    book, said = self._judge(book, kept, kept.features)
                    readings += said
            start += config.window
        totals = trace_totals(client, book.id) if self._aggregates else None
        for status, count in (totals or {}).items():
            about = _labels(book) | {"status": status}
            readings.append(Reading("mlflow_traces", count, end, about))
        return book, readings

    def _windows(
        self, client: MlflowClient, experiment: str, first: datetime, closed: datetime, now: datetime
    ) -> tuple[list[TraceWindow], datetime]:
        """Return windows that are over, and where they end: the first few, where each trace is read."""
        length = self._config.window
        if self._aggregates:
            found = windows_aggregated(client, experiment, first, closed, length)
            if found is not None:
                self._told = False
                return found, closed
            self._count(now)
        end = min(closed, first + _COUNTED_AT_ONCE * length)
        return windows_counted(client, experiment, first, end, length), end

    def _count(self, now: datetime) -> None:
        """Read trace by trace for an hour, of a server that does not aggregate."""
        self._aggregates, self._counted_since = False, now
        if not self._told:
            _log.warning("MLflow does not aggregate traces: they are read one by one")
            self._told = True

    def _measure_again(
        self, client: MlflowClient, book: TraceBook, before: TraceBook, now: datetime
    ) -> tuple[TraceBook, list[Reading]]:
        """Measure the feedback of windows that were closed before, where there is much more of it."""
        config = self._config
        waiting, last = before.open_for_feedback(now, config.assessment_lateness)
        waiting = [one for one in waiting if one.start in book.windows]
        if not waiting:
            return book, []
        counts = None
        if self._aggregates:
            end = waiting[-1].start + config.window
            counts = assessment_counts(client, book.id, waiting[0].start, end, config.window)
            if counts is None:
                self._count(now)
        chosen = [
            one for one in waiting if one.start in last or _has_more(one, (counts or {}).get(one.start))
        ]
        readings: list[Reading] = []
        for old in chosen:
            window = book.windows[old.start]
            scores = self._scores(client, book.id, old.start)
            changed = {
                assessment_feature(name) for name, one in scores.items() if one != window.scores.get(name)
            }
            window = replace(window, scores=scores, settled=old.start in last)
            book = book.with_windows([window])
            if not changed:
                continue
            readings += score_readings(window.start, scores, _labels(book))
            for model in window.models:
                about = _labels(book) | self._model_labels(client, model)
                own = self._scores(client, book.id, old.start, model)
                readings += score_readings(window.start, own, about, "logged_model_")
            features = {one for one in window.features & changed if self._is_after(book, one, old.start)}
            book, said = self._judge(book, window, features)
            readings += said
        return book, readings

    @staticmethod
    def _is_after(book: TraceBook, feature: str, start: datetime) -> bool:
        return feature not in book.since or start >= book.since[feature]

    def _model_labels(self, client: MlflowClient, model: str) -> dict[str, str]:
        if model not in self._names:
            self._names[model] = model_name(client, model)
        return {"logged_model": self._names[model], "model_id": model}

    def _scores(
        self, client: MlflowClient, experiment: str, start: datetime, model: str | None = None
    ) -> dict[str, Scores]:
        length = self._config.window
        if self._aggregates:
            asked = client, experiment, start, start + length, length
            values = assessment_values(*asked, model=model).get(start, {})
        else:
            found = windows_counted(client, experiment, start, start + length, length)
            found = found if model is None else [one.models[model] for one in found if model in one.models]
            values = {name: dict(one) for window in found for name, one in window.assessments.items()}
        return {name: Scores.of(one) for name, one in values.items()}

    def _judge(
        self, book: TraceBook, window: KeptWindow, features: set[str]
    ) -> tuple[TraceBook, list[Reading]]:
        """Hold features of a window against the windows before it, and write down which are out of line."""
        config, readings = self._config, list[Reading]()
        count = config.reference_windows
        known = {one: book.reference(one, window.start, count) for one in window.features}
        judged = sum(1 for one in known.values() if one)
        for feature in sorted(features):
            earlier = known[feature]
            numeric = feature == LATENCY or (feature != STATUS and _is_numeric(feature, earlier))
            reference = [one.column(feature, numeric=numeric) for one in earlier]
            reference = [one for one in reference if one.size]
            values = window.column(feature, numeric=numeric)
            if not values.size or len(reference) < _LEAST:
                continue
            column = judge_feature(
                feature,
                values,
                reference,
                window=config.window,
                alarm_budget=config.alarm_budget,
                effect_floor=config.effect_floor * (_ERRORS if feature == STATUS else 1.0),
                share=1.0 / judged,
                locale=self._locale,
            )
            book = book.marked(window.start, feature, count, drifted=column.drifted)
            readings += _drift_readings(column, window.start, _labels(book))
            about, note = _labels(book), column.sentence
            if feature == LATENCY:
                slower = column.drifted and rises(values, reference)
                readings.append(Reading("trace_latency_detected", slower, window.start, about, note))
            if feature == STATUS:
                more = column.drifted and _errors([window]) > _errors(earlier)
                readings.append(Reading("trace_errors_detected", more, window.start, about, note))
        return book, readings


def window_readings(window: TraceWindow, labels: Mapping[str, str], start: str = "") -> Iterator[Reading]:
    """Return what a window has to say of its traces; one without traces says that there are none.

    Parameters
    ----------
    window : TraceWindow
        Closed.
    labels : mapping of str to str
        The experiment, and perhaps a logged model.
    start : str
        Of the names of the readings.
    """
    at = window.start
    for status in dict.fromkeys((*_STATUSES, *window.statuses)):
        yield Reading(f"{start}traces", window.statuses.get(status, 0), at, {**labels, "status": status})
    if window.left_out:  # never of a model: only all traces of a window are counted out
        yield Reading("traces_left_out", window.left_out, at, labels)
    if window.ended:
        yield Reading(f"{start}trace_error_share", window.statuses.get("error", 0) / window.ended, at, labels)
    for one in _PERCENTILES if window.latency else ():
        yield Reading(f"{start}trace_latency_seconds_p{one}", window.latency[one], at, labels)
    for kind, count in window.tokens.items():
        yield Reading(f"{start}trace_tokens", count, at, {**labels, "kind": kind})
    if window.cost is not None:
        yield Reading(f"{start}trace_cost_usd", window.cost, at, labels)


def score_readings(
    at: datetime, scores_of: Mapping[str, Scores], labels: Mapping[str, str], start: str = ""
) -> Iterator[Reading]:
    """Return what the feedback of a window says.

    Parameters
    ----------
    at : datetime
        Where the window begins.
    scores_of : mapping of str to Scores
        By name of the feedback.
    labels : mapping of str to str
        The experiment, and perhaps a logged model.
    start : str
        Of the names of the readings.
    """
    for name, scores in scores_of.items():
        own = {**labels, "assessment": name}
        yield Reading(f"{start}assessments", scores.count, at, own)
        yield Reading(f"{start}assessment_failed_share", scores.failed / scores.count, at, own)
        if scores.mean == scores.mean:
            yield Reading(f"{start}assessment_mean", scores.mean, at, own)
        total = sum(scores.levels.values())
        for value, count in list(scores.levels.items())[:_MOST_SHARES]:
            yield Reading(f"{start}assessment_share", count / total, at, {**own, "value": value})


def _drift_readings(column: ColumnVerdict, at: datetime, labels: Mapping[str, str]) -> Iterator[Reading]:
    about = {**labels, "feature": column.column}
    for name, value in column.drift_values().items():
        yield Reading(name, value, at, about, column.sentence if name == "drift_detected" else "")


def _has_more(window: KeptWindow, counts: Mapping[str, int] | None) -> bool:
    """Say whether there is much more feedback than was judged."""
    known = {name: one.count for name, one in window.scores.items()}
    return any(count >= _MORE * max(known.get(name, 0), 0.5) for name, count in (counts or {}).items())


def _errors(windows: Sequence[KeptWindow]) -> float:
    """Return the share of errors among the traces of windows that have ended."""
    return sum(one.statuses.get("error", 0) for one in windows) / sum(one.ended for one in windows)


def _is_numeric(feature: str, windows: list[KeptWindow]) -> bool:
    name = feature.partition("/")[2]
    return 2 * sum(one.scores[name].is_numeric for one in windows) > len(windows)


def _labels(book: TraceBook) -> dict[str, str]:
    return {"experiment": book.name, "experiment_id": book.id}


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % length


def _cursor(experiment: str) -> str:
    return f"traces/{experiment}"
