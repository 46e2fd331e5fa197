"""How large a log is, and what is damaged in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mirante.inference_log.drops import read_drops
from mirante.inference_log.names import name_of
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import OPEN, SEALED, list_segments
from mirante.inference_log.stream import StreamFile

__all__ = ["LogStat", "size_of", "stat_log", "verify_log", "version_folders"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LogStat:
    """What a log has of one version of a model.

    Parameters
    ----------
    model, version : str
        As the recorder was given them.
    rows, bytes : int
        Rows that can be read, and the size of the files.
    first, last : datetime, optional
        Time of the earliest and of the latest row; None without rows.
    open, sealed : int
        Segments that are written, and segments that are Parquet.
    damaged : int
        Batches, row groups or files that were seen to be damaged without reading all of them, and kept
        originals of damaged segments.
    deleted : int
        Rows that were deleted from the segments that are there.
    dropped : int
        Rows of the model, of all versions, that recorders could not bring here.
    """

    model: str
    version: str
    rows: int
    bytes: int
    first: datetime | None
    last: datetime | None
    open: int
    sealed: int
    damaged: int
    deleted: int
    dropped: int

    @property
    def bytes_per_row(self) -> float:
        """Size by rows; NaN without rows."""
        return self.bytes / self.rows if self.rows else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        times = {name: None if (at := getattr(self, name)) is None else at.isoformat() for name in _TIMES}
        return {**asdict(self), **times, "bytes_per_row": self.bytes_per_row if self.rows else None}


_TIMES = ("first", "last")


def version_folders(root: Path, models: Sequence[str] | None = None) -> Iterator[tuple[str, str, Path]]:
    """Yield each model and version of a log with its folder, by name.

    Parameters
    ----------
    root : Path
        The log; it need not be there.
    models : sequence of str, optional
        Only these.
    """
    for folder in _below(root):
        model = name_of(folder)
        if model is not None and (models is None or model in models):
            for below in _below(folder):
                if (version := name_of(below)) is not None:
                    yield model, version, below


def _below(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def stat_log(root: Path, models: Sequence[str] | None) -> list[LogStat]:
    """Return how large a log is: see `InferenceLog.stat`."""
    return [_stat(model, version, folder) for model, version, folder in version_folders(root, models)]


def _stat(model: str, version: str, folder: Path) -> LogStat:
    segments = list_segments(folder)
    files: list[StreamFile | SealedFile] = [file for path in segments.values() if (file := _file(path))]
    pieces = [piece for file in files for piece in file.pieces]
    kept = len(list(folder.glob(f"*{OPEN}.damaged")))
    return LogStat(
        model,
        version,
        sum(piece.rows for piece in pieces),
        size_of(folder),
        _moment(min((piece.earliest for piece in pieces), default=None)),
        _moment(max((piece.latest for piece in pieces), default=None)),
        sum(path.suffix == OPEN for path in segments.values()),
        sum(path.suffix == SEALED for path in segments.values()),
        sum(len(file.damage) for file in files) + kept,
        sum(sum(file.deleted.values()) for file in files if isinstance(file, SealedFile)),
        read_drops(folder.parent, _EPOCH).rows,
    )


def size_of(folder: Path) -> int:
    """Return the bytes of the files in a folder; one that goes meanwhile counts nothing."""
    size = 0
    for path in folder.iterdir():
        try:
            size += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return size


def _file(path: Path) -> StreamFile | SealedFile | None:
    try:
        file = SealedFile(path) if path.suffix == SEALED else StreamFile(path)
        file.refresh()
    except FileNotFoundError:  # sealed or removed meanwhile
        sealed = path.with_suffix(SEALED)
        return _file(sealed) if path.suffix == OPEN and sealed.exists() else None
    return file


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def verify_log(root: Path, models: Sequence[str] | None) -> list[str]:
    """Return what is damaged, by file and batch: see `InferenceLog.verify`."""
    found: list[str] = []
    for _, _, folder in version_folders(root, models):
        for path in list_segments(folder).values():
            file = _file(path)
            if isinstance(file, SealedFile):
                file.verify()
            found += [] if file is None else [said for _, said in sorted(file.damage.items())]
        found += [f"{path}: kept from an earlier repair" for path in sorted(folder.glob(f"*{OPEN}.damaged"))]
    return found
