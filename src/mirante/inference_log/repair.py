"""After a crash: cut the unfinished tails of dead writers' segments and seal what is whole."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mirante.inference_log.segments import OPEN, SEALED, seal_segment
from mirante.inference_log.stream import StreamFile
from mirante.locks import lock

__all__ = ["Repair", "repair"]


@dataclass(slots=True)
class Repair:
    """What `repair` did.

    Attributes
    ----------
    sealed : int
        Segments of dead writers that were sealed.
    cut_bytes : int
        Bytes of unfinished batches that were cut.
    removed : int
        Leftover files that held no row.
    damage : list of str
        What was left out because its checksum was wrong; the file is kept as ``….arrow.damaged``.
    """

    sealed: int = 0
    cut_bytes: int = 0
    removed: int = 0
    damage: list[str] = field(default_factory=list)

    def add(self, other: Repair) -> None:
        """Add what another repair did."""
        self.sealed += other.sealed
        self.cut_bytes += other.cut_bytes
        self.removed += other.removed
        self.damage += other.damage


def repair(folder: Path) -> Repair:
    """Cut and seal the segments in `folder` whose writer is dead; those of living writers are left alone.

    Parameters
    ----------
    folder : Path
        A version's folder.

    Returns
    -------
    Repair
        What was done.
    """
    done = Repair()
    for path in sorted([*folder.glob(f"*{OPEN}"), *folder.glob(f".*{OPEN}.new")]):
        try:
            _try_one(path, done)
        except FileNotFoundError:  # sealed meanwhile
            continue
        except OSError as error:
            # a full disk, or one that may not be written to: the others come all the same
            done.damage.append(f"{path}: left as it is: {error.strerror or error}")
    return done


def _try_one(path: Path, done: Repair) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        if lock(handle) and _same_file(handle, path):
            done.add(_repair_one(path, handle))
    finally:
        os.close(handle)


def _repair_one(path: Path, handle: int) -> Repair:
    if path.suffix != OPEN:
        path.unlink()
        return Repair(removed=1)
    path.with_name(f".{path.stem}{SEALED}.tmp").unlink(missing_ok=True)
    if path.with_suffix(SEALED).exists():  # its writer died between the two steps of sealing
        path.unlink()
        return Repair(removed=1)
    stream = StreamFile(path)
    stream.refresh()
    size = os.fstat(handle).st_size
    torn = 0 if stream.damage else size - stream.end
    if torn:
        os.ftruncate(handle, stream.end)
    if not stream.pieces and not stream.damage:
        path.unlink()
        return Repair(cut_bytes=torn, removed=1)
    return Repair(sealed=seal_segment(path), cut_bytes=torn, damage=list(stream.damage.values()))


def _same_file(handle: int, path: Path) -> bool:
    """Return whether the open file is still the one of that name: it may have been sealed meanwhile."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
