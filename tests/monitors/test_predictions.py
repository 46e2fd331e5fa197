"""A model that answers with the probability of each class: windows, estimates, labels, slices."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics

from mirante.capture.recorder import Recorder
from mirante.errors import ConfigError, InputError
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.batch import BatchRows
from mirante.monitors.columns import watched_columns
from mirante.monitors.comparison import Side, compare_answers
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor
from mirante.monitors.predictions import Predictions
from mirante.sources.rows.config import ColumnChoice
from mirante.sources.rows.opening import open_source
from mirante.store import BaselineRow

from .conftest import START

CLASSES = ["low", "mid", "high"]
DAY = timedelta(days=1)


def answers(day, count=300, *, shift=0.0):
    """Features, probabilities that are calibrated, labels and times of a day."""
    rng = np.random.default_rng([7, day + 1_000])
    age = rng.normal(0.0, 1.0, count)
    logits = np.column_stack([-age + shift, rng.normal(0.0, 1.0, count), age])
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(CLASSES, p=row) for row in said])
    features = pd.DataFrame({"age": age, "plan": rng.choice(["basic", "pro"], count)})
    times = pd.Series(
        pd.Timestamp(START) + pd.to_timedelta(np.linspace(0, 86_000, count) + day * 86_400, "s")
    )
    return features, pd.DataFrame(said, columns=CLASSES), truth, times.astype("datetime64[us, UTC]")


@pytest.fixture(scope="module")
def normal():
    parts = [answers(-day, 120) for day in range(30, 0, -1)]
    features, said, times = (pd.concat([part[n] for part in parts], ignore_index=True) for n in (0, 1, 3))
    labels = np.concatenate([part[2] for part in parts])
    config = ModelConfig(model="risk", window="1d")
    return ModelBaseline.fit(features, said, times, clock=config.clock(), labels=labels, slices=["plan"])


@pytest.fixture
def config(tmp_path):
    return ModelConfig(model="risk", log=tmp_path / "log", window="1d", lateness="1h", label_delay="12h")


def record(config, day, *, shift=0.0, form=lambda said: said, count=300):
    features, said, truth, times = answers(day, count, shift=shift)
    ids = [f"{day}-{number}" for number in range(count)]
    with Recorder(config.model, config.log) as recorder:
        recorder.log(features, form(said), id=ids, time=times)
    assert recorder.dropped == 0, recorder.reason
    return said.to_numpy(), truth, ids


def label(store, ids, truth):
    store.labels.write("risk", ids, list(map(str, truth)), START + DAY)


def at(store, name, day=0, **where):
    found = next(one for one in store.readings.series(name, where=where or None) if "slice" not in one.labels)
    return dict(zip(found.times.astype("datetime64[D]").astype(str), found.values, strict=True)).get(
        str((START + day * DAY).date())
    )


def as_text(said):
    """Return predictions as segments had them that were written before there were columns for them."""
    return [str(row) for row in said.to_numpy().tolist()]


def test_a_baseline_knows_its_classes_and_comes_back_from_its_files(normal):
    assert normal.task == "probabilities"
    assert normal.predictions == Predictions("probabilities", tuple(CLASSES))
    said = ["prediction", *(f"prediction_{name}" for name in CLASSES)]
    assert list(normal.profile.columns) == ["age", "plan", *said]
    assert normal.features == ("age", "plan")
    assert set(normal.estimator.measures) >= {"accuracy", "roc_auc", "f1", "log_loss"}
    assert normal.performance["accuracy"] > 0.4
    again = ModelBaseline.from_files(normal.to_files())
    assert again.predictions == normal.predictions
    assert again.estimator.classes == tuple(CLASSES)
    assert again.sample.column_names == normal.sample.column_names
    some = watched_columns(normal, ColumnChoice(include=["age", "prediction_mid"]))
    assert list(some.profile.columns) == ["age", "prediction_mid"]
    assert some.features == ("age", "plan")


@pytest.mark.parametrize(
    "form", [lambda said: said, lambda said: said.to_numpy(), as_text, lambda said: said.to_dict("records")]
)
def test_windows_are_judged_estimated_and_measured_in_whatever_form_they_were_recorded(
    config, store, log, normal, form
):
    said, truth, ids = record(config, 0, form=form)
    record(config, 1, shift=2.0, form=form)
    monitor = ModelMonitor(config, "1", normal, store, log)
    monitor.advance(START + 2 * DAY + timedelta(hours=2))
    for name in ("prediction", "prediction_low", "prediction_high"):
        assert at(store, "drift_detected", feature=name) == 0.0
        assert at(store, "drift_detected", 1, feature=name) == 1.0
    assert at(store, "missing_ratio", feature="prediction_mid") == 0.0
    assert at(store, "invalid_probabilities_ratio") == 0.0
    label(store, ids, truth)
    monitor.advance(START + 2 * DAY + timedelta(hours=3))
    codes = np.array([CLASSES.index(one) for one in truth])
    expected = {
        "accuracy": metrics.accuracy_score(codes, said.argmax(axis=1)),
        "log_loss": metrics.log_loss(codes, said),
        "roc_auc": metrics.roc_auc_score(codes, said, multi_class="ovr"),
        "f1": metrics.f1_score(codes, said.argmax(axis=1), average="macro"),
    }
    for name, value in expected.items():
        assert at(store, f"performance_{name}") == pytest.approx(value, abs=1e-6)
        low, high = at(store, f"estimated_{name}_lower"), at(store, f"estimated_{name}_upper")
        assert low < value < high
    slices = [
        one.labels["slice"] for one in store.readings.series("performance_accuracy") if "slice" in one.labels
    ]
    assert sorted(slices) == ["plan=basic", "plan=pro"]
    row = store.windows.get(config.subject, START, version="1")
    assert row.verdicts["realised"]["reliability"]
    assert row.verdicts["realised"]["baseline_reliability"]


def test_a_restart_in_an_open_window_changes_nothing(config, store, log, normal):
    record(config, 0, form=lambda said: np.where(said.index.to_numpy()[:, None] < 30, 0.9, said.to_numpy()))
    ModelMonitor(config, "1", normal, store, log).advance(START + DAY)
    assert store.windows.list(config.subject)[0].closed is False
    ModelMonitor(config, "1", normal, store, log).advance(START + 2 * DAY)
    assert at(store, "invalid_probabilities_ratio") == pytest.approx(0.1)
    [series] = store.readings.series("invalid_probabilities_ratio")
    assert list(series.notes) == ["do not add up to 1: 30"]
    assert at(store, "missing_ratio", feature="prediction_low") == pytest.approx(0.1)


def test_classes_have_the_names_of_the_config_where_the_model_gives_positions(config, store, log, normal):
    features, said, truth, times = answers(-1, 400)
    clock = config.clock()
    unnamed = ModelBaseline.fit(features, said.to_numpy(), times, clock=clock)
    assert unnamed.predictions.classes == ("0", "1", "2")
    named = config.model_copy(update={"classes": tuple(CLASSES)})
    _, truth, ids = record(config, 0, form=lambda said: said.to_numpy())
    label(store, ids, truth)
    ModelMonitor(named, "1", unnamed, store, log).advance(START + 3 * DAY)
    assert at(store, "performance_accuracy") > 0.4
    wrong = config.model_copy(update={"classes": ("low", "high")})
    with pytest.raises(InputError, match="the config names 2 classes and the baseline has 3"):
        Predictions.of(wrong, unnamed).labelled()
    other = config.model_copy(update={"classes": tuple(reversed(CLASSES))})
    assert Predictions.of(other, normal).labelled() == tuple(CLASSES)  # named already


def test_labels_that_are_none_of_the_classes_do_not_stop_the_monitor(config, store, log, normal):
    _, truth, ids = record(config, 0)
    label(store, ids, ["other", *truth[1:]])
    step = ModelMonitor(config, "1", normal, store, log).advance(START + 3 * DAY)
    assert step.rows == 300
    assert at(store, "performance_labels") == 300.0
    assert not store.readings.series("performance_accuracy")


@pytest.mark.parametrize(
    "columns", [{name: f"p_{name}" for name in CLASSES}, [f"p_{name}" for name in CLASSES]]
)
def test_a_table_has_a_column_for_each_class(tmp_path, store, normal, columns):
    features, said, truth, times = answers(0)
    table = features.assign(at=times.astype(str), truth=truth, id=range(len(truth)))
    for name in CLASSES:
        table[f"p_{name}"] = said[name]
    (tmp_path / "scores").mkdir()
    pq.write_table(pa.Table.from_pandas(table), tmp_path / "scores" / "day.parquet")
    source = {"parquet": str(tmp_path / "scores"), "time": "at", "prediction": columns, "label": "truth"}
    config = ModelConfig(model="risk", source={**source, "id": "id"}, window="1d", lateness="0s")
    store.baselines.put(BaselineRow(config.subject, "1", START, 1, b""))
    rows = BatchRows(open_source(config.source), store, config.subject)
    if isinstance(columns, list):
        renamed = ModelBaseline.fit(
            features, said.set_axis(columns, axis=1), times, clock=config.clock(), sample_rows=0
        )
        assert renamed.predictions.classes == tuple(columns)
        found = rows.scan("risk", columns=["__id", *renamed.predictions.logged])
        np.testing.assert_allclose(renamed.predictions.said(found), said)
        return
    monitor = ModelMonitor(config, "1", normal, store, rows)
    monitor.advance(START + 3 * DAY)
    codes = np.array([CLASSES.index(one) for one in truth])
    assert at(store, "performance_log_loss") == pytest.approx(metrics.log_loss(codes, said))
    assert at(store, "drift_detected", feature="prediction_low") == 0.0
    assert at(store, "estimated_accuracy") > 0.4


def test_two_versions_are_compared_by_class_and_by_probability():
    rng = np.random.default_rng(3)
    first = rng.dirichlet([1, 1, 1], 200)
    second = 0.5 * first + 0.5 * np.eye(3)[first.argmax(axis=1)]
    truth = [CLASSES[rng.choice(3, p=row)] for row in first]
    named = [dict(zip(CLASSES, row, strict=True)) for row in second.tolist()]
    found = compare_answers(
        Side("m", "1"), Side("m", "2"), (first.tolist(), named), labels=truth, classes=CLASSES
    )
    assert found.task == "probabilities"
    assert found.agreement.equal == 1.0
    assert found.agreement.gap == pytest.approx(0.5 * np.abs(first - second).sum(axis=1).mean())
    codes = [CLASSES.index(one) for one in truth]
    by_name = {one.name: one for one in found.measures}
    assert by_name["log_loss"].found.first == pytest.approx(metrics.log_loss(codes, first))
    assert by_name["accuracy"].found.second == metrics.accuracy_score(codes, second.argmax(axis=1))
    assert by_name["brier"].found.first == pytest.approx(
        metrics.brier_score_loss(truth, first[:, [2, 0, 1]], labels=sorted(CLASSES))
    )
    assert by_name["log_loss"].verdict == "worse"
    with pytest.raises(InputError, match="'odd' is none of the classes 0, 1, 2"):
        compare_answers(Side("m", "1"), Side("m", "2"), ([[0.2, 0.3, 0.5]],) * 2, labels=["odd"])


def test_baselines_say_what_is_wrong_with_rows():
    features = pd.DataFrame({"age": [1.0, 2.0], "prediction_a": [1.0, 2.0]})
    clock = ModelConfig(model="m").clock()
    with pytest.raises(InputError, match=r"row 1 has the probabilities \[0.7, 0.7\]"):
        ModelBaseline.fit(features, [[0.5, 0.5], [0.7, 0.7]], clock=clock)
    with pytest.raises(InputError, match="a feature is named 'prediction_a'"):
        ModelBaseline.fit(features, [[0.5, 0.5]] * 2, clock=clock, classes=["a", "b"])
    with pytest.raises(InputError, match="2 numbers a row, and the classes a; give each a name"):
        ModelBaseline.fit(features, [[0.5, 0.5]] * 2, clock=clock, classes=["a"])
    with pytest.raises(InputError, match="the task is 'class' and the predictions have the shape"):
        ModelBaseline.fit(features, [[0.5, 0.5]] * 2, clock=clock, task="class")
    frame = pd.DataFrame({"a": [0.25, 0.5], "b": [0.75, 0.5]})
    features = features[["age"]]
    found = ModelBaseline.fit(features, frame, clock=clock, classes=["b", "a"])
    assert found.sample["prediction_b"].to_pylist() == [0.75, 0.5]  # by their names, whatever the order


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"task": "class", "classes": ["a", "b"]}, "classes are given and the task is 'class'"),
        ({"classes": ["a", "a"]}, "the class 'a' is there twice"),
        ({"classes": ["a"]}, "at least 2"),
        ({"source": {"parquet": "x", "time": "t", "prediction": ["a"]}}, "1 columns are given"),
        ({"source": {"parquet": "x", "time": "t", "prediction": {"a": "p", "b": "p"}}}, "give each its own"),
    ],
)
def test_the_config_says_what_is_wrong_with_classes(entry, message):
    with pytest.raises((ConfigError, ValueError), match=message):
        ModelConfig(model="m", **entry)


def test_names_of_classes_may_be_numbers():
    config = ModelConfig(model="m", task="probabilities", classes=[3, 5, 8])
    assert config.classes == ("3", "5", "8")
    source = {"parquet": "x", "time": "t", "prediction": {3: "p3", 5: "p5"}}
    assert ModelConfig(model="m", source=source).source.prediction == {"3": "p3", "5": "p5"}


@pytest.fixture
def log(config):
    return InferenceLog(config.log)
