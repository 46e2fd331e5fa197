"""Long values are kept short and come back as they were."""

import base64
import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.store.packing import packed, unpacked
from mirante.store.types import from_json

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "~", "age", "age is ~", "ção\ud800", "\0"])
)
ROW = st.dictionaries(
    st.sampled_from(["sentence", "ks", "scores", "", "=", "#"]),
    PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.sampled_from("ab"), PLAIN, max_size=2),
    max_size=5,
)
TABLE = st.dictionaries(st.sampled_from(["age", "", "~", "=", "a", "is", "x1", "x2"]), ROW, max_size=8)
VALUE = (
    st.dictionaries(st.sampled_from(["columns", "drifted", ""]), TABLE | PLAIN, max_size=3)
    | st.lists(PLAIN)
    | PLAIN
)


def column(name, value):
    """One column's verdict, much as a monitor writes it."""
    said = {"column": name, "drifted": value > 0.9, "value": value, "n_window": 900, "direction": None}
    said["scores"] = {"psi": value / 2, "ks": value, "detected": 0.0}
    return {**said, "sentence": f"{name} is steady: KS distance {value} (limit 0.14); 900 rows against 690."}


VERDICTS = {
    "drifted": False,
    "columns": {f"feature_{n:02}": column(f"feature_{n:02}", n / 100) for n in range(50)},
    "timezone": "UTC",
}


def same(value):
    kept = packed(value, json.dumps)
    assert "\0" not in kept  # PostgreSQL takes none
    back = unpacked(kept, from_json)
    assert json.dumps(back) == json.dumps(json.loads(json.dumps(value)))  # types and order of keys too
    return kept


@settings(max_examples=200, deadline=None)
@given(VALUE, st.booleans())
def test_values_come_back(value, long):
    same([value, "much" * 500] if long else value)
    if long and isinstance(value, dict):
        same({**value, "more": "much" * 500})


@pytest.mark.parametrize(
    "value", [{}, {"a": "é\ud800"}, {"a": ["ação"] * 1_000}, list(range(5_000)), VERDICTS]
)
def test_long_ones_come_back(value):
    same(value)


def test_short_ones_stay_as_they_are():
    assert packed([1, 2], json.dumps) == "[1, 2]"


def test_of_verdicts_the_numbers_are_what_takes_space():
    assert len(same(VERDICTS)) < 700
    renamed = {"columns": {f"another {n:02}": column(f"another {n:02}", n / 7) for n in range(50)}}
    assert len(same(renamed)) < 2_000


@pytest.mark.parametrize("rows", [[1, 1.0, True, 1], [0.0, -0.0, 0.0, 0.0], [0, False, 0, 0]])
def test_numbers_that_are_equal_and_not_the_same_stay_apart(rows):
    same({"columns": {str(n): {"x": row, "much": f"{n}" * 300} for n, row in enumerate(rows)}})


def test_rows_share_nothing_that_can_be_changed():
    value = {"columns": {str(n): {"x": [], "y": {}, "much": "x" * 300} for n in range(5)}}
    back = unpacked(same(value), from_json)
    back["columns"]["0"]["x"].append(1)
    back["columns"]["0"]["y"]["a"] = 1
    assert back["columns"]["1"] == value["columns"]["1"]


def test_what_earlier_versions_kept_is_read():
    text = json.dumps(VERDICTS)
    kept = "~" + base64.b64encode(zlib.compress(text.encode(), 6)).decode()
    assert unpacked(kept, from_json) == VERDICTS
