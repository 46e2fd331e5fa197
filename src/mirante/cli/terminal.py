"""Text for a terminal: tables that fit its width, colours only where they are seen, names that do nothing."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence

import click

__all__ = ["coloured", "plain", "show", "table", "width"]


def width(least: int = 0) -> int | None:
    """Return how many columns a line may take; None where nothing has to be cut.

    Parameters
    ----------
    least : int
        A narrower terminal wraps the lines.

    Returns
    -------
    int or None
        The terminal's, or ``COLUMNS``; None for a pipe or a file, whose reader wants it whole.
    """
    if not os.environ.get("COLUMNS", "").isdecimal() and not sys.stdout.isatty():
        return None
    return max(shutil.get_terminal_size((80, 24)).columns, least)


def plain(text: str) -> str:
    """Return a name without anything that a terminal would obey.

    Examples
    --------
    >>> plain("web-1" + chr(27) + "[2J")
    'web-1?[2J'
    """
    return "".join(one if one.isprintable() else "?" for one in text)


def coloured(text: str, colour: str | None) -> str:
    """Return a text with a colour for `show`; None and ``NO_COLOR`` leave it as it is."""
    return text if colour is None or os.environ.get("NO_COLOR") else click.style(text, fg=colour)


def show(text: str) -> None:
    """Print a text; a pipe gets no colours, and a terminal that lacks a letter shows a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding))


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    columns: int | None,
    colours: Sequence[str | None] = (),
) -> str:
    """Return a table whose last column takes what is left of the width, and is cut there.

    Parameters
    ----------
    headings : sequence of str
        One for each column.
    rows : sequence of sequence of str
        Cells; what a terminal would obey is replaced.
    columns : int or None
        Width of the terminal; None cuts nothing.
    colours : sequence of str or None
        Of the first cell of each row.

    Examples
    --------
    >>> print(table(["ID", "WHAT"], [["1f", "CPU at 93% on web-1"]], columns=16))
    ID  WHAT
    1f  CPU at 93% …
    """
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(_cells(line[place]) for line in [headings, *cells]) for place in range(len(headings))]
    left = widths.pop()
    if columns is not None:
        widths = [min(max(8, columns // 4), size) for size in widths]
        left = max(8, columns - sum(widths) - 2 * len(widths))
    lines = []
    for number, line in enumerate([headings, *cells]):
        fitted = [_fitted(cell, size) for cell, size in zip(line, [*widths, left], strict=True)]
        colour = colours[number - 1] if number and number <= len(colours) else None
        lines.append("  ".join([coloured(fitted[0], colour), *fitted[1:]]).rstrip())
    return "\n".join(lines)


def _cells(text: str) -> int:
    """Return how many columns a text takes: some letters take two, marks on letters none."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def _fitted(text: str, size: int) -> str:
    if _cells(text) > size:
        kept = ""
        for one in text:
            if _cells(kept + one) > size - 1:
                break
            kept += one
        text = f"{kept}…"
    return text + " " * (size - _cells(text))
