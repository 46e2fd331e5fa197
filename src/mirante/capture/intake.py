"""From requests and answers as bytes to rows of the inference log, by a thread of its own.

The path of a request only appends to a queue that is bounded in bytes; all reading of bodies happens here.
"""

from __future__ import annotations

import logging
import os
import threading
import time as _time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from mirante.capture.metrics import ServingMetrics
from mirante.capture.recorder import Recorder
from mirante.capture.scoring import SkippedError
from mirante.capture.signature import Signature
from mirante.inference_log.kinds import text_of
from mirante.inference_log.tallies import Tally, forget_tallies, note_tally

__all__ = ["Batch", "Exchange", "Intake"]

_log = logging.getLogger("mirante.capture")
_SLICE = 0.5e-3  # seconds for which bodies are read at a time: so long a request may be held up by it
_BREATH = 50e-6
_EVERY = 1.0
_LOG_EVERY = 60.0
_MOST_NAMES = 200
_LONGEST_NAME = 200
_OTHERS = "(others)"
_KEPT = 30 * 86_400.0
_NOTED_AGAIN = 86_400.0
_REASONS = {
    "queue": "too many bodies waited",
    "body": "a body was too large",
    "columns": "it has too many columns",
    "shape": "it is no table of values with each name once",
    "names": "which of its columns are to be dropped or hashed cannot be told",
    "rows": "there are not as many predictions as rows",
    "unreadable": "a body could not be read",
}


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as bytes.

    Parameters
    ----------
    id : str
        Of its prediction; rows of a batch are ``<id>.0``, ``<id>.1``, …
    time, latency : float
        When it came, in seconds since 1970, and how long it took.
    status : int
        Of the answer.
    kind : str
        Content type of the request.
    body, answer : list of bytes
        In the pieces in which they came.
    """

    id: str
    time: float
    latency: float
    status: int
    kind: str
    body: list[bytes]
    answer: list[bytes]

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return sum(map(len, self.body)) + sum(map(len, self.answer)) + 500


class Batch(NamedTuple):
    """What a request asked and what was answered: columns and one prediction a row.

    Parameters
    ----------
    columns : mapping of str to list
        The features.
    predictions : list or None
        None where the answer was an error: such a request is held against the signature only.
    rows : int
        How many.
    named : bool
        Whether the names of the columns are the client's own.
    """

    columns: Mapping[str, list[Any]]
    predictions: list[Any] | None
    rows: int
    named: bool = True


class Intake:
    """Takes exchanges from the path of requests, and brings what they say to the recorder and the counters.

    Parameters
    ----------
    recorder : Recorder
        Where rows go; its owner closes it.
    model : str
        Name of the model.
    read : callable, optional
        Makes a `Batch` of an exchange, or raises `SkippedError` with the reason; not needed if none is put.
    metrics : ServingMetrics
        Counts for Prometheus.
    signature : Signature
        What the model asks for.
    max_bytes : int
        Bytes that may wait; what comes beyond is counted and not recorded.
    pause : float
        Seconds from one look at what waits to the next.
    clock : callable
        Seconds since 1970.

    Attributes
    ----------
    model : str
        As given.
    metrics : ServingMetrics
        As given, or one of its own.

    Examples
    --------
    >>> import tempfile
    >>> from mirante.inference_log.reader import InferenceLog
    >>> def read(one):
    ...     return Batch({"age": [31]}, [0.25], 1)
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with Recorder("churn", root) as recorder:
    ...         intake = Intake(recorder, "churn", read)
    ...         taken = intake.put(Exchange("r1", 0.0, 0.004, 200, "application/json", [b"{}"], [b"{}"]))
    ...         intake.close()
    ...     InferenceLog(root).scan("churn", columns=["age", "__id"]).to_pylist()
    [{'age': 31, '__id': 'r1'}]
    """

    def __init__(
        self,
        recorder: Recorder,
        model: str,
        read: Callable[[Exchange], Batch] | None = None,
        *,
        metrics: ServingMetrics | None = None,
        signature: Signature | None = None,
        max_bytes: int = 64 << 20,
        pause: float = 0.1,
        clock: Callable[[], float] = _time.time,
    ) -> None:
        self.metrics = metrics or ServingMetrics()
        self.metrics.show([model])
        self._recorder, self.model, self._read = recorder, model, read
        self._signature = signature or Signature()
        self._max_bytes, self._pause, self._clock = max_bytes, pause, clock
        self._begin()

    def _begin(self) -> None:
        """Make everything that belongs to one process."""
        self._pid = os.getpid()
        self._queue: deque[Exchange] = deque()
        self._waiting = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._asked: list[threading.Event] = []
        self._thread: threading.Thread | None = None
        self._errors: Counter[str] = Counter()
        self._violations: Counter[tuple[str, str]] = Counter()
        self._extra: set[str] = set()
        self._noted, self._noted_at = Tally(), 0.0
        self._skipped = self._lost = self._predicted = 0
        self._told = (0, -_LOG_EVERY)
        # made after the recorder's own, so at the interpreter's exit this one is called before that
        self._finalizer = weakref.finalize(self, _close, weakref.ref(self))

    # on the path of a request

    def put(self, exchange: Exchange) -> bool:
        """Queue an exchange, or count it as dropped when too many bytes wait. Never raises, never waits."""
        try:
            right = exchange.status < 300
            if exchange.status >= 400:
                self.fail(str(exchange.status))
            if not right and not (self._signature and exchange.status >= 400):
                return False
            if right:
                self.metrics.answered(self.model, exchange.latency)
            if not self._make_room(exchange.size):
                if right:
                    self.drop("queue")
                return False
            self._queue.append(exchange)
            if self._waiting > self._max_bytes // 2:
                self._wake.set()
            return True
        except Exception:  # whatever it is, the request that is being answered must not know of it
            _log.debug("an exchange was not taken", exc_info=True)
            return False

    def _make_room(self, size: int) -> bool:
        self._start()
        with self._lock:
            room = not self._closing and self._waiting + size <= self._max_bytes
            self._waiting += size if room else 0
            return room

    def answered(self, rows: int, seconds: float) -> None:
        """Count predictions that the caller recorded itself, and their latency."""
        self._start()
        self.metrics.answered(self.model, seconds)
        self.metrics.predicted(self.model, rows)

    def fail(self, status: str) -> None:
        """Count an answer that is an error, by its status, or by the name of an exception."""
        self._start()
        self.metrics.failed(self.model, status)
        with self._lock:
            self._errors[status] += 1

    def drop(self, reason: str) -> None:
        """Count a prediction that is not recorded, and why: one word."""
        self._start()
        self.metrics.dropped(self.model, reason, 1)
        self.metrics.predicted(self.model, 1)
        with self._lock:
            self._recorder.drop(1, _REASONS.get(reason, reason))
            self._skipped += 1

    def _start(self) -> None:
        """Start the thread, once in each process."""
        if self._thread is not None and self._pid == os.getpid():
            return
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="mirante-intake", daemon=True)
                self._thread.start()

    # the thread

    def _run(self) -> None:
        folder = self._recorder.folder
        with suppress(OSError):
            forget_tallies(folder, self._clock() - _KEPT)
        looked = 0.0
        while True:
            self._wake.wait(self._pause)
            self._wake.clear()
            with self._lock:  # before the queue: what was put before closing, or a flush, is taken
                closing, asked, self._asked = self._closing, self._asked, []
            self._drain()
            if closing or asked or _time.monotonic() - looked >= _EVERY:
                looked = _time.monotonic()
                self._look()
            for event in asked:
                event.set()
            if closing:
                return

    def _drain(self) -> None:
        """Read what waits, in slices of time.

        To get the interpreter from a process that is busy costs this thread up to 5 ms and those who answer
        a forced change of threads, so many bodies are read at each turn; and it is given up again after half
        a millisecond, since it would be kept for 5 ms otherwise.
        """
        until, read = _time.perf_counter() + _SLICE, 0
        for _ in range(len(self._queue)):
            exchange = self._queue.popleft()
            read += exchange.size
            try:
                self._take(exchange)
            except Exception:  # the thread must outlive any body
                _log.debug("an exchange was not understood", exc_info=True)
                if exchange.status < 300:
                    self.drop("unreadable")
            if _time.perf_counter() >= until:
                self._end_slice(read)
                _time.sleep(0 if self._closing else _BREATH)
                until, read = _time.perf_counter() + _SLICE, 0
        self._end_slice(read)

    def _end_slice(self, read: int) -> None:
        """Count what the bodies of a slice said, and make room for as many bytes."""
        if self._predicted:
            self.metrics.predicted(self.model, self._predicted)
            self._predicted = 0
        with self._lock:
            self._waiting -= read

    def _take(self, exchange: Exchange) -> None:
        right = exchange.status < 300
        assert self._read is not None  # noqa: S101  who puts exchanges says how they are read
        try:
            batch = self._read(exchange)
        except SkippedError as skipped:
            if right:
                self.drop(skipped.reason)
            return
        if self._signature and batch.named:
            self._hold_against_signature(batch)
        if batch.predictions is None or not right:
            return
        if len(batch.predictions) != batch.rows:
            self.drop("rows")
            return
        self._predicted += batch.rows
        columns = self._signature.mend(batch.columns) if self._signature else batch.columns
        self._record(exchange, columns, batch.predictions)

    def _record(
        self, exchange: Exchange, columns: Mapping[str, list[Any]], predictions: Sequence[Any]
    ) -> None:
        about: dict[str, Any] = {"latency": exchange.latency, "time": exchange.time}
        if len(predictions) == 1:
            row = {name: values[0] for name, values in columns.items()}
            self._recorder.log(row, predictions[0], id=exchange.id, **about)
        elif predictions:
            ids = [f"{exchange.id}.{number}" for number in range(len(predictions))]
            self._recorder.log(columns, list(predictions), id=ids, **about)

    def _hold_against_signature(self, batch: Batch) -> None:
        for (column, kind), rows in self._signature.violations(batch.columns, batch.rows).items():
            name = self._known(column) if kind == "extra" else column
            self.metrics.violated(self.model, name, kind, rows)
            self._violations[name, kind] += rows

    def _known(self, column: str) -> str:
        """Return an extra column's name, or that of all others: clients choose them, and may choose many."""
        name = (text_of(column) or "").replace("\x00", "\\x00")[:_LONGEST_NAME]
        if name not in self._extra and len(self._extra) >= _MOST_NAMES:
            return _OTHERS
        self._extra.add(name)
        return name

    def _look(self) -> None:
        """Once a second: tell of what the recorder lost, and note beside the log what was counted."""
        with self._lock:
            dropped = self._recorder.dropped
            new, self._lost = dropped - self._skipped - self._lost, dropped - self._skipped
            tally = Tally(dict(self._errors), dict(self._violations))
        if new > 0:
            self.metrics.dropped(self.model, "log", new)
        rows, told = self._told
        if dropped > rows and _time.monotonic() - told >= _LOG_EVERY:
            self._told = dropped, _time.monotonic()
            _log.warning(
                "%d predictions of %r were not recorded (%s); serving goes on",
                dropped - rows,
                self.model,
                self._recorder.reason,
            )
        now = self._clock()  # what a living process noted is not to be taken for one's that ended
        if tally != self._noted or (tally and now - self._noted_at >= _NOTED_AGAIN):
            with suppress(OSError):  # the disk that is full may be free again in a second
                note_tally(self._recorder.make_folder(), self._recorder.process, tally, now)
                self._noted, self._noted_at = tally, now

    def flush(self, timeout: float) -> bool:
        """Wait until all that was put so far is with the recorder; False when the time was over."""
        taken = threading.Event()
        with self._lock:
            if self._thread is None or self._closing:
                return True
            self._asked.append(taken)
        self._wake.set()
        return taken.wait(timeout)

    def close(self) -> None:
        """Take all that waits, note it, and end the thread. Later exchanges are dropped and counted."""
        with self._lock:
            self._closing = True
            thread = self._thread
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()


def _close(me: weakref.ref[Intake]) -> None:
    intake = me()
    if intake is not None:
        intake.close()
