"""What is kept of a registered model between two looks at it: versions in numbers, aliases one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from mirante.tracking.versions import ModelSeen

__all__ = ["AliasKnown", "Happening", "ModelBook", "RegistryBook", "Scan", "VersionKnown"]

_REMEMBERED = timedelta(days=1)

Kind = Literal["version_created", "alias_moved", "alias_created", "alias_deleted", "stage_changed"]


@dataclass(frozen=True, slots=True)
class Happening:
    """What was seen to have happened to a model, with the alias or stage, and the versions."""

    kind: Kind
    model: str
    to: str = ""
    before: str = ""
    pointer: str = ""


@dataclass(slots=True)
class AliasKnown:
    """An alias: its version, how often it moved, the version it left; when it was found to be deleted."""

    version: str
    moves: int = 0
    left: str = ""
    gone: str | None = None


@dataclass(slots=True)
class VersionKnown:
    """A version that an alias points to, or the newest: whether it has a baseline, and when that was asked.

    `signature` is None where it is not known; `looked` is when it was looked for, None before.
    """

    baseline: bool
    asked: str
    signature: bool | None = None
    looked: str | None = None


@dataclass(slots=True)
class ModelBook:
    """What is known of a registered model; a look leads from one state to the next.

    Parameters
    ----------
    name : str
        The model's.
    created : str, optional
        When it was made (ISO, UTC): another model may have had its name before.
    top : int
        The highest number that a version was seen to have.
    newest : int
        The number of the newest version; 0 without versions.
    count : int, optional
        How many versions there are; None until they were counted.
    aliases : dict of str to AliasKnown
        Those that there are, and those deleted within a day.
    versions : dict of str to VersionKnown
        Those that an alias points to, and the newest.
    stages : dict of str to str
        The newest version of each stage.
    """

    name: str
    created: str | None = None
    top: int = 0
    newest: int = 0
    count: int | None = None
    aliases: dict[str, AliasKnown] = field(default_factory=dict)
    versions: dict[str, VersionKnown] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)

    @classmethod
    def opened(cls, seen: ModelSeen, *, new: bool) -> ModelBook:
        """Return the state of a model before anything of it is known.

        Parameters
        ----------
        seen : ModelSeen
            As MLflow has it.
        new : bool
            Whether it came into the registry while that was watched; if not, nothing of it is news.
        """
        created = None if seen.created is None else seen.created.isoformat()
        if new:
            return cls(seen.name, created, count=0)
        aliases = {alias: AliasKnown(version) for alias, version in seen.aliases.items()}
        return cls(seen.name, created, seen.number, seen.number, aliases=aliases, stages=dict(seen.stages))

    def is_of(self, seen: ModelSeen) -> bool:
        """Return whether this is the model that it was, and not another of its name."""
        return self.created == (None if seen.created is None else seen.created.isoformat())

    @property
    def present(self) -> dict[str, AliasKnown]:
        """The aliases that there are."""
        return {alias: known for alias, known in self.aliases.items() if known.gone is None}

    def unseen(self, seen: ModelSeen) -> range:
        """Return the numbers of versions that may have been made since the last look, but for the newest."""
        return range(self.top + 1, seen.number)

    def advance(self, now: datetime, seen: ModelSeen, made: Sequence[str]) -> list[Happening]:
        """Take in what MLflow says now, and return what has happened.

        Parameters
        ----------
        now : datetime
            The present.
        seen : ModelSeen
            The model.
        made : sequence of str
            Those of `unseen` that there are.
        """
        happened: list[Happening] = []
        new = list(made)
        if seen.number > self.top:
            new.append(str(seen.number))
        self.newest, self.top = seen.number, max(self.top, seen.number)
        if self.count is not None:
            self.count += len(new)
        happened += [Happening("version_created", self.name, version) for version in new]
        happened += self._follow_aliases(now, seen.aliases)
        for stage, version in seen.stages.items():
            if self.stages.get(stage) != version:
                left = self.stages.get(stage, "")
                happened.append(Happening("stage_changed", self.name, version, left, stage))
        self.stages = dict(seen.stages)
        needed = self.needed(seen)
        self.versions = {version: known for version, known in self.versions.items() if version in needed}
        return happened

    def _follow_aliases(self, now: datetime, aliases: Mapping[str, str]) -> Iterator[Happening]:
        for alias, version in aliases.items():
            known = self.aliases.get(alias)
            if known is None or known.gone is not None:
                yield Happening("alias_created", self.name, version, pointer=alias)
            if known is None:
                self.aliases[alias] = AliasKnown(version)
                continue
            if known.version != version:
                if known.gone is None:
                    yield Happening("alias_moved", self.name, version, known.version, alias)
                known.left, known.version = known.version, version
                known.moves += 1
            known.gone = None
        old = (now - _REMEMBERED).isoformat()
        for alias, known in list(self.aliases.items()):
            if alias not in aliases and known.gone is None:
                known.gone = now.isoformat()
                yield Happening("alias_deleted", self.name, before=known.version, pointer=alias)
            elif known.gone is not None and known.gone < old:
                del self.aliases[alias]

    @staticmethod
    def needed(seen: ModelSeen) -> list[str]:
        """Return the versions of which is said what they lack: those with an alias, and the newest."""
        newest = [] if seen.newest is None else [seen.newest.version]
        return list(dict.fromkeys([*newest, *seen.aliases.values()]))

    def to_json(self) -> dict[str, Any]:
        """Return it for a cursor of the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> ModelBook:
        """Return what `to_json` gave."""
        aliases = {alias: AliasKnown(**one) for alias, one in kept["aliases"].items()}
        versions = {version: VersionKnown(**one) for version, one in kept["versions"].items()}
        return cls(**{**kept, "aliases": aliases, "versions": versions, "stages": dict(kept["stages"])})


@dataclass(slots=True)
class Scan:
    """A count of all versions: up to which numbers it counts, how far it has come, what came meanwhile."""

    tops: dict[str, int]
    token: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    meanwhile: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class RegistryBook:
    """What is known of the whole registry.

    Parameters
    ----------
    until : str, optional
        When it was last looked at (ISO, UTC); None before the first look.
    newest : str, optional
        When the newest model was made, by MLflow's clock.
    scan : Scan, optional
        A count that is under way.
    scanned : str, optional
        When the last count ended; None when one is due.
    heard : int
        The number of the last webhook that was acted upon.
    """

    until: str | None = None
    newest: str | None = None
    scan: Scan | None = None
    scanned: str | None = None
    heard: int = 0

    def take_page(self, page: Sequence[tuple[str, int]], token: str | None) -> dict[str, int] | None:
        """Count some of all versions; after the last page return how many each model has.

        Parameters
        ----------
        page : sequence of (str, int)
            Models and numbers.
        token : str, optional
            Where the next page begins; None after the last.
        """
        if self.scan is None:
            return None
        counts = self.scan.counts
        for name, number in page:
            if number <= self.scan.tops.get(name, 0):  # others are counted as they are seen
                counts[name] = counts.get(name, 0) + 1
        self.scan.token = token
        if token is not None:
            return None
        found = {name: counts.get(name, 0) + self.scan.meanwhile.get(name, 0) for name in self.scan.tops}
        self.scan = None
        return found

    def to_json(self) -> dict[str, Any]:
        """Return it for a cursor of the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> RegistryBook:
        """Return what `to_json` gave."""
        return cls(**{**kept, "scan": None if kept["scan"] is None else Scan(**kept["scan"])})
