"""Sums without rounding."""

import math
from fractions import Fraction

import numpy as np
import pytest

from mirante.stats.exact import centre_and_unit, exact_sum, mean_of, squares_about, unit_of


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.0, -0.0, 0.0],
        [5e-324, 1e-310, -3e-320, 1.7e308, -2.0],
        [1e16, 1.0, -1e16, 1e-16],
        np.random.default_rng(0).normal(size=1_000)
        * 10.0 ** np.random.default_rng(1).integers(-300, 300, 1_000),
    ],
)
def test_a_sum_is_that_of_fractions(values):
    values = np.asarray(values, np.float64)
    assert Fraction(exact_sum(values), 1 << 1200) == sum(map(Fraction, values.tolist()), Fraction(0))


def test_parts_in_any_order_are_the_whole():
    rng = np.random.default_rng(2)
    values = rng.lognormal(0, 20, 300_000)  # more than a block
    parts = np.array_split(rng.permutation(values), 7)
    assert sum(map(exact_sum, parts)) == exact_sum(values)
    assert mean_of(exact_sum(values), values.size) == math.fsum(values) / values.size
    shift, scale = centre_and_unit(values)
    assert sum(squares_about(part, shift) for part in parts) == squares_about(values, shift)
    assert (shift, scale) == centre_and_unit(rng.permutation(values))
    assert scale == pytest.approx(values.std(), rel=1e-12)


def test_what_has_no_spread():
    assert centre_and_unit(np.full(5, 0.1)) == (0.1, 1.0), "numpy's std of these is 1e-17"
    assert centre_and_unit(np.array([1e300, -1e300])) == (0.0, 1.0), "squares are beyond float64"
    assert unit_of(None, 3) == 1.0
    assert mean_of(0, 0) == 0.0
