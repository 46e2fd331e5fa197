"""Old readings become few, on the clock of people, and nobody who follows them misses one."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

import mirante.store.condensing as tested
from mirante.readings import Reading
from mirante.store import Store
from mirante.store.ages import Ages
from mirante.store.blocks.rewriting import Condensed

NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL = 10**9
HOST = {"host": "a"}


def ages(hours: timedelta = 2 * DAY, days: timedelta = 30 * DAY, gone: timedelta = 365 * DAY, zone="UTC"):
    return Ages(NOW - hours, NOW - days, NOW - gone, ZoneInfo(zone))


def write(store: Store, name: str, times: list[datetime], values: list[float], note: str = "") -> None:
    readings = zip(times, values, strict=True)
    store.readings.write(Reading(name, value, time, HOST, note) for time, value in readings)


def points(store: Store, name: str) -> list[tuple[datetime, float]]:
    found = store.readings.series(name)
    return [
        (time.replace(tzinfo=UTC), value)
        for one in found
        for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
    ]


def test_minutes_become_hours_and_hours_days(store: Store) -> None:
    fresh = [NOW - n * timedelta(minutes=10) for n in range(10)]
    hour = [datetime(2026, 3, 20, 7, minute, tzinfo=UTC) for minute in (0, 20, 40)]
    day = [datetime(2026, 2, 3, hour, tzinfo=UTC) for hour in (0, 6, 18)]
    alone = datetime(2026, 2, 5, 9, tzinfo=UTC)
    old = datetime(2024, 3, 31, 23, tzinfo=UTC)
    times = sorted([*fresh, *hour, *day, alone, old])
    write(store, "system_cpu_percent", times, [float(n) for n in range(len(times))])
    value = dict(zip(times, range(len(times)), strict=True))
    assert store.condensing.condense("host/a", ages(), arrived=ALL) == Condensed(7, 2)
    expected = {time: float(value[time]) for time in [*fresh, alone]}
    expected |= {hour[0]: sum(value[t] for t in hour) / 3, day[0]: sum(value[t] for t in day) / 3}
    assert points(store, "system_cpu_percent") == sorted(expected.items())
    assert store.measure().rows["readings"] == store.readings.count() == len(expected)
    assert store.condensing.condense("host/a", ages(), arrived=ALL) == Condensed()


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("system_cpu_percent", [1.0, math.nan, 4.0], 2.5),
        ("predictions", [10.0, 20.0, 5.0], 35.0),
        ("drift_ks", [0.1, 0.4, math.nan], 0.4),
        ("drift_p_value", [0.1, 1e-9, 0.5], 1e-9),
        ("predictions_read_total", [10.0, 20.0, 25.0], 25.0),
        ("drift_ks", [math.nan] * 3, math.nan),
        ("drift_ks", [0.1, math.inf, 0.2], math.inf),
    ],
)
def test_each_name_is_summed_up_in_its_way(store: Store, name, values, expected) -> None:
    times = [datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in (3, 4, 5)]
    write(store, name, [*times, NOW], [*values, 0.0])
    store.condensing.condense("host/a", ages(), arrived=ALL)
    (time, value), newest = points(store, name)
    assert time == times[0]
    assert value == pytest.approx(expected, nan_ok=True)
    assert newest == (NOW, 0.0)


def test_the_note_of_what_stood_out_stays(store: Store) -> None:
    for day, values in ((5, [0.0, 1.0]), (6, [0.0, 0.0])):
        for hour, value in enumerate(values):
            time = datetime(2026, 1, day, hour, tzinfo=UTC)
            write(store, "drift_detected", [time], [value], f"{day}.{hour}")
    write(store, "drift_detected", [NOW], [0.0])
    store.condensing.condense("host/a", ages(), arrived=ALL)
    assert store.readings.series("drift_detected")[0].notes == ("5.1", "", "")


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Kolkata", "Europe/London", "America/New_York"])
def test_days_are_those_of_people(store: Store, zone: str) -> None:
    """New York's clocks change within: a day of 23 hours, and one of 25."""
    first = datetime(2025, 10, 20, tzinfo=ZoneInfo(zone))
    times = [first.astimezone(UTC) + n * HOUR for n in range(24 * 160)]
    write(store, "predictions", times, [1.0] * len(times))
    write(store, "predictions", [NOW], [0.0])
    store.condensing.condense("host/a", ages(zone=zone), arrived=ALL)
    for time, value in points(store, "predictions"):
        local = time.astimezone(ZoneInfo(zone))
        if time < NOW - 31 * DAY:
            assert (local.hour, local.minute) == (0, 0)
            following = (local.replace(tzinfo=None) + DAY).replace(tzinfo=ZoneInfo(zone))
            assert value == (following.astimezone(UTC) - time) / HOUR
    assert sum(value for _, value in points(store, "predictions")) == len(times)


def test_the_newest_of_a_series_stays_however_old(store: Store) -> None:
    times = [datetime(2023, 1, 5, hour, tzinfo=UTC) for hour in (3, 4)]
    write(store, "alias_version", times, [2.0, 3.0])
    for _ in range(2):
        store.condensing.condense("host/a", ages(), arrived=ALL)
    assert points(store, "alias_version")[-1] == (times[1], 3.0)
    assert [reading.value for reading in store.readings.latest(arrived=True)] == [3.0]


def test_what_a_sink_has_not_seen_waits_until_days_are_due(store: Store) -> None:
    times = [datetime(2026, 3, 20, 7, minute, tzinfo=UTC) for minute in range(4)]
    write(store, "system_cpu_percent", times[:2], [1.0, 2.0])
    seen = store.readings.after(0)[-1][0]
    write(store, "system_cpu_percent", [*times[2:], NOW], [3.0, 4.0, 5.0])
    assert store.condensing.condense("host/a", ages(), arrived=seen) == Condensed()
    assert [reading.value for _, reading in store.readings.after(seen)] == [3.0, 4.0, 5.0]
    older = ages(days=5 * DAY)
    assert store.condensing.condense("host/a", older, arrived=seen) == Condensed(4, 1)


def test_old_readings_leave_the_order_of_arrival_and_quiet_notes_go(store: Store) -> None:
    times = [NOW - 9 * DAY, NOW - 8 * DAY, NOW]
    write(store, "duplicates_detected", times[:1], [0.0], "all is well")
    write(store, "duplicates_detected", times[1:], [1.0, 0.0], "half of it")
    numbers = [number for number, _ in store.readings.after(0)]
    store.condensing.condense("host/a", ages(), arrived=numbers[0])
    assert [number for number, _ in store.readings.after(0)] == numbers[1:]
    for _ in range(2):
        assert store.condensing.condense("host/a", ages(), arrived=ALL) == Condensed()
        assert [number for number, _ in store.readings.after(0)] == numbers[2:]
        assert store.readings.series("duplicates_detected")[0].notes == ("", "half of it", "half of it")
        assert [value for _, value in points(store, "duplicates_detected")] == [0.0, 1.0, 0.0]


def test_scores_that_no_verdict_is_made_of_become_days_at_once(store: Store) -> None:
    times = [datetime(2026, 3, 20, hour, tzinfo=UTC) for hour in (0, 9)]
    for name in ("drift_psi", "drift_ks"):
        write(store, name, [*times, NOW], [0.2, 0.1, 0.0])
    assert store.condensing.condense("host/a", ages(), arrived=ALL) == Condensed(2, 1)
    assert points(store, "drift_psi") == [(times[0], 0.2), (NOW, 0.0)]
    assert len(points(store, "drift_ks")) == 3


def test_scores_wait_for_a_sink_as_long_as_others(store: Store) -> None:
    times = [datetime(2026, 3, 20, hour, tzinfo=UTC) for hour in (0, 9)]
    write(store, "drift_psi", [*times, NOW], [0.2, 0.1, 0.0])
    assert store.condensing.condense("host/a", ages(), arrived=1) == Condensed()
    assert store.condensing.condense("host/a", ages(days=5 * DAY), arrived=1) == Condensed(2, 1)


def test_what_sums_up_others_never_arrives(store: Store) -> None:
    times = [datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in range(4)]
    for name in ("system_cpu_percent", "system_memory_percent"):
        write(store, name, [*times, NOW], [1.0] * 5)
    store.condensing.condense("host/a", ages(), arrived=ALL)
    assert [reading.time for _, reading in store.readings.after(0)] == [NOW, NOW]
    assert [reading.time for _, reading in store.readings.after(-(10**9))] == [NOW, NOW]


def test_a_late_one_joins_its_day(store: Store) -> None:
    times = [datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in (2, 3)]
    write(store, "predictions", [*times, NOW], [1.0, 2.0, 0.0])
    store.condensing.condense("host/a", ages(), arrived=ALL)
    write(store, "predictions", [times[0] + 9 * HOUR], [10.0])
    store.condensing.condense("host/a", ages(), arrived=ALL)
    assert points(store, "predictions")[0] == (times[0], 13.0)


def test_large_amounts_go_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "_SERIES", 2)
    monkeypatch.setattr(tested, "_AT_ONCE", 30)
    times = [NOW - 200 * DAY + n * HOUR for n in range(200)]
    labels = [{"host": "a", "mount": f"/{n}"} for n in range(5)]
    store.readings.write(
        Reading("system_mount_percent", 1.0, time, one) for one in labels for time in [*times, NOW]
    )
    done = store.condensing.condense("host/a", ages(), arrived=ALL)
    days = len({time.date() for time in times})
    assert (done.read, done.left) == (5 * 200, 5 * days)
    assert store.measure().rows["readings"] == store.readings.count() == 5 * (days + 1)
    assert {len(one.times) for one in store.readings.series("system_mount_percent")} == {days + 1}


def test_other_subjects_are_left_alone(store: Store) -> None:
    times = [datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in (2, 3)]
    write(store, "system_cpu_percent", [*times, NOW], [1.0, 2.0, 0.0])
    assert store.condensing.condense("host/b", ages(), arrived=ALL) == Condensed()
    assert len(points(store, "system_cpu_percent")) == 3
