import math

import numpy as np
import pytest
from scipy import stats

from mirante.monitors.limits.share import ShareLimit


def test_without_own_windows_the_limit_is_the_binomials_within_its_approximation():
    limit = ShareLimit.learn(2_000, 100_000)  # 2 %, known well
    judged = limit.judge(0, 1_000, level=0.001, floor=0.0)
    exact = stats.binom.ppf(0.999, 1_000, 0.02) / 1_000
    assert judged.upper == pytest.approx(exact, rel=0.1)
    assert not judged.beyond


def test_p_value_is_uniform_where_only_sampling_is_at_work():
    rng = np.random.default_rng(1)
    limit = ShareLimit.learn(10_000, 100_000)
    found = [limit.judge(int(hits), 2_000, level=0.01, floor=0.0) for hits in rng.binomial(2_000, 0.1, 4_000)]
    assert 0.005 < np.mean([one.beyond for one in found]) < 0.017
    assert stats.kstest([one.p_value for one in found], "uniform").statistic < 0.05


def test_own_windows_that_differ_widen_the_limit():
    still = ShareLimit.learn(300, 10_000, [(30, 1_000)] * 10)
    days = ShareLimit.learn(300, 10_000, [(0, 1_000), (60, 1_000)] * 5)
    assert still.between == 0.0
    assert (
        days.judge(70, 1_000, level=0.01, floor=0.0).upper
        > still.judge(70, 1_000, level=0.01, floor=0.0).upper
    )
    assert still.judge(70, 1_000, level=0.01, floor=0.0).beyond
    assert not days.judge(70, 1_000, level=0.01, floor=0.0).beyond


def test_fewer_rows_than_usual_are_never_beyond():
    judged = ShareLimit.learn(5_000, 10_000).judge(0, 10_000, level=0.2, floor=0.0)
    assert not judged.beyond
    assert judged.p_value > 0.99


def test_a_difference_below_the_floor_is_not_told_however_certain():
    limit = ShareLimit.learn(0, 1_000_000)
    assert not limit.judge(9_000, 1_000_000, level=0.01, floor=0.01).beyond
    assert limit.judge(11_000, 1_000_000, level=0.01, floor=0.01).beyond


@pytest.mark.parametrize(("limit", "rows"), [(ShareLimit.learn(0, 0), 10), (ShareLimit.learn(1, 10), 0)])
def test_without_rows_nothing_is_known(limit, rows):
    judged = limit.judge(0, rows, level=0.01, floor=0.01)
    assert not judged.beyond
    assert math.isnan(judged.value) or not rows


def test_the_judgement_agrees_with_its_own_limit():
    limit = ShareLimit.learn(40, 4_000, [(4, 400)] * 10)
    judged = [limit.judge(hits, 500, level=0.001, floor=0.01) for hits in range(60)]
    for one in judged:
        assert one.beyond == (one.value > one.upper) or abs(one.value - one.upper) < 1e-9
