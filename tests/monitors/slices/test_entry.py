"""How a declared slice is read, and that nothing in it is run."""

from __future__ import annotations

import pytest

from mirante.errors import ConfigError
from mirante.monitors.slices.entry import Entry


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("region", "region"),
        ("  region\n", "region"),
        ("price (R$)", "price (R$)"),
        ("`in or out`", "in or out"),
        ("origin", "origin"),
        ("is_android", "is_android"),
        ("`<script>`", "<script>"),
    ],
)
def test_a_text_without_a_condition_is_a_column(text, column):
    entry = Entry.parse(text)
    assert (entry.column, entry.text, entry.columns) == (column, column, (column,))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("age >= 65", (">=", ("column", "age"), 65.0)),
        ("65 <= age", ("<=", 65.0, ("column", "age"))),
        ("18 <= age < 30", ("and", ("<=", 18.0, ("column", "age")), ("<", ("column", "age"), 30.0))),
        ("a > b", (">", ("column", "a"), ("column", "b"))),
        ("x == -1.5", ("==", ("column", "x"), -1.5)),
        ("plan in ('pro',)", ("==", ("column", "plan"), "pro")),
        (
            "plan not in ['a', 3]",
            ("not", ("or", ("==", ("column", "plan"), "a"), ("==", ("column", "plan"), 3.0))),
        ),
        ("not member", ("not", ("==", ("column", "member"), True))),
        ("`a  b` == 'x  y'", ("==", ("column", "a  b"), "x  y")),
        ("x == 'in `ticks`'", ("==", ("column", "x"), "in `ticks`")),
    ],
)
def test_a_condition_becomes_a_checked_tree(text, tree):
    entry = Entry.parse(text)
    assert entry.tree == tree
    assert entry.column == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name a column"),
        ("a.b > 3", "an attribute is not known here"),
        ("__import__('os').system('x') == 0", "a call"),
        ("len(x) > 3", "a call is not known here"),
        ("x[0] == 1", "an index"),
        ("x + 1 > 2", "arithmetic"),
        ("x == f'{y}'", "a formatted text"),
        ("(lambda: 1) == x", "a function"),
        ("age = 3", "'equal' is written =="),
        ("x in 'abc'", "'in' needs values in parentheses"),
        ("x in ()", "'in' needs values in parentheses"),
        ("3 in (x, 4)", "the name of a column is needed"),
        ("'a' == 'b'", "neither is a column"),
        ("x == 1e999", "too large"),
        ("x == 5j", "a value is not known here"),
        ("x > 3; y", "invalid syntax"),
        ("`x > 3", "a backtick is open"),
        ("x\x00 < 3", "null bytes"),
        ("not " * 60 + "x", "nested more than 20 deep"),
        ("x > " + "9" * 400, "characters"),
        ("x == 1 and 3", "is no condition"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_reason(text, said):
    with pytest.raises(ConfigError, match="the slice ") as refused:
        Entry.parse(text)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300
