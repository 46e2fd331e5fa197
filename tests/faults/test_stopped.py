"""A service is stopped (SIGSTOP) for longer than its series may be silent, and goes on as if nothing was.

A stopped process holds its files, connections and claims, and its clocks go on: what comes next is all late.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.readings import Reading
from mirante.store import Store
from tests.doubles.slack import Answer, SlackDouble, slack_double
from tests.faults.lease_life import serve
from tests.faults.lives import Lives
from tests.faults.test_lease_kill import BAR, health, pair_of_services

WHOLE = "MIRANTE_KILLS" in os.environ
TIMES = 3 if WHOLE else 1
AWAY = 60.0 if WHOLE else 7.0  # seconds: a host may be silent for six here
CONFIG = """
store: "sqlite:///{folder}/mirante.db"
host: {{interval: 2s, name: web-1}}
mlflow: {{enabled: false}}
web: {{port: 0}}
evaluation_interval: 500ms
tables:
  - table: orders
    source: {{sql: "sqlite:///{folder}/shop.db", table: orders, cursor: id, time: at}}
    baseline: "{folder}/normal.parquet"
    window: 5s
    lateness: 1h
    interval: 1s
alerts:
  default_rules: false
  rules:
    - {{name: trouble, when: trouble > 0, summary: "{{{{ $labels.item }}}}"}}
    - name: no_data
      when: source_up == 0
      where: {{source: "~host/.*"}}
      summary: "No data from {{{{ $labels.source }}}}"
  routes: {{group_by: [rule, item], group_wait: 0s}}
  channels: {{hook: {{type: webhook, url: "{hook}"}}}}
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")


class Lone:
    """A service on its own, what happens around it, and what became of it."""

    def __init__(self, folder: Path, store: Store, double: SlackDouble) -> None:
        self.folder, self.store, self.double = folder, store, double
        self.alerts = self.rows = 0
        self.reachable, self.over = threading.Event(), threading.Event()
        self.reachable.set()
        pq.write_table(pa.table({"price": [float(n % 7) for n in range(100)]}), folder / "normal.parquet")
        with self.shop() as shop:
            shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, price REAL, at TEXT)")

    @contextmanager
    def shop(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.folder / "shop.db")) as connection, connection:
            yield connection

    def trouble(self, alerts: int) -> None:
        """Write readings, as an agent would, each of which is an alert."""
        now, new = datetime.now(UTC), range(self.alerts, self.alerts + alerts)
        self.alerts += alerts
        items = [{"table": "orders", "item": str(number)} for number in new]
        self.store.readings.write([Reading("trouble", 1.0, now, item) for item in items])

    def be_heard(self) -> None:
        """Write the readings of another host, as its agent does: not while nobody takes them."""
        while not self.over.wait(0.5):
            if self.reachable.is_set():
                now = datetime.now(UTC)
                self.store.readings.write([Reading("system_cpu_percent", 5.0, now, {"host": "web-2"})])

    @contextmanager
    def agent(self) -> Iterator[None]:
        thread = threading.Thread(target=self.be_heard)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()

    def orders(self, rows: int) -> None:
        """Write some rows of now."""
        now = datetime.now(UTC).isoformat()
        with self.shop() as shop:
            shop.executemany(
                "INSERT INTO orders (price, at) VALUES (?, ?)", [(float(n % 7), now) for n in range(rows)]
            )
        self.rows += rows

    def until(self, check: Callable[[], object], seconds: float = 60.0) -> float:
        """Wait for something; return the seconds."""
        begun = time.monotonic()
        while not check():
            assert time.monotonic() - begun < seconds, "it did not come true in time"
            time.sleep(0.1)
        return time.monotonic() - begun

    def counted(self) -> int:
        """Return how many rows are in windows."""
        return sum(row.rows for row in self.store.windows.list("table/orders"))

    def arrived(self) -> Counter[str]:
        return Counter(request.headers["webhook-id"] for request in self.double.requests)

    def is_judged(self, host: str, since: datetime) -> bool:
        """Whether the rules have seen what was heard of a host after a time, and nothing waits for them."""
        found = self.store.readings.after(0, limit=1_000_000)
        numbers = [number for number, one in found if one.labels.get("host") == host and one.time > since]
        kept = self.store.cursors.get("alerts")
        return bool(numbers) and kept is not None and kept["sequence"] >= numbers[-1]

    def is_up_to_date(self, since: datetime) -> bool:
        """Whether what was written until a time is judged and told, and both hosts were heard of after it."""
        told = len(self.arrived()) >= self.alerts and self.store.outbox.owed() == 0
        counted = told and self.counted() >= self.rows
        return counted and all(self.is_judged(host, since) for host in ("web-1", "web-2"))

    def fired(self, rule: str) -> list[str]:
        return [row.summary for row in self.store.alerts.list(limit=10_000) if row.rule == rule]

    def is_free(self) -> bool:
        """Whether nobody is in the midst of a transaction."""
        with closing(sqlite3.connect(self.folder / "mirante.db", timeout=0.0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.rollback()
            return True


@contextmanager
def stopped(process: psutil.Process, lone: Lone) -> Iterator[None]:
    """Stop a process while it is not in a transaction, in which all others would have to wait for it."""
    while True:
        os.kill(process.pid, signal.SIGSTOP)
        lone.until(lambda: process.status() == psutil.STATUS_STOPPED)
        if lone.is_free():
            break
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.02)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@pytest.mark.timeout(120 + 150 * TIMES)
def test_a_service_that_was_stopped_catches_up_and_raises_no_false_alarm(tmp_path: Path) -> None:
    """The stop itself takes its time: it must be longer than a series may be silent."""
    config = tmp_path / "mirante.yaml"
    with slack_double() as double, Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
        double.always = Answer()
        config.write_text(CONFIG.format(folder=tmp_path, hook=double.url), encoding="utf-8")
        lone = Lone(tmp_path, store, double)
        lone.orders(100)
        with lone.agent(), Lives(serve).process(config, None, False) as (started, address):
            process, took = psutil.Process(started.pid), []
            lone.trouble(10)
            before = datetime.now(UTC) - timedelta(minutes=1)
            for _ in range(TIMES):
                lone.until(lambda since=before: lone.is_up_to_date(since))
                lone.reachable.clear()  # what is not judged yet would be news after the stop
                lone.until(lambda since=before: lone.is_judged("web-2", since))
                with stopped(process, lone):
                    time.sleep(AWAY / 2)
                    lone.trouble(20)
                    lone.orders(100)
                    time.sleep(AWAY / 2)
                before = datetime.now(UTC)
                time.sleep(1.0)  # an agent that was refused waits before it tries again
                lone.reachable.set()
                lone.trouble(5)
                lone.orders(100)
                took.append(lone.until(lambda since=before: lone.is_up_to_date(since)))
            assert started.is_alive()
            said = health(address)
        rows, arrived = lone.counted(), lone.arrived()
        statuses = {row.status for row in store.outbox.list(limit=10_000)}
    print(f"stopped {TIMES} times for {AWAY:g} s: caught up after {max(took):.1f} s at most")
    assert lone.fired("no_data") == []
    assert len(lone.fired("trouble")) == len(arrived) == lone.alerts
    assert max(arrived.values()) == 1
    assert statuses == {"delivered"}
    assert rows == lone.rows, "each is in one window"
    assert said["status"] == "ok"


@pytest.mark.skipif(not WHOLE, reason="a minute for each stop; `make faults` has them")
@pytest.mark.timeout(120 + 150 * TIMES)
def test_the_holder_of_two_that_is_stopped_for_a_minute_has_nothing_left_to_do(
    postgres_url: str, tmp_path: Path
) -> None:
    took = []
    with pair_of_services(postgres_url, tmp_path, lasting=None) as pair:
        known = {process.pid: address for process, address in (pair.start(), pair.start())}
        for _ in range(TIMES):
            former = pair.holder()
            pair.trouble(50)
            os.kill(former.process, signal.SIGSTOP)
            begun = time.monotonic()
            took.append(pair.until(lambda before=former: pair.holder().token > before.token))
            pair.trouble(20)
            time.sleep(max(begun + AWAY - time.monotonic(), 0.0))
            os.kill(former.process, signal.SIGCONT)
            pair.trouble(5)  # for both to judge, if they would
            pair.until(lambda address=known[former.process]: health(address)["lease"] == {"held": False})
        lost, twice = pair.count()
        assert all(psutil.pid_exists(process) for process in known)
    print(
        f"the holder stopped {TIMES} times for {AWAY:g} s: {pair.alerts} alerts, {lost} lost, {twice} twice"
    )
    print(f"taken over after {max(took):.1f} s at most")
    assert lost == 0
    assert twice <= TIMES
    assert max(took) <= BAR
