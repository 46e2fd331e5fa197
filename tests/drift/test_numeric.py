"""The judge of numbers: its p-values against scipy, and what own windows change."""

import numpy as np
import pytest
from scipy import stats

from mirante.drift.numeric import NumericJudge
from mirante.profiles import NumericProfile


def profiles(base, *windows):
    first = NumericProfile.of("x", base)
    return first, *(NumericProfile.of("x", window, like=first) for window in windows)


def test_scores_against_scipy_on_the_raw_values():
    rng = np.random.default_rng(0)
    base, values = rng.normal(size=4000), rng.normal(0.2, 1.1, 700)
    first, window = profiles(base, values)
    found = NumericJudge(first, ()).judge(window, 0.01, 0.03)
    assert found.scores["ks"] == pytest.approx(stats.ks_2samp(base, values).statistic, abs=1e-12)
    expected = stats.wasserstein_distance(base, values) / base.std()
    assert found.scores["wasserstein"] == pytest.approx(expected, rel=0.01)
    walls = np.r_[-np.inf, np.quantile(base, np.arange(1, 10) / 10, method="inverted_cdf"), np.inf]
    p, q = (np.histogram(-side, -walls[::-1])[0][::-1] / side.size for side in (base, values))  # (a, b] bins
    extra = np.count_nonzero(values < base.min()) + np.count_nonzero(values > base.max())
    assert found.scores["psi"] == pytest.approx(np.sum((q - p) * np.log(q / p)), abs=0.01 * (1 + extra))


def test_own_windows_that_are_alike_change_little_and_others_much():
    rng = np.random.default_rng(1)
    for effect, low, high in ((0.0, 1.0, 1.6), (0.5, 2.5, 20.0)):
        days = [rng.normal(rng.normal(0, effect), 1, 500) for _ in range(31)]
        first, window, *own = profiles(np.concatenate(days), rng.normal(size=500), *days)
        plain = NumericJudge(first, ()).judge(window, 0.01, 0.0)
        held = NumericJudge(first, own).judge(window, 0.01, 0.0)
        assert low * 0.9 < held.smallest_effect / plain.smallest_effect < high
        assert held.effect == plain.effect


def test_six_own_windows_are_too_few_to_count():
    rng = np.random.default_rng(2)
    days = [rng.normal(day, 1, 200) for day in range(6)]
    first, window, *own = profiles(np.concatenate(days), days[0], *days)
    assert NumericJudge(first, own).judge(window, 0.01, 0.03) == NumericJudge(first, ()).judge(
        window, 0.01, 0.03
    )


@pytest.mark.parametrize(
    ("base", "now", "direction"),
    [
        ([1.0, 2.0, 3.0] * 50, [11.0, 12.0, 13.0] * 50, "median 2 -> 12"),
        ([0.0] * 60 + [5.0] * 40, [0.0] * 60 + [50.0] * 40, "mean 2 -> 20"),
        ([-1.0, 0.0, 1.0] * 50, [-3.0, 0.0, 3.0] * 50, "standard deviation 0.816 -> 2.45"),
        ([7.0] * 9, [7.0] * 9, "median 7 -> 7"),
    ],
)
def test_direction_names_what_moved(base, now, direction):
    first, window = profiles(np.array(base), np.array(now))
    assert NumericJudge(first, ()).judge(window, 0.01, 0.03).direction == direction


def test_infinities_shift_the_ks_distance_and_not_the_wasserstein():
    base = np.r_[np.arange(100.0), np.inf]
    first, window = profiles(base, np.r_[np.arange(100.0), [np.inf] * 100])
    found = NumericJudge(first, ()).judge(window, 0.01, 0.03)
    assert found.effect == pytest.approx(0.5 - 1 / 101)
    assert found.scores["wasserstein"] == pytest.approx(0.0, abs=1e-12)
