import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.inference_log.canonical import canonical, spellings


@given(st.integers(-(2**53), 2**53))
def test_whole_numbers_are_one_value_as_number_and_as_text(number):
    assert canonical(number) == canonical(float(number)) == canonical(str(number)) == str(number)
    assert canonical(number) in spellings(f"{number}.0")


@given(st.floats(allow_nan=False))
def test_numbers_are_found_by_what_is_shown_of_them(number):
    assert canonical(number) in spellings(repr(number))


@pytest.mark.parametrize("value", [None, math.nan])
def test_missing_values_have_no_text(value):
    assert canonical(value) is None


def test_infinity_and_nonsense_do_not_fail():
    assert canonical(math.inf) == "inf"
    assert spellings("nan") == {"nan"}
    assert spellings("") == {""}
    assert spellings("1e400") == {"1e400", "inf"}
