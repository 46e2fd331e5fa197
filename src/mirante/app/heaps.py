"""How many heaps a long-lived process keeps for its threads."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["HEAPS", "bound_heaps"]

HEAPS = 2
_M_ARENA_MAX = -8  # of glibc's malloc.h
_POOL = "ARROW_DEFAULT_MEMORY_POOL"


def bound_heaps(count: int = HEAPS) -> bool:
    """Let all threads share a few heaps, and Arrow use the same; before there are threads.

    glibc gives each new thread a heap of its own, up to eight for each processor, and Arrow's allocator one
    to every thread that reads or writes a table. What one thread frees is not there for another, so a
    service whose work goes from thread to thread grows by megabytes a day without holding anything.
    ``MALLOC_ARENA_MAX`` and ``ARROW_DEFAULT_MEMORY_POOL`` in the environment, where they are set, are left
    to decide.

    Parameters
    ----------
    count : int, default 2
        How many heaps, at least 1.

    Returns
    -------
    bool
        Whether they are bounded now; not on systems with another C library, whose heaps are theirs to keep.

    Examples
    --------
    >>> import subprocess, sys
    >>> program = "from mirante.app.heaps import bound_heaps; print(bound_heaps() in (True, False))"
    >>> subprocess.run([sys.executable, "-c", program], capture_output=True).stdout.strip()
    b'True'
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, Windows
        return False
    if _POOL not in os.environ:
        os.environ[_POOL] = "system"  # Arrow reads it when it is loaded
        if "pyarrow" in sys.modules:
            import pyarrow as pa

            pa.set_memory_pool(pa.system_memory_pool())
    return "MALLOC_ARENA_MAX" in os.environ or bool(mallopt(_M_ARENA_MAX, count))
