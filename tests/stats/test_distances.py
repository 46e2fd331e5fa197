"""Distances equal scipy or a closed form."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from mirante.errors import InputError
from mirante.stats import distances
from mirante.stats.histograms import choose_edges, tally


def test_equal_scipy_on_random_counts():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 50, (2, 12)) + np.array([[1], [1]])
        p, q = a / a.sum(), b / b.sum()
        assert distances.jensenshannon(a, b) == pytest.approx(distance.jensenshannon(p, q, 2), abs=1e-12)
        assert distances.kl(a, b) == pytest.approx(stats.entropy(q, p), abs=1e-12)
        assert distances.psi(a, b) == pytest.approx(stats.entropy(q, p) + stats.entropy(p, q), abs=1e-12)
        assert distances.total_variation(a, b) == pytest.approx(0.5 * distance.cityblock(p, q), abs=1e-12)
        assert distances.l_infinity(a, b) == pytest.approx(distance.chebyshev(p, q), abs=1e-12)
        x = rng.normal(size=12)
        assert distances.wasserstein(x, a, b) == pytest.approx(
            stats.wasserstein_distance(x, x, a, b), abs=1e-12
        )


def test_hellinger_closed_form():
    assert distances.hellinger([1, 3], [3, 1]) == pytest.approx(np.sqrt(1 - 2 * np.sqrt(3 / 16)), abs=1e-12)


def test_an_empty_bin_is_half_a_row_and_not_a_catastrophe():
    found = distances.psi([1000, 0], [990, 10])
    p, q = np.array([1.0, 0.5 / 1000]), np.array([0.99, 0.01])
    assert found == pytest.approx(np.sum((q - p) * np.log(q / p)), abs=1e-12)
    assert found < 0.05
    assert distances.psi([1000, 0], [990, 10], prior=0.0) == np.inf
    assert distances.psi([5, 5, 0], [5, 5, 0]) == 0.0


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


@pytest.mark.parametrize("name", list(distances.DISTANCES))
def test_wrong_input_says_what_to_do(name):
    measure = distances.DISTANCES[name]
    with pytest.raises(
        InputError, match="reference has 2 bins and current has 3; count both with the same edges"
    ):
        measure([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="current holds no rows"):
        measure([1, 2], [0, 0])
    with pytest.raises(InputError, match="negative"):
        measure([1, -2], [1, 1])


def test_wasserstein_needs_a_point_per_bin():
    with pytest.raises(InputError, match="2 points for 3 bins"):
        distances.wasserstein([0, 1], [1, 1, 1], [1, 1, 1])
