"""Where the tests look: running counts, grids, atoms, deciles."""

import numpy as np

from mirante.drift.cells import Cells, Counts
from mirante.profiles import TableProfile

RNG = np.random.default_rng(0)
TABLE = {
    "wide": RNG.normal(size=20_000),
    "zeros": np.where(RNG.random(20_000) < 0.6, 0.0, RNG.random(20_000)),
    "whole": RNG.integers(0, 7, 20_000).astype(float),
    "nothing": np.full(20_000, np.nan),
    "letter": RNG.choice(list("ab"), 20_000),
}
BASE = TableProfile.of(TABLE)
CELLS = Cells(BASE)


def test_running_counts_are_those_of_each_column():
    counts = Counts.of(BASE)
    local, n = CELLS.running(counts.cells)
    assert n.tolist() == [20_000, 20_000, 20_000, 0]
    for place, name in enumerate(("wide", "zeros", "whole")):
        part = slice(*BASE.layout.cell_start[place : place + 2])
        np.testing.assert_array_equal(local[part][1::2], BASE.columns[name].upto)
        np.testing.assert_array_equal(local[part][0:-1:2], BASE.columns[name].below)


def test_the_grid_has_every_value_of_a_column_of_few_and_quantiles_of_one_of_many():
    places, column = CELLS.grid
    sizes = np.bincount(column, minlength=4)
    assert sizes[0] == 249 + 1
    zero = places[(column == 1) & (BASE.numbers.cells[places] == (TABLE["zeros"] == 0).sum())].item()
    assert zero - 1 in places  # right before a value that many rows share as well
    assert sizes[2] == 2 * 7 + 1
    assert sizes[3] == 1
    assert (np.diff(places) > 0).all()
    local = CELLS.running(Counts.of(BASE).cells)[0]
    assert np.diff(local[places[column == 0]]).max() <= 20_000 / 250 + 20  # no open bin holds more


def test_atoms_are_the_values_that_many_rows_share():
    places, column = CELLS.atoms
    mass = BASE.numbers.cells[places]
    assert np.bincount(column, minlength=4).tolist() == [0, 1, 7, 0]
    assert mass[0] == (TABLE["zeros"] == 0).sum()


def test_deciles_cut_the_baseline_in_tenths():
    low, high, start = CELLS.deciles
    total = np.r_[0, np.cumsum(Counts.of(BASE).cells)]
    counts = total[high] - total[low]
    wide = counts[start[0] : start[1]]
    assert wide[0] == 0
    assert wide[-1] == 0
    np.testing.assert_allclose(wide[1:-1], 2_000, atol=40)
    assert counts[start[3] :].sum() == 0


def test_counts_add_and_subtract():
    part = TableProfile.of({name: values[:100] for name, values in TABLE.items()}, like=BASE)
    whole, one = Counts.of(BASE), Counts.of(part)
    rest = whole - one
    assert rest.rows == 19_900
    for name in ("cells", "levels", "missing"):
        np.testing.assert_array_equal(getattr(rest + one, name), getattr(whole, name))
    assert whole.missing.tolist() == [0, 0, 0, 20_000, 0]


def test_deciles_of_a_window_that_lies_beyond_the_last_edge():
    base = TableProfile.of({"x": np.arange(100.0), "y": np.arange(100.0)})
    window = TableProfile.of({"x": np.full(100, 1e6), "y": np.arange(50.0, 150.0)}, like=base)
    cells = Cells(window)
    low, high, start = cells.deciles
    assert (low <= high).all()
    local, _ = cells.running(window.numbers.cells)
    for first, last, place in zip(start, [*start[1:], low.size], range(2), strict=True):
        assert low[first] == cells.start[place], "from the column's first cell on"
        assert high[last - 1] == base.layout.cell_start[place + 1]
        assert (low[first + 1 : last] == high[first : last - 1]).all(), "without a gap"
        assert local[high[last - 1] - 1] == window.columns["xy"[place]].n
