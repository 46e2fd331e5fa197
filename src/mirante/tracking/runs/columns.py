"""Runs as typed columns: what a page of MLflow's search gives is folded in and forgotten.

A run as a Python object with its metrics, parameters and tags takes some 20 kB; in columns it takes what its
values take. Metrics, parameters and tags are sparse: a column holds the rows that have a value, so that
experiments with thousands of names cost no more than their values.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mirante.tracking.client import moment_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEFT_OUT_TAGS", "MetricColumn", "RunColumns", "RunFolder", "TextColumn", "utc_moment"]

LEFT_OUT_TAGS = frozenset({"mlflow.runName", "mlflow.log-model.history"})
"""Tags that are not kept: the name is a field of its own, the history repeats each model's description."""

_INFINITE = 1.79769e308  # MLflow's SQL store clips an infinite metric to the greatest float
_NEVER = np.iinfo(np.int64).min  # NaT, as an integer
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999  # milliseconds: the years 1 to 9999


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """The last values of one metric.

    Parameters
    ----------
    rows : ndarray of int32, shape (k,)
        Which runs have it, ascending.
    values : ndarray of float64, shape (k,)
        NaN and infinite as they were logged.
    """

    rows: NDArray[np.int32]
    values: NDArray[np.float64]

    def dense(self, count: int) -> NDArray[np.float64]:
        """Return one value for each of `count` runs, NaN where there is none.

        Examples
        --------
        >>> MetricColumn(np.array([1], dtype=np.int32), np.array([0.5])).dense(3).tolist()
        [nan, 0.5, nan]
        """
        out = np.full(count, np.nan)
        out[self.rows] = self.values
        return out

    def _taken(self, place: NDArray[np.int32]) -> MetricColumn:
        rows, kept = _moved(self.rows, place)
        return MetricColumn(rows, self.values[kept])


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A parameter or a tag.

    Parameters
    ----------
    rows : ndarray of int32, shape (k,)
        Which runs have it, ascending.
    codes : ndarray of int32, shape (k,)
        Places in `levels`.
    levels : sequence of str
        Its distinct values.
    """

    rows: NDArray[np.int32]
    codes: NDArray[np.int32]
    levels: Sequence[str]

    def dense(self, count: int) -> NDArray[np.object_]:
        """Return one text for each of `count` runs, None where there is none.

        Examples
        --------
        >>> column = TextColumn(np.array([0, 2], np.int32), np.array([0, 0], np.int32), ["adam"])
        >>> column.dense(3).tolist()
        ['adam', None, 'adam']
        """
        out = np.full(count, None, dtype=object)
        out[self.rows] = np.array(self.levels, dtype=object)[self.codes]
        return out

    def numbers(self) -> NDArray[np.float64] | None:
        """Return the values of `rows` as numbers; None unless each of them is one.

        Examples
        --------
        >>> rows, codes = np.arange(2, dtype=np.int32), np.arange(2, dtype=np.int32)
        >>> TextColumn(rows, codes, ["0.1", "3"]).numbers().tolist()
        [0.1, 3.0]
        >>> TextColumn(rows, codes, ["0.1", "auto"]).numbers() is None
        True
        """
        try:
            known = np.array([float(level) for level in self.levels])
        except ValueError:
            return None
        return known[self.codes] if np.isfinite(known).all() else None

    def _taken(self, place: NDArray[np.int32]) -> TextColumn:
        rows, kept = _moved(self.rows, place)
        used, codes = np.unique(self.codes[kept], return_inverse=True)
        return TextColumn(rows, codes.astype(np.int32), [self.levels[code] for code in used])


def _moved(rows: NDArray[np.int32], place: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the new rows, ascending, and which of the old ones they were; a place of -1 drops a row."""
    moved = place[rows]
    order = np.argsort(moved, kind="stable")
    kept = order[np.searchsorted(moved[order], 0) :]
    return moved[kept], kept


@dataclass(frozen=True, slots=True, eq=False)
class RunColumns:
    """Runs of one or more experiments, the oldest first; of equals in time the lesser id.

    Parameters
    ----------
    run_ids, experiment_ids, names, statuses, users : ndarray of str, shape (n,)
        As MLflow has them; a run without a name is named by its id.
    started, ended : ndarray of datetime64[ms], shape (n,)
        UTC; NaT where there is none, and for one outside the years 1 to 9999: nanoseconds, say.
    last_logged : ndarray of datetime64[ms], shape (n,)
        The latest time of a metric's last value, as the run itself stated it; NaT without metrics.
    last_steps : ndarray of int64, shape (n,)
        The greatest step of a metric's last value; -1 without metrics.
    datasets : ndarray of int32, shape (n,)
        How many data sets the run logged as inputs.
    models : sequence of tuple of str, n
        The ids of the models that it logged.
    metrics : mapping of str to MetricColumn
        By name, sorted.
    params, tags : mapping of str to TextColumn
        By name, sorted; without `LEFT_OUT_TAGS`.
    """

    run_ids: NDArray[np.object_]
    experiment_ids: NDArray[np.object_]
    names: NDArray[np.object_]
    statuses: NDArray[np.object_]
    users: NDArray[np.object_]
    started: NDArray[np.datetime64]
    ended: NDArray[np.datetime64]
    last_logged: NDArray[np.datetime64]
    last_steps: NDArray[np.int64]
    datasets: NDArray[np.int32]
    models: Sequence[tuple[str, ...]]
    metrics: Mapping[str, MetricColumn]
    params: Mapping[str, TextColumn]
    tags: Mapping[str, TextColumn]

    def __len__(self) -> int:
        return len(self.run_ids)

    @property
    def nbytes(self) -> int:
        """Return about how many bytes the columns take; texts that runs share count once."""
        fixed = 12 * 8 * len(self) + sum(len(one) + 57 for one in self.run_ids)
        fixed += sum(len(one) + 49 for one in self.names)
        numbers = sum(12 * len(column.rows) for column in self.metrics.values())
        texts = sum(
            8 * len(column.rows) + sum(len(level) + 57 for level in column.levels)
            for part in (self.params, self.tags)
            for column in part.values()
        )
        return fixed + numbers + texts

    def take(self, which: NDArray[Any]) -> RunColumns:
        """Return some of the runs.

        Parameters
        ----------
        which : ndarray of bool, shape (n,), or of int
            A mask, or places in the order that is wanted.

        Returns
        -------
        RunColumns
            Metrics, parameters and tags that none of them has are gone.
        """
        chosen = np.flatnonzero(which) if which.dtype == np.bool_ else which
        place = np.full(len(self), -1, dtype=np.int32)
        place[chosen] = np.arange(len(chosen), dtype=np.int32)
        return RunColumns(
            run_ids=self.run_ids[chosen],
            experiment_ids=self.experiment_ids[chosen],
            names=self.names[chosen],
            statuses=self.statuses[chosen],
            users=self.users[chosen],
            started=self.started[chosen],
            ended=self.ended[chosen],
            last_logged=self.last_logged[chosen],
            last_steps=self.last_steps[chosen],
            datasets=self.datasets[chosen],
            models=[self.models[row] for row in chosen.tolist()],
            metrics=_kept(self.metrics, place),
            params=_kept(self.params, place),
            tags=_kept(self.tags, place),
        )

    def frame(self) -> pd.DataFrame:
        """Return one row for each run: ``metrics.…`` are floats, ``params.…`` and ``tags.…`` texts or None.

        Returns
        -------
        pandas.DataFrame
            ``started`` and ``ended`` are UTC. Names that only a few runs have still get a column.
        """
        import pandas as pd

        count = len(self)
        columns: dict[str, Any] = {
            "run_id": self.run_ids,
            "experiment_id": self.experiment_ids,
            "name": self.names,
            "status": pd.Categorical(self.statuses),
            "user": pd.Categorical(self.users),
            "started": pd.DatetimeIndex(self.started).tz_localize("UTC"),
            "ended": pd.DatetimeIndex(self.ended).tz_localize("UTC"),
        }
        for name, metric in self.metrics.items():
            columns[f"metrics.{name}"] = metric.dense(count)
        for kind, part in (("params", self.params), ("tags", self.tags)):
            for name, text in part.items():
                codes = np.full(count, -1, dtype=np.int32)
                codes[text.rows] = text.codes
                columns[f"{kind}.{name}"] = pd.Categorical.from_codes(codes, categories=pd.Index(text.levels))
        return pd.DataFrame(columns)


def _kept(part: Mapping[str, Any], place: NDArray[np.int32]) -> dict[str, Any]:
    moved = {name: column._taken(place) for name, column in part.items()}
    return {name: column for name, column in moved.items() if len(column.rows)}


class _Texts:
    """One text column while it grows."""

    __slots__ = ("codes", "levels", "rows")

    def __init__(self) -> None:
        self.rows, self.codes = array("i"), array("i")
        self.levels: dict[str, int] = {}

    def add(self, row: int, value: str) -> None:
        code = self.levels.get(value)
        if code is None:
            code = self.levels.setdefault(_whole(value), len(self.levels))
        self.rows.append(row)
        self.codes.append(code)

    def column(self) -> TextColumn:
        return TextColumn(_array(self.rows, np.int32), _array(self.codes, np.int32), list(self.levels))


class RunFolder:
    """Takes runs one after the other and makes columns of them.

    Parameters
    ----------
    leave_out_tags : collection of str
        Tags that are not kept.

    Examples
    --------
    >>> folder = RunFolder()
    >>> folder.add({"info": {"run_id": "1f", "status": "FINISHED"}, "data": {"metrics": [
    ...     {"key": "loss", "value": "NaN", "timestamp": 5, "step": 2}]}})
    >>> folder.columns().metrics["loss"].values.tolist()
    [nan]
    """

    def __init__(self, leave_out_tags: Iterable[str] = LEFT_OUT_TAGS) -> None:
        self._leave_out = frozenset(leave_out_tags)
        self._seen: set[str] = set()
        self._heads: tuple[list[str], ...] = ([], [], [], [], [])
        self._times = (array("q"), array("q"), array("q"))
        self._steps, self._datasets = array("q"), array("i")
        self._models: list[tuple[str, ...]] = []
        self._metrics: dict[str, tuple[array[int], array[float]]] = {}
        self._params: dict[str, _Texts] = {}
        self._tags: dict[str, _Texts] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, run: Mapping[str, Any]) -> None:
        """Take one run as MLflow's REST API says it; one that is there already changes nothing.

        Parameters
        ----------
        run : mapping
            With ``info``, ``data``, ``inputs`` and ``outputs``, of which all but ``info`` may be missing.
        """
        info = run["info"]
        run_id = str(info.get("run_id") or info.get("run_uuid"))
        if run_id in self._seen:  # pages move when a run is started or deleted while they are read
            return
        self._seen.add(run_id)
        row = len(self._heads[0])
        heads = (
            run_id,
            intern(str(info.get("experiment_id", ""))),
            _whole(str(info.get("run_name") or run_id)),
            intern(str(info.get("status", ""))),
            intern(str(info.get("user_id", ""))),
        )
        for held, text in zip(self._heads, heads, strict=True):
            held.append(text)
        data = run.get("data") or {}
        last, step = self._add_metrics(row, data.get("metrics", ()))
        moments = (_time(info.get("start_time")), _time(info.get("end_time")), last)
        for times, moment in zip(self._times, moments, strict=True):
            times.append(moment)
        self._steps.append(step)
        for param in data.get("params", ()):
            _texts(self._params, param["key"]).add(row, param.get("value", ""))
        for tag in data.get("tags", ()):
            if tag["key"] not in self._leave_out:
                _texts(self._tags, tag["key"]).add(row, tag.get("value", ""))
        self._datasets.append(len((run.get("inputs") or {}).get("dataset_inputs", ())))
        outputs = (run.get("outputs") or {}).get("model_outputs", ())
        self._models.append(tuple(str(one["model_id"]) for one in outputs))

    def _add_metrics(self, row: int, metrics: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
        last, step = _NEVER, -1
        known = self._metrics
        for metric in metrics:
            key = metric["key"]
            pair = known.get(key)
            if pair is None:
                pair = known.setdefault(_whole(key), (array("i"), array("d")))
            value = float(metric.get("value", 0.0))  # JSON has NaN as a text
            pair[0].append(row)
            pair[1].append(math.copysign(math.inf, value) if abs(value) >= _INFINITE else value)
            last = max(last, _time(metric.get("timestamp")))
            step = max(step, int(metric.get("step") or 0))
        return last, step

    def columns(self) -> RunColumns:
        """Return what came in, sorted."""
        ids, experiments, names, statuses, users = (_objects(texts) for texts in self._heads)
        started, ended, logged = (_array(times, np.int64).view("datetime64[ms]") for times in self._times)
        found = RunColumns(
            run_ids=ids,
            experiment_ids=experiments,
            names=names,
            statuses=statuses,
            users=users,
            started=started,
            ended=ended,
            last_logged=logged,
            last_steps=_array(self._steps, np.int64),
            datasets=_array(self._datasets, np.int32),
            models=self._models,
            metrics={
                name: MetricColumn(_array(rows, np.int32), _array(values, np.float64))
                for name, (rows, values) in sorted(self._metrics.items())
            },
            params={name: texts.column() for name, texts in sorted(self._params.items())},
            tags={name: texts.column() for name, texts in sorted(self._tags.items())},
        )
        order = np.lexsort((ids.astype(str), started)) if len(ids) else np.arange(0)
        return found if np.array_equal(order, np.arange(len(ids))) else found.take(order)


def utc_moment(time: np.datetime64) -> datetime | None:
    """Return a column's time as an aware datetime; None for NaT, and for one that no calendar has.

    Examples
    --------
    >>> utc_moment(np.datetime64("2013-02-08T05:00", "ms")).isoformat(), utc_moment(np.datetime64("NaT"))
    ('2013-02-08T05:00:00+00:00', None)
    """
    return None if np.isnat(time) else moment_of(int(time.astype("datetime64[ms]").astype(np.int64)))


def _time(milliseconds: Any) -> int:
    """Return a time as MLflow says it; what was logged in another unit is never."""
    said = int(milliseconds or 0)
    return said if said and _FIRST <= said <= _LAST else _NEVER


def _texts(part: dict[str, _Texts], name: str) -> _Texts:
    found = part.get(name)
    return part.setdefault(_whole(name), _Texts()) if found is None else found


def _whole(text: str) -> str:
    """Return text that UTF-8 can write: JSON may hold halves of characters, which Arrow refuses."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _array(values: array[Any], kind: type) -> NDArray[Any]:
    """Return a copy as an array: one that shared its memory would keep it from growing."""
    return np.frombuffer(values, dtype=kind).copy() if len(values) else np.zeros(0, dtype=kind)


def _objects(texts: list[str]) -> NDArray[np.object_]:
    out = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out
