import asyncio
import json
from datetime import UTC, datetime, timedelta
from shutil import copytree, rmtree

import pytest

from mirante.app.agent.config import AgentConfig
from mirante.app.agent.running import Agent
from mirante.errors import ConfigError
from mirante.inference_log import InferenceLog
from mirante.store import JobRow
from mirante.web.api.agent_models import FORMAT
from mirante.web.config import WebConfig
from tests.app.agent.site import HOUR, MINUTE, START, TOKEN, record, site, small_baseline


def readings(here, name):
    return {
        (one.labels["host"], one.labels.get("kind", "")): one.value
        for one in here.store.readings.latest(names=[name])
    }


def test_a_hosts_readings_arrive_under_its_name(tmp_path):
    with site(tmp_path) as here:
        agent = here.agent("web-1", log=False, host=True)
        agent.collect(START)
        assert agent.send() == 1
        names = {one.name for one in here.store.readings.latest(subject="host/web-1")}
        assert {"system_cpu_percent", "system_memory_percent", "agent_spool_batches"} <= names
        assert readings(here, "agent_clock_skew_seconds") == {("web-1", ""): 0.0}
        (known,) = here.store.agents.list()
        assert (known.name, known.sequence, known.heard_at) == ("web-1", 1, START)
        agent.spool.close()


def test_batches_wait_for_the_service_and_are_tried_less_often_meanwhile(tmp_path, capsys):
    with site(tmp_path) as here:
        agent = here.agent("web-1", log=False)
        here.go()
        tries = []
        for second in range(600):
            here.clock.now = START + timedelta(seconds=second)
            if second % 60 == 0:
                agent.collect(here.clock.now)
            before = agent._rest_until
            assert agent.send() == 0
            tries += [second] if agent._rest_until != before else []
        assert 20 <= len(tries) <= 50  # 1, 2, 4 … 30 s apart, each a little less
        assert 7 <= capsys.readouterr().out.count("batches wait here") <= 10  # once a minute
        here.come()
        here.clock.now += MINUTE
        assert agent.send() == 10
        (series,) = here.store.readings.series("agent_spool_batches")
        assert len(series.values) == 10
        agent.spool.close()


def test_a_wrong_token_is_told_and_batches_wait(tmp_path, capsys):
    with site(tmp_path) as here:
        (tmp_path / "token").write_text("not-the-right-one-at-all")
        agent = here.agent("web-1", log=False, token=None, token_file=tmp_path / "token")
        agent.collect(START)
        agent.send()
        agent._rest_until = 0
        (tmp_path / "token").unlink()
        agent.send()
        said = capsys.readouterr().out
        assert "does not take the token" in said
        assert "cannot be read" in said
        assert "not-the-right-one-at-all" not in said
        (tmp_path / "token").write_text(TOKEN)  # a new one needs no restart
        here.clock.now += MINUTE
        assert agent.send() == 1
        agent.spool.close()


def test_a_batch_that_the_service_will_never_take_blocks_nothing(tmp_path):
    with site(tmp_path) as here:
        agent = here.agent("web-1", log=False)
        agent._spool("readings", readings=[{"name": "drift_ks", "labels": {}, "time": "2026", "value": 1.0}])
        agent.collect(START)
        assert agent.send() == 1
        assert readings(here, "agent_refused_total") == {("web-1", ""): 0.0}
        agent.collect(START + MINUTE)
        agent.send()
        assert readings(here, "agent_refused_total") == {("web-1", ""): 1.0}
        (reason,) = (tmp_path / "web-1" / "spool" / "dead").glob("*.reason")
        assert "422" in reason.read_text()
        agent.spool.close()


def test_two_agents_of_one_name_are_told_apart(tmp_path, capsys):
    with site(tmp_path) as here:
        first, second = (here.agent("web-1", log=False, spool=tmp_path / place) for place in ("a", "b"))
        for agent in (first, second):
            agent.collect(START)
            agent.send()
        assert (first.spool.batches, second.spool.batches) == (0, 1)
        assert "another agent called 'web-1' was heard 0 s ago" in capsys.readouterr().out
        here.clock.now = START + 6 * MINUTE  # the first is gone: its disk was lost, say
        assert second.send() == 1
        for agent in (first, second):
            agent.spool.close()


def test_what_waits_under_a_name_that_is_refused_goes_under_the_next_one(tmp_path):
    with site(tmp_path) as here:
        first, second = (here.agent("web-1", log=False, spool=tmp_path / place) for place in ("a", "b"))
        for agent in (first, second):
            agent.collect(START)
            agent.send()
        second.spool.close()
        here.clock.now = START + MINUTE
        renamed = here.agent("web-2", log=False, spool=tmp_path / "b")
        renamed.collect(here.clock.now)
        assert renamed.send() == 2
        assert [len(one.values) for one in here.store.readings.series("agent_spool_batches")] == [1, 2]
        assert readings(here, "agent_spool_batches") == {("web-1", ""): 0.0, ("web-2", ""): 1.0}
        for agent in (first, renamed):
            agent.spool.close()


def test_a_spool_that_went_back_in_time_loses_nothing(tmp_path, capsys):
    with site(tmp_path) as here:
        agent = here.agent("web-1", log=False)
        agent.collect(START)
        agent.send()
        folder = agent.spool.folder
        agent.spool.close()
        copytree(folder, tmp_path / "snapshot")
        agent = here.agent("web-1", log=False)
        for minute in (1, 2, 3):
            agent.collect(START + minute * MINUTE)
        agent.send()
        agent.spool.close()
        rmtree(folder)
        copytree(tmp_path / "snapshot", folder)  # its machine is restored, as it was after the first batch
        agent = here.agent("web-1", log=False)
        here.clock.now = START + 10 * MINUTE
        for minute in (8, 9, 10):
            agent.collect(START + minute * MINUTE)
        assert agent.send() == 3
        assert "went back in time" in capsys.readouterr().out
        (series,) = here.store.readings.series("agent_spool_batches")
        assert len(series.values) == 7
        agent.spool.close()


def test_a_window_in_a_copy_of_a_spool_is_counted_once(tmp_path, capsys):
    with site(tmp_path) as here:
        here.watch(small_baseline())
        agent = here.agent("web-1")
        here.tick(agent)
        here.step()
        here.tick(agent)  # it hears of it
        record(tmp_path / "web-1" / "log", 0, 5)
        here.clock.now = START + 2 * HOUR
        agent.count(here.clock.now)
        assert agent.spool.batches == 1
        copytree(agent.spool.folder, tmp_path / "copied")  # its machine is cloned while a window waits
        agent.send()
        copy = here.agent("web-2", log=False, spool=tmp_path / "copied")
        for minute in (0, 1):
            here.clock.now += minute * MINUTE
            copy.send()
        assert copy.spool.batches == 1
        assert "it would be counted twice" in capsys.readouterr().out
        here.tick(agent)
        here.step()
        (row,) = here.windows()
        assert row.verdicts["agents"] == {"web-1": 5}
        for one in (agent, copy):
            one.spool.close()


def test_a_clock_that_is_wrong_is_told(tmp_path):
    with site(tmp_path) as here:
        agent = here.agent("web-1", log=False)
        agent._centre._clock = lambda: START - HOUR
        agent.collect(START)
        agent.send()
        assert readings(here, "agent_clock_skew_seconds") == {("web-1", ""): -3600.0}
        agent.spool.close()


def test_a_model_that_cannot_be_counted_stops_no_other(tmp_path):
    with site(tmp_path) as here:
        baseline = small_baseline()
        agent = here.agent("web-1")
        here.tick(agent)
        monitors = [here.watch(baseline, version) for version in ("2", "1")]
        here.offers.settle(monitors)
        for version in ("1", "2"):
            record(tmp_path / "web-1" / "log", 0, 5, version=version)
        agent.count(START)
        broken, good = agent._jobs.counters.values()
        broken._source = None
        with pytest.raises(RuntimeError, match="version 1"):
            agent.count(START + 2 * HOUR)
        assert good.mark == START + HOUR
        agent.spool.close()


def test_a_log_that_is_away_is_told_and_its_windows_wait(tmp_path, capsys):
    with site(tmp_path) as here:
        log, away = tmp_path / "web-1" / "log", tmp_path / "away"
        agent = here.agent("web-1")
        here.tick(agent)  # no recorder has made the folder yet
        assert f"the folder '{log}' is not there" in capsys.readouterr().out
        assert readings(here, "agent_counting_failing") == {("web-1", ""): 0.0}  # there is nothing to count
        monitor = here.watch(small_baseline())
        here.offers.settle([monitor])
        here.clock.now = START + 10 * MINUTE
        here.tick(agent)
        (said,) = here.store.readings.latest(names=["agent_counting_failing"])
        assert (said.value, str(log) in said.note) == (1.0, True)
        record(log, 0, 5)
        here.clock.now = START + 30 * MINUTE
        here.tick(agent)
        assert readings(here, "agent_counting_failing") == {("web-1", ""): 0.0}
        here.clock.now += 2 * HOUR
        hidden = log / "churn"  # what is left of a mount that is away

        def waits():
            with pytest.raises(RuntimeError, match="is not there"):
                agent.count(here.clock.now)
            agent.collect(here.clock.now)
            agent.send()
            assert readings(here, "agent_counting_failing") == {("web-1", ""): 1.0}
            (known,) = here.store.agents.list()
            assert set(known.marks.values()) == {START.isoformat()}
            assert here.step().closed == ()

        hidden.rename(away)
        waits()
        away.rename(hidden)
        log.rename(away)  # the whole of it, and the agent is started meanwhile
        agent.spool.close()
        agent = here.agent("web-1")
        waits()
        away.rename(log)
        here.tick(agent)
        assert [window.rows for window in here.step().closed if window.rows] == [5]
        agent.spool.close()


def test_what_is_wrong_with_a_token_is_said_before_anything_runs(tmp_path):
    config = AgentConfig(to="http://127.0.0.1:1", token="env:NOBODY_SET_THIS", spool=tmp_path / "s")
    with pytest.raises(ConfigError, match="NOBODY_SET_THIS"):
        Agent(config)
    assert not (tmp_path / "s").exists()


def test_it_runs_until_it_is_told_to_stop(tmp_path):
    with site(tmp_path, web=WebConfig()) as here:
        record(tmp_path / "web-1" / "log", 0, 5)
        config = here.agent("web-1", interval="100ms", token=None)
        config.spool.close()
        agent = Agent(config.config)

        async def run():
            stop = asyncio.Event()
            running = asyncio.create_task(agent.run(stop))
            while not here.store.agents.list():
                await asyncio.sleep(0.02)
            stop.set()
            await running

        asyncio.run(asyncio.wait_for(run(), 20))
        agent = here.agent("web-1")  # the spool is free again
        agent.spool.close()


def test_what_is_too_old_in_its_log_goes(tmp_path):
    with site(tmp_path) as here:
        agent = here.agent("web-1", retention="1d")
        assert [task.name for task in agent.tasks()] == ["readings", "send", "windows", "retention"]
        record(tmp_path / "web-1" / "log", 0, 5)
        log = InferenceLog(tmp_path / "web-1" / "log")
        now = datetime.now(UTC)  # a segment is no older than its file
        agent.retain(now + HOUR)
        assert log.scan("churn").num_rows == 5
        agent.retain(now + 25 * HOUR)
        assert log.scan("churn").num_rows == 0
        bare = here.agent("web-2", log=False)
        bare.retain(START)
        for one in (agent, bare):
            one.spool.close()


def test_nothing_in_a_batch_is_a_row(tmp_path):
    with site(tmp_path) as here:
        here.watch(small_baseline())
        agent = here.agent("web-1")
        here.tick(agent)
        here.step()
        record(tmp_path / "web-1" / "log", 0, 40, name="person")
        here.clock.now = START + 2 * HOUR
        agent.count(here.clock.now)
        batch = agent.spool.oldest()
        assert batch.kind == "windows"
        assert "person" not in batch.body.decode()
        (window,) = json.loads(batch.body)["windows"]
        assert set(window) == {
            *("subject", "version", "start", "end", "rows", "profile", "latency"),
            *("outliers", "passed", "distinct", "faults"),
        }
        agent.spool.close()


def test_a_window_that_no_service_takes_is_told_and_the_next_one_goes(tmp_path, monkeypatch, capsys):
    with site(tmp_path) as here:
        here.watch(small_baseline())
        agent = here.agent("web-1")
        here.tick(agent)
        here.step()
        record(tmp_path / "web-1" / "log", 0, 30)
        record(tmp_path / "web-1" / "log", 1, 20)
        here.clock.now = START + HOUR + 10 * MINUTE
        with monkeypatch.context() as patch:
            patch.setattr("mirante.app.agent.running.MOST_BODY", 1_000)
            here.tick(agent)
        assert "watch fewer of its columns" in capsys.readouterr().out
        (reason,) = (tmp_path / "web-1" / "spool" / "dead").glob("*.reason")
        assert reason.read_text().startswith(
            "the window of model/churn@champion version 1 that begins at 2026-01-05T00:00:00+00:00 takes "
        )
        here.clock.now += HOUR
        here.tick(agent)
        here.step()
        assert [(start, rows) for start, rows, _ in here.counts()] == [(START + HOUR, 20)]
        assert readings(here, "agent_refused_total") == {("web-1", ""): 1.0}
        agent.spool.close()


def test_slices_and_estimates_are_those_of_all_hosts(tmp_path):
    baseline = small_baseline(labels=True, slices=["plan"])
    with site(tmp_path) as here:
        here.watch(baseline)
        agents = [here.agent(name) for name in ("web-1", "web-2")]
        here.tick(*agents)
        here.step()
        here.tick(*agents)  # they hear of it
        for many, agent in zip((40, 30), agents, strict=True):
            record(here.folder / agent.config.host_name / "log", 0, many)
        here.clock.now = START + 2 * HOUR
        here.tick(*agents)
        here.step()
        (row,) = here.windows()
        assert row.verdicts["agents"] == {"web-1": 40, "web-2": 30}
        assert row.verdicts["estimated"]["measures"]["roc_auc"]["value"] > 0.5
        slices = here.store.slice_windows.list(here.config.subject)
        assert sorted(one.label for one in slices) == ["plan=basic", "plan=pro"]
        assert sum(one.rows for one in slices) == 70
        for agent in agents:
            agent.spool.close()


def test_an_agent_older_than_what_the_service_offers_goes_on_with_what_it_knew(tmp_path, capsys, monkeypatch):
    with site(tmp_path) as here:
        baseline = small_baseline()
        here.watch(baseline)
        agent = here.agent("web-1")
        record(tmp_path / "web-1" / "log", 0, 5)
        here.tick(agent)
        here.step()
        here.tick(agent)
        # the service is upgraded, and offers another baseline in a form that this agent cannot read
        monkeypatch.setattr("mirante.web.api.agents.LEAST_FORMAT", FORMAT + 1)
        (job,) = here.store.agents.jobs()
        here.store.agents.offer(JobRow(job.subject, "1", "0f" * 16, job.about, b"{}"))
        here.clock.now = START + 2 * HOUR
        here.tick(agent)
        assert "upgrade the agent" in capsys.readouterr().out
        (row,) = here.step().closed  # its rows are in, and nobody waits for more
        assert row.rows == 5
        agent.spool.close()
