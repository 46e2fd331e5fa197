"""The tasks of the service, each by itself."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from structlog.testing import capture_logs

from mirante.app.build import build
from mirante.app.settings import load_settings
from mirante.app.stillness import Stillness
from mirante.app.work import Work
from mirante.monitors.config import ModelConfig
from mirante.monitors.discovery import Discovery
from mirante.readings import Reading
from mirante.store import AgentRow, JobRow, NoticeRow
from tests.app.test_service import QUIET
from tests.doubles.slack import Answer, slack_double


@pytest.mark.parametrize("discover", [True, False])
def test_alerts_of_a_paused_model_stay_as_they_are(tmp_path, discover):
    rows = "model: m, log: log"
    config = (
        f"discover: {str(discover).lower()}\nhost: {{enabled: false}}\n"
        f"alerts: {{rules: [{{name: drifted, when: drift_detected == 1}}]}}\nmodels: [{{{rows}}}]\n"
    )
    path = tmp_path / "mirante.yaml"
    start = datetime(2026, 1, 1, tzinfo=UTC)
    labels = {"model": "m", "alias": "champion", "feature": "age"}

    def evaluate(text, now, value):
        path.write_text(text)
        with build(load_settings(path, environ={})) as parts:
            work = Work(parts, clock=lambda: now)
            parts.store.readings.write([Reading("drift_detected", value, now, labels)])
            work._evaluate(now)
            return [(alert.rule, alert.subject) for alert in parts.store.alerts.open()]

    fired = [("drifted", "model/m@champion"), ("feature_drift", "model/m@champion")]
    assert sorted(evaluate(config, start, 1)) == fired
    paused = config.replace(rows, f"{rows}, paused: true")
    assert sorted(evaluate(paused, start + timedelta(days=1), 1)) == fired  # and no second of each
    assert sorted(evaluate(paused, start + timedelta(days=30), 0)) == fired
    assert evaluate(config, start + timedelta(days=31), 0) == []


def test_a_process_that_is_stopped_between_two_looks_at_the_clocks_saw_none_set(tmp_path, monkeypatch):
    (tmp_path / "mirante.yaml").write_text("host: {enabled: false}\n", encoding="utf-8")
    hour = 3600.0
    steady = iter([0.0, 0.0, 10.0, 10.0 + hour, 11.0 + hour, 11.0 + hour])
    wall = iter(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s) for s in (0, 0, 10, 11 + hour))
    told = []
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:
        work = Work(parts, clock=lambda: next(wall), monotonic=lambda: next(steady))
        monkeypatch.setattr(parts.engine, "clock_was_set", lambda by, now: told.append(by))
        work._follow_the_clock()
        work._follow_the_clock()  # stopped for an hour after it had looked at the one
        assert told == []


def test_for_rules_no_time_passes_while_the_process_stands_still(tmp_path):
    """Nobody could be heard meanwhile: an agent that went on had its batches refused."""
    rule = "{name: no_data, when: source_up == 0}"
    text = f"host: {{enabled: false}}\nalerts: {{default_rules: false, rules: [{rule}]}}\n"
    (tmp_path / "mirante.yaml").write_text(text, encoding="utf-8")
    wall, steady = [datetime(2026, 1, 1, tzinfo=UTC)], [0.0]
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:
        work = Work(parts, clock=lambda: wall[0], monotonic=lambda: steady[0])
        work.stillness = Stillness(lambda: steady[0])

        def later(seconds, *, silent=False):
            steady[0] += seconds
            wall[0] += timedelta(seconds=seconds)
            if not silent:
                work.stillness.sign_of_life()
            work._evaluate(wall[0])
            return [row.rule for row in parts.store.alerts.open()]

        parts.store.readings.write([Reading("system_cpu_percent", 5.0, wall[0], {"host": "web-2"})])
        assert later(0) == []
        assert later(600, silent=True) == []
        for _ in range(59):  # nearly as long as a host may be silent
            assert later(3) == []
        assert later(3) == ["no_data"]


def test_what_agents_are_to_count_follows_the_config(tmp_path):
    (tmp_path / "mirante.yaml").write_text("models: [{model: churn}]\n")
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:
        work = Work(parts)
        for name in ("churn", "fraud"):
            parts.store.agents.offer(JobRow(f"model/{name}@champion", "1", "0f"))
        parts.store.agents.put(AgentRow("slow", "a", 1, 0, datetime.now(UTC), {"interval": 600.0}))
        (task,) = [task for task in work._tasks() if task.name == "agents"]
        task.run(datetime.now(UTC))
        assert [job.subject for job in parts.store.agents.jobs()] == ["model/churn@champion"]
        reading = Reading("system_cpu_percent", 1.0, datetime.now(UTC), {"host": "slow"})
        assert work._silences()(reading) == timedelta(minutes=30)


def test_readings_that_another_release_wrote_are_counted(tmp_path):
    (tmp_path / "mirante.yaml").write_text(QUIET, encoding="utf-8")
    with build(load_settings(tmp_path / "mirante.yaml")) as parts:
        work = Work(parts)
        parts.store.readings.write([Reading("x", 1.0, datetime.now(UTC), {"host": "h"})])
        with parts.store.transaction() as connection:
            connection.exec_driver_sql("UPDATE mirante_counters SET value = 77 WHERE name = 'readings_rows'")
        (task,) = [task for task in work._tasks() if task.name == "readings_tally"]
        task.run(datetime.now(UTC))
        assert parts.store.measure().rows["readings"] == 1


def test_the_heartbeat_is_withheld_while_something_is_wrong(tmp_path):
    with slack_double() as double:
        double.always = Answer()
        config = QUIET + f"alerts: {{heartbeat: {{url: '{double.url}', every: 1m}}}}\n"
        (tmp_path / "mirante.yaml").write_text(config, encoding="utf-8")
        with build(load_settings(tmp_path / "mirante.yaml")) as parts:
            work = Work(parts)
            assert "heartbeat" in work.scheduler.states
            beat = partial(work._beat, parts.heartbeat)
            now = datetime.now(UTC)
            beat(now)
            assert len(double.requests) == 1
            work.scheduler.states["host"].error = "no luck"
            beat(now)
            assert len(double.requests) == 1
            told = work.said()["details"]["heartbeat"]
            assert told == {"last": now.isoformat(), "withheld": ["host"], "error": ""}
            work.scheduler.states["host"].error = ""
            owed = NoticeRow("a", "gone", "message", now - timedelta(hours=1), now, payload={})
            parts.store.outbox.add(owed)
            beat(now)
            assert len(double.requests) == 1
            parts.store.outbox.dead("a", now, error="given up")
            double.always = Answer(500)
            beat(now)  # no harm
            assert len(double.requests) == 2
            assert work.said()["details"]["heartbeat"]["error"]
        assert "secretsecret" not in json.dumps(work.said())


def test_two_aliases_that_are_discovered_are_compared(tmp_path, monkeypatch):
    (tmp_path / "mirante.yaml").write_text(
        "discover: true\nhost: {enabled: false}\nmlflow: {tracking_uri: 'sqlite://'}\n"
        "models: [{model: churn, alias: champion}]\n"
    )
    aliases = ("champion", "challenger", "canary")
    found = [ModelConfig(model=name, alias=alias) for name in ("churn", "price") for alias in aliases]
    monkeypatch.setattr("mirante.app.work.discover", lambda client, log: Discovery(tuple(found)))
    added = []
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:
        monkeypatch.setattr(type(parts), "client", lambda self: None)
        work = Work(parts, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        add = work.scheduler.add
        monkeypatch.setattr(work.scheduler, "add", lambda task: (added.append(task.name), add(task)))
        for _ in range(3):
            work._discover(datetime(2026, 1, 1, tzinfo=UTC))
            assert all(name.startswith("model/") for name in added) or work.watches[-1].monitor
            for watch in work.watches:
                watch.monitor = True  # its baseline is in, and with it the length of its windows
    pairs = [name for name in added if not name.startswith("model/")]
    assert len(added) - len(pairs) == 5
    assert len(pairs) == len(set(pairs)) == 6


def test_what_is_recorded_and_cannot_be_watched_is_told_once(tmp_path, monkeypatch):
    (tmp_path / "mirante.yaml").write_text(
        "discover: true\nhost: {enabled: false}\nmlflow: {tracking_uri: 'sqlite://'}\n"
        "models: [{model: churn, paused: true}, {model: mine}]\n"
    )
    found = [Discovery((ModelConfig(model="churn"),), ("chrun", "mine"), ("bare",))] * 2
    found += [Discovery(()), Discovery((), ("chrun",))]
    monkeypatch.setattr("mirante.app.work.discover", lambda client, log: found.pop(0))
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts, capture_logs() as logs:
        monkeypatch.setattr(type(parts), "client", lambda self: None)
        work = Work(parts, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        for said in (["chrun"], ["chrun"], [], ["chrun"]):
            work._discover(datetime(2026, 1, 1, tzinfo=UTC))
            assert work.said()["details"]["not_registered"] == said
        assert [watch.config.model for watch in work.watches] == ["mine"], "what is paused stays so"
    assert [line["model"] for line in logs if "recorded" in line["event"]] == ["chrun", "bare", "chrun"]
