import math

import numpy as np
import pytest

from mirante.errors import ConfigError, InputError
from mirante.monitors.metrics.expression import ProfileExpression
from mirante.profiles import TableProfile

AMOUNT = np.array([10.0, 20.0, 60.0, np.nan])
PROFILE = TableProfile.of(
    {"amount": AMOUNT, "plan": ["pro", "pro", "basic", None], "price (R$)": [1.0, 2.0, 3.0, 4.0]}
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mean(amount)", 30.0),
        ("sum(amount) / rows", 22.5),
        ("std(amount)", np.nanstd(AMOUNT)),
        ("min(amount) + max(amount)", 70.0),
        ("quantile(amount, 0.5)", 20.0),
        ("count(amount)", 3.0),
        ("missing(plan) * 4", 1.0),
        ('share(plan, "pro")', 2 / 3),
        ('share(plan, "nobody")', 0.0),
        ('mean("price (R$)")', 2.5),
        ("-(mean(amount) - 2.5) * 2", -55.0),
        ("skew(amount)", 0.5951700641394974),
        ("kurtosis(amount) * 0", 0.0),
        (" rows ", 4.0),
    ],
)
def test_values(text, value):
    assert ProfileExpression(text).of(PROFILE) == pytest.approx(value)


@pytest.mark.parametrize("text", ["rows / (count(amount) - 3)", "mean(amount) / 0", "missing(amount)"])
def test_what_is_not_known_is_nan(text):
    profile = PROFILE if "/" in text else TableProfile.of({}, like=PROFILE)
    assert math.isnan(ProfileExpression(text).of(profile))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no expression"),
        ("mean(amount", "no expression"),
        ("mean(amount) > 3", "not understood"),
        ("amount", "not understood"),
        ("rows ** 9999999", "not understood"),
        ("__import__('os').system('x')", "not understood"),
        ("mean(amount).real", "not understood"),
        ("mean(3)", "not understood"),
        ("[rows][0]", "not understood"),
        ("lambda: 1", "not understood"),
        ("True", "not understood"),
        ("1e999", "not understood"),
        ("mode(amount)", "no function here"),
        ("mean(amount, plan)", "needs 1"),
        ("quantile(amount)", "needs 2"),
        ("quantile(amount, 7)", "from 0 to 1"),
        ("share(plan, pro)", "level in quotes"),
        ("-" * 200 + "1", "nested"),
        ("rows + " * 300 + "1", "characters"),
    ],
)
def test_what_is_no_expression_is_refused_with_what_to_do(text, word):
    with pytest.raises(ConfigError, match=word):
        ProfileExpression(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("mean(amont)", "did you mean 'amount'"),
        ("mean(zzz)", "there are amount, plan"),
        ("mean(plan)", "categorical; use share"),
        ('share(amount, "x")', "numeric; use mean"),
    ],
)
def test_columns_that_do_not_fit_are_named(text, word):
    with pytest.raises(InputError, match=word):
        ProfileExpression(text).of(PROFILE)
