"""A real ``mlflow server`` of our own, for the demonstration and for tests."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from mirante.errors import MissingDependencyError, TrackingError

__all__ = ["ServerProcess", "free_port", "start_server"]

_TAIL_LINES = 20


def free_port() -> int:
    """Return a loopback port that nothing listened on a moment ago.

    Returns
    -------
    int
        A port number; another program may take it before you do.

    Examples
    --------
    >>> 1024 < free_port() < 65536
    True
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class ServerProcess:
    """A running MLflow server and all its children; leaving the context stops them.

    Parameters
    ----------
    uri : str
        The tracking URI: ``http://127.0.0.1:<port>``.
    port : int
        The loopback port.
    folder : Path
        Where its database, artifacts and log are.
    process : subprocess.Popen
        The first process; it leads a process group of its own.
    """

    uri: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def log_path(self) -> Path:
        """The file that the server's output goes to."""
        return self.folder / "mlflow-server.log"

    @property
    def running(self) -> bool:
        """Whether the server's first process lives."""
        return self.process.poll() is None

    def stop(self, *, timeout: float = 5.0) -> None:
        """Ask the whole process group to end, and end it after `timeout` seconds; twice is fine.

        Parameters
        ----------
        timeout : float, default 5
            Seconds to wait for a clean end.
        """
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """End the whole process group at once, as a power cut would."""
        self._signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if os.name != "posix":
            self.process.terminate()
            return
        # the group outlives its first process when a worker hangs, so it is asked whether or not that one
        # lives
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_server(
    folder: Path | str,
    *,
    port: int | None = None,
    workers: int = 1,
    timeout: float = 120.0,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> ServerProcess:
    """Start ``mlflow server`` on loopback with SQLite and artifacts in a folder, and wait until it answers.

    Job execution is switched off and one worker is the default: about 9 seconds and 0.5 GB instead of 20
    seconds and 2 GB. A folder that was used before gives its runs and models back.

    Parameters
    ----------
    folder : path
        Made if missing; database, artifacts and log go there.
    port : int, optional
        The loopback port; a free one by default.
    workers : int, default 1
        Server processes. With two or more, uvicorn adds 40 ms to every request.
    timeout : float, default 120
        Seconds to wait for the first answer.
    environ : mapping of str to str, optional
        The environment; this process' own by default. Its MLFLOW variables are not handed on.
    options : mapping of str to str, optional
        MLFLOW variables for this server: ``{"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https"}``.

    Returns
    -------
    ServerProcess
        Use it as a context manager, or call its ``stop``.

    Raises
    ------
    MissingDependencyError
        If only mlflow-skinny is installed.
    TrackingError
        If the port is taken, or the server ends or does not answer in time; the message carries the end of
        its log.
    """
    if importlib.util.find_spec("flask") is None:  # what the server needs and mlflow-skinny does not bring
        raise MissingDependencyError(
            "a server needs full MLflow and only mlflow-skinny is installed; "
            "run: pip install 'mirante[mlflow]'"
        )
    home = Path(folder).resolve()
    (home / "artifacts").mkdir(parents=True, exist_ok=True)
    wanted = free_port() if port is None else _require_free(port)
    with (home / "mlflow-server.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - the command is our own, without a shell
            _command(wanted, workers),
            cwd=home,
            env=_environment(os.environ if environ is None else environ) | dict(options or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = ServerProcess(f"http://127.0.0.1:{wanted}", wanted, home, process)
    try:
        _wait(server, timeout)
    except BaseException:
        server.kill()
        raise
    return server


def _require_free(port: int) -> int:
    """Return the port, or say that it is taken: the server itself says so only after ten seconds."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # as the server does; on Windows it would take a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise TrackingError(
                f"port {port} on 127.0.0.1 cannot be used for an MLflow server: {error}; "
                "give another, or none"
            ) from error
    return port


def _command(port: int, workers: int) -> list[str]:
    # paths relative to the server's folder: MLflow unquotes a database URI, so "100%41" in it would become
    # "100A"
    return [
        *(sys.executable, "-P", "-m", "mlflow", "server"),
        *("--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./artifacts"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)),
    ]


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW_"))}
    return kept | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "PYTHONUNBUFFERED": "1",
    }


def _wait(server: ServerProcess, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not server.running:
            ended = f"mlflow server ended with exit code {server.process.returncode} before it answered"
            raise TrackingError(f"{ended}; the end of {server.log_path}:\n{_tail(server.log_path)}")
        if _healthy(server.port):
            return
        time.sleep(0.1)
    late = f"mlflow server did not answer at {server.uri}/health within {timeout:g} s"
    raise TrackingError(f"{late}; the end of {server.log_path}:\n{_tail(server.log_path)}")


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(path: Path) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
    return "(no log)"
