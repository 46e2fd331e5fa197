"""The table's profile: what the baseline decides, what is missing, what is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.profiles import CategoricalProfile, NumericProfile, TableProfile

FRAME = pd.DataFrame({"age": [30.0, 40.0, np.nan], "city": ["Rio", None, "Rio"], "ok": [True, False, True]})
BASE = TableProfile.of(FRAME)


def test_kinds_and_counts():
    assert BASE.rows == 3
    assert isinstance(BASE.columns["age"], NumericProfile)
    assert isinstance(BASE.columns["city"], CategoricalProfile)
    assert BASE.columns["ok"].levels == ("true", "false")
    assert (BASE.columns["age"].missing, BASE.columns["city"].missing) == (1, 1)


def test_polars_arrow_and_mappings_give_the_same_profile():
    for table in (pl.from_pandas(FRAME), pa.Table.from_pandas(FRAME), FRAME.to_dict("list")):
        assert TableProfile.of(table, like=BASE) == TableProfile.of(FRAME, like=BASE)


def test_a_column_that_the_window_lacks_is_all_missing_and_one_too_many_is_left_out():
    window = TableProfile.of({"age": [1.0, 2.0], "new": ["x", "y"]}, like=BASE)
    assert list(window.columns) == ["age", "city", "ok"]
    assert window.columns["city"].missing == 2
    assert TableProfile.of({"new": [1, 2, 3]}, like=BASE).columns["age"].missing == 3


def test_text_in_a_numeric_column_is_counted_not_raised():
    window = TableProfile.of({"age": ["31", "unknown", None], "city": [1, 2, 3], "ok": [True] * 3}, like=BASE)
    age = window.columns["age"]
    assert (age.n, age.missing, age.unreadable, age.mean) == (1, 2, 1, 31.0)
    assert window.columns["city"].other == 3


def test_no_rows():
    window = TableProfile.of(FRAME.iloc[:0], like=BASE)
    assert window == TableProfile.empty(BASE)
    assert window.rows == 0
    assert window + BASE == BASE


def test_a_choice_of_columns():
    assert list(TableProfile.of(FRAME, columns=["ok", "age"]).columns) == ["ok", "age"]
    with pytest.raises(InputError, match="no column 'weight'; it has 'age'"):
        TableProfile.of(FRAME, columns=["age", "weight"])


def test_profiles_of_other_tables_do_not_add():
    with pytest.raises(InputError, match="only one of the two profiles has the column"):
        BASE + TableProfile.of({"age": [1.0]})


def test_columns_in_another_order_do_not_add():
    with pytest.raises(InputError, match="other orders"):
        BASE + TableProfile.of(
            FRAME[["ok", "age", "city"]], like=TableProfile.of(FRAME[["ok", "age", "city"]])
        )
