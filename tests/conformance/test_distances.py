"""Every distance: nothing on equal input, blind to the order of bins and to how many rows, and as it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.errors import InputError
from mirante.stats.distances import DISTANCES, wasserstein

COUNTS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=1, max_size=12).filter(
    lambda pairs: sum(a for a, _ in pairs) > 0 and sum(b for _, b in pairs) > 0
)
EVERY = {**DISTANCES, "wasserstein": lambda a, b: wasserstein(np.arange(len(np.ravel(a))) ** 2, a, b)}
ALL = pytest.mark.parametrize("name", list(EVERY))


def says(name, words):
    doc = (wasserstein if name == "wasserstein" else DISTANCES[name]).__doc__
    return words in " ".join(doc.split())


@ALL
@given(pairs=COUNTS)
def test_properties(name, pairs):
    measure = EVERY[name]
    a, b = np.array(pairs).T
    found = measure(a, b)
    assert found >= 0
    assert np.isfinite(found) or says(
        name, "infinite when current fills a bin that the reference never fills"
    )
    assert measure(a, a) == pytest.approx(0, abs=1e-7)
    assert measure(3 * a, a) == pytest.approx(0, abs=1e-7)
    if name != "wasserstein":  # which knows where its bins are
        order = np.random.default_rng(0).permutation(a.size)
        assert measure(a[order], b[order]) == pytest.approx(found, abs=1e-9)
    if says(name, "float 0 to 1"):
        assert found <= 1
    if name != "psi":  # its prior is in rows
        assert measure(7 * a, b) == pytest.approx(found, abs=1e-9)
    wider = [np.r_[0, side, 0] for side in (a, b)]
    if name != "wasserstein":
        assert measure(*wider) == pytest.approx(found, abs=1e-12)


@ALL
@given(pairs=COUNTS)
def test_symmetric_if_it_says_so(name, pairs):
    a, b = np.array(pairs).T
    if says(name, "Symmetric"):
        assert EVERY[name](b, a) == pytest.approx(EVERY[name](a, b), abs=1e-12)
    else:
        assert says(name, "Not symmetric")
        assert EVERY[name]([1, 9], [5, 5]) != pytest.approx(EVERY[name]([5, 5], [1, 9]), abs=0.01)


@ALL
@given(st.lists(st.tuples(*[st.integers(1, 90)] * 3), min_size=1, max_size=8))
def test_no_detour_is_shorter_if_it_says_that_it_is_a_metric(name, triples):
    a, b, c = np.array(triples).T
    if says(name, "a metric"):
        measure = EVERY[name]
        assert measure(a, c) <= measure(a, b) + measure(b, c) + 1e-9


@ALL
def test_a_larger_move_is_a_larger_distance(name):
    measure = EVERY[name]
    found = [measure([100, 100], [100 - k, 100 + k]) for k in (0, 20, 50, 90)]
    assert found == sorted(found)
    assert found[0] == 0 < found[1]


@ALL
def test_one_row_and_one_bin_are_ordinary(name):
    assert EVERY[name]([5], [1]) == 0
    assert EVERY[name]([1, 0], [0, 1]) > 0.5
    assert EVERY[name]([0.25, 0.75], [0.25, 0.75]) == 0


@ALL
def test_wrong_counts_are_refused_in_words(name):
    measure = EVERY[name]
    with pytest.raises(
        InputError, match="reference has 2 bins and current has 3; count both with the same edges"
    ):
        measure([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="current holds no rows"):
        measure([1, 2], [0, 0])
    for bad in (-2, np.nan, np.inf):
        with pytest.raises(InputError, match="reference holds a count that is negative or not finite"):
            measure([1, bad], [1, 1])
