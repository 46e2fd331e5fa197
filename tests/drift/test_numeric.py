"""The tests of numbers: p-values against scipy, ranks against counts, and what own windows change."""

import numpy as np
import pytest
from scipy import stats

from mirante.drift.cells import Cells, Counts
from mirante.drift.monitor import DriftMonitor
from mirante.drift.numeric import NumericReference, NumericTests, numeric_spread
from mirante.profiles import TableProfile
from mirante.stats.twosample import rank_skew, tie_variance

RNG = np.random.default_rng(0)


def prepared(base, window):
    """Return the tests, and what they need of a window."""
    profile = TableProfile.of(base)
    cells = Cells(profile)
    tests = NumericTests(cells, NumericReference.of(cells, Counts.of(profile)))
    counts = Counts.of(TableProfile.of(window, like=profile))
    return tests, counts, *cells.running(counts.cells)


def judged(base, window):
    tests, counts, local, n = prepared(base, window)
    n, sums, _, mass, upto = tests.vector(counts, local, n)
    variance, skew = tests.ranks(n[None], mass[None], upto[None])
    return tests.judge(n[None], tests.distances(local, n)[None], sums[None], variance, skew, None)


TIED = {"wide": RNG.normal(size=900), "whole": np.round(RNG.normal(size=900)), "rare": RNG.random(900) < 0.03}
TIED["rare"] = TIED["rare"].astype(float)
NOW = {
    "wide": RNG.normal(0.2, 1, 300),
    "whole": np.round(RNG.normal(0.2, 1, 300)),
    "rare": (RNG.random(300) < 0.06).astype(float),
}


def test_distance_and_superiority_are_scipys():
    found = judged(TIED, NOW)
    for place, name in enumerate(TIED):
        base, now = TIED[name], NOW[name]
        assert found.distance[0, place] == pytest.approx(stats.ks_2samp(base, now).statistic, abs=1e-12)
        u = stats.mannwhitneyu(now, base).statistic / (base.size * now.size)
        assert found.above[0, place] == pytest.approx(u, abs=1e-12)


def test_the_rank_test_is_mann_whitneys_where_ranks_are_not_skewed():
    base, now = RNG.normal(size=800), RNG.normal(0.15, 1, 800)
    found = judged({"x": base}, {"x": now})
    expected = stats.mannwhitneyu(now, base, method="asymptotic", use_continuity=False).pvalue
    assert found.p_rank[0, 0] == pytest.approx(expected, rel=0.01)
    assert found.p_ks[0, 0] == pytest.approx(stats.ks_2samp(base, now, method="asymp").pvalue, rel=0.1)


def test_variance_and_skewness_of_ranks_need_the_atoms_only():
    tests, counts, local, n = prepared(TIED, NOW)
    n, _, _, mass, upto = tests.vector(counts, local, n)
    variance, skew = tests.ranks(n[None], mass[None], upto[None])
    cells, start = counts.cells + Counts.of(TableProfile.of(TIED)).cells, tests.cells.layout.cell_start
    for place in range(3):
        part = cells[start[place] : start[place + 1]]
        assert variance[0, place] == pytest.approx(tie_variance(part), rel=1e-4)
        assert skew[0, place] == pytest.approx(rank_skew(part), rel=1e-3, abs=1e-3)


def test_the_grid_loses_no_more_than_a_third_digit():
    base = {"x": RNG.lognormal(size=20_000)}
    for shift in (0.0, 0.1, 0.5):
        tests, counts, local, n = prepared(base, {"x": RNG.lognormal(shift, 1, 500)})
        grid = tests.vector(counts, local, n)[2]
        exact = tests.distances(local, n)[0]
        assert exact - 4e-3 <= tests.pooled_distances(grid[None], n[None])[0, 0] <= exact + 1e-12


def test_a_window_larger_than_the_baseline_counts_for_no_more_than_it():
    base, now = RNG.normal(size=1_000), RNG.normal(0.15, 1, 100_000)
    found = judged({"x": base}, {"x": now})
    assert found.p_rank[0, 0] > 3 * stats.mannwhitneyu(now, base).pvalue
    assert found.p_ks[0, 0] > 3 * stats.ks_2samp(base, now).pvalue


def days(effect, count=31):
    return [RNG.normal(RNG.normal(0, effect), 1, 500) for _ in range(count)]


def test_own_windows_that_are_alike_change_little_and_others_much():
    for effect, low, high in ((0.0, 0.7, 1.5), (0.5, 2.5, 20.0)):
        own = days(effect)
        base = TableProfile.of({"x": np.concatenate(own)})
        window = TableProfile.of({"x": RNG.normal(size=500)}, like=base)
        windows = [TableProfile.of({"x": day}, like=base) for day in own]
        plain = DriftMonitor(base, floor=0.0).update(window).columns["x"]
        held = DriftMonitor(base, own_windows=windows, floor=0.0).update(window).columns["x"]
        assert low < held.smallest_effect / plain.smallest_effect < high
        assert held.effect == plain.effect


def test_the_spread_of_windows_is_that_of_their_mean_ranks():
    own = days(0.3, 60)
    base = TableProfile.of({"x": np.concatenate(own)})
    whole = Counts.of(base)
    counts = [Counts.of(TableProfile.of({"x": day}, like=base)) for day in own]
    spread = numeric_spread(Cells(base), ((one, whole - one) for one in counts), 59)
    every = np.concatenate(own)
    ranks = [stats.rankdata(every)[i * 500 : i * 500 + 500].mean() / every.size - 0.5 for i in range(60)]
    expected = np.var(ranks, ddof=1) - 1 / 12 / 500
    assert spread.rank.between[0] == pytest.approx(expected, rel=0.1)
    assert numeric_spread(Cells(base), (), 0) is None


def test_sampling_moves_a_column_of_few_values_less():
    """A bridge seen at two values is one normal number; at many it is Kolmogorov's."""
    rng = np.random.default_rng(5)
    base = TableProfile.of({"wide": rng.normal(size=5_000), "coin": (rng.random(5_000) < 0.3).astype(float)})
    whole, window = Counts.of(base), Counts.of(base)
    spread = numeric_spread(Cells(base), [(window, whole)], 1).distance
    np.testing.assert_allclose(spread.unit, [np.pi**2 / 12, 0.21], rtol=0.15)
    np.testing.assert_allclose(spread.terms, [5.0, 1.0], rtol=0.25)
