"""Every distance: nothing on equal input, symmetric, blind to the order of bins and to the number of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.stats.distances import DISTANCES

COUNTS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=2, max_size=12).filter(
    lambda pairs: sum(a for a, _ in pairs) > 0 and sum(b for _, b in pairs) > 0
)
ALL = pytest.mark.parametrize("name", list(DISTANCES))


@ALL
@given(pairs=COUNTS)
def test_properties(name, pairs):
    measure = DISTANCES[name]
    a, b = np.array(pairs).T
    found = measure(a, b)
    assert np.isfinite(found)
    assert found >= 0
    assert measure(a, a) == pytest.approx(0, abs=1e-7)
    assert measure(b, a) == pytest.approx(found, abs=1e-12)
    order = np.random.default_rng(0).permutation(a.size)
    assert measure(a[order], b[order]) == pytest.approx(found, abs=1e-9)
    if name != "psi":  # its prior is in rows
        assert found <= 1
        assert measure(7 * a, b) == pytest.approx(found, abs=1e-9)


@ALL
def test_a_larger_move_is_a_larger_distance(name):
    measure = DISTANCES[name]
    found = [measure([100, 100], [100 - k, 100 + k]) for k in (0, 20, 50, 90)]
    assert found == sorted(found)
    assert found[0] == 0 < found[1]
