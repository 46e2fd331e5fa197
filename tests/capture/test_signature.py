from datetime import datetime

import pytest

from mirante.capture.signature import InputColumn, Signature, warn_of_unknown
from mirante.errors import MiranteWarning

NAN = float("nan")
KINDS = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime", "array")


def only(kind, *, required=True):
    return Signature([InputColumn("x", kind, required)])


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("boolean", [True, False], [1, "true", 0.0]),
        ("integer", [1, -(2**31), 2.0], [2**31, 1.5, "1", True]),
        ("long", [1, 2**63 - 1, -(2**63), 3.0], [2**63, 1.5, "1", False, [1]]),
        ("float", [1, 1.5], ["1.5", True, {}]),
        ("double", [1, 1.5, -1e300], ["1.5", "n/a", True]),
        ("string", ["", "a"], [1, 1.5, True, ["a"]]),
        ("binary", ["aGk=", b"x"], [1]),
        ("datetime", ["2026-01-01", "2026-01-01T00:00:00Z", 1.7e18], ["noon", True]),
        ("array", [[1], "a", 1], []),
    ],
)
def test_each_type_takes_its_own_and_nothing_else(kind, right, wrong):
    assert only(kind).violations({"x": right}, len(right)) == {}
    for value in wrong:
        assert only(kind).violations({"x": [value]}, 1) == {("x", "type"): 1}, value
    mixed = [*right, *wrong]
    assert only(kind).violations({"x": mixed}, len(mixed))["x", "type"] == len(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_required_column_is_counted_and_in_an_optional_one_not(kind):
    for null in (None, NAN):
        assert only(kind).violations({"x": [null, null]}, 2) == {("x", "null"): 2}
        assert only(kind, required=False).violations({"x": [null]}, 1) == {}
    assert only(kind, required=False).violations({}, 4) == {}
    assert only(kind).violations({}, 4) == {("x", "missing"): 4}


def test_columns_that_the_model_does_not_know_are_extra():
    assert only("double").violations({"x": [1, 2], "y": [1, 2]}, 2) == {("y", "extra"): 2}


def test_without_a_signature_nothing_is_counted_and_nothing_changed():
    assert not Signature()
    assert Signature().violations({"x": [1]}, 1) == {}
    columns = {"x": [1, "a"]}
    assert Signature().mend(columns) is columns


@pytest.mark.parametrize(
    ("kind", "given", "mended"),
    [
        ("double", [1, "2.5", "n/a", None, True, [1]], [1.0, 2.5, None, None, 1.0, None]),
        ("long", [1, "2", 2.0, 2**60, 1.5, "x", NAN], [1, 2, 2, 2**60, 1.5, None, None]),
        ("string", ["a", 1, None, NAN], ["a", "1", None, None]),
        (
            "datetime",
            ["2026-01-01", "noon", None, 0],
            [datetime(2026, 1, 1), None, None, datetime(1970, 1, 1)],
        ),
        ("array", [[1], 2], [[1], 2]),
    ],
)
def test_values_are_brought_into_the_types_of_the_signature(kind, given, mended):
    found = only(kind).mend({"x": given, "y": given})
    assert found["x"] == mended
    assert list(map(type, found["x"])) == list(map(type, mended))
    assert found["y"] is given


def test_the_signature_of_a_model_is_taken_from_its_schema():
    from mlflow.types.schema import Array, ColSpec, DataType, Schema, TensorSpec

    schema = Schema(
        [
            ColSpec("double", "age"),
            ColSpec("string", "plan", required=False),
            ColSpec(Array(DataType.long), "list"),
        ]
    )
    signature = Signature.of(schema)
    assert (signature.names, signature.texts) == (("age", "plan", "list"), ("plan",))
    assert signature.violations({"age": ["x"], "list": [[1]]}, 1) == {("age", "type"): 1}
    import numpy as np

    for other in (None, Schema([ColSpec("double")]), Schema([TensorSpec(np.dtype("float32"), (-1, 3))])):
        assert not Signature.of(other)


def test_a_column_to_be_dropped_that_the_model_has_not_is_warned_of():
    signature = Signature([InputColumn("age", "double"), InputColumn("name", "string")])
    with pytest.warns(MiranteWarning, match="'churn' has no column 'nome', .*; it has 'age', 'name'") as told:
        warn_of_unknown("churn", signature, ["nome", "name"])
    assert len(told) == 1
    warn_of_unknown("churn", Signature(), ["nome"])  # of a model that says nothing, nothing is known
