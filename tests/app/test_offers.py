import base64
import json
from datetime import timedelta

import pytest

from mirante.app.offers import Offers, forget_unwatched
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor
from mirante.store import AgentRow, JobRow, PartRow, Store
from tests.app.agent.site import HOUR, START, record, small_baseline

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


@pytest.fixture
def monitor(tmp_path, store):
    from mirante.inference_log import InferenceLog

    config = ModelConfig(model="churn", log=tmp_path / "log")
    return lambda version, baseline: ModelMonitor(config, version, baseline, store, InferenceLog(config.log))


def test_nothing_is_kept_for_agents_while_there_is_none(store, monitor):
    one = monitor("1", small_baseline())
    Offers(one.config, store).settle([one])
    assert list(store.agents.jobs()) == []


def test_versions_are_offered_with_what_is_counted_with_and_no_row(tmp_path, store, monitor):
    store.agents.put(AgentRow("web-1", "a", 1, 0, START))
    baseline = small_baseline()
    record(tmp_path / "log", 0, 5)
    one = monitor("1", baseline)
    one.advance(START + 2 * HOUR)
    offers = Offers(one.config, store)
    offers.settle([one, monitor("2", baseline)])
    first, second = store.agents.jobs()
    assert first.digest == second.digest
    assert first.about == {
        "model": "churn",
        "window": "1h",
        "timezone": "UTC",
        "lateness": 300.0,
        "since": (START + HOUR).isoformat(),
    }
    files = json.loads(store.agents.baseline(first.digest))
    assert set(files) == {"baseline.json", "profile.bin", "drift.bin", "outliers.bin"}  # the sample is rows
    found = ModelBaseline.from_files({name: base64.b64decode(data) for name, data in files.items()})
    assert found.profile == baseline.profile
    assert (found.features, found.predictions) == (baseline.features, baseline.predictions)
    assert not found.drift.baseline.columns  # agents judge nothing
    assert len(files["drift.bin"]) < 1_000
    # after a restart, and when a version is over
    again = Offers(one.config, store)
    again.settle([monitor("2", ModelBaseline.from_files(baseline.to_files()))])
    (only,) = store.agents.jobs()
    assert (only.version, only.digest) == ("2", first.digest)
    again.settle([monitor("2", small_baseline(seed=2))])
    assert store.agents.jobs()[0].digest != first.digest


def test_with_labels_the_estimator_goes_along_and_old_copies_are_fetched_again(store, monitor):
    store.agents.put(AgentRow("web-1", "a", 1, 0, START))
    baseline = small_baseline(labels=True)
    one = monitor("1", baseline)
    Offers(one.config, store).settle([one])
    (job,) = store.agents.jobs()
    files = json.loads(store.agents.baseline(job.digest))
    assert "estimated.bin" in files
    older = {name: data for name, data in baseline.to_files().items() if name != "estimated.bin"}
    Offers(one.config, store).settle([monitor("1", ModelBaseline.from_files(older))])
    assert store.agents.jobs()[0].digest != job.digest


def test_while_nothing_is_known_what_was_offered_holds(store, monitor):
    store.agents.put(AgentRow("web-1", "a", 1, 0, START))
    one = monitor("1", small_baseline())
    Offers(one.config, store).settle([one])
    Offers(one.config, store).settle([])  # after a start, while MLflow is away
    assert len(store.agents.jobs()) == 1


def test_models_that_nobody_watches_any_more_are_not_counted(store):
    for name in ("churn", "fraud"):
        store.agents.offer(JobRow(f"model/{name}@champion", "1", "0f"))
    store.agents.add_parts([PartRow("model/churn@champion", "1", START, "a", START + HOUR, 5, b"{}")])
    forget_unwatched(store, None, START)
    assert len(store.agents.jobs()) == 2
    forget_unwatched(store, ["model/churn@champion"], START)
    assert [job.subject for job in store.agents.jobs()] == ["model/churn@champion"]
    assert len(store.agents.parts("model/churn@champion", "1", 0)) == 1
    forget_unwatched(store, ["model/churn@champion"], START + 31 * DAY)
    assert list(store.agents.parts("model/churn@champion", "1", 0)) == []


def test_what_is_offered_already_is_not_written_again(store, monitor):
    store.agents.put(AgentRow("web-1", "a", 1, 0, START))
    one = monitor("1", small_baseline())
    offers = Offers(one.config, store)
    offers.settle([one])
    store.agents.withdraw(one.config.subject, keep=())
    offers.settle([one])
    assert list(store.agents.jobs()) == []
