"""Jensen-Shannon divergence bin by bin, and what chance makes of it."""

import numpy as np
import pytest
from scipy.spatial import distance

from mirante.errors import InputError
from mirante.stats.distances import jensenshannon
from mirante.stats.divergence import chance_terms, divergence_terms


def test_the_terms_add_up_to_scipys_divergence():
    rng = np.random.default_rng(1)
    for bins in (2, 10, 300):
        before, after = rng.integers(0, 50, bins), rng.integers(0, 50, bins)
        terms = divergence_terms(before, after)
        assert (terms >= 0).all()
        assert terms.sum() == pytest.approx(distance.jensenshannon(before, after, base=2) ** 2, abs=1e-12)
        assert terms.sum() == pytest.approx(jensenshannon(before, after) ** 2, abs=1e-12)


def test_equal_shares_are_0_and_separate_ones_1():
    assert divergence_terms([1, 2, 3], [10, 20, 30]).tolist() == [0, 0, 0]
    assert divergence_terms([5, 0], [0, 9]).sum() == 1.0


@pytest.mark.parametrize(
    ("m", "n", "bins"),
    [(5000, 500, 10), (50_000, 100, 300), (200, 20, 10), (20, 20, 10), (3, 2, 3), (5000, 5000, 10)],
)
def test_chance_is_the_mean_under_no_drift(m, n, bins):
    rng = np.random.default_rng(7)
    shares = rng.dirichlet(np.full(bins, 0.5))
    pairs = [(rng.multinomial(m, shares), rng.multinomial(n, shares)) for _ in range(600)]
    divergences = np.array([divergence_terms(*pair).sum() for pair in pairs])
    excess = divergences - [chance_terms(*pair).sum() for pair in pairs]
    error = excess.std() / np.sqrt(len(pairs))
    assert abs(excess.mean()) < 4 * error + 0.01 * divergences.mean()


def test_chance_of_few_rows_is_the_sum_over_all_deals():
    # 2 rows of one bin and 2 of another on sides of 2: the first has 0, 1 or 2 of its rows here, 1 : 4 : 1
    # (1, 1) is no divergence, the other two are a whole bit, half from each bin
    assert chance_terms([2, 0], [0, 2]) == pytest.approx([1 / 6, 1 / 6])


def test_chance_agrees_where_sum_and_formula_meet():
    # 19.9 and 20.1 rows promised to the smaller side
    below, above = (chance_terms([10 * t, 90_000], [t, 9_000])[0] for t in (18, 22))
    assert below == pytest.approx(above, rel=0.02)


def test_an_empty_bin_costs_nothing():
    assert chance_terms([5, 5, 0], [5, 5, 0])[2] == 0.0
    assert chance_terms([1], [1]).tolist() == [0.0]


def test_empty_sides_and_other_bins_are_refused():
    for terms in (divergence_terms, chance_terms):
        with pytest.raises(InputError, match="no rows"):
            terms([0, 0], [1, 2])
        with pytest.raises(InputError, match="2 bins and current has 3"):
            terms([0, 1], [1, 2, 3])
