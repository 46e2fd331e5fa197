"""One life of a process that alerts, made to be ended by ``kill -9``: it reads, judges, writes and sends.

``python -m tests.faults.alert_life STORE_URL HOOK_URL`` is one in a process from the start; `forked_life` is
one that has its imports from a process before it, so that many lives fit into a minute. A tick is a second of
a time of its own, told by its number, so that a tick that was cut short is done again as it was.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

from pydantic import SecretStr

from mirante.alerts.channels.webhook import WebhookChannel
from mirante.alerts.engine import AlertEngine
from mirante.alerts.outbox import Outbox
from mirante.alerts.routing import Pace, Route
from mirante.alerts.rules import Rule
from mirante.readings import Reading
from mirante.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SERIES = 12
RULES = (
    Rule("busy", "load > 0.5", for_=2 * SECOND, summary="{{ $labels.host }} at {{ $value }}"),
    Rule("hot", "load > 0.5 and heat > 0.5", severity="critical", keep_firing_for=3 * SECOND),
    Rule("silenced", "heat > 0.5"),
)
ROUTE = Route(
    ("hook",),
    pace=Pace(
        group_by=("rule",),
        group_wait=3 * SECOND,
        group_interval=5 * SECOND,
        repeat_interval=20 * SECOND,
        reminders=2,
    ),
)


def readings(tick: int) -> list[Reading]:
    """Return the readings of a tick: each host rises and falls at a pace of its own, and some have gaps."""
    now, found = START + tick * SECOND, []
    for series in range(SERIES):
        if (tick // 11 + series) % 7 == 0:
            continue
        labels = {"host": f"h{series}"}
        found.append(Reading("load", float((tick // (3 + series % 5) + series) % 3 == 0), now, labels))
        found.append(Reading("heat", float((tick // 4 + series) % 4 < 2), now, labels))
    return found


class Life:
    """A store and its engine, at the tick where the last life ended."""

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self.tick = int((self.store.cursors.get("tick") or {"number": 0})["number"])
        self.engine = AlertEngine(self.store, RULES, ROUTE, clock=self.now)

    def now(self) -> datetime:
        return START + self.tick * SECOND

    def step(self) -> None:
        """Do one tick, and then say that it is done."""
        self.store.readings.write(readings(self.tick))
        self.engine.advance(self.now(), lambda _: 60 * SECOND)
        self.tick += 1
        self.store.cursors.set("tick", {"number": self.tick})


def outbox_of(store: Store, hook: str) -> Outbox:
    """Return an outbox whose claims end soon after their owner's death."""
    channels = {"hook": WebhookChannel(SecretStr(hook))}
    return Outbox(store, channels, deadline=1.0, lease=1.5, give_up_after=timedelta(days=36_500))


async def live(url: str, hook: str, told: Callable[[int], None]) -> None:
    """Tick and send until killed; `told` hears of each tick that is done."""
    life = Life(url)
    outbox = outbox_of(life.store, hook)
    sender = asyncio.create_task(outbox.run(asyncio.Event(), every=0.02))
    while not sender.done():
        await asyncio.to_thread(life.step)
        told(life.tick)
        await asyncio.sleep(0.002)


def forked_life(url: str, hook: str, told: Connection) -> None:
    """Run one life in a process that was forked."""
    asyncio.run(live(url, hook, told.send))


def main(arguments: Iterable[str]) -> None:
    """Run one life in a process of its own."""
    url, hook = arguments
    asyncio.run(live(url, hook, lambda tick: print(tick, flush=True)))


if __name__ == "__main__":
    main(sys.argv[1:])
