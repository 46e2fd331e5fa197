"""A reference made ready: one window and pools of windows are judged alike."""

import numpy as np

from mirante.drift.cells import Cells, Counts
from mirante.drift.sides import Own, Side, Sums
from mirante.profiles import TableProfile

RNG = np.random.default_rng(4)


def table(rows, shift=0.0):
    return {
        "x": RNG.normal(shift, 1, rows),
        "zeros": np.where(RNG.random(rows) < 0.5, 0.0, RNG.random(rows)),
        "letter": RNG.choice(list("abc"), rows),
    }


BASE = TableProfile.of(table(800))
CELLS = Cells(BASE)
SIDE = Side(CELLS, BASE)


def vector_of(profile):
    counts = Counts.of(profile)
    local, n = CELLS.running(counts.cells)
    return SIDE.vector(counts, local, n), local


def test_pooled_windows_are_judged_as_their_rows_read_at_once():
    parts = [table(100, 0.3), table(150, 0.3)]
    vectors = [vector_of(TableProfile.of(part, like=BASE))[0] for part in parts]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    vector, local = vector_of(TableProfile.of(whole, like=BASE))
    np.testing.assert_allclose(vectors[0] + vectors[1], vector, rtol=1e-12)
    pooled = SIDE.judge(SIDE.pooled((vectors[0] + vectors[1])[None]), Own(None, None), rare=True)
    single = SIDE.judge(SIDE.single(vector, local), Own(None, None), rare=True)
    np.testing.assert_allclose(pooled[0].p_rank, single[0].p_rank, rtol=1e-9)
    np.testing.assert_allclose(pooled[0].distance, single[0].distance, atol=4e-3)
    np.testing.assert_allclose(pooled[1].p_value, single[1].p_value, rtol=1e-9)


def test_columns_can_be_taken_out_of_a_window():
    vector, local = vector_of(TableProfile.of(table(100), like=BASE))
    kept = SIDE.only(vector, np.array([True, False]), np.array([False]))
    sums = SIDE.single(kept, local)
    assert sums.n.tolist() == [[100.0, 0.0]]
    assert sums.levels.sum() == 0.0


def test_rows_are_joined_and_taken_apart():
    vector, local = vector_of(TableProfile.of(table(100), like=BASE))
    one = SIDE.single(vector, local)
    both = Sums.joined(one, SIDE.pooled(np.stack((vector, 2 * vector))))
    assert both.n.shape == (3, 2)
    np.testing.assert_array_equal(both.row(0).distance, one.distance)
    np.testing.assert_array_equal(both.row(2).levels, 2 * one.levels)
