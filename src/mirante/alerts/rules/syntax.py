"""The tree of a condition as Python's parser gives it, for whoever says it in other words."""

from __future__ import annotations

import ast

from mirante.alerts.expression import Expression

__all__ = ["function_name", "syntax_of"]


def syntax_of(expression: Expression) -> ast.expr:
    """Return the tree of a condition; the expression has checked that only allowed nodes are in it.

    Examples
    --------
    >>> ast.unparse(syntax_of(Expression("cpu > 90 and (m < 1)")))
    'cpu > 90 and m < 1'
    """
    return ast.parse(" ".join(expression.text.split()), mode="eval").body


def function_name(node: ast.expr) -> str:
    """Return the name of what is called, or the empty text where nothing is."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
