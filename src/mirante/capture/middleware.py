"""ASGI middleware that records what a model was asked and what it answered, without changing either."""

from __future__ import annotations

import json
import re
import time as _time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from mirante.capture.intake import Batch, Exchange, Intake
from mirante.capture.metrics import CONTENT_TYPE, ServingMetrics
from mirante.capture.privacy import Privacy
from mirante.capture.recorder import Recorder
from mirante.capture.scoring import SkippedError, columns_of, pick
from mirante.capture.shadow import Shadow
from mirante.errors import InputError

__all__ = ["PREDICTION_ID", "Capture", "CaptureMiddleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PREDICTION_ID = b"x-prediction-id"
_GIVEN_ID = re.compile(rb"[!-~]{1,200}")
_GONE = 499
_TO_WRITE = 0.2  # of the time of a flush, at least: the rest is for reading what waits
_AT_THE_END = 5.0  # seconds; a server that is asked to end is killed after ten, or thirty


class Capture:
    """What stands in front of an application: watches the requests of one path, and hands on all others.

    Parameters
    ----------
    app : ASGI application
        What answers.
    intake : Intake
        Takes what was seen.
    path : str
        Of the requests that predict, without a root path; only POST is looked at.
    metrics_path : str, optional
        Where the counters are shown; nowhere when not given.
    max_body : int
        A longer request or answer is answered as any other, counted, and not recorded.
    prefix : callable
        Gives the beginning of ids, unlike any other process'.
    clock : callable
        Seconds since 1970.
    shadow : Shadow, optional
        Is given each request that was answered.
    """

    def __init__(
        self,
        app: App,
        intake: Intake,
        *,
        path: str,
        metrics_path: str | None = None,
        max_body: int = 8 << 20,
        prefix: Callable[[], str],
        clock: Callable[[], float] = _time.time,
        shadow: Shadow | None = None,
    ) -> None:
        self._app, self._intake, self._path = app, intake, path
        self._shadow = shadow
        self._metrics_path, self._max_body, self._clock = metrics_path, max_body, clock
        self._prefix, self._numbers = prefix, count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and see what it said."""
        if scope["type"] == "http":
            path = _path_in_app(scope)
            if path == self._path and scope["method"] == "POST":
                await self._watched(scope, receive, send)
                return
            if path == self._metrics_path and scope["method"] in {"GET", "HEAD"}:
                await _answer(send, self._intake.metrics.render(), bare=scope["method"] == "HEAD")
                return
        await self._app(scope, receive, send)

    async def _watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = _Seen(self._max_body, receive, send, self._id_of(scope["headers"]))
        came = self._clock()
        try:
            await self._app(scope, seen.receive, seen.send)
        except BaseException:
            seen.status = seen.status or (_GONE if seen.gone else 500)
            raise
        finally:
            self._take(scope, seen, came)

    def _take(self, scope: Scope, seen: _Seen, came: float) -> None:
        status = seen.status or _GONE
        if seen.too_long:
            if status < 300:
                self._intake.metrics.answered(self._intake.model, seen.latency)
                self._intake.drop("body")
            elif status >= 400:
                self._intake.fail(str(status))
            return
        kind = _header(scope["headers"], b"content-type").decode("latin-1")
        exchange = Exchange(seen.id.decode("ascii"), came, seen.latency, status, kind, seen.body, seen.answer)
        self._intake.put(exchange)
        if self._shadow is not None and status < 300:
            self._shadow.put(exchange)

    def _id_of(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        given = _header(headers, b"x-request-id")
        if _GIVEN_ID.fullmatch(given):
            return given
        return f"{self._prefix()}-r{next(self._numbers)}".encode("ascii")


class _Seen:
    """One request and its answer while they pass by."""

    __slots__ = (
        "_begun", "_inner", "_left", "_outer",
        "answer", "body", "gone", "id", "latency", "status", "too_long",
    )  # fmt: skip

    def __init__(self, limit: int, receive: Receive, send: Send, id: bytes) -> None:  # noqa: A002  as everywhere
        self._left, self._inner, self._outer, self.id = limit, receive, send, id
        self.body: list[bytes] = []
        self.answer: list[bytes] = []
        self.status = 0
        self.latency = 0.0
        self.gone = self.too_long = False
        self._begun = _time.perf_counter()

    def _keep(self, pieces: list[bytes], piece: bytes) -> None:
        if self.too_long or not piece:
            return
        self._left -= len(piece)
        if self._left < 0:
            self.too_long = True
            self.body, self.answer = [], []
        else:
            pieces.append(piece)

    async def receive(self) -> Message:
        message = await self._inner()
        if message["type"] == "http.request":
            self._keep(self.body, message.get("body", b""))
            if not message.get("more_body", False):
                self._begun = _time.perf_counter()  # a client that sends slowly is not a slow model
        elif message["type"] == "http.disconnect":
            self.gone = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.latency = _time.perf_counter() - self._begun
            self.status = message["status"]
            if self.status < 300:
                message = {**message, "headers": [*message.get("headers", ()), (PREDICTION_ID, self.id)]}
        elif message["type"] == "http.response.body" and self.status < 300:
            self._keep(self.answer, message.get("body", b""))
        await self._outer(message)


class CaptureMiddleware:
    """Records the predictions of your own FastAPI, Starlette or other ASGI application.

    The application answers as before, with one more header: ``X-Prediction-Id``, for labels that come later.
    It is the request's ``X-Request-Id`` where that has one; rows of a batch are ``<id>.0``, ``<id>.1``, …
    What is recorded is read by a thread beside; a request that cannot be read is counted and no more.
    When the server ends (SIGTERM to uvicorn, say), what waits is written before, at the end of the
    application's lifespan. One that has none, or that is mounted in another, has to call `close` itself.

    Parameters
    ----------
    app : ASGI application
        What answers; ``add_middleware`` gives it.
    model : str
        Name of the model.
    path : str, default "/predict"
        Address of the requests that predict, as the application's routes have it, without a root path; of
        those only POST is recorded.
    log : path, default "inference-log"
        Folder of the inference log.
    version : str, default "1"
        The model's version.
    inputs : str or callable, optional
        Where in the request's JSON the features are: a key, or a function of the JSON. An object is one row,
        a list of objects a batch. The whole of it when not given.
    prediction : str or callable, optional
        Where in the answer's JSON the prediction is; ``prediction``, ``predictions`` or the whole of it when
        not given. A list for a batch, one a row.
    metrics : ServingMetrics or str, optional
        Counters that several middlewares share; or an address, such as ``/metrics``, where to show them.
    max_body, max_waiting : int
        Bytes of one request and its answer, and of all that wait to be read; what is beyond is counted and
        not recorded.
    flush_interval : float
        Seconds until a row is durable.
    privacy : Privacy, optional
        Features that are not recorded, or of which a keyed hash is.
    sample : float, default 1.0
        Share of the predictions that is recorded.

    Raises
    ------
    InputError
        If `path` is no path.

    Examples
    --------
    >>> from fastapi import FastAPI
    >>> app = FastAPI()
    >>> app.add_middleware(CaptureMiddleware, model="churn", path="/predict", prediction="score")
    """

    def __init__(
        self,
        app: Any,
        model: str,
        path: str = "/predict",
        log: str | Path = "inference-log",
        version: str = "1",
        *,
        inputs: str | Callable[[Any], Any] | None = None,
        prediction: str | Callable[[Any], Any] | None = None,
        metrics: ServingMetrics | str | None = None,
        max_body: int = 8 << 20,
        max_waiting: int = 64 << 20,
        flush_interval: float = 1.0,
        privacy: Privacy | None = None,
        sample: float = 1.0,
    ) -> None:
        if not path.startswith("/"):
            raise InputError(f"path is {path!r}; give the address of predictions, such as /predict")
        self.recorder = recorder = Recorder(
            model, log, version=version, flush_interval=flush_interval, privacy=privacy, sample=sample
        )
        shared = metrics if isinstance(metrics, ServingMetrics) else None
        self._intake = Intake(
            recorder, model, _Reader(inputs, prediction), metrics=shared, max_bytes=max_waiting
        )
        self._capture = Capture(
            app,
            self._intake,
            path=path,
            metrics_path=metrics if isinstance(metrics, str) else None,
            max_body=max_body,
            prefix=lambda: recorder.process,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and see what it said; before the server ends, what waits is made durable."""
        told = self._until_the_end(send) if scope["type"] == "lifespan" else send
        await self._capture(scope, receive, told)

    def _until_the_end(self, send: Send) -> Send:
        async def saving(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown"):
                self.flush(_AT_THE_END)  # it holds up the event loop, in which no request is left
            await send(message)

        return saving

    def flush(self, timeout: float) -> bool:
        """Wait until what was answered so far is durable.

        Parameters
        ----------
        timeout : float
            Seconds to wait at most, for the reading and the writing together.

        Returns
        -------
        bool
            False when the time was over, or when rows were lost since the last flush; never raises.
        """
        begun = _time.monotonic()
        read = self._intake.flush(timeout * (1.0 - _TO_WRITE))
        # also where reading took too long: what was read is written
        written = self.recorder.flush(max(timeout - (_time.monotonic() - begun), timeout * _TO_WRITE))
        return read and written

    def close(self) -> None:
        """Record what waits, and end the threads; at the interpreter's exit this happens by itself."""
        self._intake.close()
        self.recorder.close()


class _Reader:
    """Finds features and predictions in JSON of the caller's own shape."""

    def __init__(
        self, inputs: str | Callable[[Any], Any] | None, prediction: str | Callable[[Any], Any] | None
    ) -> None:
        self._inputs, self._prediction = inputs, prediction

    def __call__(self, exchange: Exchange) -> Batch:
        asked = _part(_parsed(exchange.body), self._inputs, ())
        said = _part(_parsed(exchange.answer), self._prediction, ("prediction", "predictions"))
        rows = asked if isinstance(asked, list) else [asked]
        if asked == [] == said:
            return Batch({}, [], 0)  # nothing was asked, so nothing is lost
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise SkippedError("shape")
        many = isinstance(asked, list)
        said = said.tolist() if isinstance(said, np.ndarray) else said
        values = said if many and isinstance(said, list) else [said]
        return Batch(columns_of(rows), [pick(value, None) for value in values], len(rows))


def _parsed(pieces: list[bytes]) -> Any:
    try:
        return json.loads(b"".join(pieces))
    except (ValueError, RecursionError) as error:
        raise SkippedError("unreadable") from error


def _part(whole: Any, where: str | Callable[[Any], Any] | None, usual: Sequence[str]) -> Any:
    if callable(where):
        try:
            return where(whole)
        except Exception as error:  # the caller's own function, of a body that any client may send
            raise SkippedError("shape") from error
    if isinstance(where, str):
        if not isinstance(whole, dict) or where not in whole:
            raise SkippedError("shape")
        return whole[where]
    found = [name for name in usual if isinstance(whole, dict) and name in whole]
    return whole[found[0]] if found else whole


def _path_in_app(scope: Scope) -> str:
    """Return the path as the application's routes have it: without what a proxy or a mount put before it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if path.startswith(f"{root}/") else path


def _header(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes:
    for key, value in headers:
        if key == name:
            return value
    return b""


async def _answer(send: Send, body: bytes, *, bare: bool) -> None:
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if bare else body})
