"""What is known of an alias: kept over restarts, told once, together with its event."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mirante.app.alias import AliasRecord, AliasState
from mirante.monitors.config import ModelConfig
from mirante.store import BaselineRow, Store

T0, MINUTE = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=1)
CONFIG = ModelConfig(model="churn")


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


def told(store, name):
    found = store.readings.series(name, subject=CONFIG.subject)
    return [] if not found else list(zip(found[0].values.tolist(), found[0].notes, strict=True))


def test_an_alias_that_stays_is_told_every_five_minutes_and_is_no_event(store):
    record = AliasRecord(CONFIG, store)
    assert not any(record.follow("7", T0 + minute * MINUTE) for minute in range(6))
    assert told(store, "alias_version") == [(7.0, ""), (7.0, "")]
    assert told(store, "alias_moves_total") == [(0.0, ""), (0.0, "")]
    assert store.events.list() == []
    assert record.state == AliasState("7", seen=T0 + 5 * MINUTE)


def test_a_move_is_an_event_and_readings_at_once(store):
    record = AliasRecord(CONFIG, store, locale="pt_BR")
    record.follow("1", T0)
    assert record.follow("2", T0 + MINUTE)
    sentence = "champion passou da versão 1 para a versão 2"
    (event,) = store.events.list(CONFIG.subject)
    assert (event.kind, event.time, event.text) == ("alias_moved", T0 + MINUTE, sentence)
    assert told(store, "alias_version") == [(1.0, ""), (2.0, sentence)]
    assert told(store, "alias_moves_total") == [(0.0, ""), (1.0, sentence)]
    assert record.state == AliasState("2", T0 + MINUTE, since=T0, moves=1, left={"1": T0 + MINUTE})


def test_the_state_survives_a_restart_and_a_move_during_it_is_told(store):
    AliasRecord(CONFIG, store).follow("1", T0)
    again = AliasRecord(CONFIG, store)
    assert again.follow("2", T0 + 600 * MINUTE)
    assert again.state.since == T0
    third = AliasRecord(CONFIG, store)
    assert third.state == again.state
    assert not third.follow("2", T0 + 601 * MINUTE)
    assert [event.data for event in store.events.list()] == [{"from": "1", "to": "2"}]


def test_there_and_back_leaves_one_version_only(store):
    record = AliasRecord(CONFIG, store)
    for minute, version in enumerate(["1", "2", "1", "3", "1"]):
        record.follow(version, T0 + minute * MINUTE)
    assert record.state.moves == 4
    assert sorted(record.state.left) == ["2", "3"]
    record.finish(["3", "9"])
    assert sorted(AliasRecord(CONFIG, store).state.left) == ["2"]


def test_a_store_from_before_knows_the_version_by_its_baseline(store):
    store.baselines.put(BaselineRow(CONFIG.subject, "1", T0, 10, b""))
    record = AliasRecord(CONFIG, store)
    assert record.follow("2", T0 + MINUTE)
    assert record.state.since is None, "nobody knows how long ago that was"


@pytest.mark.parametrize("name", ["v2", "", "²", "1e5", "<b>"])
def test_a_version_that_is_no_number_is_unknown_as_one(store, name):
    AliasRecord(CONFIG, store).follow(name, T0)
    assert np.isnan(told(store, "alias_version")[0][0])


def test_event_state_and_readings_are_written_together_or_not_at_all(store, monkeypatch):
    record = AliasRecord(CONFIG, store)
    record.follow("1", T0)

    def fail(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(store.events, "add", fail)
        with pytest.raises(ZeroDivisionError):
            record.follow("2", T0 + MINUTE)
    assert told(store, "alias_moves_total") == [(0.0, "")]
    assert record.follow("2", T0 + 2 * MINUTE)
    assert len(store.events.list()) == 1
