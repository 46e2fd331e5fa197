"""The service as users run it: a process of its own, a real MLflow server, real signals."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from mirante.app.build import build
from mirante.app.service import Service
from mirante.app.settings import load_settings
from mirante.capture.recorder import Recorder
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.monitors.windows import WindowClock
from mirante.readings import Reading
from mirante.store import NoticeRow, Store
from mirante.tracking.client import connect
from tests.doubles.slack import Answer, slack_double

QUIET = "host: {interval: 200ms}\nevaluation_interval: 200ms\nweb: {port: 0}\n"


@contextmanager
def service(folder, config=QUIET, **environ):
    """`mirante up` in a process of its own; gives the address, the process and its lines so far."""
    if config:
        (folder / "mirante.yaml").write_text(config, encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | environ
    command = [
        sys.executable,
        "-m",
        "mirante",
        "up",
        *(["-c", "mirante.yaml"] if config else ["--port", "0"]),
    ]
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines, up = [], threading.Event()

    def read():
        for line in process.stdout:
            lines.append(line)
            if "Mirante is up" in line:
                up.set()
        up.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert up.wait(60)
        found = re.search(r"http://\S+", "".join(lines))
        assert found, "".join(lines)
        yield found[0], process, lines
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def get(address, path=""):
    with urllib.request.urlopen(address + path, timeout=10) as answer:
        return answer.status, answer.read().decode()


def until(check, seconds=30):
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.1)
    return found


def run_up(folder, config, *options):
    (folder / "mirante.yaml").write_text(config, encoding="utf-8")
    command = [sys.executable, "-m", "mirante", "up", "-c", "mirante.yaml", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_page_health_and_metrics_answer(tmp_path):
    with service(tmp_path) as (address, _, _):
        status, page = get(address)
        assert status == 200
        assert "Mirante" in page
        health = json.loads(get(address, "healthz")[1])
        assert health["status"] == "ok"
        metrics = until(lambda: next((t for t in [text_of(address)] if "system_cpu_percent{" in t), ""))
        assert "# TYPE system_cpu_percent gauge" in metrics


def text_of(address):
    return get(address, "metrics")[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_within_two_seconds(tmp_path, number):
    for _ in range(
        3
    ):  # the machine may be busy with other tests: one of three must be quick, all must be clean
        with service(tmp_path) as (address, process, lines):
            get(address)
            began = time.monotonic()
            process.send_signal(number)
            assert process.wait(20) == 0
            took = time.monotonic() - began
        assert any("Mirante has stopped." in line for line in lines)
        assert "Traceback" not in "".join(lines)
        if took < 2.0:
            break
    assert took < 2.0
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
        assert store.readings.series("system_cpu_percent")


def test_a_wrong_config_names_everything_and_exits_with_2(tmp_path):
    done = run_up(tmp_path, "web:\n  port: nine\nmodels:\n  - {model: churn, window: 7h}\n")
    assert done.returncode == 2
    assert 'mirante.yaml, line 2: web.port: got "nine"' in done.stderr
    assert "line 4: models[0]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mirante.db").exists()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("web: {host: 0.0.0.0, port: 0}", "token"),
        ("alerts: {rules: nothere.yaml}", "nothere.yaml"),
        ("alerts: {channels: {chat: {type: slack, webhook_url: 'env:NOT_SET'}}}", "NOT_SET"),
        ("alerts: {channels: {mail: {type: pigeon}}}", "pigeon"),
        ("store: sqlite:////nothere/mirante.db", "nothere"),
    ],
)
def test_what_cannot_work_is_said_before_anything_runs(tmp_path, config, said):
    done = run_up(tmp_path, config)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said(tmp_path):
    with service(tmp_path) as (address, _, _):
        port = address.rstrip("/").rpartition(":")[2]
        (tmp_path / "second").mkdir()
        done = run_up(tmp_path / "second", QUIET, "--port", port)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "web.port, or --port, to a free one" in done.stderr


def test_without_an_mlflow_server_it_says_what_is_watched(tmp_path):
    with service(tmp_path, None) as (_, _, lines):
        said = until(lambda: "".join(lines) if "mirante init" in "".join(lines) else "")
    assert "No MLflow server is known, so what is watched is this host: set MLFLOW_TRACKING_URI" in said


def test_who_wants_no_mlflow_server_is_not_told_of_it(tmp_path):
    with service(tmp_path, QUIET + "mlflow: {enabled: false}\n") as (_, _, lines):
        pass
    assert "No MLflow" not in "".join(lines)


def test_a_foreign_host_name_is_refused(tmp_path):
    with service(tmp_path) as (address, _, _):
        request = urllib.request.Request(address, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        caught.value.close()
        assert caught.value.code in (400, 421)


def register(uri):
    """A registered model with a baseline of quiet hours, and its name."""
    client = connect(uri)
    name = f"churn-{uuid.uuid4().hex[:8]}"
    experiment = client.create_experiment(f"service-{name}")
    model = client.create_logged_model(experiment, name="model")
    client.log_model_artifact(model.model_id, __file__)
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model(name)
    version = client.create_model_version(
        name, source=f"models:/{model.model_id}", model_id=model.model_id
    ).version
    client.set_registered_model_alias(name, "champion", version)
    rng = np.random.default_rng(1)
    features = pd.DataFrame({"age": rng.normal(40, 10, 5_000), "plan": rng.choice(["basic", "pro"], 5_000)})
    baseline = ModelBaseline.fit(features, rng.random(5_000), clock=WindowClock("1m"))
    publish_baseline(client, name, version, baseline)
    return client, name, str(version)


def serve_shifted(name, version, root):
    """Three minutes of traffic that has moved by two standard deviations, until a minute ago."""
    rng = np.random.default_rng(2)
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    with Recorder(name, root, version=version) as recorder:
        for minute in (3, 2, 1):
            features = pd.DataFrame(
                {"age": rng.normal(60, 10, 300), "plan": rng.choice(["basic", "pro"], 300)}
            )
            times = pd.date_range(end - timedelta(minutes=minute), periods=300, freq="100ms")
            recorder.log(features, rng.random(300), 0.003, time=times)


@pytest.mark.server
def test_from_recorded_rows_to_an_alert_a_page_and_mlflow(tmp_path, mlflow_server):
    client, name, version = register(mlflow_server)
    serve_shifted(name, version, tmp_path / "rows")
    config = f"""{QUIET}
mlflow: {{tracking_uri: "{mlflow_server}", interval: 500ms}}
models:
  - {{model: {name}, log: rows, window: 1m, lateness: 0s, interval: 200ms}}
alerts:
  channels: {{console: {{type: console}}}}
"""
    with service(tmp_path, config) as (address, process, lines):
        until(lambda: "age of" in "".join(lines), 60)
        page = get(address, f"model?subject=model/{name}@champion")[1]
        assert name in page
        assert "age moved" in page
        alerts = json.loads(get(address, "api/v1/alerts")[1])
        assert "feature_drift" in json.dumps(alerts)
        experiment = until(lambda: client.get_experiment_by_name("mirante"), 30)

        def shipped():
            runs = client.search_runs([experiment.experiment_id])
            return any(
                "drift_ks/age" in run.data.metrics for run in runs if name in json.dumps(run.data.tags)
            )

        until(shipped, 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
        rows = [row.rows for row in store.windows.list(f"model/{name}@champion") if row.rows]
        assert rows == [300, 300, 300]


@pytest.mark.server
def test_the_same_on_postgresql_with_a_password_from_a_file(tmp_path, mlflow_server, postgres_server):
    _, name, version = register(mlflow_server)
    serve_shifted(name, version, tmp_path / "rows")
    (tmp_path / "password").write_text("geheim\n")
    database = postgres_server.create(options="OWNER guarded")
    config = f"""{QUIET}
store: {postgres_server.url(database, "guarded")}
store_password_file: password
mlflow: {{tracking_uri: "{mlflow_server}"}}
models:
  - {{model: {name}, log: rows, window: 1m, lateness: 0s, interval: 200ms}}
alerts:
  channels: {{console: {{type: console}}}}
  routes: {{group_wait: 0s}}
"""
    with service(tmp_path, config) as (address, process, lines):
        until(lambda: "age of" in "".join(lines), 60)
        page = get(address, f"model?subject=model/{name}@champion")[1]
        assert "age moved" in page
        assert "feature_drift" in json.dumps(json.loads(get(address, "api/v1/alerts")[1]))
        assert "test_" in get(address, "status")[1]
        listed = subprocess.run(
            [sys.executable, "-m", "mirante", "alerts", "list"], cwd=tmp_path, capture_output=True, text=True
        )
        assert f"age of {name} moved" in listed.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert "geheim" not in "".join(lines)
    assert not list(tmp_path.glob("*.db"))
    with Store(postgres_server.url(database)) as store:
        rows = [row.rows for row in store.windows.list(f"model/{name}@champion") if row.rows]
        assert rows == [300, 300, 300]
    postgres_server.drop(database)


@pytest.mark.parametrize(
    ("user", "name", "said"),
    [("mirante", "absent", "create the database first"), ("guarded:falsch", "postgres", "mend the role")],
)
def test_a_store_on_a_server_that_cannot_be_opened(tmp_path, postgres_server, user, name, said):
    done = run_up(tmp_path, f"{QUIET}store: {postgres_server.url(name, user)}\n")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "falsch" not in done.stderr + done.stdout


@pytest.mark.server
def test_without_a_file_recorded_models_are_discovered(tmp_path, mlflow_server):
    _, name, version = register(mlflow_server)
    serve_shifted(name, version, tmp_path / "inference-log")
    with service(tmp_path, "", MLFLOW_TRACKING_URI=mlflow_server) as (address, _, _):
        until(lambda: f"model/{name}@champion" in get(address, "api/v1/subjects")[1], 60)
        assert "host/" in get(address, "api/v1/subjects")[1]
        until(lambda: "mlflow_server_up" in text_of(address))


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
            running = Service(parts.settings, parts, clock=lambda: now)
            parts.store.readings.write([Reading("drift_detected", value, now, labels)])
            running._evaluate(now)
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
        service = Service(parts.settings, parts, clock=lambda: next(wall), monotonic=lambda: next(steady))
        monkeypatch.setattr(parts.engine, "clock_was_set", lambda by, now: told.append(by))
        service._follow_the_clock()
        service._follow_the_clock()  # stopped for an hour after it had looked at the one
        assert told == []


def test_readings_that_another_release_wrote_are_counted(tmp_path):
    (tmp_path / "mirante.yaml").write_text(QUIET, encoding="utf-8")
    with build(load_settings(tmp_path / "mirante.yaml")) as parts:
        service = Service(parts.settings, parts)
        parts.store.readings.write([Reading("x", 1.0, datetime.now(UTC), {"host": "h"})])
        with parts.store.transaction() as connection:
            connection.exec_driver_sql("UPDATE mirante_counters SET value = 77 WHERE name = 'readings_rows'")
        (task,) = [task for task in service._tasks() if task.name == "readings_tally"]
        task.run(datetime.now(UTC))
        assert parts.store.measure().rows["readings"] == 1


def test_the_heartbeat_is_withheld_while_something_is_wrong(tmp_path):
    with slack_double() as double:
        double.always = Answer()
        config = QUIET + f"alerts: {{heartbeat: {{url: '{double.url}', every: 1m}}}}\n"
        (tmp_path / "mirante.yaml").write_text(config, encoding="utf-8")
        with build(load_settings(tmp_path / "mirante.yaml")) as parts:
            service = Service(parts.settings, parts)
            assert "heartbeat" in service.scheduler.states
            beat = partial(service._beat, parts.heartbeat)
            now = datetime.now(UTC)
            beat(now)
            assert len(double.requests) == 1
            service.scheduler.states["host"].error = "no luck"
            beat(now)
            assert len(double.requests) == 1
            told = service.health()["details"]["heartbeat"]
            assert told == {"last": now.isoformat(), "withheld": ["host"], "error": ""}
            service.scheduler.states["host"].error = ""
            owed = NoticeRow("a", "gone", "message", now - timedelta(hours=1), now, payload={})
            parts.store.outbox.add(owed)
            beat(now)
            assert len(double.requests) == 1
            parts.store.outbox.dead("a", now, error="given up")
            double.always = Answer(500)
            beat(now)  # no harm
            assert len(double.requests) == 2
            assert service.health()["details"]["heartbeat"]["error"]
        assert "secretsecret" not in json.dumps(service.health())


def test_the_rules_pages_see_what_the_service_holds(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- name: mine\n  when: x > 1\n", encoding="utf-8")
    text = QUIET + "alerts: {rules: rules.yaml}\nmodels: [{model: m, paused: true, window: 1d}]\n"
    (tmp_path / "mirante.yaml").write_text(text, encoding="utf-8")
    with build(load_settings(tmp_path / "mirante.yaml")) as parts:
        service = Service(parts.settings, parts)
        ruling = service._ruling()
        (mine,) = (rule for rule in ruling.rules() if rule.name == "mine")
        assert (mine.origin.file, mine.origin.line, mine.origin.own) == (str(rules), 2, True)
        assert not next(rule for rule in ruling.rules() if rule.name == "high_cpu").origin.own
        now = datetime.now(UTC)
        drift = Reading("drift_share", 1.0, now, {"model": "m", "alias": "champion"})
        assert service._silences()(drift) is None
        assert ruling.stale_after()(drift) is not None, "a paused model has a past all the same"
        rules.write_text("rules:\n- name: mine\n  when: x >\n", encoding="utf-8")
        service._evaluate(now)
        assert "rules.yaml, line 3" in ruling.error()
        assert service.health()["details"]["rules_error"] == ruling.error()
