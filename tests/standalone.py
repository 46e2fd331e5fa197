"""A standalone Spark cluster on the loopback: a Master and Workers, from pyspark's own jars."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

__all__ = ["cluster"]

_HOST = "127.0.0.1"
_PATIENCE = 60.0
_SHORT_LIVES = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@contextmanager
def cluster(
    folder: Path, *, workers: int = 2, memory: str = "1g", java: tuple[str, ...] = _SHORT_LIVES
) -> Iterator[str]:
    """Start a Master and Workers of one core each as children of this process; yield the Master's URL.

    Parameters
    ----------
    folder : Path
        For what they write.
    workers : int
        How many.
    memory : str
        Of each Worker.
    java : tuple of str
        Options of each daemon's Java.
    """
    port = _free_port()
    url = f"spark://{_HOST}:{port}"
    with ExitStack() as stack:
        run = [_daemon(folder, "Master", ["--host", _HOST, "--port", str(port)], java, stack)]
        for number in range(workers):
            own = ["--host", _HOST, "-c", "1", "-m", memory, "-d", str(folder / f"work-{number}"), url]
            run.append(_daemon(folder, "Worker", own, java, stack, number))
        _wait(folder, workers, run)
        yield url


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((_HOST, 0))
        return int(found.getsockname()[1])


def _daemon(
    folder: Path, what: str, options: list[str], java: tuple[str, ...], stack: ExitStack, number: int = 0
) -> subprocess.Popen[bytes]:
    found = importlib.util.find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    home = Path(found.origin).parent
    classes = f"{home}/jars/*"
    name = f"org.apache.spark.deploy.{what.lower()}.{what}"
    command = ["java", "-Xmx256m", *java, "-cp", classes, name, "--webui-port", "0", *options]
    environ = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_SCALA_VERSION": "2.13",  # else a Worker looks for the build that it came from
        "SPARK_LOCAL_IP": _HOST,
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "PYSPARK_PYTHON": sys.executable,
        # what is tried is what workers import, wherever the installed one lies
        "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
    }
    log = stack.enter_context((folder / f"{what}-{number}.log").open("wb"))
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # a Worker ends its executors then
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)


def _wait(folder: Path, workers: int, run: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        said = (folder / "Master-0.log").read_text(errors="replace")
        if said.count("Registering worker") >= workers:
            return
        if any(one.poll() is not None for one in run):
            break
        time.sleep(0.1)
    said = "\n".join(one.read_text(errors="replace")[-2000:] for one in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the cluster did not come up within {_PATIENCE:g} s:\n{said}")
