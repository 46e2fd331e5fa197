"""How full each file system of the host is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from mirante.sources.host.figure import Figure

__all__ = ["mount_figures"]

_MOST = 20
# Images that are full by nature. What lives in memory or on another machine is left out by psutil itself:
# asking a file server that is away would hang.
_IMAGES = frozenset({"squashfs", "iso9660", "udf", "cramfs", "erofs", "romfs"})


def mount_figures(most: int = _MOST) -> Iterator[Figure]:
    """Give for each file system on a disk of this host how much of it is used, and what is free.

    Parameters
    ----------
    most : int
        So many at most: the shortest paths first, which are the same ones each time.

    Examples
    --------
    >>> next(iter(mount_figures())).labels["mount"] == os.sep
    True
    """
    for mount in _mounts()[:most]:
        try:
            used = psutil.disk_usage(mount)
        except OSError:  # unmounted meanwhile, or not ours to see
            continue
        yield Figure("system_mount_percent", used.percent, {"mount": mount})
        yield Figure("system_mount_free_bytes", used.free, {"mount": mount})


def _mounts() -> list[str]:
    """Return one path for each device: the shortest, since a container sees single files of one as mounts."""
    paths = {"": os.sep}  # the root is there even where it is no device, as in a container
    found = sorted(
        psutil.disk_partitions(all=False), key=lambda part: (len(part.mountpoint), part.mountpoint)
    )
    for part in found:
        if part.fstype not in _IMAGES and part.mountpoint != os.sep and Path(part.mountpoint).is_dir():
            paths.setdefault(part.device, part.mountpoint)
    roots = {part.device for part in found if part.mountpoint == os.sep}
    return sorted(
        (path for device, path in paths.items() if device not in roots), key=lambda path: (len(path), path)
    )
