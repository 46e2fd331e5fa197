import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from mirante.app.condition import about, task_states
from mirante.app.scheduler import Scheduler, Task
from mirante.app.settings import Settings, load_settings


@pytest.mark.parametrize("uri", ["http://ana:hunter2@mlflow:5000", "postgresql://ana:hunter2@db/mlflow"])
def test_no_password_is_told(uri):
    said = about(Settings(mlflow={"tracking_uri": uri}), server="3.17.2", zones=["UTC", "UTC"])
    assert "hunter2" not in json.dumps(said)
    assert said["mlflow_server"] == "3.17.2"
    assert said["window_timezones"] == ["UTC"]
    assert said["mlflow_client"]


def test_the_config_file_is_named(tmp_path):
    file = tmp_path / "mirante.yaml"
    file.write_text("locale: pt_BR\n")
    said = about(load_settings(file, environ={}), server="", zones=[])
    assert (said["config"], said["locale"], said["mlflow_address"]) == (str(file), "pt_BR", "")


def test_a_task_says_when_it_ran_and_when_it_will():
    now = datetime(2013, 2, 8, tzinfo=UTC)
    seen = []

    async def run():
        stop = asyncio.Event()
        scheduler = Scheduler([Task("t", timedelta(hours=1), lambda _: seen.append(1))], clock=lambda: now)
        running = asyncio.create_task(scheduler.run(stop))
        while not scheduler.states["t"].runs:
            await asyncio.sleep(0.01)
        stop.set()
        await running
        return task_states(scheduler.states, scheduler.intervals)

    told = asyncio.run(run())["t"]
    assert told["began_at"] == told["last_success"] == now.isoformat()
    next_at = datetime.fromisoformat(told["next_at"])
    assert timedelta(minutes=59) < next_at - now <= timedelta(hours=1)
    assert (told["running"], told["interval"], told["runs"]) == (False, 3600.0, 1)
