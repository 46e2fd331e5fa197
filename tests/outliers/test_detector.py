"""The detector keeps scikit-learn's meaning, takes any table, and calibrates a threshold of its own."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.ensemble import IsolationForest

from mirante.errors import InputError, MiranteWarning, NotFittedError
from mirante.outliers.blocks import BLOCK
from mirante.outliers.detector import OutlierDetector
from mirante.profiles import TableProfile

METHODS = ["isolation_forest", "robust_z", "both"]


def _rows(seed: int, rows: int = 600, columns: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns))


@pytest.mark.parametrize("contamination", [0.01, 0.1, 0.5, "auto"])
@pytest.mark.parametrize("seed", range(3))
def test_indices_and_scores_are_those_of_scikit_learn(contamination: float, seed: int) -> None:
    baseline, current = _rows(seed), 1.5 * _rows(seed + 100)
    baseline[::11, 0] = current[::7, 2] = np.nan
    theirs = IsolationForest(contamination=contamination, random_state=seed).fit(baseline)
    ours = OutlierDetector(contamination, random_state=seed, log=False).fit(baseline)
    for data in (baseline, current):
        found = ours.detect_outliers(data)
        expected = np.flatnonzero(theirs.predict(data) == -1)
        assert np.array_equal(found["outlier_indices"], expected)
        assert np.array_equal(found["outlier_scores"], theirs.score_samples(data)[expected])
        assert found["total_outliers"] == len(expected)
        assert found.ratio == len(expected) / len(data)
        assert np.array_equal(ours.score(data), theirs.score_samples(data))
        assert np.array_equal(ours.score(data) - ours.offset, theirs.decision_function(data))


def test_many_blocks_are_scored_as_by_scikit_learn() -> None:
    baseline, current = _rows(0, columns=2), _rows(1, rows=2 * BLOCK + 7, columns=2)
    current[::1_000, 1] = np.nan
    theirs = IsolationForest(contamination=0.1, random_state=0).fit(baseline)
    found = OutlierDetector(0.1, log=False).fit(baseline).detect_outliers(current)
    assert np.array_equal(found.scores, theirs.score_samples(current))
    assert np.array_equal(found.outlier_indices, np.flatnonzero(theirs.predict(current) == -1))
    assert found.missing_rows == np.isnan(current).any(axis=1).sum()


@pytest.mark.parametrize("method", METHODS)
def test_memory_beside_the_data_does_not_grow_with_the_rows(method: str) -> None:
    detector = OutlierDetector(method=method, log=False).fit(_rows(0, columns=10))
    peaks = []
    for blocks in (8, 40):
        current = _rows(1, rows=blocks * BLOCK, columns=10)
        tracemalloc.start()
        kept = detector.score(current).nbytes
        peaks.append(tracemalloc.get_traced_memory()[1] - kept)
        tracemalloc.stop()
    # a whole float32 matrix would be 21 MB more; one byte for each row says which lack a value
    assert peaks[1] - peaks[0] < 4e6


@pytest.mark.parametrize("method", METHODS)
def test_contamination_is_the_share_of_the_baseline(method: str) -> None:
    baseline = _rows(0, rows=1_000)
    for share in (0.05, 0.1, 0.25):
        found = OutlierDetector(share, method=method, log=False).fit(baseline).detect_outliers(baseline)
        assert found["total_outliers"] == 1_000 * share


def test_rows_with_missing_values_are_judged_and_counted() -> None:
    baseline = _rows(0)
    detector = OutlierDetector(log=False).fit(baseline)
    current = np.array([[0.0, 0.0, 0.0], [np.nan, 0.0, 0.0], [np.nan, np.nan, np.nan]])
    found = detector.detect_outliers(current)
    assert found.missing_rows == 2
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize("method", METHODS)
def test_every_dress_gives_the_same_result(method: str) -> None:
    baseline, current = _rows(0), _rows(1)
    names = ["a", "b", "c"]
    expected = OutlierDetector(method=method, log=False).fit(baseline).detect_outliers(current)
    for dress in (
        lambda data: data.tolist(),
        lambda data: pd.DataFrame(data, columns=names),
        lambda data: pl.DataFrame(data, schema=names),
        lambda data: pa.table(dict(zip(names, data.T, strict=True))),
    ):
        found = OutlierDetector(method=method, log=False).fit(dress(baseline)).detect_outliers(dress(current))
        assert np.array_equal(found.outlier_indices, expected.outlier_indices)
        assert np.array_equal(found.scores, expected.scores)


@pytest.mark.parametrize("method", METHODS)
def test_one_column_of_numbers(method: str) -> None:
    detector = OutlierDetector(0.01, method=method, log=False).fit(_rows(0)[:, 0])
    assert detector.detect_outliers([0.0, 50.0, 0.1])["outlier_indices"].tolist() == [1]


@pytest.mark.parametrize("method", METHODS)
def test_a_rare_level_is_strange_and_a_new_one_stranger(method: str) -> None:
    rng = np.random.default_rng(0)
    levels = rng.choice(["UA", "AA", "B6", "HA"], size=2_000, p=[0.4, 0.35, 0.245, 0.005])
    baseline = pd.DataFrame({"carrier": levels, "delay": rng.normal(size=2_000)})
    detector = OutlierDetector(method=method, log=False).fit(baseline)
    usual, rare, new = detector.score(pd.DataFrame({"carrier": ["UA", "HA", "ZZ"], "delay": [0.0, 0.0, 0.0]}))
    assert usual > rare >= new


def test_infinity_is_as_strange_as_any_number_beyond_the_baseline() -> None:
    detector = OutlierDetector(log=False).fit(_rows(0))
    usual, beyond, infinite, opposite = detector.score(
        [[0, 0, 0], [99, 0, 0], [np.inf, 0, 0], [-np.inf, 0, 0]]
    )
    assert infinite == beyond < usual
    assert opposite < usual


@pytest.mark.parametrize("method", METHODS)
def test_a_baseline_with_infinity_is_taken(method: str) -> None:
    baseline = _rows(0)
    baseline[0] = np.inf
    detector = OutlierDetector(method=method, log=False).fit(baseline)
    assert detector.score(baseline).argmin() == 0


def test_the_seed_decides() -> None:
    baseline = _rows(0)
    first, second, other = (
        OutlierDetector(log=False, random_state=seed).fit(baseline).score(baseline) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    "call", ["detect_outliers", "score", "flag", "judge", "explain", "calibrate", "to_bytes"]
)
def test_before_fit_it_says_so(call: str) -> None:
    arguments = {"calibrate": (0.1,), "to_bytes": (), "explain": (_rows(0), [0])}.get(call, (_rows(0),))
    with pytest.raises(NotFittedError, match=r"call fit\(data\) first"):
        getattr(OutlierDetector(log=False), call)(*arguments)


@pytest.mark.parametrize("share", [0, -0.1, 0.6, float("nan")])
def test_a_contamination_that_cannot_be_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="give a share above 0 and up to"):
        OutlierDetector(share)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(
        InputError, match="method is 'lof'; give one of 'isolation_forest', 'robust_z', 'both'"
    ):
        OutlierDetector(method="lof")  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("data", [{}, [], np.empty((0, 3)), [np.nan, np.nan], {"x": [None]}])
def test_a_baseline_that_says_nothing_is_refused(data: object, method: str) -> None:
    with pytest.raises(InputError, match="the baseline needs"):
        OutlierDetector(method=method, log=False).fit(data)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("data", [[5.0], [5.0] * 3, {"x": [1.0, 2.0], "gone": [None, None]}])
def test_one_row_and_constants_are_ordinary_baselines(data: object, method: str) -> None:
    detector = OutlierDetector(method=method, log=False).fit(data)
    detector.calibrate(0.01)
    assert detector.judge(data).outliers == 0
    assert np.isfinite(detector.score(data)).all()


@pytest.mark.parametrize("method", METHODS)
def test_no_rows_are_an_error_to_detect_and_none_to_flag(method: str) -> None:
    detector = OutlierDetector(method=method, log=False).fit(_rows(0))
    detector.calibrate(0.01)
    with pytest.raises(InputError, match="got no rows"):
        detector.detect_outliers(np.empty((0, 3)))
    assert detector.flag(np.empty((0, 3))).shape == (0,)
    assert detector.score(np.empty((0, 3))).shape == (0,)
    verdict = detector.judge(np.empty((0, 3)))
    assert (verdict.rows, verdict.outliers, verdict.top) == (0, 0, ())
    assert np.isnan(verdict.ratio)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 1.0])
def test_calibration_keeps_the_budget_on_the_baseline(share: float, method: str) -> None:
    baseline = _rows(0, rows=1_000)
    detector = OutlierDetector(method=method, log=False).fit(baseline)
    threshold = detector.calibrate(share)
    flagged = detector.flag(baseline)
    assert flagged.mean() <= share
    assert flagged.mean() >= share - 0.002
    assert np.array_equal(flagged, detector.score(baseline) < threshold)


def _mixed(seed: int, rows: int) -> pd.DataFrame:
    """Columns as they come: heavy tails, atoms, rare levels, missing values, a constant."""
    rng = np.random.default_rng(seed)
    delay = rng.lognormal(size=rows)
    delay[rng.random(rows) < 0.02] = np.nan
    return pd.DataFrame(
        {
            "delay": delay,
            "zeros": np.where(rng.random(rows) < 0.6, 0.0, rng.exponential(size=rows)),
            "mostly": np.where(rng.random(rows) < 0.97, 0.0, 1.0),
            "one": np.full(rows, 7.0),
            "carrier": rng.choice(["UA", "AA", "B6", "HA"], rows, p=[0.5, 0.3, 0.195, 0.005]),
            **{f"x{number}": rng.normal(size=rows) for number in range(5)},
        }
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("budget", [0.01, 0.05])
@pytest.mark.parametrize("rows", [300, 3_000, 20_000])
def test_clean_windows_report_the_budget_and_not_ten_percent(rows: int, budget: float, method: str) -> None:
    shares = []
    for seed in range(6 if rows < 1_000 else 2):
        detector = OutlierDetector(method=method, random_state=seed, log=False).fit(_mixed(seed, rows))
        detector.calibrate(budget)
        shares += [detector.judge(_mixed(1_000 + seed, 10_000), most=0).ratio]
    # the threshold is an order statistic of the baseline; its share of new rows has this standard deviation
    spread = np.sqrt(budget * (1 - budget) * (1 / rows + 1 / 10_000) / len(shares))
    assert np.mean(shares) == pytest.approx(budget, abs=3.5 * spread + 0.1 * budget)


def test_a_shifted_window_is_seen() -> None:
    for method in METHODS:
        detector = OutlierDetector(method=method, log=False).fit(_rows(0))
        detector.calibrate(0.01)
        assert detector.flag(_rows(1) + 6.0).mean() > 0.9


def test_robust_z_takes_a_profile_for_the_rows() -> None:
    table, current = _mixed(0, 3_000), _mixed(1, 10_000)
    profile = TableProfile.from_bytes(TableProfile.of(table).to_bytes())
    counted = OutlierDetector(0.05, method="robust_z", log=False).fit(profile)
    whole = OutlierDetector(0.05, method="robust_z", log=False).fit(table)
    assert np.array_equal(counted.score(current), whole.score(current))
    for share in (0.01, 0.05):
        assert counted.calibrate(share) <= whole.calibrate(share)  # the sum of the columns' shares
        assert 0.6 * share < counted.judge(table).ratio <= share
        assert 0.6 * share < counted.judge(current).ratio < 1.5 * share
    assert 0.03 < counted.detect_outliers(table).ratio <= 0.05


@pytest.mark.parametrize("method", ["isolation_forest", "both"])
def test_a_forest_cannot_be_grown_on_a_profile(method: str) -> None:
    advice = f"{method!r} needs rows and got a profile; give the rows, or OutlierDetector"
    with pytest.raises(InputError, match=advice):
        OutlierDetector(method=method, log=False).fit(TableProfile.of(_rows(0)))


def test_auto_is_three_and_a_half_robust_deviations() -> None:
    detector = OutlierDetector("auto", method="robust_z", log=False).fit(_rows(0, columns=1))
    found = detector.detect_outliers(np.array([0.0, 3.0, 4.1, -4.1]))
    assert found["outlier_indices"].tolist() == [2, 3]
    assert detector.offset == -3.5


@pytest.mark.parametrize("method", METHODS)
def test_a_verdict_names_the_strangest_rows_and_their_columns(method: str) -> None:
    detector = OutlierDetector(method=method, log=False).fit(_mixed(0, 3_000))
    detector.calibrate(0.01)
    window = _mixed(1, 2_000)
    window.loc[17, ["x3", "delay", "zeros"]] = [-40.0, 1e4, 1e4]
    verdict = detector.judge(window, most=5, columns=2)
    assert (verdict.rows, verdict.outliers) == (2_000, verdict.flagged.sum())
    assert verdict.ratio == verdict.outliers / 2_000
    assert verdict.threshold == detector.calibrate(0.01)
    assert verdict.top[0].position == 17
    scores = detector.score(window)
    assert [row.score for row in verdict.top] == np.sort(scores)[:5].tolist()
    assert all(len(row.reasons) <= 2 for row in verdict.top)
    assert {reason.column for reason in verdict.top[0].reasons} < {"x3", "delay", "zeros"}
    for row in verdict.top:
        assert all(reason.value == window[reason.column][row.position] for reason in row.reasons)
    assert verdict.top == detector.explain(window, [row.position for row in verdict.top], columns=2)


def test_a_verdict_explains_flagged_rows_only() -> None:
    detector = OutlierDetector(method="robust_z", log=False).fit(_rows(0))
    detector.calibrate(0.01)
    usual = np.zeros((20, 3))
    assert detector.judge(usual).top == ()
    assert len(detector.judge(np.vstack([usual, 9 * np.eye(3)])).top) == 3
    with pytest.raises(NotFittedError, match=r"call calibrate\(0.01\) first"):
        OutlierDetector(log=False).fit(_rows(0)).judge(usual)


def test_flag_needs_a_calibration_for_this_baseline() -> None:
    detector = OutlierDetector(log=False).fit(_rows(0))
    with pytest.raises(NotFittedError, match=r"call calibrate\(0.01\) first"):
        detector.flag(_rows(0))
    detector.calibrate(0.01)
    detector.fit(_rows(1))
    with pytest.raises(NotFittedError, match="calibrate"):
        detector.flag(_rows(0))


@pytest.mark.parametrize("share", [-0.01, 1.5, float("nan")])
def test_a_budget_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="give a share from 0 to 1"):
        OutlierDetector(log=False).fit(_rows(0)).calibrate(share)


@pytest.mark.parametrize("method", METHODS)
def test_a_saved_detector_is_the_same(method: str) -> None:
    table = pd.DataFrame({"x": _rows(0)[:, 0], "carrier": ["UA", "AA", "\x00"] * 200})
    detector = OutlierDetector(0.05, method=method, random_state=3, log=False, subject="model/m@champion")
    detector.fit(table).calibrate(0.02)
    again = OutlierDetector.from_bytes(detector.to_bytes())
    names = ("contamination", "method", "random_state", "log", "subject", "offset")
    assert [getattr(again, name) for name in names] == [getattr(detector, name) for name in names]
    assert np.array_equal(again.score(table), detector.score(table))
    assert np.array_equal(again.flag(table), detector.flag(table))
    assert again.judge(table).top == detector.judge(table).top
    assert np.array_equal(
        again.detect_outliers(table).outlier_indices, detector.detect_outliers(table).outlier_indices
    )
    assert again.calibrate(0.5) == detector.calibrate(0.5)


def test_a_saved_detector_keeps_its_contamination_auto() -> None:
    detector = OutlierDetector("auto", log=False).fit(_rows(0))
    assert OutlierDetector.from_bytes(detector.to_bytes()).contamination == "auto"


@pytest.mark.server
def test_it_logs_count_and_ratio(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    mlflow.set_tracking_uri(mlflow_server)
    baseline = _rows(0, rows=1_000)
    with mlflow.start_run() as quiet:
        OutlierDetector(0.1, log=False).fit(baseline).detect_outliers(baseline)
    with mlflow.start_run() as run:
        OutlierDetector(0.1).fit(baseline).detect_outliers(baseline)
    client = mlflow.MlflowClient(mlflow_server)
    assert client.get_run(run.info.run_id).data.metrics == {"outliers.count": 100.0, "outliers.ratio": 0.1}
    assert client.get_run(quiet.info.run_id).data.metrics == {}


def test_without_a_server_there_is_a_warning_and_a_result(tracking_off: str) -> None:
    detector = OutlierDetector(0.1).fit(_rows(0))
    with pytest.warns(MiranteWarning):
        found = detector.detect_outliers(_rows(0))
    assert found["total_outliers"] == 60
