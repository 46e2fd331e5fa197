"""An engine on a real store, driven minute by minute with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mirante.alerts.channels.base import Notice
from mirante.alerts.dispatch.flapping import Flapping
from mirante.alerts.dispatch.holds import HoldSettings
from mirante.alerts.engine import AlertEngine
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule
from mirante.readings import Reading
from mirante.store import AcknowledgementRow, SilenceRow, Store

T0 = datetime(2026, 11, 25, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
BUSY = Rule("busy", "system_cpu_percent > 90", severity="critical", summary="{{ $labels.host }} is busy")


class Driven:
    """What the service does with rules, without its scheduler."""

    def __init__(
        self,
        store: Store,
        route: Route | None = None,
        *,
        rules: Sequence[Rule] = (BUSY,),
        holds: HoldSettings | None = None,
        flapping: Flapping | None = None,
    ) -> None:
        self.store, self.route, self.rules = store, route or Route(("mail",)), list(rules)
        self.holds, self.flapping = holds, flapping
        self.now = T0
        self.seen: set[str] = set()
        self.paused: set[str] = set()
        self.engine = self._new()

    def _new(self) -> AlertEngine:
        return AlertEngine(
            self.store,
            self.rules,
            self.route,
            holds=self.holds,
            flapping=self.flapping,
            clock=lambda: self.now,
        )

    def restart(self) -> None:
        """Lose all that is in memory, as after kill -9."""
        self.engine = self._new()
        self.engine.set_aside({f"host/{host}" for host in self.paused})

    def at(self, minute: float, **values: float) -> list[tuple[Any, ...]]:
        """Set the clock, hear of hosts, and return what notices came: reason and hosts, sorted."""
        self.now = T0 + minute * MINUTE
        self.store.readings.write(
            Reading("system_cpu_percent", value, self.now, {"host": host}) for host, value in values.items()
        )
        self.engine.advance(self.now, lambda r: None if r.labels["host"] in self.paused else DAY * 30)
        came = [
            (
                notice.reason,
                *sorted(f"{a.labels.get('host', '')}{'-' * (a.state == 'resolved')}" for a in notice.alerts),
            )
            for notice in self.new_notices()
        ]
        return sorted(came)

    def new_notices(self) -> list[Notice]:
        """Return the notices that were not asked for yet."""
        rows = [row for row in reversed(self.store.outbox.list(limit=100_000)) if row.id not in self.seen]
        self.seen.update(row.id for row in rows)
        return [Notice.from_payload(row.payload) for row in rows]

    def silence(self, start: float, end: float, **matchers: str) -> str:
        """Silence alerts from one minute to another."""
        id_ = f"{start:g}-{end:g}"
        times = (T0 + start * MINUTE, T0 + end * MINUTE)
        self.store.silences.add(SilenceRow(id_, matchers, *times, "ana", "disk swap", T0))
        return id_

    def acknowledge(self, host: str) -> None:
        """Acknowledge the alert of a host."""
        (alert,) = (row for row in self.store.alerts.open() if row.labels["host"] == host)
        self.store.acknowledgements.put(AcknowledgementRow(alert.id, "ana", self.now))

    def held(self) -> list[str]:
        """Return what was held back, in words."""
        return [event.text for event in self.store.events.list(kinds=["notice_held"])]
