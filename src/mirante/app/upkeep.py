"""Looks after the inference logs: ends deletions, moves segments to the archive, removes what is too old."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from mirante.errors import ArchiveError, ConflictError, MissingDependencyError
from mirante.readings import Reading

if TYPE_CHECKING:
    from mirante.inference_log import InferenceLog
    from mirante.inference_log.retention import Retained
    from mirante.monitors.config import ModelConfig
    from mirante.store import Store

__all__ = ["INTERVAL", "LogUpkeep"]

INTERVAL = timedelta(minutes=5)
_MOVING = 120.0
"""Seconds of that for moving segments; the rest goes at the next turn."""

_log = structlog.get_logger("mirante.inference_log")


class LogUpkeep:
    """One task of the service.

    Parameters
    ----------
    store : Store
        Takes the readings, and forgets what is deleted.
    logs : callable
        Gives the models that are watched, each with its log.
    """

    def __init__(self, store: Store, logs: Callable[[], Iterable[tuple[ModelConfig, InferenceLog]]]) -> None:
        self._store = store
        self._logs = logs
        self._removed: Counter[str] = Counter()
        self._away: dict[Path, str] = {}

    def advance(self, now: datetime) -> None:
        """Do what is due.

        Parameters
        ----------
        now : datetime
            The present.
        """
        watched = list(self._logs())
        for log in {log.root: log for _, log in watched}.values():
            try:
                for done in log.carry_out(self._store.forget):
                    _log.info("rows deleted", request=done.token, rows=done.rows, waiting=len(done.waiting))
            except ConflictError:  # somebody is at it
                continue
        sizes: Counter[str] = Counter()
        archived: dict[str, list[Reading]] = {}
        for config, log in watched:
            if log.archive is not None and config.model not in archived:
                archived[config.model] = self._move(config, log, now, _MOVING / len(watched))
            if (kept := self._retain(config, log, now)) is not None:
                sizes[config.model] = max(sizes[config.model], kept.left_bytes)
                self._removed[config.model] += kept.rows
        # not under the model's own labels: that they come does not say that its windows do
        self._store.readings.write(
            [
                reading
                for model, size in sizes.items()
                for reading in (
                    Reading("monitor_log_bytes", size, now, {"log_model": model}),
                    Reading("monitor_log_removed_total", self._removed[model], now, {"log_model": model}),
                )
            ]
            + [reading for readings in archived.values() for reading in readings]
        )

    def _move(self, config: ModelConfig, log: InferenceLog, now: datetime, patience: float) -> list[Reading]:
        trouble, waiting = "", None
        try:
            moved = log.move(config.model, now, older_than=config.moved_after, patience=patience)
            waiting = moved.waiting
            if moved.segments:
                _log.info("moved to the archive", subject=config.subject, **asdict(moved))
        except ConflictError:  # as above
            pass
        except (ArchiveError, MissingDependencyError, OSError) as error:
            trouble = str(error)  # also of this machine's disk: retention may be what makes room on it
        self._tell(log, trouble)
        if waiting is None:
            waiting = log.unmoved(config.model, now, older_than=config.moved_after)
        labels = {"log_model": config.model}
        return [
            Reading("monitor_archive_up", int(not trouble), now, labels, trouble),
            Reading("monitor_archive_waiting", waiting, now, labels),
        ]

    def _tell(self, log: InferenceLog, trouble: str) -> None:
        """Say once when an archive does not take segments, and once when it does again."""
        before = self._away.pop(log.root, "")
        if trouble:
            self._away[log.root] = trouble
        if trouble and trouble != before:
            _log.warning("the archive takes nothing; segments stay here", log=str(log.root), reason=trouble)
        elif before and not trouble:
            _log.info("the archive takes segments again", log=str(log.root))

    def _retain(self, config: ModelConfig, log: InferenceLog, now: datetime) -> Retained | None:
        try:
            kept = log.retain(config.model, now, older_than=config.retention, max_bytes=config.max_size)
        except ConflictError:  # as above
            return None
        if kept.segments:
            _log.info(
                "removed from the inference log",
                subject=config.subject,
                segments=kept.segments,
                rows=kept.rows,
                bytes=kept.bytes,
            )
        return kept
