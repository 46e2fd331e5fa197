"""Two services on one PostgreSQL: the one that does the work is killed, stopped, cut off; nothing is lost.

Each alert makes one notice. What arrives at the receiver is counted by the notice's id: none may be missing,
and one may come twice for each kill, since a send that nobody could write down is done again.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mirante.app.lease import LASTING
from mirante.readings import Reading
from mirante.store import LeaseRow, Store
from tests.doubles.slack import Answer, SlackDouble, slack_double
from tests.faults.lease_life import CONFIG, serve
from tests.faults.lives import Lives
from tests.postgres import PostgresServer, start_postgres

KILLS = int(os.environ.get("MIRANTE_KILLS", "2"))
WHOLE = "MIRANTE_KILLS" in os.environ
SEED = int(os.environ.get("MIRANTE_SEED", "20130208"))
BAR = 15.0
QUICK = 3.0  # seconds: the lease of the short tests
# of the 1,000 alerts a share before each kill
SHARE = max(1000 // KILLS, 1) if WHOLE else 50
# ends the connections of the services, but not those of the test
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'mirante%' "
    "AND application_name <> 'mirante test' AND pid <> pg_backend_pid()"
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")


class Pair:
    """Services on one store, their receiver, and what is written for them to judge."""

    def __init__(
        self, url: str, folder: Path, double: SlackDouble, lasting: float | None, *, apart: bool
    ) -> None:
        self.url, self.double, self.lasting, self.apart = url, double, lasting, apart
        self.config = folder / "mirante.yaml"
        self.config.write_text(CONFIG.format(store=url, hook=double.url), encoding="utf-8")
        self.lives, self.stack = Lives(serve), ExitStack()
        self.store = Store(f"{url}&application_name=test")
        self.alerts = 0

    def start(self) -> tuple[Any, str]:
        """Start one more service; give its process and its address."""
        process, address = self.stack.enter_context(self.lives.process(self.config, self.lasting, self.apart))
        return process, address

    def trouble(self, alerts: int) -> None:
        """Write readings, as an agent would, each of which is an alert."""
        now = datetime.now(UTC)
        new = range(self.alerts, self.alerts + alerts)
        self.alerts += alerts
        self.store.readings.write([Reading("trouble", 1.0, now, {"item": str(i)}) for i in new])

    def holder(self) -> LeaseRow:
        found = self.store.lease.read()
        assert found is not None
        return found

    def until(self, check: Callable[[], object], seconds: float = 30.0, every: float = 0.02) -> float:
        """Wait for something; return the seconds."""
        begun = time.monotonic()
        while not check():
            assert time.monotonic() - begun < seconds, "it did not come true in time"
            time.sleep(every)
        return time.monotonic() - begun

    def all_arrived(self) -> bool:
        return len({request.headers["webhook-id"] for request in self.double.requests}) >= self.alerts

    def count(self) -> tuple[int, int]:
        """Wait for the rest; return how many alerts nobody heard of, and how many notices came twice."""
        patience = 60 + self.alerts / 10  # the receiver takes its time, and so may the machine
        self.until(self.all_arrived, patience)
        self.until(lambda: self.store.outbox.owed() == 0, patience)
        arrived = Counter(request.headers["webhook-id"] for request in self.double.requests)
        told = {row["labels"]["item"] for one in self.double.requests for row in one.json["data"]["alerts"]}
        rows = {row.id: row.status for row in self.store.outbox.list(limit=100_000)}
        assert set(rows) == set(arrived)
        assert set(rows.values()) == {"delivered"}
        assert len(rows) == self.alerts, "one notice for each alert"
        fired = [row for row in self.store.events.list(limit=100_000) if row.kind == "alert_fired"]
        assert len(fired) == self.alerts
        return self.alerts - len(told), sum(arrived.values()) - len(arrived)


@contextmanager
def pair_of_services(
    url: str, folder: Path, lasting: float | None = QUICK, *, apart: bool = True
) -> Iterator[Pair]:
    with slack_double() as double:
        double.always = Answer(seconds=0.01)  # so that a kill finds it sending
        pair = Pair(url, folder, double, lasting, apart=apart)
        with pair.store, pair.stack:
            yield pair


def health(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}healthz", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def page(address: str) -> str:
    with urllib.request.urlopen(f"{address}status", timeout=10) as answer:
        return str(answer.read().decode())


@pytest.mark.timeout(60 + 30 * KILLS)
def test_the_holder_is_killed_and_the_other_goes_on(postgres_url: str, tmp_path: Path) -> None:
    print(f"seed {SEED}, {KILLS} kills")
    chance, took, heard = random.Random(SEED), [], []
    lasting = None if WHOLE else QUICK
    with pair_of_services(postgres_url, tmp_path, lasting) as pair:
        known = {process.pid: (process, address) for process, address in (pair.start(), pair.start())}
        for _ in range(KILLS):
            former = pair.holder()
            others = [address for pid, (_, address) in known.items() if pid != former.process]
            assert [health(address)["lease"] for address in others] == [{"held": False}]
            assert all("Another service does the work" in page(address) for address in others)
            pair.trouble(SHARE)
            time.sleep(chance.uniform(0, 1))
            known.pop(former.process)[0].kill()
            begun, before = time.monotonic(), len(pair.double.requests)
            took.append(pair.until(lambda before=former: pair.holder().token > before.token))
            pair.trouble(1)
            pair.until(pair.all_arrived, 60)
            heard.append(time.monotonic() - begun)
            assert len(pair.double.requests) > before
            process, address = pair.start()
            known[process.pid] = process, address
        lost, twice = pair.count()
        events = [row for row in pair.store.events.list(limit=100_000) if row.kind == "lease_taken"]
    print(f"{pair.alerts} alerts, {lost} lost, {twice} came twice")
    print(f"taken over after {min(took):.1f} to {max(took):.1f} s, all told after {max(heard):.1f} s at most")
    assert lost == 0
    assert twice <= KILLS
    assert max(took) <= (BAR if WHOLE else QUICK + 4)
    assert len(events) >= KILLS
    assert not WHOLE or max(took) > LASTING.total_seconds() / 2, "the lease is as it is shipped"


def test_a_lone_service_that_is_killed_works_at_once_when_it_is_started_again(
    postgres_url: str, tmp_path: Path
) -> None:
    # an hour of lease: whoever had to wait for its end would not be there in time
    with pair_of_services(postgres_url, tmp_path, 3_600.0, apart=False) as pair:
        process, _ = pair.start()
        for kill in range(KILLS if WHOLE else 1):
            pair.trouble(3)
            pair.until(pair.all_arrived)
            os.kill(process.pid, signal.SIGSTOP)  # it is still there: nobody may take its place
            waiting, address = pair.start()
            assert health(address)["lease"] == {"held": False}
            assert "Another service does the work" in page(address)
            former = pair.holder()
            assert former.process == process.pid
            os.kill(process.pid, signal.SIGKILL)
            took = pair.until(lambda before=former: pair.holder().token > before.token)
            print(f"taken over after {took:.1f} s")
            waiting.kill()
            waiting.join()
            process, address = pair.start()  # the next start, after a kill of the one that took over
            pair.until(lambda pid=process.pid: pair.holder().process == pid)
            assert health(address)["lease"] == {"held": True}
            assert pair.holder().token == 3 + 2 * kill
        pair.trouble(2)
        lost, _ = pair.count()
    assert lost == 0


@pytest.mark.timeout(60 + 20 * KILLS)
def test_a_holder_that_was_stopped_comes_back_as_the_second(postgres_url: str, tmp_path: Path) -> None:
    chance = random.Random(SEED + 1)
    with pair_of_services(postgres_url, tmp_path) as pair:
        known = {process.pid: address for process, address in (pair.start(), pair.start())}
        for _ in range(KILLS):
            former = pair.holder()
            pair.trouble(SHARE)
            time.sleep(chance.uniform(0, 0.8))
            os.kill(former.process, signal.SIGSTOP)
            pair.until(lambda before=former: pair.holder().token > before.token)
            pair.trouble(5)
            os.kill(former.process, signal.SIGCONT)
            pair.trouble(5)  # for both to judge, if they would
            pair.until(lambda address=known[former.process]: health(address)["lease"] == {"held": False})
            assert "Another service does the work" in page(known[former.process])
            assert pair.holder().process != former.process
        lost, twice = pair.count()
        assert set(known) == {pair.holder().process, former.process}
    print(f"stopped {KILLS} times: {pair.alerts} alerts, {lost} lost, {twice} came twice")
    assert lost == 0
    assert twice <= KILLS


def test_the_database_is_restarted_and_the_service_goes_on(tmp_path: Path) -> None:
    with start_postgres() as server:
        url = server.url(server.create(server.migrated()))
        with pair_of_services(url, tmp_path) as pair:
            (one, _), (other, _) = pair.start(), pair.start()
            for away in (0.0, 2 * QUICK):  # also for longer than the lease lasts
                pair.trouble(20)
                server.stop()
                time.sleep(away)
                server.start_again()
                pair.trouble(20)
                pair.until(pair.all_arrived)
            lost, twice = pair.count()
            assert one.is_alive()
            assert other.is_alive()
            pair.until(lambda: pair.holder().process in (one.pid, other.pid))
    print(f"restarted twice: {pair.alerts} alerts, {lost} lost, {twice} came twice")
    assert lost == 0
    assert twice <= 2


def test_connections_are_cut_in_the_middle_of_transactions(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    chance, cuts = random.Random(SEED + 2), 10 * KILLS
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    with pair_of_services(postgres_url, tmp_path) as pair, postgres_server.connection(name) as watcher:
        (one, _), (other, _) = pair.start(), pair.start()
        for number in range(cuts):
            pair.trouble(10)
            if number % 2:
                time.sleep(chance.uniform(0, 0.3))
                watcher.execute(CUT)
            else:  # a transaction takes a millisecond or two: it is waited for, and cut while it lasts
                pair.until(lambda: watcher.execute(f"{CUT} AND state <> 'idle'").fetchall(), every=0.0)
        lost, twice = pair.count()
        assert one.is_alive()
        assert other.is_alive()
    print(f"cut {cuts} times, half of them at work: {pair.alerts} alerts, {lost} lost, {twice} twice")
    assert lost == 0
    assert twice <= cuts
