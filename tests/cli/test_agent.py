"""``mirante agent`` as users run it, in a process of its own beside a service in another."""

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from mirante.cli import main
from mirante.store import Store
from tests.app.test_service import service, until

TOKEN = "a-token-of-twenty-five-ch"
CENTRE = f"""
host: {{enabled: false, interval: 200ms}}
evaluation_interval: 200ms
web: {{port: 0, token: {TOKEN}}}
alerts:
  channels: {{console: {{type: console}}}}
"""


@contextmanager
def agent(folder, *options):
    """`mirante agent` in a process of its own; gives the process and its lines so far."""
    command = [sys.executable, "-m", "mirante", "agent", *map(str, options)]
    process = subprocess.Popen(
        command, cwd=folder, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout))
    reader.start()
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


# three processes are started, which takes most of its seconds
def test_a_silent_agent_is_named_and_its_readings_are_whole_when_the_service_was_away(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with service(tmp_path, CENTRE) as (address, first, _):
        port = re.search(r":(\d+)/", address)[1]
        options = ["--to", address, "--token-file", "token", "--name", "web-2", "--interval", "200ms"]
        with (
            agent(tmp_path, *options) as (process, lines),
            Store(f"sqlite:///{tmp_path}/mirante.db") as store,
        ):
            until(lambda: store.readings.latest(names=["system_cpu_percent"]))
            first.kill()
            first.wait()
            until(lambda: "batches wait here" in "".join(lines))
            with service(tmp_path, CENTRE.replace("port: 0", f"port: {port}")) as (_, _, told):
                until(lambda: "the service takes batches again" in "".join(lines))
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
                silent = {"host": "web-2", "source": "host/web-2"}
                until(lambda: silent in [one.labels for one in store.alerts.list() if one.rule == "no_data"])
            (known,) = store.agents.list()
            (series,) = store.readings.series("agent_refused_total", since=None)
    waiting = [line for line in lines if "The agent has stopped" in line]
    left = int(re.search(r"(\d+) batches wait", waiting[0])[1])
    # each batch has one of these readings, and numbers begin at 1
    assert len(series.values) == known.sequence
    assert left == len(list((tmp_path / "mirante-agent").glob("*.batch")))
    assert TOKEN not in "".join([*lines, *told])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_starts_ends_it_quietly(monkeypatch, number):
    monkeypatch.setattr("mirante.app.heaps.bound_heaps", lambda: signal.raise_signal(number))
    done = CliRunner().invoke(main, ["agent", "--to", "http://127.0.0.1:1"])
    assert (done.exit_code, done.output) == (0, "The agent has stopped.\n")


def test_what_is_wrong_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["agent"])
    assert (done.exit_code, "no service is named: give --to" in done.output) == (2, True)
    done = CliRunner().invoke(main, ["agent", "--to", "http://127.0.0.1:1", "--token-file", "none"])
    assert (done.exit_code, "'none' cannot be read" in done.output.replace(str(tmp_path) + "/", "")) == (
        2,
        True,
    )


def test_init_writes_a_config_for_an_agent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["init", "--agent"])
    assert done.output == "wrote agent.yaml; edit it, then run: mirante agent -c agent.yaml\n"
    assert "max_size: 256MB" in (tmp_path / "agent.yaml").read_text()


def test_rows_that_stay_for_hours_only_are_warned_of(tmp_path, monkeypatch):
    async def ended(_agent):
        return

    monkeypatch.setattr(sys.modules["mirante.cli.agent"], "_until_signal", ended)
    (tmp_path / "agent.yaml").write_text("to: http://127.0.0.1:9\nlog: log\nretention: 12h\n")
    done = CliRunner().invoke(main, ["agent", "-c", str(tmp_path / "agent.yaml")])
    assert (done.exit_code, "warning: retention is 12h; rows" in done.stderr) == (0, True), done.output
