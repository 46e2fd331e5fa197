"""The service as users run it: a process of its own, a real MLflow server, real signals."""

import asyncio
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

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mirante.alerts.outbox import Outbox
from mirante.app.build import build
from mirante.app.lease import Lease
from mirante.app.service import Service
from mirante.app.settings import load_settings
from mirante.capture.recorder import Recorder
from mirante.cli import main
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.monitors.windows import WindowClock
from mirante.readings import Reading
from mirante.store import Store
from mirante.tracking.client import connect
from tests.monitors.registry import register as register_bare

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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_quietly(tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mirante.app.heaps.bound_heaps", lambda: signal.raise_signal(number))
    done = CliRunner().invoke(main, ["up"])
    assert (done.exit_code, done.output) == (0, "Mirante has stopped.\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_takes_the_lease_lets_it_do_so_and_gives_it_back(tmp_path, number):
    (tmp_path / "mirante.yaml").write_text(QUIET, encoding="utf-8")
    with build(load_settings(tmp_path / "mirante.yaml")) as parts:
        service, stop = Service(parts.settings, parts), asyncio.Event()
        begin = service.begin

        def told_meanwhile():
            os.kill(os.getpid(), number)
            until(stop.is_set)
            return begin()

        service.begin = told_meanwhile
        asyncio.run(service.run(stop, ready=lambda _: pytest.fail("it went on")))
        assert (service.address, service.lease.mine) == ("", None)


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
    assert "No alert channel is set up, so alerts are shown on the page and told to nobody: name one" in said


def test_who_wants_no_mlflow_server_and_has_a_channel_is_told_of_neither(tmp_path):
    wanted = "mlflow: {enabled: false}\nalerts: {channels: {console: {type: console}}}\n"
    with service(tmp_path, QUIET + wanted) as (_, _, lines):
        pass
    assert "No MLflow" not in "".join(lines)
    assert "No alert channel" not in "".join(lines)


def test_a_rule_about_a_metric_that_no_reading_has_is_told_at_the_start(tmp_path):
    own = "alerts: {rules: [{name: busy, when: system_cpu_percnt > 90}]}\n"
    with service(tmp_path, QUIET + own) as (_, _, lines):
        until(
            lambda: "warning: busy: no reading is named 'system_cpu_percnt'; did you mean" in "".join(lines)
        )


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


def serve_shifted(name, version, root, hours=0):
    """Three minutes of traffic that has moved by two standard deviations, until a minute ago."""
    rng = np.random.default_rng(2)
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=hours)
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


@pytest.mark.server
def test_what_has_no_baseline_is_counted_and_says_what_it_lacks(tmp_path, mlflow_server):
    name, version = register_bare(connect(mlflow_server))
    serve_shifted(name, version, tmp_path / "inference-log", hours=2)
    serve_shifted("chrun-unknown", "1", tmp_path / "inference-log")
    config = f'{QUIET}discover: true\nmlflow: {{tracking_uri: "{mlflow_server}", interval: 500ms}}\n'
    with service(tmp_path, config) as (address, _, lines):
        subject = f"model/{name}@champion"
        until(lambda: counted(tmp_path, subject) == 900, 60)
        page = get(address, f"model?subject={subject}")[1]
        assert f"mirante baseline create models:/{name}@champion" in page
        assert "cannot be watched" not in page
        assert "no baseline" in get(address)[1]
        until(lambda: "chrun-unknown" in get(address, "status")[1])
        health = json.loads(get(address, "healthz")[1])
        assert health["tasks"][subject]["failures"] == 0
        assert health["tasks"]["discovery"]["failures"] == 0
    told = [line for line in lines if "chrun-unknown" in line and "no registered model" in line]
    assert len(told) == 1


def counted(folder, subject):
    with Store(f"sqlite:///{folder / 'mirante.db'}") as store:
        found = store.readings.series("predictions", subject=subject)
        return sum(value for one in found for value in one.values.tolist())


def test_a_second_service_on_one_file_ends_at_once_and_names_the_first(tmp_path):
    with service(tmp_path) as (address, process, _):
        for _ in range(3):  # the machine may be busy with other tests
            began = time.monotonic()
            second = run_up(tmp_path, QUIET)
            took = time.monotonic() - began
            if took < 1.0:
                break
        assert second.returncode == 1
        assert f"already: process {process.pid} on " in second.stderr
        assert re.search(r"since 20\d\d-\d\d-\d\dT.*Stop it first", second.stderr)
        assert "Traceback" not in second.stderr
        assert took < 1.0
        assert json.loads(get(address, "healthz")[1])["lease"] == {"held": True}
        assert "does the work" in get(address, "status")[1].lower()
        until(lambda: f"process {process.pid} on" in note_of_the_lease(tmp_path))
        process.kill()
    with service(tmp_path) as (address, _, _):  # the dead one is not waited for
        assert json.loads(get(address, "healthz")[1])["lease"] == {"held": True}
        with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
            (event,) = [row for row in store.events.list() if row.kind == "lease_taken"]
            assert "is not heard of" in event.text
            assert event.subject.startswith("host/")


def note_of_the_lease(folder):
    with Store(f"sqlite:///{folder / 'mirante.db'}") as store:
        return "".join(one.note for one in store.readings.latest(names=["monitor_lease_taken_total"]))


def test_the_second_shows_pages_takes_over_and_waits_again(tmp_path, postgres_url):
    text = (
        f'store: "{postgres_url}"\nhost: {{enabled: false}}\nevaluation_interval: 200ms\nweb: {{port: 0}}\n'
    )
    (tmp_path / "mirante.yaml").write_text(text, encoding="utf-8")
    up, loops, stop = threading.Event(), [], asyncio.Event()
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts, Store(postgres_url) as other:
        first = other.lease.take("x", after=None, host="web-1", process=77, lasting=timedelta(hours=1))
        second = Service(parts.settings, parts)
        second.lease = Lease(parts.store, lasting=timedelta(seconds=5), every=0.2)

        async def run():
            loops.append(asyncio.get_running_loop())
            await second.run(stop, ready=lambda _: up.set())

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        try:
            assert up.wait(30)
            health = second.health()
            assert (health["lease"], health["status"], health["tasks"]) == ({"held": False}, "silent", {})
            assert health["details"]["lease"]["host"] == "web-1"
            assert "Another service does the work" in get(second.address, "status")[1]
            assert second._usual_silences()(Reading("monitor_rules_valid", 1.0, datetime.now(UTC)))
            assert any(rule.name == "high_cpu" for rule in second._ruling().rules())
            other.lease.release(first.token)
            until(lambda: second.work is not None)
            assert second.health()["lease"] == {"held": True}
            (event,) = [row for row in other.events.list() if row.kind == "lease_taken"]
            assert event.text.endswith("process 77 on web-1 stopped")
            hour = timedelta(hours=1)
            until(lambda: other.lease.take("y", after=other.lease.read(), host="w", process=7, lasting=hour))
            until(lambda: second.work is None)
            until(lambda: second.health()["details"]["lease"]["process"] == 7)
        finally:
            loops[0].call_soon_threadsafe(stop.set)
            thread.join(30)
        assert other.lease.read().process == 7, "what is another's is not given back"


def test_after_an_orderly_stop_nothing_was_taken_over(tmp_path):
    for _ in range(2):
        with service(tmp_path) as (address, process, _):
            get(address)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
        assert [row for row in store.events.list() if row.kind == "lease_taken"] == []
        assert store.lease.read().token == 2
        assert store.lease.read().is_over


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
        assert service.begin()
        now = datetime.now(UTC)
        drift = Reading("drift_share", 1.0, now, {"model": "m", "alias": "champion"})
        assert service.work._silences()(drift) is None
        assert ruling.stale_after()(drift) is not None, "a paused model has a past all the same"
        rules.write_text("rules:\n- name: mine\n  when: x >\n", encoding="utf-8")
        service.work._evaluate(now)
        assert "rules.yaml, line 3" in ruling.error()
        assert service.health()["details"]["rules_error"] == ruling.error()
        service.lease.release()


def test_a_service_whose_work_ends_by_a_fault_ends_as_well(tmp_path, monkeypatch):
    (tmp_path / "mirante.yaml").write_text(QUIET, encoding="utf-8")
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:

        async def fail(self, _):
            raise OSError("no space left")

        monkeypatch.setattr(Outbox, "run", fail)
        with pytest.raises(OSError, match="no space left"):
            asyncio.run(asyncio.wait_for(Service(parts.settings, parts).run(), 30))
