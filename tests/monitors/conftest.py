from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from mirante.inference_log.reader import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.config import ModelConfig
from mirante.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)


def make_rows(day, count, seed=0, *, shift=0.0):
    """`count` rows spread over day `day` after START."""
    rng = np.random.default_rng([seed, day + 1_000])
    features = pd.DataFrame(
        {
            "age": rng.normal(40 + shift, 10, count),
            "plan": rng.choice(["basic", "plus", "pro"], count, p=[0.6, 0.3, 0.1]),
        }
    )
    features.loc[rng.random(count) < 0.02, "age"] = np.nan
    times = pd.Series(
        pd.Timestamp(START) + pd.to_timedelta(np.sort(rng.random(count)) * 86_399 + day * 86_400, unit="s")
    )
    predictions = rng.random(count)
    return features, predictions, times.astype("datetime64[us, UTC]")


@pytest.fixture(scope="session")
def baseline():
    config = ModelConfig(model="churn", window="1d")
    parts = [make_rows(-day, 200, seed=1) for day in range(30, 0, -1)]
    features = pd.concat([part[0] for part in parts], ignore_index=True)
    predictions = np.concatenate([part[1] for part in parts])
    times = pd.concat([part[2] for part in parts], ignore_index=True)
    labels = (np.random.default_rng(5).random(len(predictions)) < predictions).astype(float)
    return ModelBaseline.fit(features, predictions, times, clock=config.clock(), labels=labels)


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


@pytest.fixture
def config(tmp_path):
    return ModelConfig(model="churn", log=tmp_path / "log", window="1d", lateness="1h", label_delay="12h")


@pytest.fixture
def log(config):
    return InferenceLog(config.log)
