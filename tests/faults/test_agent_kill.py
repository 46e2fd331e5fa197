"""`kill -9` of an agent at any moment: what its spool took arrives, and each row is in exactly one window."""

import os
import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mirante.app.agent.config import AgentConfig
from mirante.app.agent.running import Agent
from mirante.capture.recorder import Recorder
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor
from tests.app.agent.site import TOKEN, site, small_baseline
from tests.faults.agent_life import QuickClock, live
from tests.faults.lives import Lives

KILLS = int(os.environ.get("MIRANTE_KILLS", "5"))
SEED = int(os.environ.get("MIRANTE_SEED", "0")) or random.SystemRandom().randrange(10**6)
START = datetime(2026, 1, 5, tzinfo=UTC)
LONGEST = 0.6  # seconds of a life
WINDOW = timedelta(minutes=5)


def record_all_along(root, clock, stop, recorded):
    rng = np.random.default_rng(SEED)
    with Recorder("churn", root, version="1", flush_interval=0.05) as recorder:
        while not stop.is_set():
            now, count = clock(), int(rng.integers(1, 20))
            rows = pd.DataFrame(
                {"age": rng.normal(45, 10, count), "plan": rng.choice(["basic", "pro"], count)}
            )
            recorder.log(rows, rng.random(count), 0.002, time=pd.Series([pd.Timestamp(now)] * count))
            recorded[now - (now - START) % WINDOW] += count
            time.sleep(0.01)


@pytest.mark.timeout(120 + 10 * KILLS)
def test_killed_at_any_moment_it_loses_nothing_and_counts_nothing_twice(tmp_path):
    dice, recorded, stop = random.Random(SEED), Counter(), threading.Event()
    clock = QuickClock(START, begun := time.time())
    with site(tmp_path) as here:
        here.clock = clock
        here.config = ModelConfig(model="churn", log=tmp_path / "log", window="5m", lateness="10m")
        here.watch(small_baseline(labels=True, slices=["plan"]))
        options = {"to": here.address, "token": TOKEN, "name": "web-1", "host": False, "interval": "1s"}
        options |= {"spool": str(tmp_path / "spool"), "log": str(tmp_path / "rows")}
        first = Agent(AgentConfig(**options), clock=clock)
        first.collect(clock())
        first.send()
        first.spool.close()
        here.offers.settle([here.monitor])
        recording = threading.Thread(target=record_all_along, args=(tmp_path / "rows", clock, stop, recorded))
        recording.start()
        told = tmp_path / "told"
        lives = Lives(live)
        starts = []
        try:
            for _ in range(KILLS):
                with lives.life(options, START, begun, told, dice.random() < 0.3) as took:
                    starts.append(took)
                    time.sleep(dice.random() * LONGEST)
        finally:
            stop.set()
            recording.join()
        last = Agent(AgentConfig(**options), clock=clock)
        time.sleep(2 * 15 * 60 / 600)  # a window and its lateness, and as long again
        for _ in range(3):
            last.count(clock())
            last.collect(clock())
            last.send()
        assert last.spool.batches == 0
        assert list((tmp_path / "spool" / "dead").iterdir()) == []
        monitor = ModelMonitor(here.config, "1", here.monitor.baseline, here.store, here.log)
        monitor.advance(clock())
        late = {one.name: one.value for one in here.store.readings.latest(names=["agent_late_total"])}
        last.spool.close()

        windows = {row.start: row.rows for row in here.store.windows.list(here.config.subject) if row.rows}
        lost = sum(recorded.values()) - sum(windows.values()) - int(late["agent_late_total"])
        (series,) = here.store.readings.series("agent_spool_bytes")
        arrived = {time.replace(tzinfo=UTC) for time in series.times.tolist()}
        taken = {datetime.fromisoformat(line) for line in told.read_text().splitlines()}
        print(
            f"{KILLS} kills of an agent (MIRANTE_SEED={SEED}): {len(windows)} windows of "
            f"{sum(windows.values())} rows, {lost} lost or twice; {len(taken)} batches, "
            f"{len(taken - arrived)} lost; start {max(starts):.2f} s at most"
        )
        assert lost == 0
        assert not taken - arrived
        sliced: Counter[datetime] = Counter()
        for one in here.store.slice_windows.list(here.config.subject):
            sliced[one.start] += one.rows
        closed = [row for row in here.store.windows.list(here.config.subject) if row.closed and row.rows]
        assert sliced == {row.start: row.rows for row in closed}, "each row is in one slice by plan"
        assert all(row.verdicts["estimated"]["measures"] for row in closed), "each row said what it is worth"
        if not late["agent_late_total"]:
            assert windows == {start: rows for start, rows in recorded.items() if rows}
