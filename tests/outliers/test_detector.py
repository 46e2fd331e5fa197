"""The detector keeps scikit-learn's meaning, takes any table, and calibrates a threshold of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.ensemble import IsolationForest

from mirante.errors import InputError, MiranteWarning, NotFittedError
from mirante.outliers.detector import OutlierDetector


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


def test_contamination_is_the_share_of_the_baseline() -> None:
    baseline = _rows(0, rows=1_000)
    for share in (0.05, 0.1, 0.25):
        found = OutlierDetector(share, log=False).fit(baseline).detect_outliers(baseline)
        assert found["total_outliers"] == 1_000 * share


def test_rows_with_missing_values_are_judged_and_counted() -> None:
    baseline = _rows(0)
    detector = OutlierDetector(log=False).fit(baseline)
    current = np.array([[0.0, 0.0, 0.0], [np.nan, 0.0, 0.0], [np.nan, np.nan, np.nan]])
    found = detector.detect_outliers(current)
    assert found.missing_rows == 2
    assert np.isfinite(found.scores).all()


def test_every_dress_gives_the_same_result() -> None:
    baseline, current = _rows(0), _rows(1)
    names = ["a", "b", "c"]
    expected = OutlierDetector(log=False).fit(baseline).detect_outliers(current)
    for dress in (
        lambda data: data.tolist(),
        lambda data: pd.DataFrame(data, columns=names),
        lambda data: pl.DataFrame(data, schema=names),
        lambda data: pa.table(dict(zip(names, data.T, strict=True))),
    ):
        found = OutlierDetector(log=False).fit(dress(baseline)).detect_outliers(dress(current))
        assert np.array_equal(found.outlier_indices, expected.outlier_indices)
        assert np.array_equal(found.scores, expected.scores)


def test_one_column_of_numbers() -> None:
    detector = OutlierDetector(0.01, log=False).fit(_rows(0)[:, 0])
    assert detector.detect_outliers([0.0, 50.0, 0.1])["outlier_indices"].tolist() == [1]


def test_a_rare_level_is_strange_and_a_new_one_stranger() -> None:
    rng = np.random.default_rng(0)
    levels = rng.choice(["UA", "AA", "B6", "HA"], size=2_000, p=[0.4, 0.35, 0.245, 0.005])
    baseline = pd.DataFrame({"carrier": levels, "delay": rng.normal(size=2_000)})
    detector = OutlierDetector(log=False).fit(baseline)
    usual, rare, new = detector.score(pd.DataFrame({"carrier": ["UA", "HA", "ZZ"], "delay": [0.0, 0.0, 0.0]}))
    assert usual > rare >= new


def test_infinity_is_as_strange_as_any_number_beyond_the_baseline() -> None:
    detector = OutlierDetector(log=False).fit(_rows(0))
    usual, beyond, infinite, opposite = detector.score(
        [[0, 0, 0], [99, 0, 0], [np.inf, 0, 0], [-np.inf, 0, 0]]
    )
    assert infinite == beyond < usual
    assert opposite < usual


def test_a_baseline_with_infinity_is_taken() -> None:
    baseline = _rows(0)
    baseline[0] = np.inf
    detector = OutlierDetector(log=False).fit(baseline)
    assert detector.score(baseline).argmin() == 0


def test_the_seed_decides() -> None:
    baseline = _rows(0)
    first, second, other = (
        OutlierDetector(log=False, random_state=seed).fit(baseline).score(baseline) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("call", ["detect_outliers", "score", "flag", "calibrate", "to_bytes"])
def test_before_fit_it_says_so(call: str) -> None:
    arguments = {"calibrate": (0.1,), "to_bytes": ()}.get(call, (_rows(0),))
    with pytest.raises(NotFittedError, match=r"call fit\(data\) first"):
        getattr(OutlierDetector(log=False), call)(*arguments)


@pytest.mark.parametrize("share", [0, -0.1, 0.6, float("nan")])
def test_a_contamination_that_cannot_be_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="give a share above 0 and up to"):
        OutlierDetector(share)


def test_no_rows_are_an_error_to_detect_and_none_to_flag() -> None:
    detector = OutlierDetector(log=False).fit(_rows(0))
    detector.calibrate(0.01)
    with pytest.raises(InputError, match="got no rows"):
        detector.detect_outliers(np.empty((0, 3)))
    assert detector.flag(np.empty((0, 3))).shape == (0,)
    assert detector.score(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 1.0])
def test_calibration_keeps_the_budget_on_the_baseline(share: float) -> None:
    baseline = _rows(0, rows=1_000)
    detector = OutlierDetector(log=False).fit(baseline)
    threshold = detector.calibrate(share)
    flagged = detector.flag(baseline)
    assert flagged.mean() <= share
    assert flagged.mean() >= share - 0.002
    assert np.array_equal(flagged, detector.score(baseline) < threshold)


def test_calibration_holds_on_new_rows() -> None:
    detector = OutlierDetector(log=False).fit(_rows(0, rows=20_000))
    detector.calibrate(0.01)
    assert 0.007 < detector.flag(_rows(1, rows=20_000)).mean() < 0.014
    assert detector.flag(_rows(1) + 6.0).mean() > 0.9


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


def test_a_saved_detector_is_the_same() -> None:
    table = pd.DataFrame({"x": _rows(0)[:, 0], "carrier": ["UA", "AA", "\x00"] * 200})
    detector = OutlierDetector(0.05, random_state=3, log=False, subject="model/m@champion").fit(table)
    detector.calibrate(0.02)
    again = OutlierDetector.from_bytes(detector.to_bytes())
    assert (again.contamination, again.random_state, again.log, again.subject) == (
        0.05,
        3,
        False,
        "model/m@champion",
    )
    assert np.array_equal(again.score(table), detector.score(table))
    assert np.array_equal(again.flag(table), detector.flag(table))
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
