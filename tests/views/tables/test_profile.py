"""The rows of profile_metrics against numpy and pandas on the rows themselves."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mirante.profiles import TableProfile
from mirante.store import WindowRow
from mirante.views.tables.columns import QUANTILES
from mirante.views.tables.profile import number_or_none, profile_rows
from mirante.views.tables.walk import batch_of
from tests.views.tables.conftest import HOUR, START, Watched, window_row


def rows_by_feature(window: WindowRow, profile: TableProfile | None) -> dict[str, dict[str, object]]:
    table = batch_of("profile_metrics", profile_rows(window, profile))  # the schema takes all of it
    return {row["feature"]: row for row in table.to_pylist()}


def test_figures_are_those_of_the_rows(watched: Watched):
    for start, frame in watched.frames.items():
        profile = TableProfile.of(frame, like=watched.baseline)
        found = rows_by_feature(window_row(start, profile), profile)
        assert list(found) == [":table", *frame.columns]
        for name in ("age", "visits", "prediction"):
            row, values = found[name], frame[name].dropna()
            assert (row["rows"], row["n"], row["missing"]) == (
                len(frame), len(values), len(frame) - len(values),
            )  # fmt: skip
            assert row["missing_ratio"] == pytest.approx(frame[name].isna().mean())
            assert row["mean"] == pytest.approx(values.mean(), rel=1e-9)
            assert row["std"] == pytest.approx(values.std(ddof=0), rel=1e-9)
            assert row["skew"] == pytest.approx(stats.skew(values), rel=1e-6)
            assert row["kurtosis"] == pytest.approx(stats.kurtosis(values), rel=1e-6)
            assert (row["minimum"], row["maximum"]) == (values.min(), values.max())


def test_quantiles_are_within_their_error(watched: Watched):
    """Between two edges lies about a thousandth of the baseline: so far may a share be off."""
    for start, frame in watched.frames.items():
        profile = TableProfile.of(frame, like=watched.baseline)
        found = rows_by_feature(window_row(start, profile), profile)
        for quantile, q in QUANTILES.items():
            exact = np.quantile(frame["visits"], q, method="inverted_cdf")
            assert found["visits"][quantile] == exact, "at an edge it is exact"
            for name in ("age", "prediction"):
                share = (frame[name].dropna() <= found[name][quantile]).mean()
                assert abs(share - q) < (0.02 if start < START + 6 * HOUR else 0.08)


def test_levels_are_those_of_the_rows(watched: Watched):
    frame = watched.frames[START]
    found = rows_by_feature(
        window_row(START, profile := TableProfile.of(frame, like=watched.baseline)), profile
    )
    counts = frame["plan"].value_counts()
    assert {one["value"]: one["n"] for one in found["plan"]["frequent"]} == counts.to_dict()
    assert [one["n"] for one in found["plan"]["frequent"]] == sorted(counts, reverse=True)
    assert (found["plan"]["distinct"], found["plan"]["other"]) == (3, 0)
    assert found["plan"]["mean"] is None
    assert found["visits"]["zeros"] == int((frame["visits"] == 0).sum())
    assert found["visits"]["distinct"] == frame["visits"].nunique()
    assert found["age"]["distinct"] is None, "the counts do not say"


@pytest.mark.parametrize(
    ("values", "zeros", "distinct"),
    [
        ([1.0, 2.0], 0, 2),
        ([0.0, -0.0, 4.0], 2, None),
        ([-3.0, -1.0], 0, None),
        ([-1.0, 1.0], 0, None),
        ([-0.5, 0.5], 0, None),
        ([np.nan], 0, 0),
        ([], 0, 0),
    ],
)
def test_zeros_and_distinct_where_the_counts_say_them(values, zeros, distinct):
    base = TableProfile.of({"x": [0.0, 1.0, 2.0, 3.0]})
    profile = TableProfile.of({"x": np.array(values, float)}, like=base)
    found = rows_by_feature(window_row(START, profile), profile)["x"]
    assert (found["zeros"], found["distinct"]) == (zeros, distinct)


def test_zeros_between_edges_are_not_guessed():
    base = TableProfile.of({"x": [-1.0, 1.0]})
    for values, zeros in (([0.0, 0.5], None), ([-1.0, 1.0], 0)):
        profile = TableProfile.of({"x": values}, like=base)
        assert rows_by_feature(window_row(START, profile), profile)["x"]["zeros"] == zeros


def test_infinities_stay_and_nothing_is_null():
    base = TableProfile.of({"x": [1.0, 2.0, 3.0], "c": ["a", "b", "b"]})
    odd = TableProfile.of({"x": [np.inf, -np.inf, np.nan, 2.0], "c": ["new", None, "a", "a"]}, like=base)
    found = rows_by_feature(window_row(START, odd), odd)
    assert (found["x"]["minimum"], found["x"]["maximum"], found["x"]["infinite"]) == (-math.inf, math.inf, 2)
    assert (found["x"]["mean"], found["x"]["missing"], found["x"]["skew"]) == (2.0, 1, None)
    assert (found["c"]["other"], found["c"]["distinct"], found["c"]["missing"]) == (1, None, 1)
    empty = TableProfile.empty(base)
    found = rows_by_feature(window_row(START, empty), empty)
    assert (found["x"]["n"], found["x"]["mean"], found["x"]["p50"], found["x"]["missing_ratio"]) == (
        0, None, None, None,
    )  # fmt: skip
    assert found["c"]["frequent"] == []


def test_the_window_as_a_whole(watched: Watched):
    profile = TableProfile.of(watched.frames[START], like=watched.baseline)
    measures = {"roc_auc": {"value": 0.8, "lower": 0.7, "upper": 0.9, "threshold": None, "beyond": True}}
    window = window_row(
        START,
        profile,
        outliers=7,
        passed=300,
        latency={"mean": 0.01, "p50": 0.008, "p95": 0.02, "p99": None},
        performance={"accuracy": 0.9, "labels": 650},
        estimated={"measures": measures, "sentence": "it dropped"},
    )
    whole = rows_by_feature(window, profile)[":table"]
    assert (whole["kind"], whole["rows"], whole["predictions"]) == ("table", 700, 1_000)
    assert (whole["outliers"], whole["outlier_ratio"]) == (7, 0.01)
    assert (whole["prediction_latency_seconds_p95"], whole["prediction_latency_seconds_p99"]) == (0.02, None)
    assert (whole["performance_accuracy"], whole["performance_labels"]) == (0.9, 650.0)
    assert (whole["estimated_roc_auc"], whole["estimated_roc_auc_lower"]) == (0.8, 0.7)
    assert (whole["estimated_roc_auc_threshold"], whole["estimated_performance_dropped"]) == (None, 1.0)
    assert (whole["slice_key"], whole["n"]) == (None, None)


def test_a_window_without_a_profile_has_one_row(watched: Watched):
    window = watched.store.windows.get("model/churn@champion", START)
    assert window is not None
    assert [row["kind"] for row in profile_rows(window, None)] == ["table"]


def test_numbers():
    assert number_or_none(np.float64(1.5)) == 1.5
    assert number_or_none(None) is None
    assert isinstance(number_or_none(True), float)
    assert pd.isna(number_or_none(np.nan)) or number_or_none(np.nan) is None
