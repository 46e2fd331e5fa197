"""Which version an alias points to, since when, and which versions it left: kept over restarts."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mirante.i18n import translator
from mirante.readings import Reading
from mirante.store import EventRow

if TYPE_CHECKING:
    from mirante.monitors.config import ModelConfig
    from mirante.store import Store

__all__ = ["AliasRecord", "AliasState"]

_AGAIN = timedelta(minutes=5)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AliasState:
    """What is known of an alias.

    Parameters
    ----------
    version : str
        Where it points to.
    seen : datetime, optional
        When MLflow last said so; None where that was before such things were kept.
    since : datetime, optional
        The last moment at which it pointed elsewhere: rows of the version from then on are the alias's.
        None where it was never seen to move.
    moves : int
        How often it was seen to move.
    left : mapping of str to datetime
        Versions that it left and that have windows to finish, and when it was seen to have left them.
    """

    version: str
    seen: datetime | None = None
    since: datetime | None = None
    moves: int = 0
    left: Mapping[str, datetime] = field(default_factory=dict)

    def moved(self, version: str, now: datetime) -> AliasState:
        """Return the state after a move that was noticed now.

        Examples
        --------
        >>> t = datetime(2026, 1, 1)
        >>> state = AliasState("1", seen=t).moved("2", t + _AGAIN)
        >>> state.version, state.since == t, list(state.left), state.moved("1", t + 2 * _AGAIN).left.keys()
        ('2', True, ['1'], dict_keys(['2']))
        """
        left = {one: when for one, when in self.left.items() if one != version} | {self.version: now}
        return AliasState(version, now, self.seen, self.moves + 1, left)

    def to_json(self) -> dict[str, Any]:
        """Return it for a cursor of the store."""
        return {
            "version": self.version,
            "seen": None if self.seen is None else self.seen.isoformat(),
            "since": None if self.since is None else self.since.isoformat(),
            "moves": self.moves,
            "left": {version: when.isoformat() for version, when in self.left.items()},
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> AliasState:
        """Return what `to_json` gave."""
        seen, since = (
            None if kept[name] is None else datetime.fromisoformat(kept[name]) for name in ("seen", "since")
        )
        left = {version: datetime.fromisoformat(when) for version, when in kept["left"].items()}
        return cls(kept["version"], seen, since, int(kept["moves"]), left)


class AliasRecord:
    """Keeps the state of one alias in the store, and tells moves: an event, and two readings.

    The readings come with each move and every five minutes, so that a rule sees that nothing happens.

    Parameters
    ----------
    config : ModelConfig
        The model and the alias.
    store : Store
        Where it is kept.
    locale : str
        Of the event's sentence.
    """

    def __init__(self, config: ModelConfig, store: Store, *, locale: str = "en") -> None:
        self._config, self._store, self._locale = config, store, locale
        self._cursor = f"alias/{config.subject}"
        self._told: datetime | None = None
        kept = store.cursors.get(self._cursor)
        self.state = None if kept is None else AliasState.from_json(kept)

    def follow(self, version: str, now: datetime) -> bool:
        """Take note of where the alias points to; state, event and readings are written together.

        Parameters
        ----------
        version : str
            What MLflow says.
        now : datetime
            The present.

        Returns
        -------
        bool
            Whether it moved.
        """
        known = self.state or self._from_before(version)
        moved = known.version != version
        state = known.moved(version, now) if moved else replace(known, seen=now)
        readings = self._readings(known, state, now)
        with self._store.transaction() as connection:
            self._store.cursors.set(self._cursor, state.to_json(), connection=connection)
            self._store.readings.write(readings, connection=connection)
            if moved:
                data = {"from": known.version, "to": version}
                subject, text = self._config.subject, self._sentence(known.version, version)
                event = EventRow(subject=subject, time=now, kind="alias_moved", text=text, data=data)
                self._store.events.add(event, connection=connection)
        self.state = state
        self._told = now if readings else self._told
        return moved

    def finish(self, versions: Collection[str]) -> None:
        """Forget versions that have no window left to judge or to measure."""
        if self.state is None or not any(version in self.state.left for version in versions):
            return
        left = {version: when for version, when in self.state.left.items() if version not in versions}
        state = replace(self.state, left=left)
        self._store.cursors.set(self._cursor, state.to_json())
        self.state = state

    def _from_before(self, version: str) -> AliasState:
        """Return what the store knows of an alias whose state it has not kept yet."""
        baseline = self._store.baselines.get(self._config.subject)
        return AliasState(version if baseline is None else baseline.version)

    def _readings(self, known: AliasState, state: AliasState, now: datetime) -> list[Reading]:
        moved = state.moves > known.moves
        if not moved and self._told is not None and now - self._told < _AGAIN:
            return []
        labels = {"model": self._config.model, "alias": self._config.alias}
        note = self._sentence(known.version, state.version) if moved else ""
        number = float(state.version) if state.version.isascii() and state.version.isdigit() else math.nan
        told = [
            Reading("alias_version", number, now, labels, note),
            Reading("alias_moves_total", state.moves, now, labels, note),
        ]
        if not moved:
            return told
        # a rule sees a counter grow only where it stood lower within its stretch of time
        before = now - _MOMENT if known.seen is None else min(known.seen, now - _MOMENT)
        return [Reading("alias_moves_total", known.moves, before, labels), *told]

    def _sentence(self, old: str, new: str) -> str:
        _ = translator(self._locale)
        return _(
            "%(alias)s moved from version %(old)s to version %(new)s",
            alias=self._config.alias,
            old=old,
            new=new,
        )
