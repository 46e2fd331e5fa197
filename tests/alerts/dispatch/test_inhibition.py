"""Inhibition as in Alertmanager, and the inhibitions that come with Mirante."""

from __future__ import annotations

import pytest

from mirante.alerts.dispatch.inhibition import BUILT_IN, Inhibition, Inhibitor
from mirante.alerts.matchers import Matchers


def test_the_labels_must_be_equal_and_one_that_both_lack_is() -> None:
    inhibitor = Inhibitor(
        [Inhibition("i", Matchers.of({"s": "1"}), Matchers.of({"t": "1"}), ("host", "zone"))]
    )
    inhibitor.fires("1f", {"s": "1", "host": "a"})
    assert inhibitor.holding({"t": "1", "host": "a"}) == ("i", "1f")
    assert inhibitor.holding({"t": "1", "host": "b"}) is None
    assert inhibitor.holding({"t": "1", "host": "a", "zone": "z"}) is None
    assert inhibitor.holding({"t": "2", "host": "a"}) is None


def test_an_alert_on_both_sides_inhibits_neither_itself_nor_another_such() -> None:
    inhibitor = Inhibitor([Inhibition("i", Matchers.of({"s": "1"}), Matchers.of({"t": "1"}))])
    inhibitor.fires("1f", {"s": "1", "t": "1"})
    inhibitor.fires("2f", {"s": "1", "t": "1", "host": "b"})
    assert inhibitor.holding({"s": "1", "t": "1"}) is None
    assert inhibitor.holding({"t": "1"}) == ("i", "1f")
    inhibitor.fires("3f", {"s": "1"})
    assert inhibitor.holding({"s": "1", "t": "1"}) == ("i", "3f")


def test_it_ends_with_the_last_source() -> None:
    inhibitor = Inhibitor([Inhibition("i", Matchers.of({"s": "1"}), Matchers.of({"t": "1"}))])
    for alert in ("1f", "2f"):
        inhibitor.fires(alert, {"s": "1"})
    inhibitor.ended("1f", {"s": "1"})
    assert inhibitor.holding({"t": "1"}) == ("i", "2f")
    inhibitor.ended("2f", {"s": "1"})
    inhibitor.ended("2f", {"s": "1"})
    assert inhibitor.holding({"t": "1"}) is None


MODEL = {"model": "m", "feature": "age", "subject": "model/m@champion"}
SLICED = {**MODEL, "slice": "x"}


@pytest.mark.parametrize(
    ("source", "target", "name"),
    [
        ({"rule": "no_data", "host": "a"}, {"rule": "high_cpu", "host": "a"}, "silent_host"),
        ({"rule": "host_silent", "host": "a"}, {"rule": "high_cpu", "host": "b"}, None),
        ({"rule": "no_data", "host": "a"}, {"rule": "host_silent", "host": "a"}, None),
        ({"rule": "no_data", "model": "m"}, {"rule": "feature_drift", **MODEL}, "silent_model"),
        (
            {"rule": "no_data", "subject": "experiment/1"},
            {"rule": "a", "subject": "experiment/1"},
            "silent_subject",
        ),
        ({"rule": "mlflow_server_down"}, {"rule": "no_data", "model": "m"}, "mlflow_down_models"),
        ({"rule": "mlflow_server_down"}, {"rule": "task_failing", "task": "ship"}, "mlflow_down_tasks"),
        ({"rule": "mlflow_server_down"}, {"rule": "task_failing", "task": "host"}, None),
        ({"rule": "mlflow_server_down"}, {"rule": "feature_drift", **MODEL}, None),
        ({"rule": "mlflow_server_down"}, {"rule": "no_data", "host": "a"}, None),
        (
            {"rule": "many_missing_values", **MODEL},
            {"rule": "feature_drift", **MODEL},
            "many_missing_values",
        ),
        (
            {"rule": "many_missing_values", **MODEL},
            {"rule": "missing_values", **MODEL},
            "many_missing_values",
        ),
        (
            {"rule": "many_missing_values", **MODEL},
            {"rule": "feature_drift", **MODEL, "feature": "fare"},
            None,
        ),
        ({"rule": "feature_drift", **MODEL}, {"rule": "feature_drift", **SLICED}, "all_rows_before_slices"),
        (
            {"rule": "wide_drift", "model": "m"},
            {"rule": "wide_drift", "model": "m", "slice": "x"},
            "all_rows_before_slices",
        ),
        ({"rule": "feature_drift", **SLICED}, {"rule": "feature_drift", **MODEL}, None),
        ({"rule": "feature_drift", **SLICED}, {"rule": "feature_drift", **MODEL, "slice": "y"}, None),
        ({"rule": "feature_drift", **MODEL}, {"rule": "feature_drift", **SLICED, "feature": "fare"}, None),
        ({"rule": "feature_drift", **MODEL}, {"rule": "missing_values", **SLICED}, None),
        (
            {"rule": "feature_drift", **MODEL, "version": "1"},
            {"rule": "feature_drift", **SLICED, "version": "2"},
            None,
        ),
        ({"rule": "many_missing_values", **SLICED}, {"rule": "feature_drift", **MODEL}, None),
        (
            {"rule": "many_missing_values", **SLICED},
            {"rule": "missing_values", **SLICED},
            "many_missing_values",
        ),
    ],
)
def test_what_comes_with_mirante(source: dict[str, str], target: dict[str, str], name: str | None) -> None:
    inhibitor = Inhibitor(BUILT_IN)
    inhibitor.fires("1f", source)
    found = inhibitor.holding(target)
    assert (found and found[0]) == name
