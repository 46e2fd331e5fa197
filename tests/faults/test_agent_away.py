"""A service that agents cannot reach for an hour: each window is judged once, and the totals are equal."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pandas as pd
import pytest

from mirante.capture.recorder import Recorder
from mirante.store import Store
from tests.app.agent.site import HOUR, MINUTE, START, TOKEN, record, site, small_baseline
from tests.app.test_service import register, service, until
from tests.cli.test_agent import agent

HOURS = 4


def a_morning(folder, baseline, gone, *, stops):
    """Four hours on two hosts and the service itself, which is away for a while, or the way to it."""
    with site(folder) as here:
        here.watch(baseline)
        agents = [here.agent("web-1"), here.agent("web-2")]
        here.tick(*agents)
        here.step()
        for minute in range(10, HOURS * 60 + 30, 10):
            here.clock.now = START + minute * MINUTE
            if minute % 60 == 10 and minute < HOURS * 60:
                hour = minute // 60
                for number, host in enumerate(("web-1", "web-2")):
                    record(folder / host / "log", hour, 40 + 10 * number + hour, name=host)
                record(folder / "log", hour, 30, name="here")
            if minute == gone[0]:
                here.go()
            if minute == gone[1]:
                here.come()
                if stops:  # what was in memory is not any more
                    here.watch(baseline)
                    here.step()  # before anything of the hour has come
            here.tick(*agents)
            if not (stops and gone[0] <= minute < gone[1]):
                here.step()
        for agent in agents:
            agent.spool.close()
        late = here.store.readings.latest(names=["monitor_late_total"])
        judged = [row for row in here.store.windows.list(here.config.subject) if row.closed]
        return here.counts(), [reading.value for reading in late if reading.value], len(judged)


@pytest.mark.parametrize("stops", [True, False], ids=["service stopped", "cut off"])
def test_an_hour_away_changes_no_window(tmp_path, stops):
    baseline = small_baseline()
    whole = a_morning(tmp_path / "whole", baseline, (0, 0), stops=stops)
    broken = a_morning(tmp_path / "broken", baseline, (90, 90 + 70), stops=stops)
    assert [rows for _, rows, _ in whole[0]] == [120 + 2 * hour for hour in range(HOURS)]
    assert broken == whole  # starts, rows, every count of every profile; nothing late; each judged once
    assert whole[1:] == ([], HOURS)


def test_an_agent_that_is_gone_for_good_holds_windows_no_longer_than_it_is_waited_for(tmp_path):
    with site(tmp_path) as here:
        here.watch(small_baseline())
        gone, stays = here.agent("web-1"), here.agent("web-2")
        for agent in (gone, stays):
            record(tmp_path / agent.config.host_name / "log", 0, 50, name=agent.config.host_name)
        here.tick(gone, stays)
        here.step()
        here.tick(gone, stays)
        gone.spool.close()
        record(tmp_path / "web-2" / "log", 1, 50, name="second")
        closed = []
        for minutes in range(30, 260, 10):
            here.clock.now = START + minutes * MINUTE
            here.tick(stays)
            closed += [(row.start, row.rows, minutes) for row in here.step().closed if row.rows]
        assert closed == [(START, 50, 120), (START + HOUR, 50, 130)]
        # the other one comes back when all is over: its window is late, and is told
        back = here.agent("web-1")
        here.tick(back)
        here.tick(back)
        assert here.step().late == 50
        assert [row.rows for row in here.windows()] == [50, 50]
        back.spool.close()
        stays.spool.close()


def test_windows_that_come_twice_are_counted_once(tmp_path):
    with site(tmp_path) as here:
        here.watch(small_baseline())
        agent = here.agent("web-1")
        record(tmp_path / "web-1" / "log", 0, 50)
        here.tick(agent)
        here.step()
        here.clock.now = START + 70 * MINUTE
        here.tick(agent)
        here.step()
        agent.spool.close()
        # its disk is lost, and its log is not: it counts all of it again
        for path in sorted((tmp_path / "web-1" / "spool").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        here.clock.now += timedelta(minutes=10)
        again = here.agent("web-1")
        here.tick(again)
        here.step()
        here.tick(again)
        step = here.step()
        assert (step.rows, step.late) == (0, 0)
        assert [row.rows for row in here.windows()] == [50]
        again.spool.close()


def test_the_first_windows_of_an_agent_wait_for_one_another(tmp_path):
    with site(tmp_path, START + 10 * HOUR) as here:
        here.watch(small_baseline())
        agent = here.agent("web-1")
        for hour in range(3):
            record(tmp_path / "web-1" / "log", hour, 20)
        here.tick(agent)
        here.step()
        agent.count(here.clock.now)
        agent.collect(here.clock.now)
        late = 0
        while (batch := agent.spool.oldest()) is not None:  # the service looks after each of them
            agent._centre.send(batch)
            agent.spool.acknowledge(batch.sequence)
            late += here.step().late
        assert late == 0
        assert [row.rows for row in here.windows()] == [20, 20, 20]
        agent.spool.close()


CENTRE = """
host: {{enabled: false}}
web: {{port: {port}, token: people-have-another-one, agent_token: {token}}}
mlflow: {{tracking_uri: "{server}", interval: 1h}}
models:
  - {{model: {name}, log: nothing-here, window: 1s, lateness: 2s, interval: 200ms}}
"""


# three processes and an MLflow server are started; the hours above are the same without them
@pytest.mark.server
def test_processes_that_lose_each_other_for_a_while_count_each_row_once(tmp_path, mlflow_server):
    _, name, version = register(mlflow_server)
    (tmp_path / "token").write_text(TOKEN)
    recorded = Counter()

    def serve(recorder, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            now, rows = datetime.now(UTC), pd.DataFrame({"age": [40.0] * 7, "plan": ["pro"] * 7})
            recorder.log(rows, [0.5] * 7, 0.001, time=pd.Series([pd.Timestamp(now)] * 7))
            recorded[now.replace(microsecond=0)] += 7
            time.sleep(0.05)

    def config(port):
        return CENTRE.format(port=port, token=TOKEN, server=mlflow_server, name=name)

    with (
        Recorder(name, tmp_path / "rows", version=version, flush_interval=0.1) as recorder,
        service(tmp_path, config(0)) as (address, first, _),
    ):
        options = ["--to", address, "--token-file", "token", "--name", "web-1"]
        options += ["--interval", "200ms", "--log", "rows"]
        serve(recorder, 0.3)
        with agent(tmp_path, *options) as (_, lines):
            until(lambda: "counts the windows" in "".join(lines), 60)
            serve(recorder, 4)
            first.kill()
            serve(recorder, 4)
            with (
                service(tmp_path, config(urlsplit(address).port)),
                Store(f"sqlite:///{tmp_path}/mirante.db") as store,
            ):
                serve(recorder, 1)
                subject = f"model/{name}@champion"

                def judged():
                    rows = [row for row in store.windows.list(subject) if row.rows and row.closed]
                    return {row.start: row.rows for row in rows}

                newest = max(recorded)
                until(lambda: any(row.start > newest for row in store.windows.list(subject)), 60)
                late = store.readings.latest(names=["monitor_late_total", "agent_late_total"])
                assert judged() == recorded
    assert [reading.value for reading in late if reading.value] == []
