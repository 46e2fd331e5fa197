"""Robust z: the formula, what it does where there is no spread, and thresholds from counts."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from scipy.stats import norm

from mirante.errors import InputError
from mirante.outliers.robust import LARGEST, LevelScale, NumberScale, RobustZ
from mirante.outliers.rows import Rows
from mirante.profiles import NumericProfile, TableProfile


def _scale(values: object) -> NumberScale:
    return NumberScale.of(NumericProfile.of("x", np.asarray(values, np.float64)))


def _fitted(table: dict[str, object]) -> RobustZ:
    return RobustZ.of(TableProfile.of(table))


def test_the_formula() -> None:
    values = np.random.default_rng(0).lognormal(size=4_001)
    scale = _scale(values)
    median, low, high = np.quantile(values, [0.5, 0.05, 0.95], method="inverted_cdf")
    assert scale.centre == median
    assert scale.above == pytest.approx((high - median) / norm.ppf(0.95), rel=1e-9)
    assert scale.below == pytest.approx((median - low) / norm.ppf(0.95), rel=1e-9)
    found = scale.z(np.array([median, high, low, median + 3 * scale.above, np.nan]))
    assert found[:4] == pytest.approx([0.0, norm.ppf(0.95), -norm.ppf(0.95), 3.0])
    assert np.isnan(found[4])


def test_a_normal_column_has_its_standard_deviation() -> None:
    values = np.random.default_rng(0).normal(40.0, 10.0, 50_000)
    scale = _scale(values)
    assert (scale.centre, scale.below, scale.above) == pytest.approx((40.0, 10.0, 10.0), rel=0.02)


def test_four_percent_of_gross_errors_hardly_move_it() -> None:
    values = np.random.default_rng(0).normal(size=5_000)
    values[:200] = 9_999.0
    scale = _scale(values)
    assert scale.above < 1.6
    assert scale.z(np.array([9_999.0]))[0] > 1_000


@pytest.mark.parametrize(("zeros", "p"), [(960, 0.99), (995, 0.999)])
def test_where_most_values_are_one_it_looks_further_out(zeros: int, p: float) -> None:
    values = np.r_[np.zeros(zeros), np.arange(1.0, 1_001 - zeros)]
    scale = _scale(values)
    far = np.quantile(values, p, method="inverted_cdf")
    assert scale.centre == 0.0
    assert scale.above == pytest.approx(far / norm.ppf(p), rel=0.02)
    assert scale.below == scale.above  # no value below the median: the other side's


def test_one_other_value_in_many_is_the_largest_of_so_many() -> None:
    scale = _scale(np.r_[np.zeros(99_999), 7.0])
    assert scale.above == pytest.approx(7.0 / norm.ppf(100_000 / 100_001))


@pytest.mark.parametrize("constant", [0.0, 5.5, -1e300])
def test_what_differs_from_a_constant_is_as_far_as_can_be(constant: float) -> None:
    scale = _scale([constant] * 10)
    above, below = np.nextafter(constant, np.inf), np.nextafter(constant, -np.inf)
    assert scale.z(np.array([constant, above, below])).tolist() == [0.0, LARGEST, -LARGEST]


@pytest.mark.parametrize(
    "values",
    [[1.0], [1.0, 2.0], [np.inf, 1.0, 2.0, 3.0], [-np.inf] * 5, [-1e308, 0.0, 1e308], [5e-324, 0.0, 1e-300]],
)
def test_odd_baselines_give_numbers(values: list[float]) -> None:
    z = _scale(values).z(np.array([*values, np.inf, -np.inf, 0.0]))
    assert np.isfinite(z).all()
    assert (np.abs(z) <= LARGEST).all()


def test_infinity_is_as_far_as_can_be() -> None:
    assert _scale([1.0, 2.0, 3.0]).z(np.array([np.inf, -np.inf])).tolist() == [LARGEST, -LARGEST]


def test_a_column_without_values_is_not_judged() -> None:
    model = _fitted({"gone": [np.nan] * 3, "text": [None, None, "a"], "x": [1.0, 2.0, 3.0]})
    scores, lacking = model.measure(Rows.of({"gone": [5.0], "text": ["a"], "x": [2.0]}))
    assert scores.tolist() == [0.0]
    assert lacking.tolist() == [True]


def test_rare_levels_are_as_strange_as_rare_values() -> None:
    levels = ["UA"] * 900 + ["AA"] * 60 + ["B6"] * 30 + ["HA"] * 10
    scale = LevelScale.of(TableProfile.of({"c": levels}).columns["c"])  # type: ignore[arg-type]  # it is text
    assert scale.z["UA"] == 0.0
    assert scale.z["AA"] == pytest.approx(norm.isf(0.1 / 2))
    assert scale.z["B6"] == pytest.approx(norm.isf(0.04 / 2))
    assert scale.z["HA"] == pytest.approx(norm.isf(0.01 / 2))
    assert scale.new == pytest.approx(norm.isf(1 / 1_001 / 2))


def test_equally_frequent_levels_are_all_ordinary() -> None:
    scale = LevelScale.of(TableProfile.of({"c": ["a", "b", "c", "d"]}).columns["c"])  # type: ignore[arg-type]  # it is text
    assert set(scale.z.values()) == {0.0}
    assert scale.new > 1.0


def test_a_row_is_as_strange_as_its_strangest_column() -> None:
    rng = np.random.default_rng(0)
    baseline = {"x": rng.normal(size=2_000), "ok": rng.random(2_000) < 0.99}
    model = _fitted(baseline)
    rows = Rows.of({"x": [0.0, -4.0, None, None], "ok": [True, True, False, None]})
    _, z, methods = model.reasons(rows)
    scores, lacking = model.measure(rows)
    assert scores.tolist() == (-z.max(axis=1)).tolist()
    assert methods == ["robust_z"] * 4
    assert lacking.tolist() == [False, False, True, True]
    assert scores[1] == pytest.approx(-4.0, rel=0.1)
    assert scores[2] == pytest.approx(-norm.isf(0.01 / 2), rel=0.1)
    assert scores[3] == 0.0


def test_dates_and_numbers_that_became_text() -> None:
    days = [dt.datetime(2013, 1, 1) + dt.timedelta(days=n) for n in range(101)]
    model = _fitted({"day": days, "x": np.arange(101.0)})
    rows = Rows.of({"day": [days[50], days[0] + dt.timedelta(days=9_999)], "x": ["50", "n/a"]})
    scores, lacking = model.measure(rows)
    assert scores[0] == 0.0
    assert scores[1] < -100
    assert lacking.tolist() == [False, True]


@pytest.mark.parametrize("columns", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_scores_from_counts_leave_at_most_their_share_below(seed: int, columns: int) -> None:
    rng = np.random.default_rng([seed, columns])
    rows = 1_000
    table: dict[str, object] = {
        f"x{n}": np.where(rng.random(rows) < 0.3 * n, 0.0, rng.standard_t(3, rows)) for n in range(columns)
    }
    table["level"] = rng.choice(["a", "b", "c", "d"], rows, p=[0.9, 0.07, 0.02, 0.01])
    table["x0"][::7] = np.nan  # type: ignore[index]  # an array
    profile = TableProfile.of(table)
    model = RobustZ.of(profile)
    ours, _ = model.measure(Rows.of(table))
    stand = model.scores_of(profile, rows)
    assert len(stand) == rows
    assert (np.diff(stand) >= 0).all()
    for place in (0, 1, 10, 50, 200, 999):
        assert np.sum(ours < stand[place]) <= place
    # and not far fewer, since strange values of different columns seldom meet
    assert np.sum(ours < stand[50]) >= 35


def test_scores_from_counts_of_one_column_are_those_of_its_rows() -> None:
    values = np.random.default_rng(0).normal(size=500)
    profile = TableProfile.of({"x": values})
    model = RobustZ.of(profile)
    ours, _ = model.measure(Rows.of({"x": values}))
    assert np.array_equal(np.sort(ours), model.scores_of(profile, 500))


def test_fewer_scores_than_rows() -> None:
    profile = TableProfile.of({"x": np.arange(1_000.0)})
    model = RobustZ.of(profile)
    whole, thin = model.scores_of(profile, 1_000), model.scores_of(profile, 100)
    assert len(thin) == 100
    assert np.array_equal(thin, whole[::10])


def test_coarse_counts_are_on_the_safe_side() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=50_000)  # more distinct values than a profile has edges
    profile = TableProfile.of({"x": values})
    model = RobustZ.of(profile)
    ours, _ = model.measure(Rows.of({"x": values}))
    stand = model.scores_of(profile, 1_001)
    for place in (1, 10, 100):
        share = np.mean(ours < stand[place])
        assert share <= place / 1_001
        assert share >= 0.5 * place / 1_001 - 0.003


@pytest.mark.parametrize("profile", [TableProfile.of({}), TableProfile.of({"x": []})])
def test_a_profile_that_says_nothing_is_refused(profile: TableProfile) -> None:
    with pytest.raises(InputError, match="the baseline needs"):
        RobustZ.of(profile)


def test_state_is_plain_and_comes_back() -> None:
    rng = np.random.default_rng(0)
    model = _fitted({"x": rng.normal(size=50), "c": ["a", "b"] * 25})
    again = RobustZ.from_state(model.state())
    rows = Rows.of({"x": [3.0, np.nan], "c": ["new", "a"]})
    assert np.array_equal(again.z(rows), model.z(rows), equal_nan=True)
    assert list(again.scales) == ["x", "c"]
