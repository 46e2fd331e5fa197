"""The layout: where the columns lie, and when two of them are the same."""

import numpy as np
import pytest

from mirante.profiles import TableProfile

BASE = TableProfile.of({"x": [1.0, 2.0, 2.0], "c": ["a", "b", "a"], "y": [5.0, np.nan, np.nan]})


def test_columns_lie_side_by_side():
    layout = BASE.layout
    assert (layout.numeric, layout.categorical) == (("x", "y"), ("c",))
    assert layout.cell_start.tolist() == [0, 5, 8]
    assert layout.bin_start.tolist() == [0, 3, 5]
    assert layout.level_start.tolist() == [0, 3]
    np.testing.assert_array_equal(layout.walls, [1.0, 2.0, np.nan, 5.0, np.nan])
    assert layout.places == ({"a": 0, "b": 1},)


@pytest.mark.parametrize(
    "other",
    [
        {"x": [1.0, 2.0, 2.5], "c": ["a", "b", "a"], "y": [5.0, np.nan, np.nan]},
        {"x": [1.0, 2.0, 2.0], "c": ["a", "z", "a"], "y": [5.0, np.nan, np.nan]},
        {"z": [1.0, 2.0, 2.0], "c": ["a", "b", "a"], "y": [5.0, np.nan, np.nan]},
        {"x": [1.0, 1.0, 2.0], "c": ["a", "b", "a"], "y": [5.0, np.nan, np.nan]},
    ],
)
def test_another_edge_level_name_or_centre_is_another_layout(other):
    assert not BASE.layout.same(TableProfile.of(other).layout)
    assert BASE.layout.same(TableProfile.from_bytes(BASE.to_bytes()).layout)


def test_some_of_the_columns():
    assert BASE.layout.only(BASE.layout.names) is BASE.layout
    some = BASE.layout.only(["c", "y"])
    assert (some.names, some.numeric, some.cell_start.tolist()) == (("c", "y"), ("y",), [0, 3])
