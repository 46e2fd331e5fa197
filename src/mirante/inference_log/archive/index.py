"""Which segments the archive of a log has: from files beside the log, and now and then from a listing."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from mirante.errors import ArchiveError
from mirante.inference_log.archive.known import Archived, Known, KnownFile, Segments
from mirante.inference_log.archive.objects import MARK, ObjectPlace, ObjectStore
from mirante.inference_log.names import NOTE, name_of
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import SEALED, SegmentName

__all__ = ["Archive"]

_OWN = ".archive"
_LISTED_FOR = 300.0


class Archive:
    """The sealed segments of one log that are in object storage.

    Parameters
    ----------
    url : str
        Where: ``s3://bucket/folder``, ``file:///mnt/nas/log``, what else ``pyarrow.fs`` or fsspec knows.
    root : path
        The log's own folder.
    objects : ObjectStore, optional
        The same place, reached otherwise.
    clock : callable
        Gives seconds.

    Notes
    -----
    Whoever moves or removes a segment writes that into the version's ``.archived.json`` first. So a reader on
    the same machine knows at once, and does not list the bucket at every look; every five minutes it lists,
    for what others did.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Archive(f"file://{folder}/archive", f"{folder}/log").name.startswith("file://")
    True
    """

    def __init__(
        self,
        url: str,
        root: str | Path,
        *,
        objects: ObjectStore | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root = Path(root)
        self.objects = ObjectStore(url) if objects is None else objects
        self.name = self.objects.name
        self.workplace = self.root / _OWN
        self._whose = sha256(self.name.encode()).hexdigest()[:16]
        self._clock = clock
        self._guard = threading.RLock()
        self._files: dict[tuple[str, str], KnownFile] = {}
        self._listed: set[str] = set()
        self._tried: dict[str, float] = {}
        self._extra: dict[str, dict[str, Segments]] = {}  # listed, and not known beside the log
        self._top: set[str] = set()
        self._learned: dict[tuple[str, str], Segments] = {}
        self._trouble = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.objects, self.root)

    @property
    def trouble(self) -> str:
        """Why it could not be asked the last time; empty when it could."""
        return self._trouble or self.objects.trouble

    def check(self, *, there: bool) -> None:
        """Ask it whether it answers, and say so if it does not.

        Parameters
        ----------
        there : bool
            Whether something must be in it already.

        Raises
        ------
        ArchiveError
            If it cannot be reached, or there is no archive where it should be.
        """
        self.objects.retry()
        if self.objects.owner() is None and there and not self.objects.list("", deep=False):
            raise ArchiveError(f"there is no archive of an inference log at {self.name}; check its address")

    def relist(self) -> None:
        """List everything anew, now.

        Raises
        ------
        ArchiveError
            If it cannot be reached.
        """
        with self._guard:
            self.objects.retry()
            self._listed.clear()
            self._tried.clear()
            for model in {*self.models(), *(folder.name for folder in self.root.glob("[!.]*/"))}:
                self._reconcile(model)
                self._listed.add(model)
                self._tried[model] = self._clock()
            if "" not in self._listed:
                raise ArchiveError(self.trouble)

    def models(self) -> list[str]:
        """Return the folder names of the models that it has anything of."""
        with self._guard:
            if self._due(""):
                try:
                    self._tried[""] = self._clock()
                    self._top = {stored.key for stored in self.objects.list("", deep=False)}
                    self._listed.add("")
                except ArchiveError:
                    if not self.root.is_dir():
                        raise
            return sorted(name for name in self._top if not name.startswith("."))

    def versions(self, model: str) -> list[str]:
        """Return the folder names of the versions of a model that it has anything of."""
        with self._guard:
            self._look(model)
            both = [*self._beside(model).items(), *self._extra.get(model, {}).items()]
            return sorted({version for version, found in both if found})

    def segments(self, model: str, version: str) -> Segments:
        """Return the segments of a version, by the folder names of model and version.

        Raises
        ------
        ArchiveError
            If it cannot be reached, was never asked before, and nothing of the model is beside the log.
        """
        with self._guard:
            self._look(model)
            return self._extra.get(model, {}).get(version, {}) | self._file(model, version).read()

    def certain(self, model: str) -> bool:
        """Return whether what it has of a model is known from itself: what is not there, is nowhere."""
        return model in self._listed

    def holds(self, model: str, version: str, stem: str) -> bool:
        """Return whether it has a segment; also when it does not answer."""
        try:
            return self.objects.stored(self.key(model, version, stem)) is not None
        except ArchiveError:
            return True

    @staticmethod
    def key(model: str, version: str, stem: SegmentName | str) -> str:
        """Return the name of a segment's object."""
        return f"{model}/{version}/{stem}{SEALED}"

    def place(self, model: str, version: str, stem: SegmentName | str) -> ObjectPlace:
        """Return where a segment is read from."""
        return ObjectPlace(self.objects, self.key(model, version, stem))

    def name_of(self, folder: str) -> str | None:
        """Return what a folder of it stands for: `names.name_of`, for one that is not on this machine."""

        def note() -> bytes:
            return self.objects.read(f"{folder}/{NOTE}")

        return name_of(self.root / folder, note)

    def _due(self, what: str) -> bool:
        """Return whether to list again; one that failed is tried again as seldom as one that did not.

        A server that takes connections and never answers would keep a monitor waiting at each look.
        """
        if what not in self._listed and not (self.root / what).is_dir():
            return True
        return self._clock() >= self._tried.get(what, -float("inf")) + _LISTED_FOR

    def _look(self, model: str) -> None:
        if not self._due(model):
            return
        try:
            self._tried[model] = self._clock()
            self._reconcile(model)
            self._listed.add(model)
            self._trouble = ""
        except ArchiveError as error:
            self._trouble = str(error)
            # what was moved from here is known from beside the log; only who has nothing else must hear of it
            if model not in self._listed and not (self.root / model).is_dir():
                raise

    def _reconcile(self, model: str) -> None:
        """Hold what is known of a model against a listing.

        The listing is older than what others write down meanwhile, so only what was known before it and is
        still known in the same way can be put right by it.
        """
        before = self._beside(model)
        listed = self._list(model, known=any(before.values()))
        after = self._beside(model)
        was, self._extra[model] = self._extra.get(model, {}), {}
        for version in {*before, *listed}:
            old, now, there = before.get(version, {}), after.get(version, {}), listed.get(version, {})
            gone = {
                name
                for name, one in old.items()
                if now.get(name) == one and not (name in there and one.same(*there[name]))
            }
            if gone:
                self._file(model, version).change({}, gone)
            self._extra[model][version] = {
                name: known
                if (known := was.get(version, {}).get(name)) is not None and known.same(*facts)
                else Archived(*facts)
                for name, facts in there.items()
                if name in gone or (name not in now and name not in old)
            }

    def _list(self, model: str, *, known: bool) -> dict[str, dict[SegmentName, tuple[int, int]]]:
        found: dict[str, dict[SegmentName, tuple[int, int]]] = {}
        listing = self.objects.list(model)
        if not listing and (known or self._claimed().exists()) and self.objects.owner() is None:
            raise ArchiveError(self._lost())
        for stored in listing:
            _, _, inside = stored.key.partition("/")
            version, slash, file = inside.partition("/")
            name = SegmentName.parse(file.removesuffix(SEALED)) if slash and file.endswith(SEALED) else None
            if name is not None:
                found.setdefault(version, {})[name] = stored.size, stored.second
        return found

    def _lost(self) -> str:
        return (
            f"the archive {self.name} does not have the mark {MARK} that was put there: the bucket, or what "
            f"is mounted, is another one, or was emptied. If that was on purpose, remove {self._claimed()}"
        )

    def _beside(self, model: str) -> dict[str, Segments]:
        """Return what is kept beside the log, by version."""
        folder = self.root / model
        found = {}
        if folder.is_dir():
            for below in folder.iterdir():
                if below.is_dir() and not below.name.startswith("."):
                    found[below.name] = self._file(model, below.name).read()
        return found

    def _file(self, model: str, version: str) -> KnownFile:
        file = self._files.get((model, version))
        if file is None:
            file = self._files[model, version] = KnownFile(self.root / model / version, self._whose)
        return file

    def learn(self, model: str, version: str, name: SegmentName, file: SealedFile) -> None:
        """Take in what the footer of a segment says, once it was read; `flush` keeps it."""
        with self._guard:
            one = self.segments(model, version).get(name)
            known = Known.of(file)
            if one is not None and one.known is None and known is not None:
                learned = replace(one, known=known)
                self._extra.setdefault(model, {}).setdefault(version, {})[name] = learned
                self._learned.setdefault((model, version), {})[name] = learned

    def flush(self) -> None:
        """Keep what was learned, so that nobody has to read these footers again."""
        with self._guard:
            learned, self._learned = self._learned, {}
            for (model, version), segments in learned.items():
                with suppress(OSError):  # a reader need not be able to write
                    self._file(model, version).fill(segments)

    def add(self, model: str, version: str, segments: Mapping[SegmentName, Archived]) -> None:
        """Write down that some segments are there; after that their local files may go.

        Raises
        ------
        OSError
            If that cannot be written.
        """
        with self._guard:
            self._file(model, version).change(segments)
            extra = self._extra.get(model, {}).get(version, {})
            for name in segments:
                extra.pop(name, None)

    def remove(self, model: str, version: str, name: SegmentName) -> None:
        """Remove a segment from the archive, and then from what is known.

        Raises
        ------
        ArchiveError
            If it cannot be removed.
        """
        self.objects.remove(self.key(model, version, name))
        with self._guard:
            self._file(model, version).change({}, {name})
            self._extra.get(model, {}).get(version, {}).pop(name, None)

    def claim(self) -> None:
        """Make sure that this is the archive of this log, and of no other: two would count rows twice.

        Raises
        ------
        ArchiveError
            If it is another's, is not the one that it was, or cannot be reached.
        """
        mine, owner = self._id(), self.objects.owner()
        if owner is None and self._claimed().exists():
            raise ArchiveError(self._lost())
        if owner is None:
            self.objects.put_bytes(MARK, json.dumps({"log": mine}).encode())
            owner = self.objects.owner()
        if owner != mine:
            raise ArchiveError(
                f"the archive {self.name} belongs to another inference log; give this one a folder of its "
                f"own. If it is this log's and {self.root} was lost, remove {self.name}/{MARK}"
            )
        self._claimed().touch()

    def _claimed(self) -> Path:
        return self.workplace / f"claimed-{self._whose}"

    def _id(self) -> str:
        path = self.workplace / "id"
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(16))
        return path.read_text()


def _again(objects: ObjectStore, root: Path) -> Archive:
    return Archive("", root, objects=objects)
