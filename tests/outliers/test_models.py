"""Each method is fitted by its name, and scores any number of rows alike."""

from __future__ import annotations

import numpy as np
import pytest

from mirante.errors import InputError
from mirante.outliers.blocks import BLOCK
from mirante.outliers.models import METHODS, fit_model, measure_rows
from mirante.outliers.rows import Rows
from mirante.profiles import TableProfile


def _rows(seed: int, rows: int) -> np.ndarray:
    data = np.random.default_rng(seed).normal(size=(rows, 2))
    data[::9, 0] = np.nan
    return data


@pytest.mark.parametrize("method", METHODS)
def test_scores_of_the_baseline_come_with_the_model(method: str) -> None:
    baseline = _rows(0, 700)
    model, scores = fit_model(method, baseline, 3)  # type: ignore[arg-type]  # one of the methods
    assert type(model) is METHODS[method]
    found, missing = measure_rows(model, Rows.of(baseline))
    assert np.array_equal(found, scores)
    assert missing == np.isnan(baseline).any(axis=1).sum()


@pytest.mark.parametrize("method", METHODS)
def test_blocks_do_not_show(method: str) -> None:
    model, _ = fit_model(method, _rows(0, 300), 0)  # type: ignore[arg-type]  # one of the methods
    rows = _rows(1, BLOCK + 300)
    whole, missing = measure_rows(model, Rows.of(rows))
    for begin in (0, BLOCK - 7, BLOCK + 1):
        part, _ = measure_rows(model, Rows.of(rows[begin : begin + 50]))
        assert np.array_equal(part, whole[begin : begin + 50])
    assert missing == np.isnan(rows).any(axis=1).sum()
    assert measure_rows(model, Rows.of(rows[:0]))[0].shape == (0,)


def test_a_profile_is_enough_for_robust_z_only() -> None:
    baseline = _rows(0, 700)
    profile = TableProfile.of(baseline)
    model, scores = fit_model("robust_z", profile, 0)
    whole, ours = fit_model("robust_z", baseline, 0)
    assert np.array_equal(measure_rows(model, Rows.of(baseline))[0], ours)
    assert scores.shape == ours.shape
    assert type(model) is type(whole)
    with pytest.raises(InputError, match="'both' needs rows and got a profile"):
        fit_model("both", profile, 0)
