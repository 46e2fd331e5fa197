import ast

from mirante.alerts.expression import Expression
from mirante.alerts.rules.syntax import function_name, syntax_of


def test_line_breaks_are_spaces_as_they_are_in_the_expression():
    tree = syntax_of(Expression("  cpu > 90\n\tand m < 1"))
    assert ast.unparse(tree) == "cpu > 90 and m < 1"


def test_name_of_what_is_called():
    assert function_name(syntax_of(Expression("is_nan(m)"))) == "is_nan"
    assert function_name(syntax_of(Expression("m > 1"))) == ""
