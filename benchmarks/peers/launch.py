"""Starts measurements as processes: one thread each, no telemetry, a limit of time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from peers import Peer
from venvs import InstallError, python_of

__all__ = ["Launcher"]

_WORKER = Path(__file__).with_name("worker.py")
_THREADS = (
    "OMP_NUM_THREADS",  # Arrow's pool of threads takes its size from it, too
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
_NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "WHYLOGS_NO_ANALYTICS": "True",
    "TOKENIZERS_PARALLELISM": "false",
}
_ERROR_LENGTH = 300


class Launcher:
    """Runs tasks of `worker.py`, each in a new process.

    Parameters
    ----------
    venvs : Path
        Folder of the peers' environments; what is missing is made there.
    limit_seconds : float
        A measurement that takes longer is ended, and its row says so.
    """

    def __init__(self, venvs: Path, limit_seconds: float) -> None:
        self._venvs = venvs
        self._limit_seconds = limit_seconds
        self._pythons: dict[str, Path | str] = {}

    def python(self, peer: Peer) -> Path | str:
        """Return a peer's interpreter, or why there is none."""
        if peer.venv is None:
            return Path(sys.executable)
        if peer.venv not in self._pythons:
            try:
                self._pythons[peer.venv] = python_of(peer.venv, self._venvs)
            except InstallError as error:
                self._pythons[peer.venv] = f"does not install: {error}"[:_ERROR_LENGTH]
        return self._pythons[peer.venv]

    def run(self, task: str, peer: Peer | None = None, **arguments: Any) -> dict[str, Any]:
        """Return what a task answers, or ``{"error": reason}``.

        Parameters
        ----------
        task : str
            A name in `worker.TASKS`.
        peer : Peer, optional
            Whose interpreter runs it; without, the one that runs this.
        **arguments
            The task's own; must be JSON.
        """
        python = Path(sys.executable) if peer is None else self.python(peer)
        if isinstance(python, str):
            return {"error": python}
        own = peer is None or peer.venv is None
        environment = {name: value for name, value in os.environ.items() if own or name != "PYTHONPATH"}
        environment |= dict.fromkeys(_THREADS, "1") | _NO_TELEMETRY
        print(f"{task}: {peer.label if peer else 'mirante'} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            given, answer = Path(folder, "arguments.json"), Path(folder, "answer.json")
            given.write_text(json.dumps(arguments), encoding="utf-8")
            command = [str(python), str(_WORKER), task, str(given), str(answer)]
            try:
                done = subprocess.run(
                    command,
                    check=False,
                    capture_output=True,
                    text=True,
                    env=environment,
                    timeout=self._limit_seconds,
                )
            except subprocess.TimeoutExpired:
                return {"error": f"stopped after {self._limit_seconds:g} s"}
            if done.returncode or not answer.exists():
                said = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
                return {"error": said[-1][:_ERROR_LENGTH]}
            return dict(json.loads(answer.read_text(encoding="utf-8")))
