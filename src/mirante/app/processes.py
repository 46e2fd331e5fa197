"""Whether a process of this machine has ended, so that nobody has to wait until it is not heard of."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

__all__ = ["is_gone", "process_mark"]

_PROC = Path("/proc")
_MACHINE = Path("/etc/machine-id")
_ENDED = frozenset("ZX")  # a zombie is over, but for its parent's asking


class _Stat(NamedTuple):
    state: str
    begun: str


def process_mark() -> str:
    """Return what tells this process from all others, as far as the kernel says it.

    Returns
    -------
    str
        What the machine is called, its boot, the namespaces of process ids and of time, the id, and when the
        process began (ticks since boot), with colons between them. Two processes of one boot and namespace
        never share it: ids are given again, beginnings are not. Empty where there is no Linux, or ``/proc``
        is another namespace's.
    """
    own = os.getpid()
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        seen = (_PROC / "self").readlink().name
        spaces = [_namespace("pid"), _namespace("time")]
    except (OSError, ValueError):
        return ""
    stat = _stat(own)
    if stat is None or not boot or not spaces[0] or seen != str(own):
        return ""
    return ":".join((_machine(), boot, *spaces, str(own), stat.begun))


def is_gone(mark: str) -> bool:
    """Say whether a process has ended, for certain.

    Parameters
    ----------
    mark : str
        What `process_mark` said in that process.

    Returns
    -------
    bool
        True if it was a process of this machine, this boot and these namespaces, and is none any more. False
        for one that is stopped, that runs on another machine or in another container, and whenever there is
        a doubt.

    Examples
    --------
    >>> is_gone(process_mark()), is_gone("")
    (False, False)
    """
    here = process_mark()
    if not here or mark.count(":") != here.count(":"):
        return False
    (*place, number, begun), (*own, _, _) = mark.split(":"), here.split(":")
    if place != own or not (number.isascii() and number.isdigit()) or int(number) < 1:
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # it is there, and another user's
    found = _stat(int(number))
    if found is None:
        return False
    if found.begun != begun:
        return True  # its number was given to another
    return found.state in _ENDED and _has_no_threads(number)


def _machine() -> str:
    """Return what the host's name and ``/etc/machine-id`` become, which is to be shown to nobody as it is.

    Virtual machines that go on from one snapshot of memory have their boot and namespaces in common. What
    gives each its own network gives it one of these two as a rule.
    """
    try:
        known = _MACHINE.read_bytes().strip()
    except OSError:
        known = b""
    return sha256(os.fsencode(os.uname().nodename) + b"\0" + known).hexdigest()[:16]


def _namespace(kind: str) -> str:
    """Return the number of a namespace of this process; empty on a kernel that has none of the kind."""
    try:
        return str((_PROC / "self/ns" / kind).stat().st_ino)
    except FileNotFoundError:
        return ""


def _stat(process: int) -> _Stat | None:
    """Return state and beginning of a process, if they can be read."""
    try:
        text = (_PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # its name, in brackets, may hold anything
    return _Stat(fields[0], fields[19]) if len(fields) > 19 else None


def _has_no_threads(process: str) -> bool:
    """Say whether nothing of a zombie runs any more: its first thread may end before the others."""
    try:
        return len(list((_PROC / process / "task").iterdir())) <= 1
    except OSError:
        return False
