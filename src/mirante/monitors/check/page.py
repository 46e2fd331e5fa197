"""A check's result as HTML: a table for notebooks, and the same as one file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mirante import __version__
from mirante.errors import InputError
from mirante.i18n import Translator, translator
from mirante.monitors.check.result import CheckResult, Sketch
from mirante.monitors.check.telling import Line, lines, notes, sides, summary
from mirante.monitors.check.words import chance, percent, plain, size, volume

__all__ = ["Drawing", "draw", "fragment", "page", "write_page"]

_WIDTH, _HEIGHT = 132.0, 30.0
_STEADY_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Drawing:
    """A sketch as paths of an SVG image of 132 by 30.

    Parameters
    ----------
    reference, current : str
        The paths: bars for the reference, a line for the current table.
    title : str
        The same in words.
    """

    reference: str
    current: str
    title: str


def draw(sketch: Sketch, _: Translator) -> Drawing | None:
    """Return a sketch as a drawing; None where there is nothing to draw.

    Parameters
    ----------
    sketch : Sketch
        Two distributions.
    _ : Translator
        Of the reader's language.

    Returns
    -------
    Drawing or None
    """
    if not sketch.bars:
        return None
    step = _WIDTH / len(sketch.bars)
    levels = any(sketch.bars)
    gap = min(3.0, step / 5) if levels else 0.0
    top = max(*sketch.reference, *sketch.current) or 1.0
    before, after = [], []
    for place, (old, new) in enumerate(zip(sketch.reference, sketch.current, strict=True)):
        left, right = place * step, (place + 1) * step - gap
        before.append(f"M{left:.1f} {_HEIGHT:g}V{_at(old / top)}H{right:.1f}V{_HEIGHT:g}z")
        after.append(f"{'M' if levels or not place else 'L'}{left:.1f} {_at(new / top)}H{right:.1f}")
    return Drawing("".join(before), "".join(after), _words(sketch, _))


def _at(share: float) -> str:
    return f"{_HEIGHT - 1.0 - share * (_HEIGHT - 2.0):.1f}"


def _words(sketch: Sketch, _: Translator) -> str:
    if not any(sketch.bars):
        return _("from %(low)s to %(high)s", low=f"{sketch.low:.3g}", high=f"{sketch.high:.3g}")
    pairs = zip(sketch.bars, sketch.reference, sketch.current, strict=True)
    return "; ".join(f"{bar}: {percent(old)} -> {percent(new)}" for bar, old, new in pairs)


def fragment(result: CheckResult, *, locale: str = "en") -> str:
    """Return a result as a table with its own style, to stand in another page such as a notebook's.

    Parameters
    ----------
    result : CheckResult
        Of a check.
    locale : str
        ``en`` or ``pt_BR``.

    Returns
    -------
    str
        HTML; every name in it is escaped.
    """
    return _render("table.html", result, locale)


def page(result: CheckResult, *, locale: str = "en") -> str:
    """Return a result as a whole page; see `CheckResult.to_html`.

    Parameters
    ----------
    result : CheckResult
        Of a check.
    locale : str
        ``en`` or ``pt_BR``.

    Returns
    -------
    str
        HTML that needs nothing else, and forbids itself scripts and the network.
    """
    return _render("page.html", result, locale)


def write_page(result: CheckResult, path: Path, *, locale: str = "en") -> Path:
    """Write a result as one HTML file; see `CheckResult.to_html`.

    Parameters
    ----------
    result : CheckResult
        Of a check.
    path : Path
        The file; it is replaced as a whole. Folders are made.
    locale : str
        ``en`` or ``pt_BR``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the path of a file, such as {path / 'drift.html'}")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(page(result, locale=locale), encoding="utf-8", errors="replace")
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):  # it may be what could not be written
            draft.unlink()
        raise InputError(f"{path} cannot be written: {error.strerror or error}; give another path") from error
    return path


def _render(template: str, result: CheckResult, locale: str) -> str:
    _ = translator(locale)
    every = lines(result, _)
    steady = sum(one.verdict != "drifted" for one in every)
    hidden = max(steady - _STEADY_SHOWN, 0)
    return str(
        _environment()
        .get_template(template)
        .render(
            _=_,
            lang=_.locale.replace("_", "-"),
            version=__version__,
            drifted=result.drifted,
            sides=sides(result, _),
            summary=summary(result, _),
            rows=_rows(every[: len(every) - hidden], _),
            hidden=hidden,
            notes=notes(result, _),
        )
    )


def _rows(shown: Sequence[Line], _: Translator) -> list[dict[str, Any]]:
    return [
        {
            "column": plain(one.column),
            "changes": plain(one.change).split("; ") if one.change else [],
            "effect": size(one.effect),
            "bar": f"{100 * min(one.effect, 1.0):.0f}" if one.effect >= 0 else "",
            "p": chance(one.p_value),
            "rows": " -> ".join(volume(count, short=False) for count in one.rows) if one.rows else "–",
            "verdict": one.verdict,
            "why": " ".join(one.sentences),
            "drawing": draw(one.sketch, _),
        }
        for one in shown
    ]


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("mirante.monitors.check"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
