"""A store, and an experiment whose traces are watched."""

import pytest

from mirante.store import Store
from tests.sources.traces.world import World


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


@pytest.fixture
def world(mlflow_process, store):
    return World(mlflow_process, store)
