"""A check's result as a table for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mirante.i18n import Translator, translator
from mirante.monitors.check.result import CheckResult
from mirante.monitors.check.telling import Line, lines, notes, sides, summary
from mirante.monitors.check.words import chance, plain, size, volume

__all__ = ["as_text"]

_STEADY_SHOWN = 40
_LEAST_WIDTH = 40
_ROOMY = 100  # from here on rows are written out
_GAP = "  "
_LEAST_NAME, _LEAST_CHANGE = 8, 12


@dataclass(frozen=True, slots=True)
class _Column:
    head: str
    cells: list[str]
    right: bool = False

    @property
    def width(self) -> int:
        return max(map(_width, (self.head, *self.cells)))


def as_text(result: CheckResult, width: int, *, locale: str = "en") -> str:
    """Return a result as lines of text; see `CheckResult.to_text`.

    Parameters
    ----------
    result : CheckResult
        Of a check.
    width : int
        Characters in a line.
    locale : str
        ``en`` or ``pt_BR``.

    Returns
    -------
    str
    """
    _ = translator(locale)
    width = max(width, _LEAST_WIDTH)
    every = lines(result, _)
    shown = [one for one in every if one.verdict == "drifted"]
    steady = [one for one in every if one.verdict != "drifted"]
    shown += steady[:_STEADY_SHOWN]
    text = [*_folded(sides(result, _), width, " "), "", *_table(_columns(shown, _, width), width), ""]
    hidden = len(steady) - _STEADY_SHOWN
    if hidden > 0:
        text += [
            _.n("… and %(n)s more column without drift", "… and %(n)s more columns without drift", hidden),
            "",
        ]
    for note in (*notes(result, _), summary(result, _)):
        text += _folded(note, width, " ")
    return "\n".join(text)


def _columns(shown: Sequence[Line], _: Translator, width: int) -> list[_Column]:
    """Return the table's columns; the name and the change come first, and can be cut."""
    short = width < _ROOMY
    words = {"drifted": _("drifted"), "steady": _("steady"), "unjudged": _("not judged")}
    return [
        _Column(_("column"), [plain(one.column) for one in shown]),
        _Column(_("what changed"), [plain(one.change) for one in shown]),
        _Column(_("effect"), [size(one.effect) for one in shown], right=True),
        _Column(_("p"), [chance(one.p_value) for one in shown], right=True),
        _Column(_("rows"), [_rows(one, short=short) for one in shown], right=True),
        _Column(_("verdict"), [words[one.verdict] for one in shown]),
    ]


def _rows(one: Line, *, short: bool) -> str:
    return " -> ".join(volume(count, short=short) for count in one.rows) if one.rows else "–"


def _table(columns: list[_Column], width: int) -> list[str]:
    if not any(columns[1].cells):
        columns[1] = _Column("", columns[1].cells)
    for spare in (columns[4], columns[3]):  # rows, then p, make room where it is narrow
        if _room(columns, width) < _LEAST_NAME + _LEAST_CHANGE:
            columns.remove(spare)
    widths = [*_shares(columns, _room(columns, width)), *(one.width for one in columns[2:])]
    rights = [one.right for one in columns]
    rows = list(zip(*(one.cells for one in columns), strict=True))
    ruler = "─" * min(width, sum(widths) + len(_GAP) * (sum(map(bool, widths)) - 1))
    text = [*_row([one.head for one in columns], widths, rights), ruler]
    for row in rows:
        text += _row(row, widths, rights)
    return text


def _room(columns: Sequence[_Column], width: int) -> int:
    """Return what is left for name and change."""
    return width - sum(one.width for one in columns[2:]) - len(_GAP) * (len(columns) - 1)


def _shares(columns: Sequence[_Column], room: int) -> tuple[int, int]:
    name, change = columns[0].width, columns[1].width
    if name + change <= room:
        return name, change
    name = min(name, max(room - change, room // 2), room - _LEAST_CHANGE)
    return name, room - name


def _row(cells: Sequence[str], widths: Sequence[int], rights: Sequence[bool]) -> list[str]:
    """Return a row as lines; what is too long goes on in the next."""
    parts = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    out = []
    for number in range(max(map(len, parts))):
        line = [
            _filled(part[number] if number < len(part) else "", width, right=right)
            for part, width, right in zip(parts, widths, rights, strict=True)
            if width
        ]
        out.append(_GAP.join(line).rstrip())
    return out


def _folded(text: str, width: int, after: str = " _") -> list[str]:
    """Break a text into lines: a change each, and what is longer after one of some characters."""
    if _width(text) <= width or not width:
        return [text]
    if "; " in text and after != " ":
        head, _, tail = text.partition("; ")
        return [*_folded(f"{head};", width), *_folded(tail, width)]
    cut = _cut(text, width + 1 if text[_cut(text, width) :].startswith(" ") else width)
    places = [place + 1 for place, one in enumerate(text[:cut]) if one in after and text[place + 1] != "%"]
    if places and places[-1] > cut // 2:
        cut = places[-1]
    return [text[:cut].rstrip(" "), *_folded(text[cut:].lstrip(" "), width, after)]


def _cut(text: str, width: int) -> int:
    """Return how many characters fit; at least one."""
    used = 0
    for place, one in enumerate(text):
        used += _width(one)
        if used > width:
            return max(place, 1)
    return len(text)


def _filled(text: str, width: int, *, right: bool) -> str:
    space = " " * max(width - _width(text), 0)
    return space + text if right else text + space


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: letters of East Asia two, accents alone none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)
