import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.capture.batches import answer_to, first_of, is_many, is_one_row, rows_in


class Broken(list):
    def __len__(self):
        raise RuntimeError("no length")


@pytest.mark.parametrize(
    ("inputs", "rows"),
    [
        (None, 1),
        ("text", 1),
        ((1, 2), 1),
        ({"a": 1, "b": [1, 2]}, 1),
        ({"a": [1, 2], "b": [1]}, 2),
        ({}, 1),
        ([{"a": 1}, {"a": 2}], 2),
        ([[1, 2], [3, 4], [5, 6]], 3),
        (np.ones(3), 1),
        (np.ones((4, 2, 2)), 4),
        (pd.Series([1, 2]), 1),
        (pd.DataFrame({"a": [1, 2]}), 2),
        (pl.DataFrame({"a": [1, 2]}), 2),
        (pa.table({"a": [1, 2, 3]}), 3),
        ({"a": Broken(), "b": Broken()}, 1),
    ],
)
def test_rows_in_what_cannot_be_recorded(inputs, rows):
    assert rows_in(inputs) == rows


@pytest.mark.parametrize(
    ("inputs", "prediction", "many"),
    [
        ({"a": 1}, 0.5, False),
        ({"a": 1}, [0.1, 0.9], False),
        ({"a": 1}, [[0.1, 0.9]], True),
        ({"a": [1, 2]}, [0.1, 0.9], True),
        ({"a": [1, 2]}, {"no": [0.9, 0.1], "yes": [0.1, 0.9]}, True),
        ({"a": 1}, {"no": 0.9, "yes": 0.1}, False),
        (np.ones(2), np.array([0.1, 0.9]), False),
        (pd.DataFrame({"a": [1]}), np.array([0.5]), True),
    ],
)
def test_an_answer_is_one_a_row_or_all_of_one_row(inputs, prediction, many):
    assert answer_to(inputs, prediction)[1] is many


def test_what_is_many_and_what_is_one_row():
    assert [is_many(value) for value in ("ab", {"a": 1}, np.array(1.0), [1], np.ones(2))] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert not is_one_row(pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize(
    "prediction",
    [[0.5], pd.DataFrame({"p": [0.5]}), pd.Series([0.5]), pl.Series([0.5]), pa.table({"p": [0.5]})],
)
def test_the_first_of_one(prediction):
    assert first_of(prediction) == 0.5
