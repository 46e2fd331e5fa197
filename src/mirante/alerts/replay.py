"""The engine over a past of its own: what would have fired, without a trace in the store that is watched."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from mirante.alerts.engine import AlertEngine
from mirante.alerts.grouping import Transition
from mirante.alerts.routing import Route
from mirante.alerts.rules import AlertState, Rule
from mirante.readings import Reading
from mirante.store import AlertRow, Store

__all__ = ["Replay"]

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of ours is made in it; each step is a commit, which a disk makes slow


class Replay:
    """Rules over readings that are handed in step by step; nobody is told of anything.

    Parameters
    ----------
    rules : sequence of Rule
        With names of their own.

    Examples
    --------
    >>> t, minute = datetime(2013, 2, 8, tzinfo=UTC), timedelta(minutes=1)
    >>> with Replay([Rule("busy", "cpu > 90", for_=minute)]) as replay:
    ...     for step, cpu in enumerate([95.0, 96.0, 10.0]):
    ...         now = t + step * minute
    ...         changes = replay.step(now, [Reading("cpu", cpu, now, {"host": "a"})], lambda _: 5 * minute)
    ...         print([change.change for change in changes])
    ['pending']
    ['firing']
    ['resolved']
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._now = datetime.min.replace(tzinfo=UTC)
        self._folder = tempfile.TemporaryDirectory(
            prefix="mirante-", dir=_MEMORY if _MEMORY.is_dir() else None
        )
        try:
            self._store = Store(f"sqlite:///{self._folder.name}/replay.db")
            self._engine = AlertEngine(
                self._store, rules, Route(), value_age=timedelta(), clock=lambda: self._now
            )
        except BaseException:
            self._folder.cleanup()
            raise

    def step(
        self,
        now: datetime,
        readings: Iterable[Reading],
        stale_after: Callable[[Reading], timedelta | None],
    ) -> list[Transition]:
        """Take readings and evaluate.

        Parameters
        ----------
        now : datetime
            Time of the evaluation; later than the one before.
        readings : iterable of Reading
            What is new.
        stale_after : callable
            As in `AlertEngine.advance`.

        Returns
        -------
        list of Transition
            What changed.
        """
        self._now = now
        self._store.readings.write(readings)
        return self._engine.advance(now, stale_after)

    def standing(self) -> list[tuple[AlertRow, AlertState]]:
        """Return the alerts that are pending or firing now."""
        return self._engine.standing()

    @property
    def errors(self) -> Mapping[str, str]:
        """What the last evaluation could not do, by rule."""
        return self._engine.errors

    def __enter__(self) -> Replay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()
        self._folder.cleanup()
