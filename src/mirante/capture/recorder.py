"""The recorder: what a serving process calls for each prediction."""

from __future__ import annotations

import os
import threading
import time as _time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa

from mirante.capture.batches import answer_to, first_of, is_many, rows_in
from mirante.capture.privacy import Privacy, check_share
from mirante.capture.tables import features_of, ids_of, latencies_of, predictions_of
from mirante.capture.times import times_of
from mirante.capture.writer import EXTRA, LogWriter, OddRow, WriterSettings, reason_of
from mirante.counted import counted
from mirante.errors import InputError
from mirante.inference_log.names import make_named_folder, quote_name

__all__ = ["Recorder"]

_SCALARS = frozenset(
    {float, int, bool, str, type(None), np.float64, np.float32, np.int64, np.int32, np.bool_, np.str_}
)
_RECORDERS: weakref.WeakSet[Recorder] = weakref.WeakSet()
_fork_watch = threading.Lock()
_fork_watched = False


class Recorder:
    """Records the predictions of one model, from any thread, without slowing them.

    `log` never raises, never waits for a disk and takes well under a microsecond for a row. A thread brings
    the rows to ``<root>/<model>/<version>/``, durable at most `flush_interval` seconds later; `InferenceLog`
    reads them, and so does anything that reads Parquet.

    Parameters
    ----------
    model : str
        Name of the model; any text.
    root : path
        Folder of the inference log. Several processes may write to it, also for the same model.
    version : str, default "1"
        The model's version; `log` takes another for a row.
    columns : sequence of str, optional
        The features of a row. Without, the first row's keys; rows with others are slower, and as right.
    flush_interval : float, default 1.0
        Seconds until a row is durable.
    capacity : int, default 1,000,000
        Rows that may wait for the thread. What comes beyond is dropped and counted.
    segment_rows, segment_age : int, float
        Rows, and seconds, after which a segment is sealed to Parquet.
    clock : callable
        Gives the time of rows that come without one: seconds since 1970, or a datetime.
    token : callable
        Gives lower-case letters and digits that name this process in file names and ids; each time others.
    privacy : Privacy, optional
        Columns of which nothing, or only a keyed hash, is written: `mirante.Privacy`. The thread sees to it,
        so `log` takes no longer.
    sample : float, default 1.0
        Share of the predictions that is recorded, chosen by a hash of the id. The others are counted in
        `passed`, and in the column ``__rows`` of those that are recorded.

    Notes
    -----
    Values that one column cannot hold together (number and text) become text, counted in `as_text`.
    Missing values (None, NaN, NaT) become null. Lists and mappings become JSON text.
    A forked child records under its own name; the rows that waited at the fork are the parent's.
    Call `close` in a child that ends with ``os._exit`` (multiprocessing does), else its last second is lost.

    Examples
    --------
    >>> import tempfile
    >>> from mirante.inference_log.reader import InferenceLog
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with Recorder("churn", root) as recorder:
    ...         name = recorder.log({"age": 31, "plan": "basic"}, 0.25, latency=0.004)
    ...     table = InferenceLog(root).scan("churn", columns=["age", "plan", "__prediction"])
    >>> table.to_pylist(), recorder.recorded, recorder.dropped
    ([{'age': 31, 'plan': 'basic', '__prediction': 0.25}], 1, 0)
    """

    def __init__(
        self,
        model: str,
        root: str | Path,
        *,
        version: str = "1",
        columns: Sequence[str] | None = None,
        flush_interval: float = 1.0,
        capacity: int = 1_000_000,
        segment_rows: int = 100_000,
        segment_age: float = 3600.0,
        clock: Callable[[], Any] = _time.time,
        token: Callable[[], str] = lambda: uuid4().hex[:12],
        privacy: Privacy | None = None,
        sample: float = 1.0,
    ) -> None:
        if flush_interval <= 0 or capacity < 1 or segment_rows < 1:
            got = f"{flush_interval=}, {capacity=}, {segment_rows=}"
            raise InputError(f"got {got}; flush_interval must be above 0, the others at least 1")
        for name, value in (("model", model), ("root", root), ("version", version)):
            if value is None:
                raise InputError(
                    f"{name} is None; rows are recorded below root/model/version, give all three"
                )
        if privacy is not None and not isinstance(privacy, Privacy):
            raise InputError(
                f"privacy is of type {type(privacy).__name__}; give mirante.Privacy(drop=…, hash=…)"
            )
        path = Path(root).absolute()  # the process may change its folder later
        self._settings = WriterSettings(
            str(model),
            path,
            str(version),
            flush_interval,
            segment_rows,
            segment_age,
            clock,
            privacy,
            check_share(sample),
        )
        self._capacity = capacity
        self._token = token
        self._clock = clock
        self._keys: tuple[Any, ...] | None = None
        self._getter = _getter(())
        self._lock = threading.Lock()
        self._begin()
        if columns is not None:
            self._fix_columns(columns)
        _watch_forks()
        _RECORDERS.add(self)

    def _begin(self) -> None:
        """Make everything that belongs to one process."""
        process = self._token()
        self._writer = LogWriter(self._settings, process)
        self._writer.fix_columns(self._keys or ())
        self._prefix = f"{process}-"
        self._numbers, self._batches = count(), count()
        self._flat = self._writer.flat
        self._extend = self._flat.extend
        self._limit = -1  # no row goes the quick way before the thread runs: `_log_slow` starts it
        self._width = -1 if self._keys is None else len(self._keys)
        # at the recorder's end, and at the interpreter's: the writer does not know the recorder
        self._finalizer = weakref.finalize(self, self._writer.close)

    def log(
        self,
        inputs: Any,
        prediction: Any,
        latency: Any = None,
        *,
        id: Any = None,  # noqa: A002 - the word that callers know
        time: Any = None,
        version: str | None = None,
    ) -> Any:
        """Record one row or one batch.

        Parameters
        ----------
        inputs : mapping, sequence, table or array
            One row: a dict, a sequence in the order of `columns`, or a table of one row, with one prediction.
            A batch: a pandas, Polars or Arrow table, a dict of arrays, a list of dicts or a 2-d array.
        prediction : number, text, or array of them
            One a row. An array makes it a batch. Of several classes also the probability of each: a sequence,
            or a mapping of class to probability, for one row; a 2-d array, a table with a column for each
            class, or a list of those for a batch. See `mirante.inference_log.probabilities`.
        latency : float or array, optional
            Seconds; one number is given to each row of a batch.
        id : str or array, optional
            What labels will be joined on; made up without.
        time : datetime, datetime64, float or array, optional
            When it was predicted. Without a zone it is UTC; numbers are seconds since 1970; now without.
        version : str, optional
            The model's version, where it is not the recorder's.

        Returns
        -------
        str or list of str
            The id, or one a row for a batch; also for rows that are dropped.
        """
        try:
            if (
                len(self._flat) < self._limit
                and type(inputs) is dict
                and len(inputs) == self._width
                and type(prediction) in _SCALARS
            ):
                values = self._getter(inputs)
                row_id = f"{self._prefix}{next(self._numbers)}" if id is None else str(id)
                when = self._clock() if time is None else time
                # a list: Python would make a tuple of these by way of one
                self._extend([*values, prediction, latency, when, row_id, version])
                return row_id
        except Exception:  # noqa: S110 - other keys, or a clock that fails: the careful way sorts it out
            pass
        return self._log_slow(inputs, prediction, latency, id, time, version)

    def _log_slow(
        self, inputs: Any, prediction: Any, latency: Any, given: Any, time: Any, version: Any
    ) -> Any:
        """Record what `log` could not in its quick way: the first row, other keys, batches, or nothing."""
        many, rows = False, 1
        try:
            prediction, many = answer_to(inputs, prediction)
            rows = len(prediction) if many else 1
            self._writer.start()
            features = self._row_of(inputs, many, rows)
            if features is None:
                ids = self._log_batch(inputs, prediction, latency, given, time, version)
                return ids if many else ids[0]
            if many:
                prediction = first_of(prediction)
            when = self._settings.now() / 1e6 if time is None else time
            row_id = self._ids(None if given is None else [given], 1)[0]
            self._log_row(features, (_item(prediction), latency, when, row_id, version))
            return [row_id] if many else row_id
        except Exception as error:  # a caller that serves must not fail because it is watched
            rows = max(rows, rows_in(inputs))
            self._writer.refuse(rows, reason_of(error, self._settings.privacy))
            ids = self._ids(None, rows)
            return ids if many or rows > 1 else ids[0]

    def _ids(self, given: Any, rows: int) -> list[str]:
        if given is not None:
            return ids_of(given, rows)
        if rows == 1:
            return [f"{self._prefix}{next(self._numbers)}"]
        batch = f"{self._prefix}b{next(self._batches)}."
        return [f"{batch}{number}" for number in range(rows)]

    def _row_of(self, inputs: Any, many: bool, rows: int) -> dict[Any, Any] | None:
        """Return the features of one row, or None when the inputs are a table or a batch."""
        if many and rows != 1:
            return None
        if isinstance(inputs, Mapping):
            return None if many and any(is_many(value) for value in inputs.values()) else dict(inputs)
        if isinstance(inputs, np.ndarray) and inputs.ndim == 1:
            inputs = inputs.tolist()
        if not isinstance(inputs, (list, tuple)) or (
            inputs and isinstance(inputs[0], (Mapping, list, tuple, np.ndarray))
        ):
            return None
        if self._keys is None or len(self._keys) != len(inputs):
            raise InputError(
                f"got a sequence of {counted(len(inputs), 'value', 'values')} for the columns {self._keys}; "
                "give columns="
            )
        return dict(zip(self._keys, inputs, strict=True))

    def _log_row(self, features: dict[Any, Any], rest: tuple[Any, ...]) -> None:
        if self._keys is None:
            self._fix_columns(features)
        keys = self._keys or ()
        if self._limit < 0 and not self._writer.closed:
            self._limit = self._capacity * (len(keys) + EXTRA)
        if self._writer.closed:
            self._writer.refuse(1, "the recorder is closed")
        elif features.keys() != set(keys):
            if len(self._writer.odd) < self._capacity:
                self._writer.odd.append(OddRow(features, rest))
            else:
                self._writer.refuse(1, f"more than {self._capacity} rows waited")
        elif len(self._flat) < self._limit:
            self._extend((*[features[key] for key in keys], *rest))
        else:
            self._writer.refuse(1, f"more than {self._capacity} rows waited")

    def _fix_columns(self, keys: Iterable[Any]) -> None:
        """Decide, once, what a row of the flat list is."""
        with self._lock:
            if self._keys is None:
                self._keys = tuple(keys)
                self._writer.fix_columns(self._keys)
                self._getter = _getter(self._keys)
                self._width = len(self._keys)  # last: from here on rows go the quick way

    def _log_batch(
        self, inputs: Any, prediction: Any, latency: Any, given: Any, time: Any, version: Any
    ) -> list[str]:
        """Queue a batch as an Arrow table."""
        table = features_of(inputs, self._keys, self._writer.note_text, self._settings.privacy)
        # of a table without columns, which privacy can leave, Arrow knows no rows
        rows = table.num_rows if table.num_columns else len(prediction) if is_many(prediction) else 1
        if not rows:
            return []
        ids = self._ids(given, rows)
        now = self._settings.now()
        if is_many(time):
            times, unread = times_of(time, now)
        else:
            one, unread = times_of([now / 1e6 if time is None else time], now)
            times = pa.repeat(one[0], rows)
        self._writer.note_times(unread)
        if len(times) != rows:
            raise InputError(
                f"got {counted(len(times), 'time', 'times')} for {counted(rows, 'row', 'rows')}; "
                "give one, or one a row"
            )
        names = pa.array(ids, pa.string())
        table = table.append_column("__id", names) if table.num_columns else pa.table({"__id": names})
        table = table.append_column("__time", times)
        table = table.append_column("__latency", latencies_of(latency, rows))
        for name, column in predictions_of(prediction, rows, self._writer.note_classes).items():
            table = table.append_column(name, column)
        self._writer.put(self._settings.version if version is None else str(version), table, self._capacity)
        return ids

    @property
    def recorded(self) -> int:
        """Rows that reached the inference log."""
        return self._writer.recorded

    @property
    def dropped(self) -> int:
        """Rows that will never reach it: too many waited, the disk refused them, or they made no sense."""
        return self._writer.dropped

    @property
    def process(self) -> str:
        """The letters and digits that name this process in file names and ids."""
        return self._writer.process

    @property
    def reason(self) -> str:
        """Why rows were dropped, the last time; empty when none were."""
        return self._writer.reason

    @property
    def folder(self) -> Path:
        """Where the rows of the model's version lie; it may not be there yet."""
        settings = self._settings
        return settings.root / quote_name(settings.model) / quote_name(settings.version)

    def make_folder(self) -> Path:
        """Return `folder`, and make it.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OSError
            If it cannot be made.
        """
        settings = self._settings
        return make_named_folder(make_named_folder(settings.root, settings.model), settings.version)

    def drop(self, rows: int, reason: str) -> None:
        """Count rows that cannot be recorded, as if they had been dropped here.

        Parameters
        ----------
        rows : int
            How many.
        reason : str
            Why, in words, for those who look after the log.
        """
        try:
            self._writer.start()
            self._writer.refuse(rows, reason)
        except Exception:  # noqa: S110 - as `log`: a caller that serves must not fail
            pass

    @property
    def passed(self) -> int:
        """Rows that were passed over because only a share of them is recorded."""
        return self._writer.sampler.passed

    @property
    def as_text(self) -> dict[str, int]:
        """Rows of each column that are text because no column can hold them otherwise.

        The column's values are of several types, or, of ``__prediction``, rows came with probabilities of
        classes beyond the first 100 of a version.
        """
        return dict(self._writer.as_text)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every row recorded so far is durable.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        bool
            False when the time was over, or when rows were lost since the last flush; never raises.
        """
        return self._writer.flush(timeout)

    def close(self) -> None:
        """Write what waits, seal the segments and end the thread. Later rows are dropped and counted."""
        self._limit = -1
        self._finalizer()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _forked(self) -> None:
        """In a forked child: begin anew, without the parent's rows and files."""
        self._finalizer.detach()
        self._writer.abandon()
        self._lock = threading.Lock()
        self._begin()


def _getter(keys: tuple[Any, ...]) -> Callable[[Mapping[Any, Any]], tuple[Any, ...]]:
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda features: tuple(features[key] for key in keys)  # itemgetter of one gives no tuple


def _item(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _watch_forks() -> None:
    """See to it that recorders begin anew in forked children; asked for by the first recorder."""
    global _fork_watched
    with _fork_watch:
        if not _fork_watched and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_begin_anew)
            _fork_watched = True


def _begin_anew() -> None:
    for recorder in list(_RECORDERS):
        recorder._forked()
