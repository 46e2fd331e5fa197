from datetime import UTC, datetime, timedelta

from mirante.readings import Reading
from mirante.store import Store

T0 = datetime(2013, 2, 8, tzinfo=UTC)


def test_a_store_on_disk(tmp_path):
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        empty = store.measure()
        assert empty.first_time is None
        assert set(empty.rows.values()) == {0}
        store.readings.write(
            Reading("x", 1.0, T0 + timedelta(hours=n), {"host": str(n % 7)}) for n in range(5_000)
        )
        size = store.measure()
    assert (size.rows["readings"], size.rows["series"]) == (5_000, 7)
    assert size.first_time == T0
    assert size.used_bytes > empty.used_bytes > 0
    assert size.wal_bytes > 0
    assert size.free_bytes > 0


def test_a_store_on_a_server(postgres_url):
    with Store(postgres_url) as store:
        empty = store.measure()
        store.readings.write(
            Reading("x", 1.0, T0 + timedelta(hours=n), {"host": str(n % 7)}) for n in range(5_000)
        )
        size = store.measure()
    assert (size.rows["readings"], size.rows["series"]) == (5_000, 7)
    assert size.used_bytes > empty.used_bytes > 0
    assert (size.wal_bytes, size.free_bytes) == (None, None)


def test_how_many_readings_of_some_names_and_times(url):
    with Store(url) as store:
        store.readings.write(
            Reading(name, 1.0, T0 + timedelta(hours=n), {"host": "a"}) for name in "xyz" for n in range(10)
        )
        assert store.readings.count() == 30
        assert store.readings.count(["x", "y"]) == 20
        two, five = T0 + timedelta(hours=2), T0 + timedelta(hours=5)
        assert store.readings.count(["x"], since=two, until=five) == 3
        assert store.readings.count(["x"], where=lambda labels: labels["host"] == "a", since=five) == 5
        assert store.readings.count(where={"host": "b"}) == 0
        assert store.readings.names() == {"x": 1, "y": 1, "z": 1}
        assert store.readings.known(["x", "q"]) == {"x": [{"host": "a"}]}
        assert store.readings.known(["x", "y"], most=1).popitem()[1] == [{"host": "a"}]
