"""``python -m tests.faults.soak FOLDER HOURS``: a service lives, and prints what it holds each hour."""

from __future__ import annotations

import sys
from pathlib import Path

from mirante.app.heaps import bound_heaps


def run(folder: Path, hours: int) -> None:
    """Begin as ``mirante up`` does: with its heaps bounded before anything is loaded."""
    bound_heaps()
    from tests.faults.soak_life import main

    main(folder, hours)


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
