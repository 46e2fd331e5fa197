"""Any table in: each library and type, and what is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.profiles.columns import to_levels, to_numbers
from mirante.profiles.frames import raw_columns


def test_every_kind_of_table_gives_the_same_columns():
    data = {"n": [1.0, 2.0], "t": ["a", "b"]}
    arrow = pa.table(data)
    for table in (data, pd.DataFrame(data), pl.DataFrame(data), arrow, arrow.to_batches()[0]):
        rows, found = raw_columns(table)
        assert rows == 2
        assert to_numbers("n", found["n"])[0].tolist() == [1.0, 2.0]
        codes, names = to_levels("t", found["t"])
        assert [names[code] for code in codes] == ["a", "b"]
    assert list(raw_columns(np.zeros((3, 2)))[1]) == ["0", "1"]
    assert list(raw_columns(data, ["t", "absent"])[1]) == ["t"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' more than once"),
        ({"a": [1, 2], "b": [1]}, "'b' has 1 values and the table has 2 rows"),
        (42, "got int; give a table"),
        ({"a": "text"}, "'a' is a str"),
        ({"a": np.zeros((2, 2))}, "'a' has 2 dimensions"),
    ],
)
def test_what_is_refused(table, words):
    with pytest.raises(InputError, match=words):
        raw_columns(table)
