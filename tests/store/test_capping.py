"""No subject has more series than it may, and what is left out is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mirante.readings import Reading
from mirante.store import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def made(count: int, first: int = 0, host: str = "a", time: datetime = NOW) -> list[Reading]:
    return [
        Reading("system_mount_percent", 1.0, time, {"host": host, "mount": f"/{n}"})
        for n in range(first, first + count)
    ]


def test_series_beyond_the_cap_are_left_out_and_counted(url: str) -> None:
    with Store(url, most_series=10) as store:
        assert store.readings.write(made(8)) == 8
        assert store.readings.write(made(8, 4)) == 2  # four again with nothing new, and two of four new
        assert store.readings.series_counts() == {"host/a": 10}
        assert store.readings.cap.left_out() == {"host/a": 2}
        assert store.readings.write(made(3, 50)) == 0
        assert store.readings.cap.left_out() == {"host/a": 5}
        later = NOW + timedelta(minutes=1)
        assert store.readings.write(made(12, time=later)) == 10  # what is known goes on
        assert store.readings.write(made(3, host="b")) == 3
        assert store.measure().rows["readings"] == store.readings.count() == 23


def test_the_same_series_is_counted_once(sqlite_url: str) -> None:
    with Store(sqlite_url, most_series=1) as store:
        for minute in range(3):
            store.readings.write(made(3, time=NOW + timedelta(minutes=minute)))
        assert store.readings.cap.left_out() == {"host/a": 2}
        assert [len(one.times) for one in store.readings.series("system_mount_percent")] == [3]


def test_series_that_are_over_make_room(store: Store, url: str) -> None:
    store.readings.write(made(3))
    with Store(url, most_series=3) as other:
        assert other.readings.write(made(1, 9)) == 0
        other.endings.settle("host/a", lambda _, labels: "gone" if labels["mount"] == "/0" else "")
        assert other.readings.write(made(1, 9)) == 1


def test_an_hour_later_it_is_told_that_none_is_left_out(sqlite_url: str) -> None:
    with Store(sqlite_url, most_series=1) as store:
        cap = store.readings.cap
        seconds = 100.0
        cap._monotonic = lambda: seconds
        store.readings.write(made(3))
        assert cap.left_out() == {"host/a": 2}
        seconds += 3_601.0
        assert cap.left_out() == {"host/a": 0}
        assert cap.left_out() == {}


def test_a_hundred_thousand_series_at_once(sqlite_url: str) -> None:
    """As one run with a hundred thousand metrics would bring them."""
    with Store(sqlite_url) as store:
        readings = [
            Reading("run_metric", 1.0, NOW, {"experiment": "e", "run": "r", "key": f"k{n}"})
            for n in range(100_000)
        ]
        assert store.readings.write(readings) == 20_000
        assert store.readings.cap.left_out() == {"experiment/e": 80_000}
        assert store.readings.series_counts() == {"experiment/e": 20_000}
