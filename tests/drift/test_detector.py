"""The direct detector: scipy's numbers, every kind of input, and clear refusals."""

import dataclasses
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import stats

from mirante.drift.detector import DriftDetector
from mirante.errors import InputError

RNG = np.random.default_rng(42)
BASE = RNG.normal(0, 1, 800)
MOVED = RNG.normal(0.3, 1.2, 600)


def detector(data, **options):
    return DriftDetector(data, log=False, **options)


def test_one_column_is_scipys_test():
    result = detector(BASE).detect_drift(MOVED)
    expected = stats.ks_2samp(BASE, MOVED)
    assert result["ks_statistic"] == pytest.approx(expected.statistic, abs=1e-12)
    assert result["p_value"] == pytest.approx(expected.pvalue, abs=1e-12)
    assert result["drift_detected"] is True
    assert result["baseline_stats"]["mean"] == pytest.approx(BASE.mean())
    assert result["baseline_stats"]["std"] == pytest.approx(BASE.std())
    assert result["current_stats"]["skew"] == pytest.approx(stats.skew(MOVED))
    assert result["current_stats"]["kurtosis"] == pytest.approx(stats.kurtosis(MOVED))
    assert dict(result["columns"]) == {}


@pytest.mark.parametrize(
    "make",
    [list, pd.Series, pl.Series, pa.array, lambda a: pa.chunked_array([a]), lambda a: tuple(a.tolist())],
)
def test_every_kind_of_column_gives_the_same(make):
    result = detector(make(BASE)).detect_drift(make(MOVED))
    assert result.p_value == pytest.approx(stats.ks_2samp(BASE, MOVED).pvalue, abs=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m,
        lambda m: m.tolist(),
        lambda m: pd.DataFrame(m, columns=["0", "1", "2"]),
        lambda m: pl.DataFrame(m, schema=["0", "1", "2"]),
        lambda m: pa.table({str(i): m[:, i] for i in range(3)}),
        lambda m: pa.table({str(i): m[:, i] for i in range(3)}).to_batches()[0],
        lambda m: {str(i): m[:, i] for i in range(3)},
    ],
)
def test_every_kind_of_table_gives_the_same(make):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(300, 3)), rng.normal(size=(200, 3))
    b[:, 1] += 0.5
    result = detector(make(a)).detect_drift(make(b))
    expected = [stats.ks_2samp(a[:, i], b[:, i]) for i in range(3)]
    assert result.p_value == pytest.approx(min(1, 3 * expected[1].pvalue), abs=1e-12)
    assert result.ks_statistic == pytest.approx(expected[1].statistic, abs=1e-12)
    assert result.drifted_columns == ("1",)
    assert result.drift_share == pytest.approx(1 / 3)
    assert list(result.columns) == ["0", "1", "2"]
    assert result.columns["2"]["p_value"] == pytest.approx(expected[2].pvalue, abs=1e-12)
    assert set(result.baseline_stats["1"]) == {"mean", "std", "skew", "kurtosis"}


def test_a_frame_with_categories_uses_chi_squared():
    rng = np.random.default_rng(2)
    base = pd.DataFrame(
        {"x": rng.normal(size=1000), "c": rng.choice(["a", "b"], 1000), "b": rng.random(1000) < 0.5}
    )
    now = pd.DataFrame(
        {"x": rng.normal(size=500), "c": ["a"] * 400 + ["b"] * 100, "b": rng.random(500) < 0.5}
    )
    result = detector(base).detect_drift(now)
    table = np.array([base["c"].value_counts().sort_index(), [400, 100]])
    expected = stats.chi2_contingency(table, correction=False)
    assert result.columns["c"].kind == "categorical"
    assert result.columns["c"].statistic == pytest.approx(expected.statistic)
    assert result.columns["c"].p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert result.drifted_columns == ("c",)
    assert result.ks_statistic == result.columns["x"].statistic
    assert result.current_stats["c"] == {"levels": 2, "most_frequent": "a", "share": 0.8}


def test_text_only_has_no_ks():
    result = detector({"c": ["a", "b"] * 50}).detect_drift({"c": ["a", "c"] * 50})
    assert result.drift_detected
    assert np.isnan(result.ks_statistic)


def test_missing_values_are_left_out_and_counted_and_never_hide_drift():
    base, now = np.r_[BASE, np.nan, np.nan], np.r_[MOVED, np.nan]
    result = detector(base).detect_drift(now)
    assert result.p_value == pytest.approx(stats.ks_2samp(BASE, MOVED).pvalue, abs=1e-12)
    assert (result.baseline_missing, result.current_missing) == (2, 1)
    assert result.drift_detected


def test_text_in_a_numeric_column_counts_as_missing():
    result = detector({"x": [1.0, 2.0, 3.0]}).detect_drift({"x": ["1", "two", "3"]})
    assert result.columns["x"].current_missing == 1


@pytest.mark.parametrize("empty", [[], np.array([]), [np.nan, np.nan], [None], pd.Series([], dtype=float)])
def test_nothing_is_refused_on_both_sides(empty):
    with pytest.raises(InputError, match="baseline_data"):
        detector(empty)
    with pytest.raises(InputError, match="current_data"):
        detector(BASE).detect_drift(empty)


def test_a_column_of_missing_values_is_refused_by_name():
    with pytest.raises(InputError, match="column 'x' of current_data has 2 values and all are missing"):
        detector({"x": [1.0, 2.0]}).detect_drift({"x": [np.nan, np.nan]})


def test_shapes_must_meet():
    with pytest.raises(InputError, match="current_data is a table and the baseline is one column"):
        detector(BASE).detect_drift(np.zeros((3, 2)))
    with pytest.raises(InputError, match="no column 'b'; the baseline has a, b: give a table with these"):
        detector({"a": [1.0], "b": [1.0]}).detect_drift({"a": [1.0]})
    with pytest.raises(
        InputError, match=r"is an array, whose columns have no names \(2 of them\); .* has a, b"
    ):
        detector({"a": [1.0], "b": [1.0]}).detect_drift(np.zeros((3, 2)))
    with pytest.raises(InputError, match="shape"):
        detector(np.zeros((2, 2, 2)))
    with pytest.raises(InputError, match="different lengths"):
        detector([[1.0, 2.0], [3.0]])
    with pytest.raises(InputError, match="no columns"):
        detector(pd.DataFrame())


@pytest.mark.parametrize("threshold", [0.0, 1.0, 5, -1, float("nan"), None, "0.05"])
def test_a_threshold_is_a_p_value(threshold):
    with pytest.raises(InputError, match="between 0 and 1"):
        detector(BASE).detect_drift(MOVED, threshold)


def test_the_threshold_decides():
    a, b = np.arange(100.0), np.arange(100.0) + 15
    p = stats.ks_2samp(a, b).pvalue
    assert not detector(a).detect_drift(b, threshold=p * 0.99).drift_detected
    assert detector(a).detect_drift(b, threshold=p * 1.01).drift_detected


def test_the_result_is_a_frozen_mapping():
    result = detector(BASE).detect_drift(BASE)
    assert {"drift_detected", "p_value", "baseline_stats", "current_stats"} <= set(result)
    assert dict(result)["p_value"] == 1.0
    assert len(result) == len(list(result))
    with pytest.raises(KeyError):
        result["nonsense"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.p_value = 0.5


@pytest.mark.parametrize("base", [[5.0] * 20, [1.0], [np.inf, 1.0, -np.inf]])
def test_constants_and_infinities_do_not_warn(base):
    result = detector(base).detect_drift([5.0])
    assert 0 <= result.p_value <= 1


def test_with_logging_and_no_server_there_is_a_result_and_at_most_one_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nothing listens on the discard port
    monkeypatch.chdir(tmp_path)
    drift = DriftDetector({"x": BASE})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = [drift.detect_drift({"x": MOVED}) for _ in range(2)]
    assert all(result.drift_detected for result in results)
    assert len([one for one in caught if one.category.__name__ == "MiranteWarning"]) <= 1
