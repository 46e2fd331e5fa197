"""Open bins, and where the mean of the values in each is."""

import numpy as np
import pytest

from mirante.profiles import TableProfile
from mirante.profiles.sums import OpenBins


def counted(edges, rows=5_000, seed=0):
    rng = np.random.default_rng(seed)
    base = TableProfile.of({"x": np.linspace(-1.0, 1.0, edges), "few": np.arange(float(edges)) % 7})
    window = TableProfile.of({"x": rng.normal(size=rows), "few": rng.normal(3, 4, rows)}, like=base)
    return base.layout.bins, window


def through(bins, numbers):
    own = numbers.cells[bins.cells]
    parts = list(bins.places(own, numbers.sums))
    found = bins.sums(own, lambda size: parts.pop(0)[:size])
    assert parts == []
    return own, found


def test_cells_of_bins_and_edges_are_all_cells():
    bins, window = counted(500)
    both = np.r_[bins.cells, bins.edges]
    assert sorted(both.tolist()) == list(range(window.numbers.cells.size))
    assert bins.outer.tolist() == [0, 500, 501, 508]
    assert bins.few == 6
    assert bins.inner[:6].tolist() == list(range(502, 508))


@pytest.mark.parametrize(("edges", "steps"), [(20, 65_534), (500, 254)])
def test_sums_are_near_by_the_width_of_their_bin(edges, steps):
    bins, window = counted(edges)
    own, found = through(bins, window.numbers)
    width = bins.walls[bins.inner] - bins.walls[bins.inner - 1]
    away = np.abs(found - window.numbers.sums)[bins.inner]
    assert (away <= own[bins.inner] * width / (2 * steps) * (1 + 1e-9)).all()
    assert found[bins.outer].tolist() == [0.0] * 4  # they are kept apart
    # what was rounded once stays as it is: a window is the same however often it is written
    places = bins.places(own, found)
    assert all((a == b).all() for a, b in zip(places, bins.places(own, window.numbers.sums), strict=True))


def test_the_middle_of_a_bin_is_told_by_zero():
    bins, window = counted(500)
    coarse = window.coarser()
    own = coarse.numbers.cells[coarse.layout.bins.cells]
    assert not any(part.any() for part in coarse.layout.bins.places(own, coarse.numbers.sums))
    assert bins.few != coarse.layout.bins.few


def test_no_columns_and_no_edges():
    nothing = OpenBins.of(np.empty(0), np.array([0]))
    assert nothing.sums(np.empty(0, np.int64), lambda size: np.empty(size, np.int64)).size == 0
    one = OpenBins.of(np.array([np.nan]), np.array([0, 1]))
    assert (one.cells.tolist(), one.edges.tolist(), one.outer.tolist()) == ([0], [], [0])


def test_values_too_large_to_subtract():
    base = TableProfile.of({"x": [-1e308, 1e308]})
    window = TableProfile.of({"x": [9e307]}, like=base)
    _own, found = through(base.layout.bins, window.numbers)
    assert found[1] == pytest.approx(9e307, rel=1e-4)
