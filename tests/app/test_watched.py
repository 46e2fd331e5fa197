"""Which series somebody still writes."""

from types import SimpleNamespace

import pytest

from mirante.app.watched import Watched
from mirante.monitors.config import ModelConfig

CONFIG = ModelConfig(model="churn")
GONE = "version 1 is no longer watched: champion points to version 2"


def monitor(version, *columns, estimator=None, windows_over=False, slices=()):
    baseline = SimpleNamespace(profile=SimpleNamespace(columns=dict.fromkeys(columns)), estimator=estimator)
    return SimpleNamespace(version=version, baseline=baseline, windows_over=windows_over, slice_labels=slices)


def why(watched, name, version="2", **more):
    return watched.why_over(name, {"model": "churn", "alias": "champion", "version": version, **more})


def test_series_of_the_version_go_on_but_for_columns_that_its_baseline_lacks():
    watched = Watched(CONFIG, "2", monitor("2", "age", "prediction"), [])
    assert why(watched, "drift_ks", feature="age") == ""
    assert why(watched, "predictions") == ""
    assert why(watched, "drift_ks", feature="income").startswith("the column is no longer watched")
    assert why(watched, "signature_violations_total", feature="income", kind="extra") == ""


@pytest.mark.parametrize(("estimator", "over"), [(None, True), (object(), False)])
def test_estimates_are_over_where_the_baseline_has_no_estimator(estimator, over):
    watched = Watched(CONFIG, "2", monitor("2", "age", estimator=estimator), [])
    assert bool(why(watched, "estimated_roc_auc")) == over


def test_a_version_that_was_left_goes_on_until_its_windows_are_judged_and_then_its_labels():
    now = monitor("2", "age")
    busy = Watched(CONFIG, "2", now, [monitor("1", "age", "old")])
    assert why(busy, "drift_ks", "1", feature="old") == ""
    waits = Watched(CONFIG, "2", now, [monitor("1", "age", windows_over=True)])
    assert why(waits, "drift_ks", "1", feature="age") == GONE
    assert why(waits, "performance_accuracy", "1") == ""
    done = Watched(CONFIG, "2", now, [])
    assert why(done, "performance_accuracy", "1") == GONE
    assert len({one.signature for one in (busy, waits, done)}) == 3


def test_the_aliass_own_series_are_of_no_version_and_go_on():
    labels = {"model": "churn", "alias": "champion"}
    assert Watched(CONFIG, "2", None, []).why_over("monitor_dropped_total", labels) == ""


def test_reasons_are_in_the_locale():
    assert why(Watched(CONFIG, "2", None, [], "pt_BR"), "drift_ks", "1").startswith("a versão 1 não é mais")


@pytest.mark.parametrize(
    ("name", "labels", "said"),
    [
        ("drift_detected", {"slice": "plan=pro", "feature": "age"}, "the slice is no longer judged"),
        ("performance_accuracy", {"slice": "plan=pro"}, "the slice is no longer judged"),
        ("custom_metric", {"metric": "spread"}, "the metric is no longer computed"),
        ("out_of_range_ratio", {"feature": "age"}, "the limit is no longer judged"),
        ("out_of_range_detected", {"feature": "age"}, "the limit is no longer judged"),
        ("new_category_detected", {"feature": "age"}, "the limit is no longer judged"),
        ("duplicate_ratio", {}, "the limit is no longer judged"),
        ("duplicates_detected", {}, "the limit is no longer judged"),
        ("row_count_detected", {}, "the limit is no longer judged"),
        ("freshness_detected", {}, "the limit is no longer judged"),
    ],
)
def test_what_the_config_no_longer_asks_for_is_over(name, labels, said):
    asked = ModelConfig(model="churn", metrics=[{"name": "spread", "expression": "mean(age)"}])
    before = Watched(asked, "2", monitor("2", "age", slices=["plan=pro"]), [])
    assert why(before, name, **labels) == ""
    after = Watched(ModelConfig(model="churn", limits=()), "2", monitor("2", "age"), [])
    assert why(after, name, **labels).startswith(said)
    assert why(after, "freshness_seconds") == ""
    assert before.signature != after.signature


def test_without_a_monitor_nothing_is_known_of_slices():
    assert why(Watched(CONFIG, "2", None, []), "predictions", slice="plan=pro") == ""
