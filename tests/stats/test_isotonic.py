"""Rising curves are those of scikit-learn where groups are single values, and no single row makes an end."""

import numpy as np
from sklearn.isotonic import IsotonicRegression

from mirante.stats.isotonic import LEAST_GROUP, MOST_GROUPS, Curves, rising_curves


def test_curves_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 100, 20_000) / 100  # 200 rows of each value: a group is one value
    y = (rng.random(20_000) < x**2).astype(float)
    curves = rising_curves(x, [y, 2 * y])
    expected = IsotonicRegression(out_of_bounds="clip").fit(x, y)
    asked = np.array([-1.0, 0.0, 0.333, 0.5, 0.987, 7.0])
    np.testing.assert_allclose(curves.at(asked)[:, 0], expected.predict(asked), atol=1e-12)
    np.testing.assert_allclose(curves.at(asked)[:, 1], 2 * expected.predict(asked), atol=1e-12)


def test_groups_are_neither_small_nor_many():
    rng = np.random.default_rng(2)
    for rows, equal in ((19, 0), (20, 0), (39, 0), (59, 0), (2_500, 0), (50_000, 0), (2_500, 700)):
        x = rng.random(rows)
        x[:equal] = 0.5
        curves = rising_curves(x, [x])
        assert len(curves.knots) <= max(MOST_GROUPS, 1)
        assert len(curves.knots) <= max(rows // LEAST_GROUP, 1)
        assert (np.diff(curves.knots) > 0).all()
        assert (np.diff(curves.values[:, 0]) >= 0).all()


def test_one_row_at_the_end_does_not_make_the_end():
    y = np.zeros(1_000)
    y[-1] = 1_000.0
    assert rising_curves(np.arange(1_000.0), [y]).at([1e9])[0, 0] <= 1_000.0 / LEAST_GROUP


def test_one_knot_and_no_point():
    curves = Curves(np.array([3.0]), np.array([[5.0, 6.0]]))
    assert curves.at([-1.0, 9.0]).tolist() == [[5.0, 6.0]] * 2
    assert curves.at([]).shape == (0, 2)
    assert rising_curves([0.0, 1.0], [[0.0, 1.0]]).at([]).shape == (0, 1)


def test_nan_stays_nan():
    assert np.isnan(rising_curves(np.arange(100.0), [np.arange(100.0)]).at([np.nan])).all()
