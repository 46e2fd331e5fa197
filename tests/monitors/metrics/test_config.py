import pytest
from pydantic import ValidationError

from mirante.monitors.config import ModelConfig
from mirante.monitors.metrics.config import MetricConfig


@pytest.mark.parametrize("entry", [{"expression": "mean(x)"}, {"call": "shop.metrics:margin"}])
def test_an_entry_is_an_expression_or_a_call(entry):
    assert MetricConfig(name="one", **entry).unit == ""


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({}, "either an expression or a call"),
        ({"expression": "rows", "call": "a:b"}, "either an expression or a call"),
        ({"expression": "rows >"}, "no expression"),
        ({"call": "os.system"}, "package.module:function"),
        ({"call": "a:b()"}, "package.module:function"),
    ],
)
def test_what_is_wrong_is_said(entry, word):
    with pytest.raises(ValidationError, match=word):
        MetricConfig(name="one", **entry)


def test_two_metrics_of_one_name_are_refused():
    one = {"name": "basket", "expression": "rows"}
    with pytest.raises(ValidationError, match="'basket' is there twice"):
        ModelConfig(model="churn", metrics=[one, one])
