"""A week of the replay with the real parts, a cheap model, and no server."""

import asyncio

import numpy as np
import pytest

from mirante.alerts.channels.console import ConsoleChannel
from mirante.alerts.engine import AlertEngine
from mirante.alerts.outbox import Outbox
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule
from mirante.capture.recorder import Recorder
from mirante.demo.flights import load_flights
from mirante.demo.replay import Replay, replay_days
from mirante.errors import DeliveryError
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor
from mirante.sources.host import HostSource
from mirante.store import Store


class Guess:
    """Says late when the departure was."""

    def predict_proba(self, features):
        late = (features["dep_delay"].fillna(0).to_numpy() > 15) * 0.8 + 0.1
        return np.column_stack([1 - late, late])


class Refuses:
    """A channel that is out of order for good."""

    async def deliver(self, notice):
        raise DeliveryError("gone", retry=False)


@pytest.fixture(scope="module")
def flights():
    return load_flights()


def driven(tmp_path, flights, channels):
    config = ModelConfig(
        model="m",
        log=tmp_path / "log",
        window="1d",
        timezone="America/New_York",
        lateness="0s",
        label_delay="12h",
    )
    january = flights.between("2013-01-01", "2013-01-31")
    said = Guess().predict_proba(january.features)[:, 1]
    baseline = ModelBaseline.fit(january.features, said, january.times, clock=config.clock())
    store = Store(f"sqlite:///{tmp_path / 'mirante.db'}")
    rule = Rule(name="cancelled", when="missing_ratio > 0.3 and missing_detected == 1", severity="critical")
    engine = AlertEngine(store, [rule], Route(tuple(channels)))
    monitor = ModelMonitor(config, "1", baseline, store, InferenceLog(config.log))
    recorder = Recorder("m", config.log, version="1")
    return Replay(Guess(), recorder, monitor, engine, Outbox(store, channels), store, HostSource())


def test_rows_in_are_rows_out_and_the_blizzard_fires(tmp_path, flights, capsys):
    parts = driven(tmp_path, flights, {"console": ConsoleChannel()})
    days = [f"2013-02-{day:02d}" for day in range(6, 12)]
    week = flights.between(days[0], days[-1])
    steps = []
    with parts.store, parts.recorder:
        counts = replay_days(parts, week, days, progress=lambda *step: steps.append(step))
        alerts = parts.store.alerts.list()
    assert (
        counts.rows
        == counts.rows_read
        == counts.rows_profiled
        == len(week)
        == 901 + 932 + 930 + 684 + 829 + 929
    )
    assert (counts.windows, counts.rows_late) == (6, 0)
    assert counts.labels == week.labels.notna().sum()
    assert [(alert.rule, alert.fired_at.isoformat()[:10], alert.state) for alert in alerts] == [
        ("cancelled", "2013-02-09", "resolved")
    ]
    assert "Critical alert" in capsys.readouterr().out
    assert steps[-1] == (6, 6, "2013-02-11")


def test_a_channel_that_refuses_loses_nothing_else(tmp_path, flights):
    parts = driven(tmp_path, flights, {"broken": Refuses()})
    days = ["2013-02-07", "2013-02-08"]
    with parts.store, parts.recorder:
        counts = replay_days(parts, flights.between(*days), days)
        notices = parts.store.outbox.list()
    assert counts.rows == counts.rows_profiled
    assert [notice.status for notice in notices] == ["dead"]
    assert notices[0].error == "gone"


def test_it_runs_in_a_thread_with_no_event_loop(tmp_path, flights):
    parts = driven(tmp_path, flights, {})
    day = ["2013-02-07"]

    async def main():
        return await asyncio.to_thread(replay_days, parts, flights.between(*day, *day), day)

    with parts.store, parts.recorder:
        assert asyncio.run(main()).windows == 1
