"""How long a healthy channel waits for the others: ``python -m benchmarks.channels``.

The whole service with real servers on loopback: a webhook that accepts and never answers, one that drips, a
mail server that says nothing, and between them a webhook and a mail server that are well. 1,000 alerts, each
a notice to every channel. First all that is well stays well: printed are seconds from a notice's making to
its delivery (the bar: p99 under 2 s). Then three tenths of all tries at the two fail (500, 429, a reset
connection; 421 and 451 for mails): printed is how much was lost, or came twice. The waits between tries are
a fiftieth of the service's there, or it would take a quarter of an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tests.doubles.slack import Answer, SlackDouble, slack_double
from tests.doubles.smtp import Mailbox, mail_server, silent_server

from mirante.alerts.channels.config import build_channels
from mirante.alerts.outbox import Outbox
from mirante.app.build import Parts, build
from mirante.app.service import Service
from mirante.app.settings import load_settings
from mirante.readings import Reading
from mirante.store import Store

WELL = ("webhook", "mail")
BAR = 2.0
HASTE = 50  # times as quick are the waits while tries fail
CONFIG = """
host: {{enabled: false}}
mlflow: {{enabled: false}}
web: {{port: 0}}
evaluation_interval: 1s
alerts:
  default_rules: false
  rules: [{{name: trouble, when: trouble > 0, summary: "{{{{ $labels.item }}}}"}}]
  routes: {{group_by: [item], group_wait: 0s}}
  channels:
    hanging: {{type: webhook, url: "env:HANGING"}}
    dripping: {{type: webhook, url: "env:DRIPPING"}}
    silent: {{type: email, smtp_server: "127.0.0.1:{silent}", {mail}}}
    webhook: {{type: webhook, url: "env:WEBHOOK"}}
    mail: {{type: email, smtp_server: "127.0.0.1:{well}", {mail}}}
"""
MAIL = "smtp_tls: none, sender: mirante@example.org, recipients: [ops@example.org]"


class Dice:
    """Answers of a server, for the places where the doubles keep a list of them."""

    def __init__(self, good: Any, bad: list[Any], share: float) -> None:
        self.good, self.bad, self.share = good, bad, share
        self.given: list[Any] = []
        self._random = random.Random(20260101)

    def pop(self, _: int) -> Any:
        """Give the next answer."""
        fails = self._random.random() < self.share
        self.given.append(self._random.choice(self.bad) if fails else self.good)
        return self.given[-1]


@dataclass
class Servers:
    """What the channels speak to."""

    hanging: SlackDouble
    dripping: SlackDouble
    webhook: SlackDouble
    mail: Mailbox
    silent: int

    @property
    def dice(self) -> dict[str, Dice]:
        """What the servers that are well answered."""
        return {"webhook": self.webhook.script, "mail": self.mail.on_data}

    def accepted(self) -> dict[str, Counter[str]]:
        """Count how often each notice was taken, by the channels that are well."""
        answers = zip(self.webhook.requests, self.webhook.script.given, strict=True)
        posted = Counter(
            request.headers["webhook-id"]
            for request, answer in answers
            if answer.kind + str(answer.status) == "plain200"
        )
        mailed = Counter(
            message["Message-ID"].strip("<>").partition("@")[0] for message in self.mail.messages
        )
        return {"webhook": posted, "mail": mailed}


@contextmanager
def servers(failing: float) -> Iterator[Servers]:
    """Run them; those that are well fail with this share of all tries."""
    with ExitStack() as stack:
        hanging, dripping, webhook = (stack.enter_context(slack_double()) for _ in range(3))
        hanging.always, dripping.always = Answer(kind="hang"), Answer(kind="drip")
        bad = [Answer(500), Answer(429, headers={"Retry-After": "0"}), Answer(kind="reset")]
        webhook.script = Dice(Answer(), bad, failing)
        mail = stack.enter_context(mail_server())
        mail.on_data = Dice("250 OK", ["421 going away", "451 try later"], failing)
        yield Servers(hanging, dripping, webhook, mail, stack.enter_context(silent_server()))


@contextmanager
def service(folder: Path, at: Servers, *, hasty: bool) -> Iterator[Parts]:
    """Run the service in a thread."""
    path = folder / "mirante.yaml"
    path.write_text(CONFIG.format(silent=at.silent, well=at.mail.port, mail=MAIL), encoding="utf-8")
    parts = build(load_settings(path))
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stop.append((asyncio.get_running_loop(), asyncio.Event()))
        await Service(parts.settings, parts).run(stop[0][1])

    with parts:
        if hasty:
            channels = build_channels(parts.settings.alerts.channels, base=folder)

            def in_haste(store: Store, may_send: Callable[[], bool]) -> Outbox:
                outbox = Outbox(store, channels, jitter=lambda: random.random() / HASTE, may_send=may_send)
                outbox.run = partial(outbox.run, every=1 / HASTE)  # type: ignore[method-assign]  # in haste
                return outbox

            parts.make_outbox = in_haste
        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        try:
            yield parts
        finally:
            stop[0][0].call_soon_threadsafe(stop[0][1].set)
            thread.join()


def tell(parts: Parts, alerts: int, seconds: float) -> None:
    """Make so many alerts begin, one after the other, and wait until those that are well know all of them."""
    begin = time.monotonic()
    for number in range(alerts):
        time.sleep(max(0.0, begin + number * seconds / alerts - time.monotonic()))
        labels = {"experiment": "7", "item": f"item-{number:04}"}
        parts.store.readings.write([Reading("trouble", 1.0, datetime.now(UTC), labels)])
    patience = time.monotonic() + 600
    while time.monotonic() < patience:
        sent = {name: count for name, state, count, _ in parts.store.outbox.tally() if state == "delivered"}
        if all(sent.get(name, 0) >= alerts for name in WELL):
            return
        time.sleep(0.2)


def measure(alerts: int, seconds: float, failing: float) -> dict[str, Any]:
    """Return what became of the alerts' notices, for the channels that are well."""
    with tempfile.TemporaryDirectory() as folder, servers(failing) as at:
        os.environ |= {"HANGING": at.hanging.url, "DRIPPING": at.dripping.url, "WEBHOOK": at.webhook.url}
        begin = time.monotonic()
        with service(Path(folder), at, hasty=failing > 0) as parts:
            tell(parts, alerts, seconds)
            rows = parts.store.outbox.list(limit=10 * alerts)
        taken = time.monotonic() - begin
        found: dict[str, Any] = {"seconds": taken, "failing": failing}
        for name, took in at.accepted().items():
            mine = [row for row in rows if row.channel == name]
            waits = [(row.delivered_at - row.created_at).total_seconds() for row in mine if row.delivered_at]
            found[name] = {
                "notices": len(mine),
                "tries": len(at.dice[name].given),
                "lost": len({row.id for row in mine} - took.keys()) + max(alerts - len(mine), 0),
                "twice": sum(count - 1 for count in took.values()),
                **{f"p{q}": float(np.percentile(waits, q)) for q in (50, 95, 99)},
                "max": max(waits),
            }
        tried = Counter(row.channel for row in rows if row.status == "delivered")
        found["delivered_by_the_others"] = sum(tried.values()) - sum(tried[name] for name in WELL)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=100.0, help="over which the alerts begin")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    well = measure(options.alerts, options.seconds, 0.0)
    failing = measure(options.alerts, options.seconds / 10, 0.3)
    if options.json:
        print(json.dumps({"well": well, "failing": failing}, indent=1))
        return
    print(
        f"{options.alerts:,} alerts over {options.seconds:g} s, beside channels that hang, drip, say nothing"
    )
    print(f"{'':10}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}   s from made to delivered (bar: p99 {BAR:g} s)")
    for name in WELL:
        one = well[name]
        print(f"{name:10}" + "".join(f"{one[key]:8.2f}" for key in ("p50", "p95", "p99", "max")), end="")
        print("   kept" if one["p99"] < BAR else "   MISSED")
    print("three tenths of all tries fail")
    print(f"{'':10}{'notices':>8}{'tries':>8}{'lost':>8}{'twice':>8}")
    for name in WELL:
        print(
            f"{name:10}"
            + "".join(f"{failing[name][key]:8,}" for key in ("notices", "tries", "lost", "twice"))
        )


if __name__ == "__main__":
    main()
