"""A decorator that records what a predict function is given and gives back."""

from __future__ import annotations

import functools
import inspect
import logging
import time as _time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from mirante.capture.intake import Intake
from mirante.capture.metrics import ServingMetrics
from mirante.capture.privacy import Privacy
from mirante.capture.recorder import Recorder
from mirante.errors import InputError

__all__ = ["record", "recorded_by"]

_log = logging.getLogger("mirante.capture")
_PLAIN = (str, bytes, int, float, type(None))
_Given = ParamSpec("_Given")
_Said = TypeVar("_Said")


def record(
    model: str,
    log: str | Path = "inference-log",
    version: str = "1",
    *,
    inputs: str | Callable[..., Any] | None = None,
    prediction: Callable[[Any], Any] | None = None,
    id: str | None = None,  # noqa: A002 - the word that callers know
    metrics: ServingMetrics | None = None,
    flush_interval: float = 1.0,
    privacy: Privacy | None = None,
    sample: float = 1.0,
) -> Callable[[Callable[_Given, _Said]], Callable[_Given, _Said]]:
    """Record the predictions of a function, plain or async, without changing or slowing them.

    What it returns and raises is as before. Its time is the latency; an exception is counted by its name and
    goes on. The decorated function has the attributes ``recorder`` (a `Recorder`: ``flush``, ``dropped``),
    ``metrics`` (a `ServingMetrics`: ``render`` gives Prometheus' text) and ``close``, which writes what
    waits; at the interpreter's exit this happens by itself.

    Parameters
    ----------
    model : str
        Name of the model.
    log : path, default "inference-log"
        Folder of the inference log.
    version : str, default "1"
        The model's version.
    inputs : str or callable, optional
        What the features are: the name of an argument, or a function of all arguments. Without, the only
        argument if it is a dict, a table or an array, else all arguments by their names as one row.
    prediction : callable, optional
        Makes the prediction of what the function returns: a number or a text, or one a row.
    id : str, optional
        Name of the argument that is the prediction's id, for labels that come later.
    metrics : ServingMetrics, optional
        Counters that several functions share; of its own when not given.
    flush_interval : float
        Seconds until a row is durable.
    privacy : Privacy, optional
        Features that are not recorded, or of which a keyed hash is.
    sample : float, default 1.0
        Share of the predictions that is recorded.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    InputError
        If it is used without arguments, `inputs` or `id` is no argument of the function, or the function is a
        generator.

    Examples
    --------
    >>> import tempfile
    >>> from mirante.inference_log.reader import InferenceLog
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     @record(model="churn", log=folder)
    ...     def predict(age: float, plan: str) -> float:
    ...         return 0.25
    ...     answer = predict(31, plan="basic")
    ...     predict.close()
    ...     InferenceLog(folder).scan("churn", columns=["age", "plan", "__prediction"]).to_pylist()
    [{'age': 31, 'plan': 'basic', '__prediction': 0.25}]
    """
    if callable(model):
        raise InputError('record needs the name of the model: write @mirante.record(model="...")')

    def decorate(function: Callable[_Given, _Said]) -> Callable[_Given, _Said]:
        _check(function, inputs, id)
        recorder = Recorder(
            model, log, version=version, flush_interval=flush_interval, privacy=privacy, sample=sample
        )
        return recorded_by(
            recorder, model, function, inputs=inputs, prediction=prediction, id=id, metrics=metrics
        )

    return decorate


def recorded_by(
    recorder: Recorder,
    model: str,
    function: Callable[_Given, _Said],
    *,
    inputs: str | Callable[..., Any] | None = None,
    prediction: Callable[[Any], Any] | None = None,
    id: str | None = None,  # noqa: A002 - as above
    metrics: ServingMetrics | None = None,
) -> Callable[_Given, _Said]:
    """Return a function whose calls a recorder records: what `record` does once it has made one.

    Parameters
    ----------
    recorder : Recorder
        Closed by ``close`` of what is returned.
    model : str
        Name of the model.
    function : callable
        Any.
    inputs, prediction, id, metrics : optional
        As for `record`.
    """
    intake = Intake(recorder, model, metrics=metrics, pause=1.0)
    notes = _Notes(function, recorder, intake, inputs, prediction, id)
    found = functools.wraps(function)(_watched(function, notes))
    parts = {"recorder": recorder, "metrics": intake.metrics, "close": partial(_close, intake, recorder)}
    vars(found).update(parts)
    return cast("Callable[_Given, _Said]", found)


def _close(intake: Intake, recorder: Recorder) -> None:
    intake.close()
    recorder.close()


def _watched(function: Callable[..., Any], notes: _Notes) -> Callable[..., Any]:
    if not inspect.iscoroutinefunction(function):

        def watched(*args: Any, **kwargs: Any) -> Any:
            with _Call(notes, args, kwargs) as call:
                return call.gave(function(*args, **kwargs))

        return watched

    async def waiting(*args: Any, **kwargs: Any) -> Any:
        with _Call(notes, args, kwargs) as call:
            return call.gave(await function(*args, **kwargs))

    return waiting


class _Notes:
    """Says of a function's arguments which are the features, and of its answer which is the prediction."""

    def __init__(
        self,
        function: Callable[..., Any],
        recorder: Recorder,
        intake: Intake,
        inputs: str | Callable[..., Any] | None,
        prediction: Callable[[Any], Any] | None,
        id: str | None,  # noqa: A002 - as above
    ) -> None:
        self._signature = inspect.signature(function)
        self._first = next(iter(self._signature.parameters), "")
        self._recorder, self.intake = recorder, intake
        self._inputs, self._prediction, self._id = inputs, prediction, id

    def given(self, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return the features and the id of a call; taken before it, since it may change what it is given."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        found = dict(bound.arguments)
        for parameter in self._signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                found |= found.pop(parameter.name)
        if self._first in {"self", "cls"}:
            found.pop(self._first)
        name = None if self._id is None else found.pop(self._id, None)
        features = self._features(found, args, kwargs)
        return _own(features), name

    def _features(self, found: dict[str, Any], args: Any, kwargs: Any) -> Any:
        if callable(self._inputs):
            return self._inputs(*args, **kwargs)
        if self._inputs is not None:
            return found[self._inputs]
        only = next(iter(found.values())) if len(found) == 1 else None
        table = isinstance(only, Mapping) or hasattr(only, "__arrow_c_stream__")
        # a number of NumPy's is an array of no dimensions
        table = table or (hasattr(only, "__array__") and getattr(only, "ndim", 1) > 0)
        return only if table or (isinstance(only, list) and only) else found

    def note(self, given: tuple[Any, Any], answer: Any, latency: float, time: float) -> None:
        """Record one call."""
        said = answer if self._prediction is None else self._prediction(answer)
        found = self._recorder.log(given[0], said, latency, id=given[1], time=time)
        self.intake.answered(len(found) if isinstance(found, list) else 1, latency)


def _own(value: Any) -> Any:
    """Return a copy that does not change with what the caller's function does to its arguments."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {name: _own(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_own(part) for part in value]
    if isinstance(value, np.ndarray) or hasattr(value, "iloc"):
        return value.copy() if value.ndim else value.item()
    return value.clone() if hasattr(value, "clone") else value  # Polars, tensors; Arrow cannot be changed


class _Call:
    """One call of a recorded function, as a ``with`` block around it."""

    __slots__ = ("_args", "_begun", "_given", "_kwargs", "_notes", "_time")

    def __init__(self, notes: _Notes, args: Any, kwargs: Any) -> None:
        self._notes, self._args, self._kwargs = notes, args, kwargs
        self._given: tuple[Any, Any] | None = None

    def __enter__(self) -> _Call:
        try:
            self._given = self._notes.given(self._args, self._kwargs)
        except Exception:  # arguments that do not fit are the function's to refuse, in its own words
            _log.debug("the arguments of a call cannot be told", exc_info=True)
        self._time, self._begun = _time.time(), _time.perf_counter()
        return self

    def gave(self, answer: _Said) -> _Said:
        """Record what the function gave, and give it."""
        seconds = _time.perf_counter() - self._begun
        try:
            if self._given is None:
                self._notes.intake.drop("shape")
            else:
                self._notes.note(self._given, answer, seconds, self._time)
        except Exception:  # the caller must not fail because it is watched
            _log.debug("a call was not recorded", exc_info=True)
            self._notes.intake.drop("shape")
        return answer

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            self._notes.intake.fail(type(error).__name__)


def _check(function: Callable[..., Any], *named: Any) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InputError(f"{function.__qualname__} is a generator; record a function that returns")
    parameters = inspect.signature(function).parameters
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    for name in named:
        if isinstance(name, str) and name not in parameters and not takes_all:
            known = ", ".join(parameters) or "none"
            raise InputError(f"{function.__qualname__} has no argument {name!r}; it has: {known}")
