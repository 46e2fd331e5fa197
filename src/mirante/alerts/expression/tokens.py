"""The tokens of a condition, and errors that mark the character that is wrong."""

from __future__ import annotations

import re

from mirante.errors import ConfigError

__all__ = ["DEEPEST", "check_tokens", "fault"]

DEEPEST = 50
_LONGEST = 2_000
_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"""|(?P<text>"[ !#-\[\]-~]*"|'[ -&(-\[\]-~]*')"""
    r"|(?P<operator><=|>=|==|!=|[<>+\-*/(),])|(?P<space>[ \t\r\n]+)"
)
_HINTS = {
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not', or '!='",
    "=": "write '=='",
    ".": "attributes are not allowed",
    "{": "labels belong in 'where:'",
    '"': "a text ends with the quote that it begins with, and is plain ASCII",
    "'": "a text ends with the quote that it begins with, and is plain ASCII",
}


def fault(text: str, column: int, problem: str) -> ConfigError:
    """Return the error that shows the text, with a mark under one column (from 0).

    Examples
    --------
    >>> print(fault("cpu > 90 && x", 9, "is not part of an expression"))
    column 10: is not part of an expression
      cpu > 90 && x
               ^
    """
    start = max(0, column - 40)
    shown = "".join(c if c.isprintable() else "?" for c in text[start : column + 40])
    caret = column - start + (3 if start else 0)
    return ConfigError(f"column {column + 1}: {problem}\n  {'...' if start else ''}{shown}\n  {' ' * caret}^")


def check_tokens(text: str) -> None:
    """Refuse a text that has anything but the tokens of a condition in it.

    Parameters
    ----------
    text : str
        Without line breaks.

    Raises
    ------
    ConfigError
        With the column of the first character that is not allowed.

    Examples
    --------
    >>> check_tokens("cpu > 90 and avg_over('cpu', '5m') < 50")
    """
    if len(text) > _LONGEST:
        raise fault(text, 0, f"is {len(text)} characters long; the limit is {_LONGEST}")
    if not text.strip():
        raise fault(text, 0, "is empty; write a comparison, such as drift_share > 0.3")
    position = depth = 0
    before = ""
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or (token.lastgroup == "text" and before == "name"):
            character = text[position]
            hint = _HINTS.get(character, "only names, numbers, ( ), + - * / and comparisons are")
            raise fault(text, position, f"{character!r} is not part of an expression; {hint}")
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth > DEEPEST:
            raise fault(text, position, f"opens more than {DEEPEST} parentheses")
        position, before = token.end(), token.lastgroup or ""
