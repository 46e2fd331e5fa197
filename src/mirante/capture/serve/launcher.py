"""The first process of ``mirante serve``: the socket, the model on disk, and workers that are kept alive."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from mirante.capture.serve.model import ServedModel, check_server, fetch_model, which_model
from mirante.capture.serve.worker import Orders
from mirante.errors import ConfigError, InputError, ServeError
from mirante.tracking.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Crew", "ServeSettings", "Supervisor", "cannot_record", "listen", "serve"]

_WORKER = ("-m", "mirante.capture.serve.worker")
_MOST_WAITING = 2048
_LOOK = 0.1
_LONGEST_REST = 30.0
_SHORT_LIFE = 10.0
_MARGIN = 10.0
_NICE = 10  # the model beside takes what the one that answers leaves of the processors


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What to serve, where, and what to record.

    Parameters
    ----------
    uri : str
        The model: ``models:/name/version``, ``models:/name@alias``, ``runs:/…`` or a path.
    log : Path
        Folder of the inference log.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    workers : int
        Processes that answer.
    model, version : str, optional
        What to record under, where the URI does not say.
    prediction : str, optional
        Which of several values of one prediction is recorded: a name, or a position from 0.
    privacy : dict
        What of the features is recorded: of `PrivacyConfig.plain`.
    timeout : int
        Seconds for one request, as in ``mlflow models serve --timeout``.
    tracking_uri : str, optional
        The MLflow server; what MLflow would use itself by default.
    flush_interval : float
        Seconds until a recorded row is durable.
    max_body, max_waiting : int
        Bytes of one request with its answer, and of all that wait to be read, in each worker.
    shadow : str, optional
        The URI of another version, which is asked what this one has answered.
    """

    uri: str
    log: Path
    host: str = "127.0.0.1"
    port: int = 5001
    workers: int = 1
    model: str | None = None
    version: str | None = None
    prediction: str | None = None
    privacy: dict[str, Any] = field(default_factory=dict, repr=False)  # it may hold a key
    timeout: int = 60
    tracking_uri: str | None = None
    flush_interval: float = 1.0
    max_body: int = 8 << 20
    max_waiting: int = 64 << 20
    shadow: str | None = None


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers of one model on one socket.

    Parameters
    ----------
    environ : mapping
        Of the workers.
    orders : Orders
        For them.
    listener : socket
        What they share.
    workers : int
        How many.
    """

    environ: Mapping[str, str]
    orders: Orders
    listener: socket.socket
    workers: int


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, and whose connections answer without delay.

    It is made with IPPROTO_TCP: asyncio sets TCP_NODELAY on such sockets alone, and without that each answer
    on a connection that is kept waits 40 ms (Kludex/uvicorn#3149).

    Parameters
    ----------
    host : str
        A name or address of this machine.
    port : int
        0 for a free one.

    Raises
    ------
    ConfigError
        If the port is taken, or the address is not this machine's.

    Examples
    --------
    >>> with listen("127.0.0.1", 0) as one:
    ...     one.proto == socket.IPPROTO_TCP
    True
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(f"--host {host} is no address of this machine: {error}") from error
    family, _, _, _, address = found[0]
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_MOST_WAITING)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen at {host}, port {port}: {error.strerror or error}; give another --port, or 0 for "
            "a free one"
        ) from error
    return listener


@dataclass(slots=True)
class _Worker:
    """A process that answers."""

    number: int
    process: subprocess.Popen[bytes]
    ready_from: int
    began: float
    ready: bool = False


class Supervisor:
    """Keeps workers alive until it is told to end, and then ends them gracefully.

    Parameters
    ----------
    command : sequence of str
        Of one worker.
    environ : mapping
        Of the workers.
    orders : Orders
        For them.
    listener : socket
        What they share.
    workers : int
        How many.
    say : callable
        Takes lines for whoever looks on.
    beside : Crew, optional
        Workers of another model; that they cannot start, or die, keeps the first ones from nothing.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        orders: Orders,
        listener: socket.socket,
        workers: int,
        say: Callable[[str], None],
        *,
        beside: Crew | None = None,
    ) -> None:
        self._command, self._orders, self._say, self._count = list(command), orders, say, workers
        self._crews = [Crew(environ, orders, listener, workers)] * workers
        self._crews += [] if beside is None else [beside] * beside.workers
        self._life, self._alive = os.pipe()
        self._workers: dict[int, _Worker] = {}
        self._due: dict[int, float] = dict.fromkeys(range(len(self._crews)), 0.0)
        self._rest: dict[int, float] = {}
        self._stop = threading.Event()
        self._hurry = False
        self._answered = False

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT.

        Parameters
        ----------
        ready : callable
            Called once, when every worker answers.

        Raises
        ------
        ServeError
            If a worker ends before it ever answered: the model cannot be loaded.
        """
        signals = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self._told) for number in signals}
        try:
            while not self._stop.is_set():
                self._look()
                if not self._answered and self._all_ready():
                    self._answered = True
                    ready()
                self._stop.wait(_LOOK)
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told(self, number: int, _frame: FrameType | None) -> None:
        # a second Ctrl-C; a second SIGTERM is the same wish, which some send to a process and to its group
        self._hurry = self._hurry or (self._stop.is_set() and number == signal.SIGINT)
        self._stop.set()

    def _all_ready(self) -> bool:
        first = [worker for worker in self._workers.values() if worker.number < self._count]
        return len(first) == self._count and all(worker.ready for worker in first)

    def _look(self) -> None:
        now = time.monotonic()
        for number in [number for number, due in self._due.items() if due <= now]:
            del self._due[number]
            self._workers[number] = self._spawn(number)
        for worker in list(self._workers.values()):
            if not worker.ready:
                with suppress(BlockingIOError):
                    worker.ready = bool(os.read(worker.ready_from, 1))
            if worker.process.poll() is not None:
                self._lost(worker, now)

    def _lost(self, worker: _Worker, now: float) -> None:
        code = worker.process.returncode
        os.close(worker.ready_from)
        del self._workers[worker.number]
        if not self._answered and not worker.ready and worker.number < self._count:
            raise ServeError(
                f"a worker ended with code {code} before it could answer; what it said is above this line"
            )
        # one that dies soon after its start will do so again: wait longer each time
        soon = now - worker.began < _SHORT_LIFE
        rest = min(2 * self._rest.get(worker.number, 0.5), _LONGEST_REST) if soon else 0.0
        self._rest[worker.number] = rest
        self._due[worker.number] = now + rest
        self._say(f"worker {worker.process.pid} ended with code {code}; another takes its place")

    def _spawn(self, number: int) -> _Worker:
        ready_from, ready = os.pipe()
        os.set_blocking(ready_from, False)
        crew = self._crews[number]
        orders = replace(crew.orders, listener=crew.listener.fileno(), life=self._life, ready=ready)
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is our own, without a shell
                self._command,
                env={**crew.environ, **orders.environ()},
                stdin=subprocess.DEVNULL,
                pass_fds=(orders.listener, orders.life, orders.ready),
                start_new_session=True,  # Ctrl-C in a terminal is for the launcher, which tells them
            )
        finally:
            os.close(ready)
        return _Worker(number, process, ready_from, time.monotonic())

    def _end(self) -> None:
        """Ask all workers to end, and end those that do not in time."""
        deadline = time.monotonic() + self._orders.grace + _MARGIN
        self._signal(signal.SIGTERM)
        hurried = False
        while self._living() and time.monotonic() < deadline:
            if self._hurry and not hurried:
                hurried = True
                self._signal(signal.SIGINT)  # the second one: requests that are being answered are let go
            time.sleep(0.02)
        for worker in self._living():
            self._say(f"worker {worker.process.pid} did not end in time and is ended")
            worker.process.kill()
            worker.process.wait()
        for worker in self._workers.values():
            os.close(worker.ready_from)
        self._workers.clear()
        os.close(self._life)
        os.close(self._alive)

    def _living(self) -> list[_Worker]:
        return [worker for worker in self._workers.values() if worker.process.poll() is None]

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._living():
            with suppress(ProcessLookupError):
                worker.process.send_signal(number)


def serve(settings: ServeSettings, say: Callable[[str], None]) -> None:
    """Serve a model as ``mlflow models serve`` does, and record what it is asked and answers.

    Parameters
    ----------
    settings : ServeSettings
        What, where, and what to record.
    say : callable
        Takes lines for whoever looks on: one with the address, and warnings.

    Raises
    ------
    ConfigError
        If the address cannot be used.
    InputError
        If it is not clear which model that is, or there is none.
    TrackingError
        If MLflow does not give it.
    ServeError
        If it cannot be loaded.
    """
    if sys.platform == "win32":
        raise ConfigError("mirante serve hands a socket to its workers, which needs Linux or macOS")
    scratch = Path(tempfile.mkdtemp(prefix="mirante-serve-"))
    before = signal.signal(
        signal.SIGTERM, _leave
    )  # until the workers are there: what was made here is removed
    try:
        with listen(settings.host, settings.port) as listener:
            _serve_on(listener, settings, scratch, say)
    finally:
        signal.signal(signal.SIGTERM, before)
        shutil.rmtree(scratch, ignore_errors=True)
        gc.freeze()  # at its end the interpreter would look through all of MLflow, for seconds


def cannot_record(log: Path) -> str:
    """Return why an inference log cannot be written; empty where it can, and then nothing is made.

    Parameters
    ----------
    log : Path
        Its folder, which need not be there yet.

    Examples
    --------
    >>> cannot_record(Path("/dev/null/log"))
    'the inference log /dev/null/log cannot be written (/dev/null is no folder); name another with --log'
    """
    there = log.absolute()
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return ""
    why = f"no permission in {there}" if there.is_dir() else f"{there} is no folder"
    return f"the inference log {log} cannot be written ({why}); name another with --log"


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _serve_on(
    listener: socket.socket, settings: ServeSettings, scratch: Path, say: Callable[[str], None]
) -> None:
    def client() -> MlflowClient:
        check_server(settings.uri, settings.tracking_uri)
        return connect(settings.tracking_uri)

    model = which_model(
        settings.uri,
        client,
        name=settings.model,
        version=settings.version,
    )
    check_server(model.uri, settings.tracking_uri)
    if why := cannot_record(settings.log):
        say(f"warning: {why}; the model is served all the same, and nothing is recorded until that is mended")
    with ExitStack() as stack:
        beside = None
        if settings.shadow is not None:
            shadow = which_model(settings.shadow, client, name=settings.model)
            if shadow.name != model.name or shadow.version == model.version:
                raise InputError(
                    f"--shadow {settings.shadow} is {shadow.name}, version {shadow.version}, and what is "
                    f"served is {model.name}, version {model.version}; give another version of the same model"
                )
            own = stack.enter_context(listen("127.0.0.1", 0))
            beside = _crew(own, settings, shadow, scratch / "shadow", workers=1, nice=_NICE)
        port = 0 if beside is None else beside.listener.getsockname()[1]
        crew = _crew(listener, settings, model, scratch / "served", workers=settings.workers, shadow=port)
        command = [sys.executable, *_WORKER]
        supervisor = Supervisor(
            command, crew.environ, crew.orders, listener, settings.workers, say, beside=beside
        )
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        what = f"{model.name}, version {model.version}, at http://{shown}:{port}"
        if beside is not None:
            what += f"; version {beside.orders.version} is asked the same beside"
        supervisor.run(lambda: say(f"Serving {what}  (Ctrl-C stops it)"))


def _crew(
    listener: socket.socket,
    settings: ServeSettings,
    model: ServedModel,
    scratch: Path,
    *,
    workers: int,
    shadow: int = 0,
    nice: int = 0,
) -> Crew:
    """Bring a model to this machine, and return who serves it."""
    for folder in (model_folder := scratch / "model", counts := scratch / "counts"):
        folder.mkdir(parents=True)
    path = fetch_model(model.uri, model_folder, settings.tracking_uri)
    from mlflow.pyfunc import scoring_server

    host, port = listener.getsockname()[:2]
    # Of MLflow's own command, `uvicorn … mlflow.pyfunc.scoring_server.app:app`, its environment is used; the
    # app, with the capture in front of it, and the socket are ours.
    _, environ = scoring_server.get_cmd(
        path, port=port, host=host, timeout=settings.timeout, nworkers=workers
    )
    orders = Orders(
        model.name,
        model.version,
        str(settings.log.absolute()),
        settings.prediction,
        settings.privacy,
        settings.flush_interval,
        settings.max_body,
        settings.max_waiting,
        settings.timeout + _MARGIN,
        shadow,
        nice,
    )
    environ["PROMETHEUS_MULTIPROC_DIR"] = str(counts)
    return Crew(environ, orders, listener, workers)
