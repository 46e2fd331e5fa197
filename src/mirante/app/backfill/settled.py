"""What a backfill that ended was made from, so that the same one once more is known to change nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mirante import __version__
from mirante.app.backfill.result import Backfilled
from mirante.inference_log import InferenceLog
from mirante.monitors.model import awaits_labels
from mirante.store.forgetting import forgotten_cursor

if TYPE_CHECKING:
    from mirante.alerts.rules import Rule
    from mirante.app.backfill.planning import Plan
    from mirante.store import Store

__all__ = ["Settled"]


class Settled:
    """Remembers, in the store, how a backfill of one time ended.

    Judging a year anew takes long, only to find every window there. What decides the outcome
    is the rows, baseline, config, rules, labels, and what the store has of that time: while all of it
    is as it was, there is nothing to do.

    Parameters
    ----------
    plan : Plan
        What is judged.
    rules : sequence of Rule
        Held against it.
    store : Store
        Takes it.
    locale : str
        Of the sentences.
    """

    def __init__(self, plan: Plan, rules: Sequence[Rule], store: Store, *, locale: str) -> None:
        self._plan, self._store = plan, store
        self._lasting = isinstance(plan.rows_at, InferenceLog)  # files and tables of others may change
        self._cursor = f"backfill:{plan.config.subject}:{plan.version}"
        about = json.dumps(dict(plan.baseline.about), sort_keys=True, default=str)
        told = [__version__, locale, plan.start, plan.end, plan.rows, plan.current, about]
        told += [plan.config.model_dump_json(), [repr(rule) for rule in rules]]
        self._made_from = repr(told).encode() + plan.baseline.profile.to_bytes()

    def _digest(self) -> str:
        plan, store = self._plan, self._store
        subject, model = plan.config.subject, plan.config.model
        found = hashlib.blake2b(self._made_from, digest_size=16)
        there = [
            store.windows.digest(subject, plan.start, plan.end),
            store.slice_windows.digest(subject, plan.start, plan.end),
            store.labels.last(model),
            store.cursors.get(forgotten_cursor(model)),
        ]
        found.update(repr(there).encode())
        return found.hexdigest()

    def again(self, done: Backfilled) -> bool:
        """Say whether there is nothing to do, and if so write into the result what is there.

        Parameters
        ----------
        done : Backfilled
            Of a run that has not begun.
        """
        kept: dict[str, Any] | None = self._store.cursors.get(self._cursor)
        if not self._lasting or kept is None or kept["made_from"] != self._digest():
            return False
        done.known, done.kept = kept["known"], kept["kept"]
        rows = self._store.alerts.of(kept["alerts"])
        done.alerts = sorted(rows, key=lambda row: (row.active_at, row.rule, row.id))
        return True

    def remember(self, done: Backfilled) -> None:
        """Write down how it ended; nothing while a window waits for labels or is left to a service.

        Parameters
        ----------
        done : Backfilled
            What was done.
        """
        plan, store = self._plan, self._store
        rows = store.windows.list(plan.config.subject, since=plan.start, until=plan.end)
        mine = [row for row in rows if row.version == plan.version]
        waiting = store.labels.last(plan.config.model) is not None and any(map(awaits_labels, mine))
        if not self._lasting or done.left or waiting:
            return
        known = done.windows + done.completed + done.known
        figures = {"known": known, "kept": done.kept, "alerts": [row.id for row in done.alerts]}
        store.cursors.set(self._cursor, {"made_from": self._digest(), **figures})
