"""A comparison in words: lines for a terminal, and one HTML file that needs nothing else."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante import __version__
from mirante.errors import InputError
from mirante.i18n import Translator, translator
from mirante.monitors.check.words import chance, percent, plain

if TYPE_CHECKING:
    from mirante.monitors.comparison.result import Comparison, Measure, Side

__all__ = ["Told", "as_text", "page", "tell", "write_page"]

_NAMES = {"roc_auc": "ROC AUC", "mae": "MAE", "mse": "MSE"}

_NAMED = 10  # columns by name in a sentence


@dataclass(frozen=True, slots=True)
class Told:
    """A comparison as texts.

    Parameters
    ----------
    title : str
        Which versions, on what.
    agreement : list of (str, str)
        Names and values.
    head : list of str
        Of the table of measures.
    measures : list of (list of str, str)
        Cells of each line, and its verdict: ``better``, ``worse``, ``even`` or ``unknown``.
    slices : list of str
        Where they differ most.
    notes : list of str
        What else is to be known, the summary last.
    """

    title: str
    agreement: list[tuple[str, str]]
    head: list[str]
    measures: list[tuple[list[str], str]]
    slices: list[str]
    notes: list[str]


def tell(result: Comparison, *, locale: str = "en") -> Told:
    """Return a comparison as texts.

    Parameters
    ----------
    result : Comparison
        What was found.
    locale : str
        ``en`` or ``pt_BR``.
    """
    _ = translator(locale)
    title = _(
        "%(first)s and %(second)s on %(rows)s",
        first=_side(result.first, _),
        second=_side(result.second, _),
        rows=_.n("%(n)s row", "%(n)s rows", result.rows),
    )
    where = plain(result.source)
    head = [_("measure"), *(_("version %(version)s", version=plain(one.version)) for one in _sides(result)),
            _("difference"), _("interval of 95 %"), "p", _("verdict")]  # fmt: skip
    return Told(
        title=f"{title}: {where}" if where else title,
        agreement=_agreement(result, _),
        head=head,
        measures=[(_cells(one, _), one.verdict) for one in result.measures],
        slices=_slices(result, _),
        notes=_notes(result, _),
    )


def _sides(result: Comparison) -> tuple[Side, Side]:
    return result.first, result.second


def _side(side: Side, _: Translator) -> str:
    return _("%(name)s (version %(version)s)", name=plain(side.name), version=plain(side.version))


def _agreement(result: Comparison, _: Translator) -> list[tuple[str, str]]:
    found = result.agreement
    classes = result.task in ("class", "probabilities")
    shown = [
        (_("Same class") if classes else _("Same side of 0.5"), percent(found.equal)),
        (_("Mean absolute difference"), _number(found.gap)),
        (_("Correlation"), _number(found.correlation)),
        (_("Total variation of the classes") if classes else _("KS distance of the predictions"),
         _number(found.shift)),
    ]  # fmt: skip
    return [(name, text) for name, text in shown if text != "–"]


def _cells(one: Measure, _: Translator) -> list[str]:
    words = {
        "better": _("better"),
        "worse": _("worse"),
        "even": _("no difference shown"),
        "unknown": _("too few rows"),
    }
    found = one.found
    low, high = _signed(found.low), _signed(found.high)
    interval = "–" if math.isnan(found.low) else _("%(low)s to %(high)s", low=low, high=high)
    return [
        _name(one.name, _), _number(found.first), _number(found.second), _signed(found.difference), interval,
        chance(found.p_value), words[one.verdict],
    ]  # fmt: skip


def _name(measure: str, _: Translator) -> str:
    words = {"accuracy": _("Accuracy"), "log_loss": _("Log loss"), "brier": _("Brier score")}
    return words.get(measure) or _NAMES.get(measure, measure)


def _slices(result: Comparison, _: Translator) -> list[str]:
    shown = percent if result.task == "class" else _number
    return [
        _(
            "%(column)s %(where)s: %(gap)s on %(rows)s, %(rest)s elsewhere",
            column=plain(one.column),
            where=_("is missing") if one.where == "is missing" else plain(one.where),
            gap=shown(one.gap),
            rest=shown(one.rest),
            rows=_.n("%(n)s row", "%(n)s rows", one.rows),
        )
        for one in result.slices
    ]


def _notes(result: Comparison, _: Translator) -> list[str]:
    notes = [
        _(
            "%(side)s refused %(rows)s: %(reason)s",
            side=_side(side, _),
            rows=_.n("%(n)s row", "%(n)s rows", side.failed),
            reason=plain(side.reason),
        )
        for side in _sides(result)
        if side.failed
    ]
    if result.ignored:
        shown = ", ".join(plain(name) for name in result.ignored[:_NAMED])
        more = len(result.ignored) - _NAMED
        names = f"{shown} +{more}" if more > 0 else shown
        notes.append(_("Left out, since neither version takes them: %(names)s.", names=names))
    return [*notes, _summary(result, _)]


def _summary(result: Comparison, _: Translator) -> str:
    if not result.measures:
        return _("No row has a label, so nobody can say which is better.")
    second = plain(result.second.version)
    said = {
        verdict: ", ".join(_name(one.name, _) for one in result.measures if one.verdict == verdict)
        for verdict in ("better", "worse")
    }
    if said["better"] and said["worse"]:
        return _(
            "Version %(version)s is better by %(better)s and worse by %(worse)s.", version=second, **said
        )
    if said["better"]:
        return _("Version %(version)s is better by %(better)s.", version=second, better=said["better"])
    if said["worse"]:
        return _("Version %(version)s is worse by %(worse)s.", version=second, worse=said["worse"])
    return _("No difference is shown: more labelled rows would tell a smaller one.")


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}"


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.3g}"


def as_text(result: Comparison, *, locale: str = "en") -> str:
    """Return a comparison as lines for a terminal; see `Comparison.to_text`.

    Parameters
    ----------
    result : Comparison
        What was found.
    locale : str
        ``en`` or ``pt_BR``.
    """
    _ = translator(locale)
    told = tell(result, locale=locale)
    widest = max((len(name) for name, _text in told.agreement), default=0)
    lines = [
        told.title,
        "",
        _("Agreement"),
        *(f"  {name:<{widest}}  {text}" for name, text in told.agreement),
    ]
    if told.measures:
        labelled = _.n("%(n)s labelled row", "%(n)s labelled rows", result.labelled)
        lines += ["", _("Performance on %(rows)s", rows=labelled)]
        lines += _table([told.head, *(cells for cells, _verdict in told.measures)])
    if told.slices:
        lines += ["", _("They differ most where"), *(f"  {one}" for one in told.slices)]
    return "\n".join([*lines, "", *told.notes])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def page(result: Comparison, *, locale: str = "en") -> str:
    """Return a comparison as a whole page that forbids itself scripts and the network.

    Parameters
    ----------
    result : Comparison
        What was found.
    locale : str
        ``en`` or ``pt_BR``.

    Returns
    -------
    str
        HTML; every name in it is escaped.
    """
    _ = translator(locale)
    labelled = _.n("%(n)s labelled row", "%(n)s labelled rows", result.labelled)
    html: str = _environment().get_template("page.html").render(
        _=_, lang=locale.replace("_", "-"), told=tell(result, locale=locale), labelled=labelled,
        version=__version__,
    )  # fmt: skip
    return html


def write_page(result: Comparison, path: Path, *, locale: str = "en") -> Path:
    """Write a comparison as one HTML file; see `Comparison.to_html`.

    Parameters
    ----------
    result : Comparison
        What was found.
    path : Path
        The file; it is replaced as a whole. Folders are made.
    locale : str
        ``en`` or ``pt_BR``.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the path of a file, such as {path / 'compare.html'}")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(page(result, locale=locale), encoding="utf-8", errors="replace")
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise InputError(f"{path} cannot be written: {error.strerror}; give another path") from error
    return path


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("mirante.monitors.comparison"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
