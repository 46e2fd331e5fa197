import json
import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from mirante.errors import InputError, TrackingError
from mirante.monitors.baseline import (
    PREDICTION,
    ModelBaseline,
    fetch_baseline,
    publish_baseline,
)
from mirante.monitors.performance import performance_of
from mirante.monitors.windows import WindowClock
from mirante.profiles import TableProfile
from mirante.tracking import baselines
from mirante.tracking.client import connect

from .conftest import START, make_rows
from .registry import register

DAY = WindowClock("1d")
FILES = ("baseline.json", "drift.bin", "outliers.bin", "profile.bin")
SAMPLE = "sample.parquet"


def small(rows=50, **options):
    features, predictions, times = make_rows(0, rows)
    given = {"times": times, "clock": DAY} | options
    return ModelBaseline.fit(
        given.pop("features", features), given.pop("predictions", predictions), given.pop("times"), **given
    )


def test_it_knows_the_rows_that_it_was_made_of(baseline):
    assert baseline.profile.rows == 6_000
    assert baseline.features == ("age", "plan")
    assert set(baseline.profile.columns) == {"age", "plan", PREDICTION}
    assert baseline.task == "probability"
    about = baseline.about
    assert (about["rows"], about["windows"], about["window"], about["timezone"]) == (6_000, 30, "1d", "UTC")
    assert about["first_time"].startswith("2025-12-02T")
    assert about["last_time"].startswith("2025-12-31T")
    assert len(baseline.drift.own_windows) == 30
    assert sum(one.rows for one in baseline.drift.own_windows) == 6_000


def test_one_percent_of_its_rows_lie_over_the_outlier_threshold(baseline):
    features = pd.concat([make_rows(-day, 200, seed=1)[0] for day in range(30, 0, -1)], ignore_index=True)
    assert 0.008 <= baseline.outliers.flag(features).mean() <= 0.01


def test_performance_is_that_of_the_labelled_rows():
    _, predictions, _ = make_rows(0, 50)
    labels = np.where(np.arange(50) % 3 == 0, np.nan, (predictions > 0.3).astype(float))
    known = ~np.isnan(labels)
    found = small(labels=labels).performance
    assert found["accuracy"] == pytest.approx(
        metrics.accuracy_score(labels[known], predictions[known] >= 0.5), abs=1e-12
    )
    assert dict(small().performance) == {}


def test_its_own_windows_are_cut_on_the_clock():
    features, predictions, _ = make_rows(0, 2)
    times = pd.Series(pd.to_datetime(["2026-01-01T03:00Z", "2026-01-01T12:00Z"]))
    for zone, windows in (("UTC", 1), ("America/New_York", 2)):
        clock = WindowClock("1d", zone)
        assert ModelBaseline.fit(features, predictions, times, clock=clock).about["windows"] == windows


def test_naive_times_are_utc_and_an_index_changes_nothing():
    features, predictions, times = make_rows(0, 50)
    plain = small()
    odd = np.random.default_rng(0).permutation(50) * 7
    naive = times.dt.tz_localize(None).set_axis(odd + 1)
    again = small(features=features.set_axis(odd), times=naive, predictions=predictions)
    assert again.about == plain.about
    assert again.drift.own_windows == plain.drift.own_windows


def test_times_may_be_text_with_and_without_fractions():
    features, predictions, _ = make_rows(0, 3)
    times = pd.Series(["2026-01-01T10:00:00Z", "2026-01-01T10:00:00.5Z", "2026-01-02 03:00+05:00"])
    about = ModelBaseline.fit(features, predictions, times, clock=DAY).about
    assert (about["windows"], about["last_time"]) == (1, "2026-01-01T22:00:00+00:00")


def test_without_times_there_are_no_own_windows():
    found = small(times=None)
    assert found.about["windows"] == 0
    assert "first_time" not in found.about


def test_it_does_not_change_the_frame_that_it_is_given():
    features, predictions, times = make_rows(0, 50)
    before = features.copy()
    ModelBaseline.fit(features, predictions, times, clock=DAY)
    pd.testing.assert_frame_equal(features, before)


@pytest.mark.parametrize(
    ("predictions", "task"),
    [
        ([0.1, 0.5, 1.0], "probability"),
        ([0.1, np.nan, 1.0], "probability"),
        ([0.1, 0.5, 1.1], "regression"),
        ([-0.1, 0.5, 0.9], "regression"),
        ([0, 1, 1], "class"),
        ([True, False, True], "class"),
        (["a", "b", "a"], "class"),
        (list(range(20)), "class"),
        (list(range(21)), "regression"),
    ],
)
def test_the_task_is_guessed_from_the_predictions(predictions, task):
    features, _, times = make_rows(0, len(predictions))
    assert ModelBaseline.fit(features, predictions, times, clock=DAY).task == task
    given = ModelBaseline.fit(features, predictions, times, clock=DAY, task="regression")
    assert given.task == "regression"


def test_a_round_trip_judges_alike(baseline):
    files = baseline.to_files()
    assert set(files) == {*FILES, SAMPLE, "estimated.bin"}
    again = ModelBaseline.from_files(files)
    assert again.profile == baseline.profile
    assert again.sample == baseline.sample
    assert (again.task, again.features) == (baseline.task, baseline.features)
    assert dict(again.performance) == dict(baseline.performance)
    assert dict(again.about) == dict(baseline.about)
    for day, shift in ((1, 0.0), (2, 15.0)):
        features, predictions, _ = make_rows(day, 120, shift=shift)
        window = TableProfile.of(features.assign(prediction=predictions), like=baseline.profile)
        verdict, other = baseline.drift.update(window), again.drift.update(window)
        assert verdict == other
        assert verdict.drifted == bool(shift)
        assert baseline.outliers.flag(features).tolist() == again.outliers.flag(features).tolist()
    assert ModelBaseline.from_files(again.to_files()).about == again.about


def test_the_alarm_budget_is_kept():
    found = ModelBaseline.from_files(small(alarm_budget="1 in 500 windows").to_files())
    assert found.drift.alarm_budget == found.about["alarm_budget"] == "1 in 500 windows"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"features": pd.DataFrame({"age": []}), "predictions": []}, "has no rows; give"),
        ({"features": pd.DataFrame(index=range(50))}, "has no features; give the columns"),
        ({"predictions": np.zeros(49)}, r"50 rows and predictions of shape \(49,\).*one prediction per row"),
        ({"predictions": np.zeros((50, 2))}, r"row 0 has the probabilities \[0.0, 0.0\]"),
        ({"predictions": np.zeros((50, 2, 2))}, r"shape \(50, 2, 2\)"),
        ({"times": make_rows(0, 49)[2]}, "50 rows and 49 times; give one per row"),
        ({"times": make_rows(0, 51)[2]}, "50 rows and 51 times; give one per row"),
        ({"labels": [1.0]}, "50 rows and 1 labels; give one per row"),
        ({"times": pd.Series(["soon"] * 50)}, r"times cannot be read \(.*soon.*give dates and times"),
        ({"times": pd.Series(range(50))}, r"times are numbers \(int64\).*give dates and times"),
        ({"labels": ["yes"] * 50}, "labels are no numbers"),
    ],
)
def test_what_it_cannot_be_made_of_is_said_in_words(change, text):
    with pytest.raises(InputError, match=text):
        small(**change)


def test_a_feature_cannot_have_the_name_of_the_output():
    features = make_rows(0, 50)[0].rename(columns={"age": PREDICTION})
    with pytest.raises(InputError, match=r"a feature is named 'prediction'.*rename"):
        small(features=features)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(baseline, name):
    files = {key: content for key, content in baseline.to_files().items() if key != name}
    with pytest.raises(InputError, match=rf"lacks {name}; write it again"):
        ModelBaseline.from_files(files)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"{}", b"null", b'{"format": "x"}', b'{"format": 1}']
)
def test_a_damaged_head_is_an_input_error(baseline, content):
    with pytest.raises(InputError, match=r"baseline\.json .*write it again"):
        ModelBaseline.from_files(baseline.to_files() | {"baseline.json": content})


@pytest.mark.parametrize("name", ["profile.bin", "drift.bin", "outliers.bin", SAMPLE])
@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: content[: len(content) // 2]])
def test_damaged_parts_are_input_errors(baseline, name, damage):
    files = baseline.to_files()
    with pytest.raises(InputError):
        ModelBaseline.from_files(files | {name: damage(files[name])})


def test_a_newer_format_asks_for_an_upgrade(baseline):
    files = baseline.to_files()
    head = json.loads(files["baseline.json"]) | {"format": 2}
    with pytest.raises(InputError, match="has format 2, this Mirante reads up to 1; upgrade"):
        ModelBaseline.from_files(files | {"baseline.json": json.dumps(head).encode()})


def test_probabilities_are_measured_as_scikit_learn_does():
    rng = np.random.default_rng(3)
    said = rng.random(400)
    truth = (rng.random(400) < said).astype(float)
    found = performance_of("probability", truth, said)
    assert {name: found[name] for name in found if not name.startswith("calibration")} == pytest.approx(
        {
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, said >= 0.5),
            "average_precision": metrics.average_precision_score(truth, said),
            "accuracy": metrics.accuracy_score(truth, said >= 0.5),
            "log_loss": metrics.log_loss(truth, said),
            "roc_auc": metrics.roc_auc_score(truth, said),
            "brier": metrics.brier_score_loss(truth, said),
            "base_rate": truth.mean(),
            "precision": metrics.precision_score(truth, said >= 0.5),
            "recall": metrics.recall_score(truth, said >= 0.5),
            "f1": metrics.f1_score(truth, said >= 0.5),
        },
        abs=1e-12,
    )


def test_numbers_are_measured_as_scikit_learn_does():
    rng = np.random.default_rng(4)
    truth = rng.normal(size=300)
    said = truth + rng.normal(size=300)
    assert dict(performance_of("regression", truth, said)) == pytest.approx(
        {
            "median_absolute_error": metrics.median_absolute_error(truth, said),
            "bias": np.mean(said - truth),
            "mae": metrics.mean_absolute_error(truth, said),
            "rmse": metrics.root_mean_squared_error(truth, said),
            "mape": metrics.mean_absolute_percentage_error(truth, said),
            "r2": metrics.r2_score(truth, said),
        },
        abs=1e-12,
    )


def test_classes_are_measured_as_scikit_learn_does():
    rng = np.random.default_rng(5)
    truth, said = rng.choice(["a", "b", "c"], 300), rng.choice(["a", "b", "c"], 300)
    expected = {
        "accuracy": metrics.accuracy_score(truth, said),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, said),
    }
    for name in ("precision", "recall", "f1"):
        measure = getattr(metrics, f"{name}_score")
        expected[name] = measure(truth, said, average="macro")
        expected[f"{name}_weighted"] = measure(truth, said, average="weighted")
    assert dict(performance_of("class", truth, said)) == pytest.approx(expected, abs=1e-12)


def test_two_classes_are_measured_as_two_only_where_there_are_no_others():
    truth, said = [0, 1, 1, 0, 1], [0, 1, 0, 1, 1]
    found = performance_of("class", truth, said)
    assert (found["precision"], found["recall"]) == (2 / 3, 2 / 3)
    assert "precision_weighted" not in found
    mean = performance_of("class", truth, said, classes=("0", "1", "2"))
    assert mean["precision"] == pytest.approx(metrics.precision_score(truth, said, average="macro"))


def test_a_baseline_knows_its_classes_and_its_reliability(baseline):
    assert len(baseline.about["reliability"]) == 10
    assert "classes" not in baseline.about
    rows = pd.DataFrame({"x": np.arange(6.0)})
    clock = WindowClock("1d")
    fitted = ModelBaseline.fit(rows, [0, 1, 2, 0, 1, 2], clock=clock, labels=[0, 1, 10, 0, 1, 2])
    assert fitted.about["classes"] == ["0", "1", "2", "10"]


@pytest.mark.parametrize(
    ("labels", "predictions", "accuracy"),
    [
        (np.array([0.0, 1.0, 1.0]), np.array([0, 1, 0]), 2 / 3),  # the store keeps float64, the log int64
        (["0", "1"], np.array([0, 1]), 1.0),
        ([1.0, 0.0], [True, False], 1.0),
        ([1.5, 2.0], [1.5, 2.5], 0.5),
        (["a", float("nan"), "b", None], ["a", "a", "a", "a"], 0.5),
        (["a", "b"], ["a", None], 1.0),
        ([float("inf"), 2**53], [float("inf"), 2**53], 1.0),
    ],
)
def test_classes_are_the_same_however_they_are_stored(labels, predictions, accuracy):
    assert performance_of("class", labels, predictions)["accuracy"] == accuracy


@pytest.mark.parametrize("labels", [[], [float("nan")]])
def test_classes_without_labels_are_unknown(labels):
    assert np.isnan(performance_of("class", labels, ["a"] * len(labels))["accuracy"])


def test_classes_need_one_label_per_row():
    with pytest.raises(InputError, match="got 1 labels and 2 predictions"):
        performance_of("class", ["a"], ["a", "b"])


def test_some_of_its_rows_are_kept_whole_and_the_same_each_time(baseline):
    assert baseline.sample.num_rows == baseline.about["sample_rows"] == 5_000
    assert baseline.sample.column_names == ["age", "plan", PREDICTION]
    features, predictions, _ = make_rows(0, 50)
    kept = small(sample_rows=20).sample
    assert kept == small(sample_rows=20).sample
    rows = set(zip(features["age"].fillna(-1), features["plan"], predictions, strict=True))
    told = kept.to_pandas()
    found = set(zip(told["age"].fillna(-1), told["plan"].astype(str), told[PREDICTION], strict=True))
    assert len(found) == 20
    assert found < rows
    assert small(sample_rows=50).sample.num_rows == small().sample.num_rows == 50


def test_it_may_keep_no_rows():
    found = small(sample_rows=0)
    assert found.sample is None
    assert tuple(sorted(found.to_files())) == FILES
    again = ModelBaseline.from_files(found.to_files())
    assert again.sample is None
    assert again.about["sample_rows"] == 0
    with pytest.raises(InputError, match="sample_rows is -1; give how many rows may be kept, 0 for none"):
        small(sample_rows=-1)


def test_one_from_before_there_were_samples_has_none(baseline):
    files = {name: baseline.to_files()[name] for name in FILES}
    head = json.loads(files["baseline.json"])
    del head["about"]["sample_rows"]
    old = ModelBaseline.from_files(files | {"baseline.json": json.dumps(head).encode()})
    assert old.sample is None
    assert old.profile == baseline.profile


def test_no_row_is_shown_by_its_repr():
    assert "sample=" not in repr(small())


def test_columns_of_any_kind_do_not_hinder_it():
    features = pd.DataFrame(
        {
            "when": pd.to_datetime(["2026-01-01", None, "2026-01-03"] * 20),
            "money": [Decimal("1.10"), None, Decimal("3.30")] * 20,
            "mixed": [1, "a", None] * 20,
            "whole": pd.array([1, None, 3] * 20, "Int64"),
            "kind": pd.Categorical(["x", "y", None] * 20),
            7: [True, False, None] * 20,
        }
    )
    predictions = [0.1, 0.2, 0.3] * 20
    found = ModelBaseline.fit(features, predictions, clock=DAY)
    again = ModelBaseline.from_files(found.to_files())
    assert again.sample.num_rows == 60
    assert again.sample.column_names == ["when", "money", "mixed", "whole", "kind", "7", PREDICTION]
    assert TableProfile.of(again.sample, like=found.profile) == found.profile


@pytest.mark.server
def test_publish_and_fetch(mlflow_server, baseline):
    client = connect(mlflow_server)
    name, version = register(client)
    publish_baseline(client, name, version, baseline)
    found, again = fetch_baseline(client, name, "champion")
    assert found == version
    assert again.profile == baseline.profile
    assert again.about == baseline.about
    assert again.sample == baseline.sample
    window = TableProfile.of(make_rows(1, 100)[0].assign(prediction=0.5), like=again.profile)
    assert again.drift.fresh().update(window) == baseline.drift.fresh().update(window)


@pytest.mark.server
def test_a_baseline_that_cannot_be_read_is_a_tracking_error_that_names_the_model(mlflow_server, baseline):
    client = connect(mlflow_server)
    name, version = register(client)
    with pytest.raises(TrackingError, match="has no baseline"):
        fetch_baseline(client, name, "champion")
    baselines.save(client, name, version, {"baseline.json": b"{}"})
    with pytest.raises(TrackingError, match=rf"model '{name}', version {version}, cannot be read: .*lacks"):
        fetch_baseline(client, name, "champion")
    baselines.save(client, name, version, baseline.to_files() | {"baseline.json": b"{"})
    with pytest.raises(TrackingError, match="damaged"):
        fetch_baseline(client, name, "champion")
    with pytest.raises(TrackingError, match="no registered model"):
        fetch_baseline(client, uuid.uuid4().hex, "champion")


def test_times_far_apart_are_no_trouble():
    times = pd.Series([pd.Timestamp(START), pd.Timestamp("1970-01-01T00Z"), pd.Timestamp("2100-01-01T00Z")])
    features, predictions, _ = make_rows(0, 3)
    assert ModelBaseline.fit(features, predictions, times, clock=DAY).about["windows"] == 3
