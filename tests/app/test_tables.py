from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from mirante.app.build import build
from mirante.app.settings import load_settings
from mirante.app.tables import TablesTask, make_tables
from mirante.app.work import Work
from mirante.errors import InputError
from mirante.locks import lock
from mirante.store import Store
from tests.views.filled import SUBJECT, fill

NOW = datetime(2013, 4, 1, tzinfo=UTC)
CONFIG = """
store: sqlite:///mirante.db
host: {enabled: false}
mlflow: {enabled: false}
result_tables: {folder: out/tables, interval: 15m}
"""


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        fill(opened)
        yield opened


def test_models_are_named_as_people_name_them(store, tmp_path):
    for name in ("nyc-flight-delay", "nyc-flight-delay@champion", SUBJECT):
        assert make_tables(store, tmp_path / name.replace("/", "-"), models=[name]).files == 2
    with pytest.raises(InputError, match="the store has no windows of 'host/gru-01'; it has: model/nyc"):
        make_tables(store, tmp_path / "t", models=["host/gru-01"])


def test_the_task_keeps_the_files_up_to_the_store(store, tmp_path):
    task = TablesTask(store, tmp_path / "t")
    task.advance(NOW)
    found = list((tmp_path / "t").glob("*/*.parquet"))
    assert len(found) == 2
    handle = os.open(tmp_path / "t" / ".lock", os.O_RDWR)
    try:
        assert lock(handle)
        found[0].unlink()
        task.advance(NOW)  # the command is at it, and that is no failure
        assert not found[0].exists()
    finally:
        os.close(handle)
    task.advance(NOW)
    assert found[0].exists()


def test_the_service_has_the_task_when_the_config_says_so(store, tmp_path):
    (tmp_path / "mirante.yaml").write_text(CONFIG, encoding="utf-8")
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:
        (task,) = [task for task in Work(parts)._tasks() if task.name == "result tables"]
        assert task.interval.total_seconds() == 900
        task.run(NOW)
    assert len(list((tmp_path / "out" / "tables").glob("*/*.parquet"))) == 2
    (tmp_path / "mirante.yaml").write_text(
        CONFIG.replace("result_tables:", "# result_tables:"), encoding="utf-8"
    )
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:
        assert "result tables" not in {task.name for task in Work(parts)._tasks()}
