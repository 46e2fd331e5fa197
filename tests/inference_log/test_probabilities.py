"""Predictions that are the probabilities of several classes, as the log keeps them."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.inference_log.kinds import in_order
from mirante.inference_log.probabilities import (
    FAULTS,
    MOST_CLASSES,
    bounded,
    faults_of,
    is_probability,
    named_column,
    placed_column,
    read_probabilities,
    spread,
    spread_matrix,
    vectors,
)

ABC = ["a", "b", "c"]


def table(values):
    found = spread(values)
    said = pa.array(
        [json.dumps(one) if isinstance(one, list | dict) else one for one in found.said], pa.string()
    )
    return pa.table({"__prediction": said, **found.arrow()})


def reasons(faults):
    return [FAULTS[code - 1] if code else "" for code in faults]


@given(
    st.lists(st.lists(st.floats(0.001, 1.0), min_size=3, max_size=3), min_size=1, max_size=20), st.booleans()
)
def test_what_is_spread_is_read_back(rows, named):
    matrix = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    values = [dict(zip(ABC, row, strict=True)) if named else row for row in matrix.tolist()]
    kept = table(values)
    assert kept["__prediction"].to_pylist() == [
        (ABC if named else "012")[place] for place in np.argmax(matrix, axis=1)
    ]
    found, faults = read_probabilities(kept, ABC)
    np.testing.assert_array_equal(found, matrix)
    assert not faults.any()
    assert vectors(kept) == values


def test_what_is_no_set_of_probabilities_stays_as_it_was_and_is_counted():
    odd = [[0.5, 0.6, 0.1], [float("nan"), 0.5, 0.5], [-0.2, 1.0, 0.2], [0.5, 0.5], [0.2, None, 0.8], 7, None]
    values = [[0.2, 0.3, 0.5], *odd]
    found = spread(values)
    assert found.said[0] == "2"
    assert found.said[3:] == [*odd[2:3], "0", *odd[4:]]  # of two numbers, they are probabilities
    kept = table([[0.2, 0.3, 0.5], *odd[:3], odd[4], "7", None, "[0.1", "[0.1, 0.2, 0.3, 0.4]"])
    matrix, faults = read_probabilities(kept, ABC)
    expected = ["", "sum", "missing", "outside", "missing", "count", "", "count", "count"]
    assert reasons(faults) == expected
    assert np.isnan(matrix[1:]).all()
    two = read_probabilities(table([[0.5, 0.5]]), ABC)
    assert reasons(two[1]) == ["count"]
    assert np.isnan(two[0]).all()


def test_segments_in_which_they_are_text_are_read():
    said = ["[0.25, 0.25, 0.5]", '{"c": 0.5, "a": 0.25, "b": 0.25}', '{"0": 0.25, "1": 0.25, "2": 0.5}']
    matrix, faults = read_probabilities(pa.table({"__prediction": [*said, '{"a": 1.0, "x": 0.0}']}), ABC)
    assert matrix[:3].tolist() == [[0.25, 0.25, 0.5]] * 3
    assert reasons(faults) == ["", "", "", "count"]


def test_a_name_that_is_a_number_is_no_position():
    names = ["1", "0"]
    named, placed = spread([{"1": 0.9, "0": 0.1}]), spread([[0.9, 0.1]])
    assert list(named.columns) == ["__probability_of_1", "__probability_of_0"]
    assert list(placed.columns) == ["__probability_at_0", "__probability_at_1"]
    for found in (named, placed):
        rows = pa.table({"__prediction": found.said, **found.arrow()})
        assert read_probabilities(rows, names)[0].tolist() == [[0.9, 0.1]]
    # a table whose columns are 0, 1, … has no names
    assert list(spread([{"0": 0.9, "1": 0.1}]).columns) == ["__probability_at_0", "__probability_at_1"]


def test_of_more_classes_than_have_columns_nothing_is_spread():
    many = [1.0] + [0.0] * MOST_CLASSES
    assert spread([many]).columns == {}
    assert spread_matrix(np.array([many]), None, [many]).columns == {}
    assert spread([[1.0]]).columns == {}
    assert len(spread([many[:-1]]).columns) == MOST_CLASSES


def test_the_classes_of_a_batch_are_bounded():
    values = [{f"a{place}": 0.6, f"b{place}": 0.4} for place in range(200)]
    found = spread([*values, [1.0, 2.0], values[0]])
    assert len(found.columns) == MOST_CLASSES
    assert found.beyond == 150
    assert found.said == [*(f"a{place}" for place in range(50)), *values[50:], [1.0, 2.0], "a0"]


def test_the_classes_of_a_log_are_bounded():
    known = [named_column(f"a{place}") for place in range(MOST_CLASSES - 2)]
    values = [{"a0": 0.75, "a1": 0.25}, [0.5, 0.5], "text", {"a0": 0.5, "x": 0.5}, [1.0, 2.0], [0.25, 0.75]]
    rows, beyond = bounded(table(values), known)
    assert beyond == 1
    assert vectors(rows) == [*values[:3], '{"a0": 0.5, "x": 0.5}', "[1.0, 2.0]", values[5]]
    assert len({*known, *filter(is_probability, rows.column_names)}) == MOST_CLASSES
    full = [*known, placed_column(0), placed_column(1)]
    again, beyond = bounded(table([{"x": 1.0, "y": 0.0}]), full)
    assert (again.to_pydict(), beyond) == ({"__prediction": ['{"x": 1.0, "y": 0.0}']}, 1)
    assert bounded(table(values), known[:50])[1] == 0


@pytest.mark.parametrize("value", [[1, 0], (0, 1, 0), {"a": 1, "b": 0}, np.array([0, 1]).tolist(), [None, 1]])
def test_integers_alone_are_labels(value):
    found = spread([value, [1.0, 0], {"a": 0.0, "b": np.float32(1.0)}])
    assert found.said == [value, "0", "b"]


@pytest.mark.parametrize(
    "value",
    [[0.5, True], {"a": 0.5, 1: 0.25, "1": 0.25}, [10**400, 1], [], {}, "0.5", [[0.5], [0.5]], b"[1, 0]"],
)
def test_hostile_values_stay_as_they_are(value):
    found = spread([value])
    assert list(found.said) == [value]
    assert found.columns == {}


def test_rounding_is_no_fault_and_nothing_leaves_the_unit_interval():
    single = np.array([[1 / 3, 1 / 3, 1 / 3]], dtype=np.float32).astype(np.float64)
    assert not faults_of(single).any()
    found, faults = read_probabilities(table([[-1e-9, 1.0 + 1e-9, 0.0]]), ABC)
    assert not faults.any()
    assert found.min() == 0.0
    assert found.max() == 1.0
    assert reasons(faults_of(np.array([[np.inf, 0.0], [np.inf, -np.inf]]))) == ["outside", "outside"]


def test_columns_have_an_order_and_no_feature_is_taken_for_one():
    names = [placed_column(place) for place in (10, 9, 2)] + ["age", "__id", "__prediction"]
    assert in_order(names) == ["age", "__id", "__prediction", *(placed_column(place) for place in (2, 9, 10))]
    assert is_probability(named_column("age"))
    assert not is_probability("probability_of_age")
