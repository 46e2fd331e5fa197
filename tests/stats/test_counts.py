"""The check of counts says what is wrong, and lets through what is right."""

import numpy as np
import pytest

from mirante.errors import InputError
from mirante.stats.counts import checked_counts


def test_counts_come_back_flat_with_their_sums():
    found = checked_counts([[1, 2], [0, 0]], np.array([0.25, 0.0, 0.5, 0.25]))
    assert found.reference.tolist() == [1.0, 2.0, 0.0, 0.0]
    assert (found.reference_rows, found.current_rows) == (3.0, 1.0)


@pytest.mark.parametrize(
    ("reference", "current", "words"),
    [
        ([1, 2], [1, 2, 3], "reference has 2 bins and current has 3; count both with the same edges"),
        ([], [], "reference holds no rows"),
        ([1, 2], [0, 0], "current holds no rows; at least one is needed on each side"),
        ([0, 0], [1, 2], "reference holds no rows"),
        ([1, -2], [1, 1], "reference holds a count that is negative or not finite"),
        ([1, 1], [3, -2], "current holds a count that is negative or not finite"),
        ([1, 1], [3, np.nan], "current holds a count that is negative or not finite"),
        ([np.inf, 1], [1, 1], "reference holds a count that is negative or not finite"),
        ([np.inf, -np.inf], [1, 1], "reference holds a count that is negative or not finite"),
        ([1, 1], [-1, 0], "current holds a count that is negative or not finite"),
        ([1e308, 1e308], [1, 1], "too large to add up"),
    ],
)
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered in reduce:RuntimeWarning")
def test_wrong_counts_are_refused_with_their_side(reference, current, words):
    with pytest.raises(InputError, match=words):
        checked_counts(reference, current)


def test_fractions_are_refused_where_rows_are_asked_for():
    assert checked_counts([0.5, 1.0], [1, 1]).reference_rows == 1.5
    with pytest.raises(
        InputError, match="current holds a count that is not whole; give numbers of rows, not shares"
    ):
        checked_counts([1, 1], [0.5, 0.5], whole=True)
