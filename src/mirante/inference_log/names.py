"""Model names and versions as folder names, and back. Every name from outside is taken as hostile."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

__all__ = ["NOTE", "is_shortened", "make_named_folder", "name_of", "quote_name"]

_LONGEST = 200  # file systems allow 255 bytes; the rest is room for suffixes of other tools
_HASHED = "%h"  # never part of a quoted name, where % is followed by two hexadecimal digits
_EMPTY = "%"
NOTE = ".name"
"""The file in a folder that says the whole of a name that is too long for it."""


def quote_name(name: str) -> str:
    """Return a folder name that holds `name` and can leave no folder.

    Letters, digits and ``_ . - ~`` stay; all else is percent-encoded, and so are a leading dot (hidden,
    or the parent folder) and a leading underscore (Spark skips those). A name of more than 200 bytes
    keeps its beginning and gets a SHA-256.

    Parameters
    ----------
    name : str
        A model name or a version.

    Returns
    -------
    str
        One path component, ASCII, at most 200 characters, never empty.

    Examples
    --------
    >>> quote_name("nyc-flight-delay"), quote_name("../../etc/passwd"), quote_name("a/b")
    ('nyc-flight-delay', '%2E.%2F..%2Fetc%2Fpasswd', 'a%2Fb')
    >>> len(quote_name("x" * 300))
    200
    """
    raw = name.encode("utf-8", "surrogatepass")
    quoted = quote(raw, safe="")
    if quoted[:1] in {".", "_"}:
        quoted = f"%{ord(quoted[0]):02X}{quoted[1:]}"
    if not quoted:
        return _EMPTY
    if len(quoted) <= _LONGEST:
        return quoted
    digest = _HASHED + hashlib.sha256(raw).hexdigest()[:40]
    return quoted[: _LONGEST - len(digest)] + digest


def name_of(folder: Path, note: Callable[[], bytes] | None = None) -> str | None:
    """Return the name that a folder stands for, or None when it is not one of ours.

    Parameters
    ----------
    folder : Path
        A folder that `make_named_folder` made.
    note : callable, optional
        Gives its note when the folder itself is not here; raises OSError when there is none.

    Examples
    --------
    >>> name_of(Path("/log/a%2Fb")), name_of(Path("/log/not one of ours"))
    ('a/b', None)
    """
    quoted = folder.name
    if is_shortened(folder):
        try:
            name = _note(folder, note).decode("utf-8", "surrogatepass")
        except (OSError, UnicodeDecodeError):
            return None
    elif quoted == _EMPTY:
        return ""
    else:
        try:
            name = unquote(quoted, errors="surrogatepass")
        except UnicodeDecodeError:
            return None
    return name if quote_name(name) == quoted else None


def is_shortened(folder: Path) -> bool:
    """Return whether a folder's name alone does not say what it stands for."""
    return _HASHED in folder.name


def _note(folder: Path, note: Callable[[], bytes] | None) -> bytes:
    try:
        return (folder / NOTE).read_bytes()
    except OSError:
        if note is None:
            raise
        return note()


def make_named_folder(parent: Path, name: str) -> Path:
    """Make the folder of `name` below `parent`, with a note of the name where it is too long to keep.

    Parameters
    ----------
    parent : Path
        Made too if it is not there.
    name : str
        A model name or a version.

    Returns
    -------
    Path
        The folder.
    """
    folder = parent / quote_name(name)
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / NOTE
    if is_shortened(folder) and not note.exists():
        note.write_bytes(name.encode("utf-8", "surrogatepass"))
    return folder
