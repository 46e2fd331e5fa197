"""A year of many wide models in a SQLite store with the retention of `mirante up`: how large the file is.

Run: ``python -m benchmarks.retention [--models 50] [--columns 50] [--out FILE]``. A real window is judged
for the names of its readings and for its verdicts. The store then gets what a year of hourly windows leaves:
the last days as they came, hours before, days before those, as they were some days ago. The upkeep then makes
those days up, and the file is measured after it. The bar: 2 GB for 50 models of 50 columns.

``--days 100`` makes the store by the service's own ways instead: each day's windows are written, and the
upkeep runs twice a day. That takes some minutes for each model and hundred days.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mirante.app.sections import RetentionConfig
from mirante.capture.recorder import Recorder
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.condensing import condense_windows, short_verdicts
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor
from mirante.profiles import TableProfile
from mirante.readings import Reading
from mirante.readings.condensing import is_detail
from mirante.store import BaselineRow, Store, WindowRow
from mirante.store.ages import Ages
from mirante.store.blocks.codec import Unpacked
from mirante.store.blocks.writing import packs
from mirante.store.database import Database
from mirante.store.types import to_micros
from mirante.store.vacuum import vacuum

NOW = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROWS = 900  # of an hour
KINDS = 6  # profiles of windows that differ; they are as large as others
LATE = 3  # days of hours that the upkeep makes days of
BAR = 2e9


@dataclass(frozen=True, slots=True)
class Sample:
    """What one judged window left."""

    baseline: ModelBaseline
    readings: tuple[Reading, ...]
    window: WindowRow
    profiles: tuple[TableProfile, ...]


def _features(rng: np.random.Generator, rows: int, columns: int) -> pd.DataFrame:
    levels = [f"level {number}" for number in range(12)]
    return pd.DataFrame(
        {
            f"feature_{n:02}": rng.normal(n, 1 + n, rows) if n % 5 else rng.choice(levels, rows)
            for n in range(columns)
        }
    )


def sample(columns: int, folder: Path) -> Sample:
    """Judge one window of a model with so many columns."""
    rng = np.random.default_rng(1)
    config = ModelConfig(model="sample", log=folder / "log", window="1h")
    begin = NOW.replace(minute=0) - 30 * DAY
    seconds = np.linspace(0, 29 * 86_400, 20_000)
    times = pd.Series(pd.Timestamp(begin) + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us, UTC]")
    chance = rng.random(20_000)
    labels = (rng.random(20_000) < chance).astype(float)
    baseline = ModelBaseline.fit(
        _features(rng, 20_000, columns), chance, times, clock=config.clock(), labels=labels
    )
    start = NOW.replace(minute=0) - 3 * HOUR
    rows = _features(rng, ROWS, columns)
    moments = [start + n * HOUR / ROWS for n in range(ROWS)]
    with Recorder("sample", config.log, version="1") as recorder:
        recorder.log(rows, rng.random(ROWS), 0.01, id=[f"{n}" for n in range(ROWS)], time=moments)
    with Store(f"sqlite:///{folder / 'sample.db'}") as store:
        store.labels.write("sample", [f"{n}" for n in range(ROWS)], rng.integers(0, 2, ROWS).tolist(), NOW)
        monitor = ModelMonitor(config, "1", baseline, store, InferenceLog(config.log))
        step = monitor.advance(NOW)
        window = store.windows.get(config.subject, start)
    if window is None:
        raise SystemExit("no window was judged")
    like = baseline.profile
    profiles = [
        TableProfile.of(
            {**_features(rng, ROWS, columns), **{name: rng.random(ROWS) for name in ("prediction",)}},
            like=like,
        )
        for _ in range(KINDS)
    ]
    about = tuple(one for one in step.readings if one.time == start)
    return Sample(baseline, about, window, tuple(profiles))


def starts() -> tuple[list[datetime], list[datetime]]:
    """Return the starts of the days that are days already, and of the hours after them."""
    border = (NOW - (30 + LATE) * DAY).replace(hour=0, minute=0)
    days = [border - n * DAY for n in range(1, 366 - 30 - LATE)]
    hours = [border + n * HOUR for n in range(int((NOW - border) / HOUR))]
    return days[::-1], hours


def _fill_readings(path: Path, made: Sample) -> int:
    """Insert readings as the upkeep and the monitors left them some days ago, series by series."""
    days, hours = starts()
    rng = np.random.default_rng(2)
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-400000"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("DELETE FROM mirante_readings")
    found = raw.execute("SELECT id, name FROM mirante_series ORDER BY id").fetchall()
    notes = {(one.name, one.labels.get("feature")): one.note for one in made.readings if one.note}
    fresh = NOW - (2 + LATE) * DAY
    total = packed_until = 0
    raw.execute("BEGIN")
    for place, (id_, name) in enumerate(found):
        of = [one for one in hours if one >= fresh or not is_detail(name) or one.hour == 0]
        micros = [to_micros(one) for one in [*days, *of]]
        old = len(days) + sum(one < fresh for one in of)
        feature = made.readings[place % len(made.readings)].labels.get("feature")
        values: list[Any] = _values(name, len(micros), rng)
        note = notes.get((name, feature), "")
        # what is old has left the order of arrival, and its note where nothing was found
        told = [note if n >= old or value else "" for n, value in enumerate(values)]
        order = [place + 1 + n * len(found) for n in range(len(micros))]
        rows = list(zip(repeat(id_), micros, values, told, order, strict=False))
        raw.executemany("INSERT INTO mirante_readings VALUES (?, ?, ?, ?, ?)", rows[old:])
        packed = Unpacked(np.zeros(old, np.int64), np.array(micros[:old]), np.array(values[:old]), told[:old])
        blocks = [(id_, one.last, one.first, one.rows, one.times, one.data) for one in packs(packed)]
        raw.executemany("INSERT INTO mirante_blocks VALUES (?, ?, ?, ?, ?, ?)", blocks)
        total, packed_until = total + len(micros), max(packed_until, micros[old - 1])
    counts = {"readings": len(found) * (len(days) + len(hours) + 1), "readings_rows": total}
    counts |= {"readings_first": to_micros(days[0]), "readings_packed": packed_until}
    for name, value in counts.items():
        raw.execute("INSERT OR REPLACE INTO mirante_counters VALUES (?, ?)", (name, value))
    raw.execute("COMMIT")
    raw.close()
    return total


def _values(name: str, size: int, rng: np.random.Generator) -> list[float]:
    noise: NDArray[np.float64] = rng.random(size)
    if name.endswith("_detected"):
        return (noise > 0.97).astype(float).tolist()
    return (np.round(900 + 100 * noise) if name == "predictions" else noise).tolist()


def _fill_windows(store: Store, subject: str, made: Sample) -> None:
    days, hours = starts()
    whole = [one.to_bytes(parted=True) for one in made.profiles]
    coarse = [one.coarser().to_bytes(parted=True) for one in made.profiles]
    daily = [_sum(made.profiles[n:] + made.profiles[:n]).to_bytes(parted=True) for n in range(KINDS)]
    recent = NOW - 2 * DAY
    short = replace(made.window, verdicts=short_verdicts(made.window.verdicts))
    with store.transaction() as connection:
        store.baselines.put(
            BaselineRow(subject, "1", days[0], 20_000, made.baseline.profile.to_bytes(), "training"),
            connection=connection,
        )
        for place, start in enumerate([*days, *hours]):
            of_day = place < len(days)
            kept = daily if of_day else whole if start >= recent else coarse
            row = replace(
                made.window if start >= recent else short,
                subject=subject,
                start=start,
                end=start + (DAY if of_day else HOUR),
                rows=ROWS * (24 if of_day else 1),
                profile=kept[place % KINDS],
            )
            store.windows.put(row, connection=connection)
    if hours:
        store.cursors.set(f"retention/{subject}", {"coarse_until": recent.isoformat()})


def _sum(profiles: tuple[TableProfile, ...]) -> TableProfile:
    """Return a day of windows with fewer edges."""
    total = profiles[0].coarser()
    for n in range(1, 24):
        total = total + profiles[n % KINDS].coarser()
    return total


def _series(made: Sample, models: int) -> Iterator[Reading]:
    for number in range(models):
        for one in made.readings:
            labels = {**one.labels, "model": f"model-{number:02}"}
            yield Reading(one.name, 0.0, NOW, labels, one.note)


def make(path: Path, models: int, columns: int) -> None:
    """Make the store, run the upkeep once, and print sizes."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        made = sample(columns, Path(folder))
    print(f"a window of {columns} columns: {len(made.readings)} readings")
    subjects = [f"model/model-{number:02}@champion" for number in range(models)]
    with Store(f"sqlite:///{path}") as store:
        store.readings.write(_series(made, models))
    count = _fill_readings(path, made)
    print(f"{count:,} readings, {time.perf_counter() - begin:.0f} s", flush=True)
    with Store(f"sqlite:///{path}") as store:
        for subject in subjects:
            _fill_windows(store, subject, made)
        print(f"windows, {time.perf_counter() - begin:.0f} s", flush=True)
        cpu = time.process_time()
        few = [upkeep(store, subjects, NOW - n * DAY / 2) for n in range(2 * LATE, -1, -1)]
        print(
            f"the upkeep: {sum(one for one, _ in few):,} readings and {sum(one for _, one in few):,} windows "
            f"of {LATE} days became few in {time.process_time() - cpu:.0f} s of CPU",
            flush=True,
        )
    _tell_sizes(path)
    print(f"{time.perf_counter() - begin:.0f} s in all")


def upkeep(store: Store, subjects: list[str], now: datetime) -> tuple[int, int]:
    """Do what the service does every six hours; return how many readings and windows became few."""
    kept = RetentionConfig()
    ages = Ages(now - kept.full, now - kept.hourly, now - kept.daily, ZoneInfo("UTC"))
    read = merged = 0
    for subject in subjects:
        read += store.condensing.condense(subject, ages, arrived=10**15).read
        merged += condense_windows(store, subject, ages).merged
    return read, merged


def make_by_day(path: Path, models: int, columns: int, days: int) -> None:
    """Make the store day by day, as the service does, and print sizes."""
    begin, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        made = sample(columns, Path(folder))
    rng = np.random.default_rng(2)
    profiles = [one.to_bytes(parted=True) for one in made.profiles]
    first = NOW.replace(hour=0, minute=0) - days * DAY
    spent = 0.0
    with Store(f"sqlite:///{path}") as store:
        subjects = [f"model/model-{number:02}@champion" for number in range(models)]
        for half in range(2 * days):
            for n in range(12):
                start = first + half * DAY / 2 + n * HOUR
                store.readings.write(_at(start, made, models, rng))
                for subject in subjects:
                    of = {"subject": subject, "start": start, "end": start + HOUR, "rows": ROWS}
                    store.windows.put(replace(made.window, profile=profiles[n % KINDS], **of))
            before = time.process_time()
            upkeep(store, subjects, first + (half + 1) * DAY / 2)
            spent += time.process_time() - before
    print(f"{days} days, {time.process_time() - cpu:.0f} s of CPU, {spent:.0f} of them for the upkeep")
    _tell_sizes(path)
    print(f"{time.perf_counter() - begin:.0f} s in all")


def _at(start: datetime, made: Sample, models: int, rng: np.random.Generator) -> Iterator[Reading]:
    for one in _series(made, models):
        value = _values(one.name, 1, rng)[0]
        yield Reading(one.name, value, start, one.labels, one.note)


def _tell_sizes(path: Path) -> None:
    with Store(f"sqlite:///{path}") as store:
        store.recount()
        size = store.measure()
        print(f"{size.rows['readings']:,} readings, {size.rows['windows']:,} windows")
    database = Database(f"sqlite:///{path}")
    database.truncate_journal()
    with database.reading() as connection:
        sizes = (
            "SELECT name, sum(pgsize), 100.0 * sum(unused) / sum(pgsize) FROM dbstat GROUP BY name "
            "ORDER BY 2 DESC LIMIT 6"
        )
        for name, used, unused in connection.exec_driver_sql(sizes):
            print(f"  {name:34} {used / 1e6:8.1f} MB, {unused:.0f} % of it empty")
        free, page = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("freelist_count", "page_size")
        )
        print(f"  {'pages that are free':34} {free * page / 1e6:8.1f} MB")
    print(f"the file: {path.stat().st_size / 1e9:.3f} GB; the bar is {BAR / 1e9:.0f} GB for 50 models")
    done = vacuum(database)
    database.close()
    print(f"after `mirante store vacuum`: {done.after / 1e9:.3f} GB")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--days", type=int, help="day by day by the service's own ways")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.out or Path(folder) / "year.db"
        if options.days is not None:
            make_by_day(path, options.models, options.columns, options.days)
        else:
            make(path, options.models, options.columns)


if __name__ == "__main__":
    main()
