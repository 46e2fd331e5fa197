"""Distances equal scipy or a closed form, on counts and on counts of raw samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.spatial import distance

from mirante.errors import InputError
from mirante.stats import distances
from mirante.stats.histograms import cells, choose_edges, side_counts, tally

SAMPLE = st.lists(st.integers(-4, 4) | st.floats(-10, 10), min_size=1, max_size=40)


def test_equal_scipy_on_random_counts():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 50, (2, 12)) + np.array([[1], [1]])
        p, q = a / a.sum(), b / b.sum()
        assert distances.jensenshannon(a, b) == pytest.approx(distance.jensenshannon(p, q, 2), abs=1e-12)
        assert distances.kl(a, b) == pytest.approx(stats.entropy(q, p), abs=1e-12)
        assert distances.psi(a, b) == pytest.approx(stats.entropy(q, p) + stats.entropy(p, q), abs=1e-12)
        assert distances.hellinger(a, b) == pytest.approx(np.sqrt(1 - np.sqrt(p * q).sum()), abs=1e-12)
        assert distances.total_variation(a, b) == pytest.approx(0.5 * distance.cityblock(p, q), abs=1e-12)
        assert distances.l_infinity(a, b) == pytest.approx(distance.chebyshev(p, q), abs=1e-12)
        x = rng.normal(size=12)
        assert distances.wasserstein(x, a, b) == pytest.approx(
            stats.wasserstein_distance(x, x, a, b), abs=1e-12
        )


@settings(deadline=None)
@given(SAMPLE, SAMPLE)
def test_equal_scipy_on_the_counts_of_raw_samples(a, b):
    points = np.unique(np.r_[a, b])
    p, q = (np.array([np.count_nonzero(np.equal(side, x)) for x in points]) for side in (a, b))
    assert distances.wasserstein(points, p, q) == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-9)
    assert distances.kl(p, q) == pytest.approx(stats.entropy(q, p), abs=1e-12)
    # a root makes 1e-8 of the last digit where the sides are nearly equal: compare what is under it
    js, expected = distances.jensenshannon(p, q), distance.jensenshannon(p, q, 2)
    assert js**2 == pytest.approx(np.nan_to_num(expected) ** 2, abs=1e-12)
    p, q = p / p.sum(), q / q.sum()
    assert distances.hellinger(p, q) ** 2 == pytest.approx(1 - np.sqrt(p * q).sum(), abs=1e-12)
    assert distances.total_variation(p, q) == pytest.approx(0.5 * distance.cityblock(p, q), abs=1e-12)
    assert distances.l_infinity(p, q) == pytest.approx(distance.chebyshev(p, q), abs=1e-12)


@settings(deadline=None)
@given(SAMPLE, SAMPLE)
def test_a_profiles_cells_give_what_the_values_give(a, b):
    """Open bin, edge, open bin, …: where the window has only the baseline's values, nothing is lost."""
    base = np.array(a, float)
    window = base[np.arange(len(b)) % base.size]
    edges = choose_edges(base)
    p, q = (np.diff(cells(*side_counts(side, edges), side.size), prepend=0) for side in (base, window))
    points = np.unique(base)
    direct = [np.array([np.count_nonzero(side == x) for x in points]) for side in (base, window)]
    for name, measure in distances.DISTANCES.items():
        assert measure(p, q) == pytest.approx(measure(*direct), abs=1e-12), name


@pytest.mark.parametrize("shift", [0.1, 0.5, 1.0, 2.0])
def test_two_unit_normals_have_the_closed_forms(shift):
    edges = np.linspace(-5, 5 + shift, 4000)  # beyond, a difference of F has too few digits
    p, q = (np.diff(special.ndtr(np.r_[-np.inf, edges - mean, np.inf])) for mean in (0.0, shift))
    found = {name: measure(p, q) for name, measure in distances.DISTANCES.items()}
    assert found["kl"] == pytest.approx(shift**2 / 2, rel=1e-3)
    assert distances.psi(p, q, prior=0.0) == pytest.approx(shift**2, rel=1e-3)
    assert found["hellinger"] == pytest.approx(np.sqrt(1 - np.exp(-(shift**2) / 8)), rel=1e-3)
    assert found["total_variation"] == pytest.approx(2 * special.ndtr(shift / 2) - 1, rel=1e-3)
    # JS has none: between the two bounds that the total variation sets (Lin, 1991; Pinsker)
    js, tv = found["jensenshannon"] ** 2, found["total_variation"]
    assert tv**2 / (2 * np.log(2)) <= js <= tv
    middle = (np.r_[edges[0], edges] + np.r_[edges, edges[-1]]) / 2
    assert distances.wasserstein(middle, p, q) == pytest.approx(shift, rel=1e-3)


@pytest.mark.parametrize("bins", [10, 20, 50, 100])
@pytest.mark.parametrize("rows", [(1000, 1000), (5000, 500), (50_000, 50_000)])
def test_psi_of_two_unit_normals_one_sigma_apart_is_near_one(bins, rows):
    """Over quantiles of the baseline and over equal widths, of which many bins are empty on one side."""
    rng = np.random.default_rng(bins + rows[0])
    base, window = rng.normal(0, 1, rows[0]), rng.normal(1, 1, rows[1])
    low, high = min(base.min(), window.min()), max(base.max(), window.max())
    empty = 0
    for edges in (np.quantile(base, np.arange(1, bins) / bins), np.linspace(low, high, bins + 1)[1:-1]):
        p, q = (np.bincount(np.searchsorted(edges, side), minlength=bins) for side in (base, window))
        empty += np.count_nonzero((p == 0) != (q == 0))
        assert 0.75 < distances.psi(p, q) < 1.4
        assert distances.psi(p, q, prior=1e-300) > 1.5 or not ((p == 0) != (q == 0)).any()
    assert empty > 0 or bins == 10, "else the prior has nothing to do"


def test_psi_between_samples_of_one_distribution_is_what_bins_and_rows_make_it():
    rng = np.random.default_rng(1)
    shares = np.full(10, 0.1)
    found = [distances.psi(rng.multinomial(5000, shares), rng.multinomial(500, shares)) for _ in range(500)]
    assert np.mean(found) == pytest.approx(9 * (1 / 5000 + 1 / 500), rel=0.1)


def test_hellinger_closed_form():
    assert distances.hellinger([1, 3], [3, 1]) == pytest.approx(np.sqrt(1 - 2 * np.sqrt(3 / 16)), abs=1e-12)


def test_an_empty_bin_is_half_a_row_and_not_a_catastrophe():
    found = distances.psi([1000, 0], [990, 10])
    p, q = np.array([1.0, 0.5 / 1000]), np.array([0.99, 0.01])
    assert found == pytest.approx(np.sum((q - p) * np.log(q / p)), abs=1e-12)
    assert found < 0.05
    assert distances.psi([1000, 0], [990, 10], prior=0.0) == np.inf
    assert distances.psi([5, 5, 0], [5, 5, 0]) == 0.0
    with pytest.raises(
        InputError, match="prior is -1; it is the number of rows that an empty bin is taken for"
    ):
        distances.psi([1, 0], [1, 1], prior=-1)


def test_kl_takes_the_same_prior_when_asked():
    assert distances.kl([1000, 0], [990, 10]) == np.inf
    p, q = np.array([1.0, 0.5 / 1000]), np.array([0.99, 0.01])
    assert distances.kl([1000, 0], [990, 10], prior=0.5) == pytest.approx(
        np.sum(q * np.log(q / p)), abs=1e-12
    )
    assert distances.kl([990, 10], [1000, 0]) == pytest.approx(np.log(1 / 0.99), abs=1e-12)


def test_wasserstein_from_edges_and_sums_equals_scipy_when_all_values_are_edges():
    rng = np.random.default_rng(5)
    base, window = rng.gamma(2, 3, 400), np.r_[rng.gamma(2, 3, 90) + 1.5, [-4.0, 200.0]]
    edges = choose_edges(base)
    sides = []
    for values in (base, window):
        t = tally(values, edges)
        sides.append((t.below / t.n, t.upto / t.n, t.sums / t.n))
    found = distances.wasserstein_binned(edges, *sides)
    expected = stats.wasserstein_distance(base, window)
    assert found <= expected + 1e-9
    assert found == pytest.approx(expected, rel=0.01)


def test_wasserstein_needs_a_point_per_bin():
    with pytest.raises(InputError, match="2 points for 3 bins"):
        distances.wasserstein([0, 1], [1, 1, 1], [1, 1, 1])
    with pytest.raises(InputError, match="give one finite point for each bin"):
        distances.wasserstein([0, np.inf], [1, 1], [1, 1])
