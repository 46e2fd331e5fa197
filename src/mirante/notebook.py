"""Tables as notebooks show them: HTML without a style of its own, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["html_result", "html_table"]

_MOST = 200


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, most: int = _MOST) -> str:
    """Return a table as HTML; nothing without rows.

    Parameters
    ----------
    heads : sequence of str
        One for each column.
    rows : iterable of sequence of str
        The cells.
    most : int
        So many rows at most; a line below says how many there are beyond.

    Examples
    --------
    >>> html_table(["a"], [["<b>"]])
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>'
    """
    every = list(rows)
    if not every:
        return ""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in every[:most])
    more = f"<p>… and {len(every) - most:,} more</p>" if len(every) > most else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def html_result(sentence: str, *tables: str) -> str:
    """Return what a result says first, and its tables, as one piece of HTML.

    Parameters
    ----------
    sentence : str
        Escaped here.
    *tables : str
        From `html_table`.

    Examples
    --------
    >>> html_result("1 < 2")
    '<div><p>1 &lt; 2</p></div>'
    """
    return f"<div><p>{escape(sentence)}</p>{''.join(tables)}</div>"
