import json
from datetime import UTC, datetime, timedelta

import pytest

from mirante.app.agent.files import read_checked, write_checked
from mirante.app.agent.spool import Spool
from mirante.errors import ConfigError

NOW = datetime(2026, 1, 5, tzinfo=UTC)


class Opened:
    """Spools in one folder, one after the other."""

    def __init__(self, folder):
        self.folder, self.now, self.spool = folder, NOW, None

    def __call__(self, max_size=10**6, max_age=timedelta(days=7)):
        if self.spool is not None:
            self.spool.close()
        self.spool = Spool(self.folder, max_size=max_size, max_age=max_age, clock=lambda: self.now)
        return self.spool


@pytest.fixture
def opened(tmp_path):
    found = Opened(tmp_path / "spool")
    yield found
    if found.spool is not None:
        found.spool.close()


def body(number):
    return b"%d" % number


def drain(spool):
    found = []
    while (batch := spool.oldest()) is not None:
        found.append((batch.sequence, batch.kind, batch.body))
        spool.acknowledge(batch.sequence)
    return found


def test_batches_come_out_in_order_over_restarts(opened):
    spool = opened()
    assert [spool.append("readings", body), spool.append("windows", body)] == [1, 2]
    instance, spool = spool.instance, opened()
    spool.append("readings", body)
    assert spool.instance == instance
    assert drain(spool) == [(1, "readings", b"1"), (2, "windows", b"2"), (3, "readings", b"3")]
    assert spool.oldest() is None


def test_a_number_is_never_given_twice(opened):
    spool = opened()
    for _ in range(3):
        spool.append("readings", body)
    drain(spool)
    spool = opened()  # all files are gone, and the number is not
    assert spool.append("readings", body) == 4
    spool.refuse(4, "no")
    assert opened().append("readings", body) == 5


def test_what_a_crash_left_half_written_is_not_there(opened):
    opened().append("readings", body)
    (opened.folder / f"{2:020d}.readings.batch.tmp").write_bytes(b"mira")
    spool = opened()
    assert drain(spool) == [(1, "readings", b"1")]
    assert list(opened.folder.glob("*.tmp")) == []


def test_a_damaged_batch_is_set_aside_with_its_reason_and_the_next_goes_on(opened):
    spool = opened()
    spool.append("readings", body)
    spool.append("readings", body)
    path = opened.folder / f"{1:020d}.readings.batch"
    path.write_bytes(path.read_bytes()[:-1] + b"7")
    assert drain(opened()) == [(2, "readings", b"2")]
    dead = {path.name: path.read_bytes() for path in (opened.folder / "dead").iterdir()}
    assert set(dead) == {f"{1:020d}.readings.batch", f"{1:020d}.readings.reason"}
    assert b"checksum" in dead[f"{1:020d}.readings.reason"]
    assert opened().refused == 1


def test_over_its_size_the_oldest_readings_go_before_any_window(opened):
    spool = opened(max_size=400)
    spool.append("windows", lambda _: b"w" * 100)
    for _ in range(4):
        spool.append("readings", lambda _: b"r" * 100)
    assert spool.dropped == {"readings": 2, "windows": 0}
    for _ in range(4):
        spool.append("windows", lambda _: b"w" * 100)
    assert spool.dropped == {"readings": 4, "windows": 2}
    assert spool.size <= 400
    assert opened().dropped == {"readings": 4, "windows": 2}  # told over restarts
    assert [number for number, _, _ in drain(opened.spool)] == [7, 8, 9]


def test_the_newest_stays_however_large_it_is(opened):
    spool = opened(max_size=10)
    spool.append("readings", lambda _: b"r" * 1_000)
    assert spool.batches == 1
    spool.append("readings", lambda _: b"r" * 1_000)
    assert [number for number, _, _ in drain(spool)] == [2]


def test_what_is_too_old_goes(opened):
    spool = opened(max_age=timedelta(hours=1))
    spool.append("windows", body)
    opened.now += timedelta(minutes=59)
    spool.append("readings", body)
    assert spool.batches == 2
    opened.now += timedelta(minutes=2)
    spool.append("readings", body)
    assert spool.dropped == {"readings": 0, "windows": 1}


def test_two_agents_do_not_share_a_spool(opened, tmp_path):
    opened()
    with pytest.raises(ConfigError, match="another agent uses the spool"):
        Spool(tmp_path / "spool", max_size=1, max_age=timedelta(1), clock=lambda: NOW)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        Spool(tmp_path / "file", max_size=1, max_age=timedelta(1), clock=lambda: NOW)


def test_a_batch_is_tried_for_the_first_time_once(opened):
    spool = opened()
    spool.append("readings", body)
    spool.append("readings", body)
    assert [spool.try_first(1), spool.try_first(1)] == [True, False]
    spool = opened()
    assert [spool.try_first(1), spool.try_first(2)] == [False, True]


def test_what_an_earlier_agent_left_counts_as_tried(opened):
    spool = opened()
    spool.append("readings", body)
    path = opened.folder / "spool.json"
    form, _, head = read_checked(path)
    old = {key: value for key, value in json.loads(head).items() if key != "tried"}
    write_checked(path, json.dumps(old).encode(), form)
    spool = opened()
    assert spool.try_first(1) is False
    assert spool.try_first(spool.append("readings", body)) is True


def test_a_spool_that_begins_anew_keeps_its_batches_and_numbers(opened):
    spool = opened()
    first = spool.instance
    spool.append("readings", body)
    spool.begin_anew()
    assert spool.instance != first
    again = opened()
    assert again.instance == spool.instance
    assert again.append("readings", body) == 2
    assert again.batches == 2


def test_with_a_damaged_head_it_is_a_new_spool(opened):
    first = opened().instance
    (opened.folder / "spool.json").write_bytes(b"torn")
    assert opened().instance != first


def test_a_batch_that_somebody_took_away_holds_nothing_up(opened):
    spool = opened()
    spool.append("readings", body)
    spool.append("readings", body)
    (opened.folder / f"{1:020d}.readings.batch").unlink()
    assert drain(spool) == [(2, "readings", b"2")]
    spool.acknowledge(1)
    spool.refuse(1, "it is not there")
    assert spool.refused == 0
