"""Both methods as one score find what either finds, within one budget."""

from __future__ import annotations

import numpy as np
import pytest

from mirante.outliers.both import Both
from mirante.outliers.detector import OutlierDetector
from mirante.outliers.models import fit_model
from mirante.outliers.rows import Rows


def _rows(seed: int, rows: int = 5_000, columns: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns))


def test_one_wild_value_among_many_columns_is_found() -> None:
    window = _rows(1, 400)
    window[np.arange(400), np.arange(400) % 20] = 9.0
    found = {}
    for method in ("isolation_forest", "robust_z", "both"):
        detector = OutlierDetector(method=method, log=False).fit(_rows(0))
        detector.calibrate(0.01)
        found[method] = detector.judge(window, most=0).ratio
    assert found["isolation_forest"] < 0.2  # why monitors do not rely on a forest alone
    assert found["robust_z"] == found["both"] == 1.0


def test_many_slightly_strange_values_are_found() -> None:
    window = 1.9 * np.sign(_rows(1, 400))  # no value that robust z would look at twice
    flagged = {}
    for method in ("robust_z", "both"):
        detector = OutlierDetector(method=method, log=False).fit(_rows(0))
        detector.calibrate(0.01)
        flagged[method] = detector.judge(window, most=0).ratio
    assert flagged["robust_z"] == 0.0
    assert flagged["both"] > 0.9


def test_the_score_is_the_stranger_of_the_two() -> None:
    baseline = _rows(0, 2_000, 3)
    model, scores = fit_model("both", baseline, 0)
    forest, forest_scores = fit_model("isolation_forest", baseline, 0)
    robust, robust_scores = fit_model("robust_z", baseline, 0)
    assert isinstance(model, Both)
    for one, unit in zip((forest_scores, robust_scores), model.units, strict=True):
        assert np.mean(one / unit < -1) == pytest.approx(0.01, abs=1e-3)
    expected = np.minimum(forest_scores / model.units[0], robust_scores / model.units[1])
    assert np.array_equal(scores, expected)
    rows = Rows.of(_rows(1, 50, 3) * 2)
    found, parts, methods = model.reasons(rows)
    assert np.array_equal(found, model.measure(rows)[0])
    assert set(methods) == {"isolation_forest", "robust_z"}
    for place, method in enumerate(methods):
        alone = forest if method == "isolation_forest" else robust
        assert np.array_equal(parts[place], alone.reasons(rows)[1][place])


def test_a_constant_baseline_has_units_all_the_same() -> None:
    model, scores = fit_model("both", np.full((10, 2), 7.0), 0)
    assert isinstance(model, Both)
    assert min(model.units) > 0
    assert np.isfinite(scores).all()
    assert model.measure(Rows.of(np.full((1, 2), 8.0)))[0][0] < -1_000
