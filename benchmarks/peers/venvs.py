"""One virtual environment for each peer, with the versions that its requirements file pins."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["REQUIREMENTS", "InstallError", "python_of"]

REQUIREMENTS = Path(__file__).parent / "requirements"
_LINES = 3  # of pip's last words in an error


class InstallError(Exception):
    """A peer does not install here; the text is what pip said."""


def python_of(name: str, root: Path) -> Path:
    """Return the interpreter of a peer's environment, making the environment first where it is not there.

    Parameters
    ----------
    name : str
        Of a file in `REQUIREMENTS`, without its ending.
    root : Path
        Folder of the environments; made where it is absent.

    Returns
    -------
    Path

    Raises
    ------
    InstallError
        If pip fails.
    """
    wanted = REQUIREMENTS / f"{name}.txt"
    home = root.resolve() / name
    python, stamp = home / "bin" / "python", home / ".installed"
    if os.name == "nt":
        python = home / "Scripts" / "python.exe"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    # the stamp is written last: an environment that was made half-way is made again
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest and python.exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    print(f"installing {name} into {home}", file=sys.stderr, flush=True)
    _run(sys.executable, "-m", "venv", str(home))
    _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted))
    stamp.write_text(digest, encoding="utf-8")
    return python


def _run(*command: str) -> None:
    outside = {"PYTHONPATH", "PYTHONHOME"}  # an environment of its own sees nothing of ours
    clean = {name: value for name, value in os.environ.items() if name not in outside}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=clean)
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise InstallError(" ".join(said[-_LINES:]) or f"{command[0]} ended with {done.returncode}")
