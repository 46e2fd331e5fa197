"""Drift monitors as bytes: a version, a JSON header and profiles. No pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mirante.errors import InputError
from mirante.profiles import TableProfile

__all__ = ["VERSION", "pack", "unpack"]

VERSION = 2
_MAGIC = b"MRDM"
_HEAD = struct.Struct("<4sBI")


def pack(
    baseline: TableProfile,
    own_windows: Sequence[TableProfile],
    own_starts: Sequence[datetime],
    settings: Mapping[str, Any],
) -> bytes:
    """Return a monitor as bytes.

    Parameters
    ----------
    baseline : TableProfile
        Written whole.
    own_windows : sequence of TableProfile
        Written without the baseline's edges and levels.
    own_starts : sequence of datetime
        Local times.
    settings : mapping
        Plain values, the other arguments of `mirante.DriftMonitor`.

    Returns
    -------
    bytes
    """
    blobs = [baseline.to_bytes(), *(one.to_bytes(like=baseline) for one in own_windows)]
    starts = [start.replace(tzinfo=None).isoformat() for start in own_starts]
    sizes = [len(blob) for blob in blobs]
    header = json.dumps({"settings": dict(settings), "starts": starts, "sizes": sizes}).encode()
    return b"".join((_HEAD.pack(_MAGIC, VERSION, len(header)), header, *blobs))


def unpack(data: bytes) -> tuple[TableProfile, list[TableProfile], list[datetime], dict[str, Any]]:
    """Read what `pack` wrote.

    Parameters
    ----------
    data : bytes
        From anywhere.

    Returns
    -------
    baseline : TableProfile
    own_windows : list of TableProfile
    own_starts : list of datetime
    settings : dict

    Raises
    ------
    InputError
        If the bytes are no monitor, are damaged, or are of another version.

    Examples
    --------
    >>> baseline = TableProfile.of({"x": [1, 2, 3]})
    >>> unpack(pack(baseline, [baseline], [], {"window": "1h"}))[3]
    {'window': '1h'}
    """
    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise InputError(
            f"these {len(data)} bytes are no drift monitor; give what DriftMonitor.to_bytes wrote"
        )
    _, version, length = _HEAD.unpack_from(data)
    if version != VERSION:
        todo = "update Mirante" if version > VERSION else "write the baseline again: mirante baseline create"
        raise InputError(
            f"the drift monitor is of version {version} and this Mirante reads {VERSION}; {todo}"
        )
    place = _HEAD.size + length
    try:
        header = json.loads(data[_HEAD.size : place])
        profiles: list[TableProfile] = []
        for size in header["sizes"]:
            like = profiles[0] if profiles else None
            profiles.append(TableProfile.from_bytes(data[place : place + size], like=like))
            place += size
        starts = [datetime.fromisoformat(start) for start in header["starts"]]
        return profiles[0], profiles[1:], starts, dict(header["settings"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"the drift monitor is cut or damaged ({error}); write it again") from error
