"""Agreement of two aliases on the rows that both answered: a reading for each window, once."""

from datetime import timedelta

import numpy as np
import pytest

from mirante.app.agreement import AgreementWatch, pairs_of
from mirante.app.alias import AliasRecord
from mirante.capture.recorder import Recorder
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.config import ModelConfig
from mirante.store import Store, WindowRow
from tests.monitors.conftest import START, make_rows

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


@pytest.fixture
def configs(tmp_path):
    return [
        ModelConfig(model="m", alias=alias, log=tmp_path / "log", window="1d")
        for alias in ("challenger", "champion")
    ]


def record(config, store, version, day, said, name="r"):
    features, _, times = make_rows(day, len(said))
    with Recorder("m", config.log, version=version) as recorder:
        recorder.log(
            features, np.array(said), 0.001, id=[f"{name}-{day}-{n}" for n in range(len(said))], time=times
        )
    start = START + day * DAY
    store.windows.put(WindowRow(config.subject, version, start, start + DAY, len(said), closed=True))


def told(store, name):
    found = store.readings.series(name)
    return [(dict(one.labels), one.values.tolist()) for one in found]


def test_each_window_is_told_once_with_what_both_said(configs, store):
    ((champion, challenger),) = pairs_of(configs)
    watch = AgreementWatch(champion, challenger, store, InferenceLog(champion.log))
    watch.advance()
    record(champion, store, "1", 0, [0.1, 0.2, 0.7, 0.9])
    record(challenger, store, "2", 0, [0.2, 0.3, 0.4, 0.9])
    for _ in range(2):
        watch.advance()
    labels = {"model": "m", "alias": "champion", "version": "1", "challenger": "challenger"}
    assert told(store, "challenger_shared") == [(labels, [4.0])]
    assert told(store, "challenger_agreement") == [(labels, [0.75])]
    assert told(store, "challenger_gap") == [(labels, [pytest.approx(0.125)])]
    record(champion, store, "1", 1, [0.1, 0.2])
    watch.advance()
    record(challenger, store, "2", 1, [0.1, 0.9])  # later than the champion's
    AgreementWatch(champion, challenger, store, InferenceLog(champion.log)).advance()
    assert told(store, "challenger_agreement") == [(labels, [0.75, 0.5])]


@pytest.mark.parametrize(
    ("version", "said", "name"),
    [("2", [0.1, 0.2], "other"), ("1", [0.1, 0.2], "r"), ("2", [np.nan, np.nan], "r")],
    ids=["no id is shared", "both point to one version", "no answer is a value"],
)
def test_where_nothing_can_be_compared_nothing_is_said(configs, store, version, said, name):
    ((champion, challenger),) = pairs_of(configs)
    record(champion, store, "1", 0, [0.1, 0.2])
    record(challenger, store, version, 0, said, name)
    AgreementWatch(champion, challenger, store, InferenceLog(champion.log)).advance()
    assert told(store, "challenger_shared") == []


def test_only_aliases_of_one_model_with_the_same_windows_are_pairs(configs):
    challenger, champion = configs
    other = ModelConfig(model="n")
    hourly = champion.model_copy(update={"alias": "hourly", "window": "1h"})
    paused = champion.model_copy(update={"alias": "paused", "paused": True})
    assert pairs_of([challenger, other, champion, hourly, paused]) == [(champion, challenger)]


def test_what_is_said_of_a_version_that_the_alias_left_does_not_arrive(configs, store):
    ((champion, challenger),) = pairs_of(configs)
    record(champion, store, "1", 0, [0.1, 0.2])
    record(champion, store, "4", 1, [0.1, 0.2])
    for day in range(2):
        record(challenger, store, "2", day, [0.1, 0.2])
    AliasRecord(champion, store).follow("4", START + DAY)
    AgreementWatch(champion, challenger, store, InferenceLog(champion.log)).advance()
    arrived = [one for _, one in store.readings.after(0) if one.name == "challenger_shared"]
    assert [one.labels["version"] for one in arrived] == ["4"]
    assert len(told(store, "challenger_shared")) == 2
