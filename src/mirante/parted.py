"""Bytes of two parts: one that many have in common, such as the edges of a baseline, and one's own.

Who keeps many of them keeps the common part once, and need not know what is in it.
"""

from __future__ import annotations

import hashlib
import struct

__all__ = ["digest_of", "join", "split"]

_MAGIC = b"MRT2"
_HEAD = struct.Struct("<4sQ")


def join(common: bytes, own: bytes) -> bytes:
    """Return both parts as one.

    Examples
    --------
    >>> split(join(b"edges", b"counts"))
    (b'edges', b'counts')
    """
    return _HEAD.pack(_MAGIC, len(common)) + common + own


def split(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the parts of what `join` gave; None for any other bytes, and for such that are cut within.

    Examples
    --------
    >>> split(b"something") is None
    True
    """
    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        return None
    _, size = _HEAD.unpack_from(data)
    own = _HEAD.size + size
    return (data[_HEAD.size : own], data[own:]) if own <= len(data) else None


def digest_of(common: bytes) -> bytes:
    """Return the 16 bytes by which a common part is known."""
    return hashlib.blake2b(common, digest_size=16).digest()
