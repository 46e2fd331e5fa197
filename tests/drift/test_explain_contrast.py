"""Inside against outside, and mix against inside, on counts."""

import numpy as np
import pytest
from scipy import stats

from mirante.drift.explain.contrast import contrast, log_p, mix, unexplained

GRID = np.quantile(np.random.default_rng(0).normal(size=10_000) * 3, np.linspace(0.005, 0.995, 150))


def counts(values):
    return np.bincount(np.searchsorted(GRID, values), minlength=GRID.size + 1).astype(float)


def test_effects_are_the_known_distances():
    before, after = np.array([[40.0, 40.0, 20.0]]), np.array([[10.0, 50.0, 40.0]])
    ordered = contrast(before, after, before, before, ordered=True)
    assert ordered.inside[0] == pytest.approx(0.3)
    assert (ordered.outside[0], ordered.cells) == (0.0, 2)
    plain = contrast(before, after, before, before, ordered=False)
    assert plain.inside[0] == pytest.approx(0.3)
    assert plain.cells == 3


def test_z_is_nearly_the_known_one_for_many_rows():
    # shares .3 -> .5 inside and .3 -> .3 outside
    sides = [np.array([[p * n, (1 - p) * n]]) for p, n in ((0.3, 4e4), (0.5, 1e4), (0.3, 9e4), (0.3, 9e4))]
    wanted = 0.2 / np.sqrt(0.25 / 4e4 + 0.25 / 1e4 + 0.25 / 9e4 + 0.21 / 9e4)
    assert contrast(*sides, ordered=True).z[0] == pytest.approx(wanted, rel=0.03)


@pytest.mark.parametrize(("n", "p"), [(30, 0.5), (30, 0.05), (200, 0.02)])
def test_z_is_not_bold_in_small_slices(n, p):
    rng = np.random.default_rng(2)
    rows = [rng.binomial(size, p, 40_000) for size in (10 * n, n, 100 * n, 10 * n)]
    sides = [
        np.stack([hit, size - hit], axis=1).astype(float)
        for hit, size in zip(rows, (10 * n, n, 100 * n, 10 * n), strict=True)
    ]
    z = contrast(*sides, ordered=True).z
    assert np.mean(z > 3.2905) < 0.002  # 0.001 by the normal law
    assert np.mean(z > 4.0) < 0.0004


def test_excess_is_what_chance_does_not_make():
    rng = np.random.default_rng(3)
    before, after = (np.array([counts(3 * rng.normal(size=n)) for _ in range(200)]) for n in (2000, 200))
    for ordered in (True, False):
        seen = contrast(before, after, before, before, ordered=ordered)
        noise = seen.inside[seen.inside_excess > 0] - seen.inside_excess[seen.inside_excess > 0]
        assert seen.inside.mean() == pytest.approx(noise.mean(), rel=0.1)


@pytest.mark.parametrize("change", [lambda x: x + 1, lambda x: 1.5 * x, np.arctan])
def test_one_change_of_all_values_explains_slices_that_differ(change):
    rng = np.random.default_rng(4)
    inside, outside = rng.normal(1.0, 1.0, 40_000), rng.normal(0.0, 3.0, 40_000)
    same = [counts(part) for part in (inside, change(inside), outside, change(outside))]
    assert unexplained(*same, GRID) < 0.05
    assert unexplained(same[0], same[1], same[2], same[2], GRID) > 0.1


def test_a_shift_is_explained_where_the_outside_has_no_rows():
    rng = np.random.default_rng(5)
    inside, outside = rng.normal(5.0, 0.5, 40_000), rng.normal(-2.0, 1.0, 40_000)
    assert unexplained(*(counts(part) for part in (inside, inside + 1, outside, outside + 1)), GRID) < 0.1


def test_equal_odds_explain_shares_that_differ():
    none = np.empty(0)
    inside, outside = np.array([400.0, 600.0]), np.array([4000.0, 46_000.0])
    odds = [np.array([3.0 * part[0], part[1]]) for part in (inside, outside)]
    assert unexplained(inside, odds[0], outside, odds[1], none) < 1e-9
    assert unexplained(inside, odds[0], outside, outside, none) > 0.2


def test_a_level_that_the_baseline_lacks_came_alike_or_did_not():
    none = np.empty(0)
    before, rest = np.array([500.0, 0.0]), np.array([4000.0, 2.0])
    assert unexplained(
        before, np.array([300.0, 200.0]), rest, np.array([600.0, 400.0]), none
    ) == pytest.approx(0)
    assert unexplained(before, np.array([300.0, 200.0]), rest, np.array([990.0, 10.0]), none) > 0.3


def test_mix_and_rest_add_up():
    rng = np.random.default_rng(6)
    before, after = rng.integers(1, 50, (4, 2)).astype(float), rng.integers(1, 50, (4, 2)).astype(float)
    found = mix(before, after, ordered=True)
    share = lambda table: table[:, 0] / table.sum(axis=1)  # noqa: E731 - a formula, not a function
    was, now = before.sum(axis=1) / before.sum(), after.sum(axis=1) / after.sum()
    assert found.total == pytest.approx(abs((now * share(after) - was * share(before)).sum()))
    assert found.moved == pytest.approx(abs(((now - was) * share(before)).sum()))
    assert found.left == pytest.approx(abs((now * (share(after) - share(before))).sum()))


def test_a_new_slot_is_all_mix():
    before, after = np.array([[50.0, 50.0], [0.0, 0.0]]), np.array([[25.0, 25.0], [0.0, 50.0]])
    found = mix(before, after, ordered=True)
    assert (found.total, found.moved, found.left, found.slot) == (0.25, 0.25, 0.0, 0)


def test_mix_z_is_not_bold_when_slots_do_not_matter():
    rng = np.random.default_rng(7)
    found = []
    for _ in range(3000):
        sides = [
            np.array([[hit, n - hit] for n, hit in zip(rows, rng.binomial(rows, 0.3), strict=True)], float)
            for rows in ([500, 300, 200], [100, 100, 300])
        ]
        found.append(mix(*sides, ordered=True).z)
    assert np.mean(np.array(found) > 1.96) < 0.07


def test_p_is_two_sided_and_counts_the_looks():
    assert np.exp(log_p(3.0, 1)) == pytest.approx(2 * stats.norm.sf(3.0))
    assert np.exp(log_p(3.0, 20)) == pytest.approx(40 * stats.norm.sf(3.0))
    assert np.exp(log_p(0.1, 20)) == 1.0
    assert np.isfinite(log_p(60.0, 10**6))
