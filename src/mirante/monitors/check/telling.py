"""What a check says to people and to programs: one line per column, notes, a sentence at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mirante.i18n import Translator, translator
from mirante.monitors.check.result import CheckResult, ColumnCheck, Sketch
from mirante.monitors.check.words import percent, plain

__all__ = ["Line", "as_dict", "change_of", "lines", "notes", "sides", "summary"]

_NAMED = 6  # columns by name in a sentence


@dataclass(frozen=True, slots=True)
class Line:
    """A column in a table of results.

    Parameters
    ----------
    column : str
        Its name.
    change : str
        What changed; empty where nothing did.
    effect, p_value : float
        NaN where there is none.
    rows : tuple of int, optional
        Values in the reference and in the current table; None where they were not compared.
    verdict : str
        ``drifted``, ``steady`` or ``unjudged``.
    sentences : tuple of str
        The reasons, in English.
    sketch : Sketch
        Both distributions.
    """

    column: str
    change: str
    effect: float
    p_value: float
    rows: tuple[int, int] | None
    verdict: str
    sentences: tuple[str, ...] = ()
    sketch: Sketch = field(default=Sketch((), (), ()))


def lines(result: CheckResult, _: Translator) -> list[Line]:
    """Return a line per column: those that are gone or of another type, then drifted ones, then the rest.

    Parameters
    ----------
    result : CheckResult
        Of a check.
    _ : Translator
        Of the reader's language.

    Returns
    -------
    list of Line
        Drifted columns by their effect, the largest first; the others as they stand in the reference.
    """
    compared = {one.column for one in result.columns}
    lost = [one for one in result.findings if one.is_drift and one.column not in compared]
    found = [
        Line(
            one.column,
            _type_change(one.detail, _) or _("the column is gone"),
            math.nan,
            math.nan,
            None,
            "drifted",
        )
        for one in lost
    ]
    moved = sorted(
        (one for one in result.columns if one.drifted),
        key=lambda one: (not one.new_type, -one.effect if one.effect == one.effect else 0.0),
    )
    return found + [_line(one, _) for one in (*moved, *(one for one in result.columns if not one.drifted))]


def _line(one: ColumnCheck, _: Translator) -> Line:
    verdict = one.verdict
    sentences = (verdict.sentence, *((verdict.missing_sentence,) if verdict.missing_detected else ()))
    return Line(
        one.column,
        change_of(one, _),
        one.effect,
        one.p_value,
        (verdict.n_baseline, verdict.n_window),
        "drifted" if one.drifted else "steady" if one.judged else "unjudged",
        sentences,
        one.sketch,
    )


def change_of(one: ColumnCheck, _: Translator) -> str:
    """Return what changed in a column; empty where nothing did.

    Parameters
    ----------
    one : ColumnCheck
        The column.
    _ : Translator
        Of the reader's language.

    Returns
    -------
    str
        ``median 2 -> 31``, ``missing 0 % -> 12 %``, ``number -> text``, or several of them.
    """
    verdict = one.verdict
    parts = [_type_change(one.new_type, _)] if one.new_type else []
    if verdict.drifted:
        parts.append(verdict.direction)
    if verdict.missing_detected and not one.new_type:
        before, after = percent(one.missing_reference), percent(verdict.missing_ratio)
        parts.append(_("missing %(before)s -> %(after)s", before=before, after=after))
    return "; ".join(parts)


def _type_change(detail: str, _: Translator) -> str:
    words = {
        "number": _("number"),
        "text": _("text"),
        "boolean": _("true or false"),
        "time": _("time"),
        "category": _("category"),
        "other": _("list"),
        "nothing": _("nothing"),
    }
    return " -> ".join(words.get(kind, kind) for kind in detail.split(" -> "))


def sides(result: CheckResult, _: Translator) -> str:
    """Return which two tables were compared.

    Parameters
    ----------
    result : CheckResult
        Of a check.
    _ : Translator
        Of the reader's language.

    Returns
    -------
    str
        ``january.parquet (27,004 rows) -> march.parquet (28,834 rows)``.
    """
    parts = [
        _.n(
            "%(name)s (%(rows)s row)",
            "%(name)s (%(rows)s rows)",
            one.rows,
            name=plain(one.name),
            rows=f"{one.rows:,}",
        )
        for one in (result.reference, result.current)
    ]
    return " -> ".join(parts)


def notes(result: CheckResult, _: Translator) -> list[str]:
    """Return sentences about columns that are not in the table, or hold values that cannot be read.

    Parameters
    ----------
    result : CheckResult
        Of a check.
    _ : Translator
        Of the reader's language.

    Returns
    -------
    list of str
    """
    of: dict[str, list[str]] = {}
    for one in result.findings:
        of.setdefault(one.what, []).append(f"{plain(one.column)} {one.detail}".strip())
    names = {what: _several(found, _) for what, found in of.items()}
    said = []
    if "new" in names:
        said.append(_("Not in the reference: %(names)s.", names=names["new"]))
    if "unreadable" in names:
        said.append(_("Values that are no number: %(names)s.", names=names["unreadable"]))
    if "time" in names:
        said.append(_("Left out, since time moves on: %(names)s.", names=names["time"]))
    if "key" in names:
        said.append(_("Left out, since each value comes once: %(names)s.", names=names["key"]))
    if "other" in names:
        said.append(_("Left out, since lists cannot be compared: %(names)s.", names=names["other"]))
    return said


def _several(names: Sequence[str], _: Translator) -> str:
    shown = ", ".join(names[:_NAMED])
    left = len(names) - _NAMED
    return shown if left <= 0 else _("%(names)s and %(n)s more", names=shown, n=left)


def summary(result: CheckResult, _: Translator) -> str:
    """Return the result in one or two sentences.

    Parameters
    ----------
    result : CheckResult
        Of a check.
    _ : Translator
        Of the reader's language.

    Returns
    -------
    str
    """
    total = len(result.compared)
    moved = [plain(one.column) for one in lines(result, _) if one.verdict == "drifted"]
    if moved:
        names = _several(moved, _)
        first = _.n(
            "%(count)s of %(n)s column drifted: %(names)s.",
            "%(count)s of %(n)s columns drifted: %(names)s.",
            total,
            count=len(moved),
            names=names,
        )
        rate = percent(result.alpha)
        return f"{first} " + _(
            "At most %(rate)s of tables that differ by chance alone are called drifted.", rate=rate
        )
    first = _.n("No drift in %(n)s column.", "No drift in %(n)s columns.", total)
    return f"{first} {_sight(result, _)}"


def _sight(result: CheckResult, _: Translator) -> str:
    """Return how small a shift would have been seen."""
    blind = sum(not one.judged for one in result.columns)
    if blind:
        return _.n("%(n)s has too few values to see any.", "%(n)s have too few values to see any.", blind)
    least = max(one.verdict.smallest_effect for one in result.columns)
    return _(
        "In each, a shift of %(size)s or more would have been seen.",
        size=f"{math.ceil(least * 100) / 100:.2f}",
    )


def as_dict(result: CheckResult) -> dict[str, Any]:
    """Return a result as plain values for JSON; see `CheckResult.to_dict`.

    Parameters
    ----------
    result : CheckResult
        Of a check.

    Returns
    -------
    dict
    """
    _ = translator("en")
    return {
        "drifted": result.drifted,
        "drift_share": result.drift_share,
        "drifted_columns": list(result.drifted_columns),
        "alpha": result.alpha,
        "summary": summary(result, _),
        "reference": {"name": result.reference.name, "rows": result.reference.rows},
        "current": {"name": result.current.name, "rows": result.current.rows},
        "columns": [_column_dict(one, _) for one in result.columns],
        "findings": [
            {"column": one.column, "finding": one.what, "detail": one.detail, "drift": one.is_drift}
            for one in result.findings
        ],
    }


def _column_dict(one: ColumnCheck, _: Translator) -> dict[str, Any]:
    verdict = one.verdict
    return {
        "column": one.column,
        "kind": verdict.kind,
        "drifted": one.drifted,
        "change": change_of(one, _),
        "values_drifted": verdict.drifted,
        "score": verdict.score,
        "value": _known(verdict.value),
        "threshold": _known(verdict.threshold),
        "p_value": _known(verdict.p_value),
        "effect": _known(verdict.effect),
        "smallest_effect": _known(verdict.smallest_effect),
        "n_reference": verdict.n_baseline,
        "n_current": verdict.n_window,
        "missing_detected": verdict.missing_detected,
        "missing_ratio_reference": _known(one.missing_reference),
        "missing_ratio": _known(verdict.missing_ratio),
        "missing_threshold": _known(verdict.missing_threshold),
        "new_category_ratio": _known(verdict.new_category_ratio),
        "scores": _known_scores(verdict.scores),
        "sentence": verdict.sentence,
        "missing_sentence": verdict.missing_sentence,
    }


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _known_scores(scores: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _known(value) for name, value in scores.items()}
