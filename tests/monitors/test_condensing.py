"""Old windows become few and small, and say together what they said one by one."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from mirante.monitors.condensing import CondensedWindows, condense_windows
from mirante.profiles import TableProfile
from mirante.store import SliceWindowRow, Store, WindowRow
from mirante.store.ages import Ages

NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SUBJECT = "model/m@champion"
RNG = np.random.default_rng(3)
BASELINE = TableProfile.of({"x": RNG.normal(size=5_000), "y": RNG.choice(["a", "b"], 5_000)})
ZONE = "America/Sao_Paulo"


def ages(zone: str = ZONE) -> Ages:
    return Ages(NOW - 2 * DAY, NOW - 30 * DAY, NOW - 365 * DAY, ZoneInfo(zone))


def profile(seed: int, like: TableProfile = BASELINE) -> TableProfile:
    rng = np.random.default_rng(seed)
    return TableProfile.of({"x": rng.normal(size=50), "y": rng.choice(["a", "b"], 50)}, like=like)


def window(start: datetime, number: int = 0, length: timedelta = HOUR, **more) -> WindowRow:
    effect = 0.123456789 + number / 100
    column = {"drifted": False, "missing_detected": False, "effect": effect, "sentence": f"hour {number}"}
    verdicts = {
        "outliers": 2,
        "top_outliers": [{"id": f"{number}", "time": start.isoformat(), "score": -float(number)}],
        "performance": {"accuracy": 0.5 + number / 100, "labels": 40.0},
        "timezone": ZONE,
        "drifted": False,
        "drift_share": 0.0,
        "columns": {"x": column},
        "latency": {"mean": 0.1},
        "realised": {"final": True},
    }
    row = WindowRow(SUBJECT, "1", start, start + length, 50, 1, closed=True, verdicts=verdicts)
    return replace(row, **{"profile": profile(number).to_bytes(parted=True), **more})


def local(day: int, hour: int = 0, month: int = 1, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def windows(store: Store) -> list[WindowRow]:
    return store.windows.list(SUBJECT, with_profile=True)


def test_the_hours_of_a_day_become_a_day(store: Store) -> None:
    rows = [window(local(5) + n * HOUR, n) for n in range(24)]
    for row in rows:
        store.windows.put(row)
    assert condense_windows(store, SUBJECT, ages()) == CondensedWindows(0, 24, 1, 0)
    [day] = windows(store)
    assert (day.start, day.end, day.rows, day.late, day.closed) == (local(5), local(6), 1_200, 24, True)
    whole = TableProfile.from_bytes(rows[0].profile)
    for row in rows[1:]:
        whole = whole + TableProfile.from_bytes(row.profile)
    assert TableProfile.from_bytes(day.profile) == whole.coarser()
    said = day.verdicts
    assert (said["windows"], said["outliers"], said["timezone"]) == (24, 48, ZONE)
    assert said["columns"]["x"]["sentence"] == "hour 23"
    assert [note["id"] for note in said["top_outliers"]] == [str(n) for n in range(23, 13, -1)]
    assert said["performance"] == {"accuracy": pytest.approx(0.615), "labels": 960.0}
    assert said["latency"] == {"mean": pytest.approx(0.1)}
    assert "realised" not in said
    assert condense_windows(store, SUBJECT, ages()) == CondensedWindows()


def test_the_worst_hour_speaks_for_the_day(store: Store) -> None:
    for n in range(4):
        row = window(local(5) + n * HOUR, n)
        if n == 1:
            row.verdicts["columns"]["x"] |= {"drifted": True, "effect": 0.05}
            row.verdicts.update(drifted=True, drift_share=0.5, faults={"sum": 2}, passed=7)
            row.verdicts["columns"]["only"] = {"drifted": False, "effect": math.nan}
        store.windows.put(row)
    condense_windows(store, SUBJECT, ages())
    said = windows(store)[0].verdicts
    assert (said["drifted"], said["drift_share"], said["columns"]["x"]["sentence"]) == (True, 0.5, "hour 1")
    assert (said["faults"], said["passed"], set(said["columns"])) == ({"sum": 2}, 7, {"x", "only"})


def test_what_agents_counted_adds_up(store: Store) -> None:
    for n, agents in enumerate(({"a": 3}, {"a": 4, "b": 5}, {})):
        row = window(local(5) + n * HOUR, n)
        row.verdicts["agents"] = agents
        store.windows.put(row)
    condense_windows(store, SUBJECT, ages())
    assert windows(store)[0].verdicts["agents"] == {"a": 7, "b": 5}


def test_of_days_of_change_hours_are_those_of_the_day(store: Store) -> None:
    """A day of 23 hours in New York, one version per row."""
    zone = ZoneInfo("America/New_York")
    begin = datetime(2025, 3, 9, tzinfo=zone).astimezone(UTC)
    late = replace(ages("America/New_York"), gone=NOW - 800 * DAY)
    for n in range(23):
        for version in ("1", "2"):
            store.windows.put(window(begin + n * HOUR, n, version=version))
    store.windows.put(window(begin + 23 * HOUR, 1))
    condense_windows(store, SUBJECT, late)
    assert [(row.version, row.rows) for row in windows(store)] == [("1", 1_150), ("2", 1_150), ("1", 50)]


def test_what_is_young_open_or_a_day_already_stays(store: Store) -> None:
    young = [window(NOW.replace(minute=0) - n * HOUR, n) for n in (1, 2)]
    daily = [window(local(n), n, DAY) for n in (7, 8)]
    still_open = [window(local(5) + n * HOUR, n, closed=False) for n in range(3)]
    for row in (*young, *daily, *still_open):
        store.windows.put(row)
    before = windows(store)
    assert condense_windows(store, SUBJECT, ages()) == CondensedWindows()
    assert windows(store) == before


def test_after_two_days_a_window_has_fewer_edges_once(store: Store) -> None:
    rows = [window(NOW.replace(minute=0) - 3 * DAY + n * HOUR, n) for n in range(3)]
    for row in rows:
        store.windows.put(row)
    assert condense_windows(store, SUBJECT, ages()).coarse == 3
    for row, found in zip(rows, windows(store), strict=True):
        assert TableProfile.from_bytes(found.profile) == TableProfile.from_bytes(row.profile).coarser()
        assert found.verdicts["columns"]["x"]["effect"] == pytest.approx(
            row.verdicts["columns"]["x"]["effect"], rel=1e-3
        )
        assert replace(found, profile=b"", verdicts={}) == replace(row, profile=b"", verdicts={})
    assert condense_windows(store, SUBJECT, ages()).coarse == 0
    later = replace(ages(), hours=NOW)
    store.windows.put(window(NOW.replace(minute=0) - 2 * HOUR, 5))
    assert condense_windows(store, SUBJECT, later).coarse == 1


def test_the_newest_with_rows_stay_as_the_monitor_needs_them(store: Store) -> None:
    rows = [window(local(5) + n * HOUR, n) for n in range(6)]
    for row in [*rows, window(local(6), 7, rows=0)]:
        store.windows.put(row)
    assert condense_windows(store, SUBJECT, ages(), keep=2) == CondensedWindows(0, 4, 1, 0)
    assert windows(store)[1:3] == rows[4:]
    assert condense_windows(store, SUBJECT, ages(), keep=9) == CondensedWindows()


def test_what_is_older_than_a_year_goes(store: Store) -> None:
    for start in (local(1, year=2025), local(2, year=2025), local(5)):
        store.windows.put(window(start, length=DAY))
    assert condense_windows(store, SUBJECT, ages()).dropped == 2
    assert [row.start for row in windows(store)] == [local(5)]


def test_windows_of_another_baseline_become_one_of_their_own(store: Store) -> None:
    other = TableProfile.of({"x": RNG.normal(5, 1, 5_000), "y": RNG.choice(["a", "c"], 5_000)})
    for n in range(6):
        row = window(local(5) + n * HOUR, n)
        like = BASELINE if n < 4 else other
        store.windows.put(replace(row, profile=profile(n, like).to_bytes(parted=True)))
    for _ in range(2):
        condense_windows(store, SUBJECT, ages())
        assert [(row.start - local(5), row.rows) for row in windows(store)] == [
            (0 * HOUR, 200),
            (4 * HOUR, 100),
        ]


def test_windows_without_rows_or_profile_add_nothing(store: Store) -> None:
    store.windows.put(window(local(5), 0, profile=b"", rows=0, verdicts={"timezone": ZONE}))
    store.windows.put(window(local(5) + HOUR, 1))
    store.windows.put(window(local(6), 0, profile=b"", rows=0, verdicts={}))
    store.windows.put(window(local(6) + HOUR, 0, profile=b"", rows=0, verdicts={}))
    condense_windows(store, SUBJECT, ages())
    assert [(row.rows, bool(row.profile)) for row in windows(store)] == [(50, True), (0, False)]
    assert windows(store)[1].verdicts == {"windows": 2}


def test_slices_become_days_too(store: Store) -> None:
    def one(start: datetime, number: int, **more) -> SliceWindowRow:
        row = SliceWindowRow(
            SUBJECT, "1", "plan", "pro", start, start + HOUR, 10, closed=True, label="plan=pro", columns=3
        )
        figures = {"accuracy": 0.5 + number / 10, "labels": 5.0}
        return replace(row, drifted=number, effect=number / 10, performance=figures, **more)

    rows = [one(local(5) + n * HOUR, n, verdicts={"drifted": [f"c{n}"]}) for n in range(3)]
    other = [replace(row, value="basic") for row in rows]
    held = [one(local(7) + n * HOUR, n, profile=b"x") for n in range(2)]
    gone = [one(local(5, year=2025), 0)]
    store.slice_windows.put([*rows, *other, *held, *gone])
    for _ in range(2):
        condense_windows(store, SUBJECT, ages())
        found = store.slice_windows.list(SUBJECT)
        day = [row for row in found if row.start == local(5)]
        assert [(row.value, row.rows, row.end - row.start) for row in day] == [
            ("basic", 30, 3 * HOUR),
            ("pro", 30, 3 * HOUR),
        ]
        assert day[1].verdicts == {"drifted": ["c2"]}
        assert (day[1].drifted, day[1].effect) == (2, 0.2)
        assert day[1].performance == {"accuracy": pytest.approx(0.6), "labels": 15.0}
        assert len(found) == 4
