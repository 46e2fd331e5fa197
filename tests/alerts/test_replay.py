from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirante.alerts import replay as module
from mirante.alerts.replay import Replay
from mirante.alerts.rules import Rule
from mirante.errors import ConfigError
from mirante.readings import Reading

T0 = datetime(2013, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def cpu(value: float, minute: int) -> list[Reading]:
    return [Reading("cpu", value, T0 + minute * MINUTE, {"host": "a"})]


def test_changes_and_standing_follow_the_steps():
    with Replay([Rule("busy", "cpu > 90", for_=MINUTE)]) as replay:
        changes = []
        for minute, value in enumerate([95, 96, 97, 10]):
            step = replay.step(T0 + minute * MINUTE, cpu(value, minute), lambda _: 5 * MINUTE)
            changes.append([change.change for change in step])
            phases = [state.phase for _row, state in replay.standing()]
            assert phases == [["pending"], ["firing"], ["firing"], []][minute]
        assert changes == [["pending"], ["firing"], [], ["resolved"]]
        assert replay.errors == {}


def test_its_folder_goes_with_it(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "_MEMORY", tmp_path)
    with Replay([Rule("busy", "cpu > 90")]):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_its_folder_goes_too_when_the_rules_are_wrong(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "_MEMORY", tmp_path)
    twins = [Rule("busy", "cpu > 90"), Rule("busy", "cpu > 91")]
    with pytest.raises(ConfigError):
        Replay(twins)
    assert list(tmp_path.iterdir()) == []
