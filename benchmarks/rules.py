"""Ten thousand rules over ten thousand series: ``python benchmarks/rules.py``.

Each rule matches about ten series, and every series has a new reading at each tick; there are 350 different
conditions, and each is parsed once. Printed are, in processor time: a tick without its reads (the bar: p99 at
most 250 ms), reading the new readings from the store, memory above what the imports and the store take,
loading the rules from a file (the bar: 3 s), and a storm: all alerts at once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from mirante.alerts.engine import AlertEngine
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule, load_rules
from mirante.readings import Reading
from mirante.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(seconds=15)
GROUP = 10  # series that one rule matches
METRICS = 50
SHAPES = (
    "{0} > {1}",
    "{0} > {1} and {0} < 1000",
    "{0} - 5 >= {1} or is_nan({0})",
    "not {0} <= {1}",
    "2 * {0} > {1} + 100",
)


def memory_mb() -> float:
    """Return the resident memory of this process (Linux only)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def rule_file(path: Path, rules: int, series: int) -> None:
    """Write a file of rules; a rule speaks of one metric and one group of its series."""
    groups = max(1, series // METRICS // GROUP)
    entries = []
    for number in range(rules):
        condition = SHAPES[number % len(SHAPES)].format(f"metric_{number % METRICS}", 90 + number % 7)
        entries.append(
            f"  - name: rule_{number}\n    when: {condition}\n"
            f"    where: {{group: g{number // METRICS % groups}}}\n    for: {number % 3}m\n"
            '    severity: warning\n    summary: "{{ $value }} on {{ $labels.host }}"\n'
        )
    path.write_text("rules:\n" + "".join(entries))


def labels_of(series: int) -> list[tuple[str, dict[str, str]]]:
    """Return names and labels."""
    named = []
    for number in range(series):
        metric, place = number % METRICS, number // METRICS
        named.append((f"metric_{metric}", {"host": f"host-{place}", "group": f"g{place // GROUP}"}))
    return named


class Meter:
    """Adds up the time that the engine waits for the store's readings."""

    def __init__(self, store: Store) -> None:
        self.reading = 0.0
        after = store.readings.after

        def timed(*args: int, **more: int) -> list[tuple[int, Reading]]:
            begin = time.process_time()
            try:
                return after(*args, **more)
            finally:
                self.reading += time.process_time() - begin

        store.readings.after = timed  # type: ignore[method-assign, assignment]  # the benchmark looks inside


def tick(
    engine: AlertEngine,
    store: Store,
    meter: Meter,
    named: list[tuple[str, dict[str, str]]],
    number: int,
    value: Callable[[], np.ndarray],
) -> tuple[float, float, int]:
    """Write a reading for each series, and return the time of judging, of reading, and the transitions."""
    now = T0 + number * TICK
    numbers = value()
    store.readings.write(Reading(name, v, now, of) for (name, of), v in zip(named, numbers, strict=True))
    meter.reading = 0.0
    begin = time.process_time()
    changed = engine.advance(now, lambda _: 3 * TICK)
    whole = time.process_time() - begin
    return whole - meter.reading, meter.reading, len(changed)


def load(path: Path) -> list[Rule]:
    """Load the file, and print how long that took."""
    begin = time.process_time()
    rules = load_rules(path)
    taken = time.process_time() - begin
    print(f"loading {len(rules):,} rules, {path.stat().st_size / 1e6:.1f} MB{taken:23.2f} s   (bar 3 s)")
    return rules


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=10_000)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--ticks", type=int, default=100)
    parser.add_argument("--storm", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    rng = np.random.default_rng(20260101)
    named = labels_of(options.series)
    with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
        rule_file(Path(folder) / "rules.yaml", options.rules, options.series)
        store.readings.write(Reading(name, 1.0, T0 - TICK, of) for name, of in named)
        before = memory_mb()
        rules = load(Path(folder) / "rules.yaml")
        engine = AlertEngine(store, rules, Route(("console",)), clock=lambda: T0)
        meter = Meter(store)

        def calm() -> np.ndarray:
            return rng.uniform(0.0, 50.0, len(named))

        first, _, _ = tick(engine, store, meter, named, 0, calm)
        print(f"the first tick, which plans{first * 1000:36.0f} ms")
        taken = np.array([tick(engine, store, meter, named, n, calm)[:2] for n in range(1, options.ticks)])
        for share in (0.5, 0.99):
            judging, reading = np.quantile(taken, share, axis=0) * 1000
            title = f"a tick of new readings, p{share * 100:<4.0f}"
            print(f"{title}{judging:30.0f} ms   + {reading:.0f} ms to read them")
        idle = []
        for n in range(20):
            begin = time.process_time()
            engine.advance(T0 + (options.ticks - 1) * TICK + timedelta(seconds=n / 10), lambda _: 3 * TICK)
            idle.append(time.process_time() - begin)
        print(f"a tick without news, p50{np.median(idle) * 1000:39.1f} ms")
        print(f"memory above the imports and the store{memory_mb() - before:25.0f} MB  (bar 400 MB)")
        if options.storm:
            for n, label in (
                (options.ticks, "pending or firing"),
                (options.ticks + 20, "the rest firing"),
                (options.ticks + 22, "told, a notice each group"),
            ):
                judging, _, changed = tick(engine, store, meter, named, n, lambda: np.full(len(named), 200.0))
                print(f"a storm: {changed:,} changes, {label}{judging:30.1f} s")
            steady = [
                tick(engine, store, meter, named, options.ticks + 23 + n, lambda: np.full(len(named), 200.0))[
                    0
                ]
                for n in range(20)
            ]
            middle, most = np.median(steady) * 1000, max(steady) * 1000
            print(f"a tick while all fire, p50{middle:37.0f} ms   p99 {most:.0f} ms")
            print(f"memory with all firing{memory_mb() - before:41.0f} MB")


if __name__ == "__main__":
    main()
