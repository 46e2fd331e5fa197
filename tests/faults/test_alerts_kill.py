"""A process that alerts is killed with kill -9 at random moments: mid-commit, mid-send, anywhere.

What it did in all its lives is held against one life that nobody killed: the same alerts at the same times,
the same notices, each at its receiver, and no more of them twice than there were kills.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirante.store import SilenceRow, Store
from tests.doubles.slack import Answer, slack_double
from tests.faults.alert_life import SECOND, START, Life, forked_life, outbox_of
from tests.faults.lives import Lives

KILLS = int(os.environ.get("MIRANTE_KILLS", "30"))
SEED = int(os.environ.get("MIRANTE_SEED", "20130208"))
ROOT = Path(__file__).parents[2]


def live_and_die(url: str, hook: str, lasting: float) -> float:
    """Start a process as a user would, kill it, and return the seconds to its first tick."""
    born = time.monotonic()
    command = [sys.executable, "-m", "tests.faults.alert_life", url, hook]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    ready = time.monotonic() - born
    time.sleep(lasting)
    process.kill()
    process.communicate(timeout=20)
    return ready


def silence(store: Store) -> SilenceRow:
    ends = START + 1_000_000 * SECOND
    row = SilenceRow("s1", {"rule": "silenced", "host": "~h[0-5]"}, START, ends, "ana", "known", START)
    store.silences.add(row)
    return row


def alerts(store: Store) -> list[tuple[object, ...]]:
    """Return what fired or is still open; an alert that never fired is no news to anybody."""
    rows = [row for row in store.alerts.list(limit=1_000_000) if row.fired_at or row.state == "pending"]
    return sorted(
        (row.rule, row.labels["host"], row.active_at, str(row.fired_at), str(row.resolved_at), row.state)
        for row in rows
    )


def notices(store: Store) -> Counter[tuple[object, ...]]:
    """Count the notices by what they say; ids differ from run to run."""
    found: Counter[tuple[object, ...]] = Counter()
    for row in store.outbox.list(limit=1_000_000):
        told = row.payload
        members = sorted((a["state"], a["labels"]["host"], a["since"], a["until"]) for a in told["alerts"])
        found[row.channel, row.reason, told["rule"], row.created_at, str(members)] += 1
    return found


def send_the_rest(url: str, hook: str) -> None:
    with Store(url) as store:
        outbox, deadline = outbox_of(store, hook), time.monotonic() + 60
        while store.outbox.owed() and time.monotonic() < deadline:
            asyncio.run(outbox.run_once(datetime.now(UTC)))
            time.sleep(0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
@pytest.mark.timeout(60 + 10 * KILLS)
def test_no_notice_is_lost_and_none_comes_twice_without_a_kill(tmp_path: Path) -> None:
    print(f"seed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    url, undisturbed = (f"sqlite:///{tmp_path / name}.db" for name in ("killed", "undisturbed"))
    with Store(url) as store:
        asked = silence(store)
    waits, starts, lives = [], [], Lives(forked_life)
    with slack_double() as double:
        double.always = Answer()
        for kill in range(KILLS):
            lasting = chance.uniform(0, 0.5)
            if kill % 10:
                with lives.life(url, double.url) as ready:
                    time.sleep(lasting)
                waits.append(ready)
            else:
                starts.append(live_and_die(url, double.url, lasting))
            with closing(sqlite3.connect(tmp_path / "killed.db")) as database:
                assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
        send_the_rest(url, double.url)
        with Store(url) as store:
            ticks = int((store.cursors.get("tick") or {})["number"])
            assert store.silences.list() == [asked]
            got, told = alerts(store), notices(store)
            rows = {row.id: row.status for row in store.outbox.list(limit=1_000_000)}
        arrived = Counter(request.headers["webhook-id"] for request in double.requests)
        bodies = {request.headers["webhook-id"]: set() for request in double.requests}
        for request in double.requests:
            bodies[request.headers["webhook-id"]].add(request.body)
    twice = sum(count - 1 for count in arrived.values())
    print(f"{ticks} ticks; {len(rows)} notices, {len(set(rows) - set(arrived))} lost, {twice} came twice")
    print(
        f"first tick after {min(starts):.2f} to {max(starts):.2f} s, {max(waits, default=0):.2f} when forked"
    )
    assert set(rows.values()) == {"delivered"}
    assert set(arrived) == set(rows)
    assert twice <= KILLS
    assert all(len(said) == 1 for said in bodies.values()), "a notice that comes again says the same"

    with Store(undisturbed) as store:
        silence(store)
    whole = Life(undisturbed)
    for _ in range(ticks):
        whole.step()
    # the last life was killed between a tick and the word that it is done: that tick may be in already
    with whole.store as store:
        if alerts(store) != got:
            whole.step()
        assert alerts(store) == got
        assert notices(store) == told
    assert len(told) > 20
