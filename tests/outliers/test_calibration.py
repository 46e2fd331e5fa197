"""The threshold leaves the stated share of new rows below, whatever the scores look like."""

from __future__ import annotations

import numpy as np
import pytest

from mirante.outliers.calibration import MOST_SCORES, contamination_offset, score_sample, threshold_at


@pytest.mark.parametrize("share", [0.01, 0.1])
@pytest.mark.parametrize("rows", [100, 150, 999])
def test_the_expected_share_of_new_rows_keeps_the_budget(rows: int, share: float) -> None:
    rng = np.random.default_rng(rows)
    below = [threshold_at(score_sample(rng.random(rows)), share) for _ in range(4_000)]
    # of uniform scores the share below a threshold is the threshold itself; its mean is r / (n + 1)
    exact = int(share * (rows + 1) + 1e-9) / (rows + 1)
    assert np.mean(below) == pytest.approx(exact, rel=0.06)
    assert exact <= share


def test_with_less_than_one_row_expected_it_is_the_smallest() -> None:
    sample = score_sample(np.array([-0.4, -0.7, -0.5]))
    assert threshold_at(sample, 0.0) == threshold_at(sample, 0.2) == -0.7
    assert threshold_at(sample, 0.5) == -0.5
    assert threshold_at(sample, 1.0) == -0.4
    assert threshold_at(np.array([-0.5]), 0.01) == -0.5


def test_many_scores_are_thinned_and_keep_their_ends() -> None:
    scores = np.random.default_rng(0).random(50_000)
    sample = score_sample(scores)
    assert len(sample) == MOST_SCORES
    assert (sample[0], sample[-1]) == (scores.min(), scores.max())
    assert np.mean(scores < threshold_at(sample, 0.01)) == pytest.approx(0.01, abs=1.5e-4)


def test_contamination_is_a_percentile() -> None:
    scores = np.random.default_rng(0).random(1_001)
    assert contamination_offset(scores, 0.1, auto=-0.5) == np.sort(scores)[100]
    assert contamination_offset(scores, "auto", auto=-0.5) == -0.5
