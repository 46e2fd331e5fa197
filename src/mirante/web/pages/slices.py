"""The declared slices of a model: a heat map of slices by windows, a table, and one of them over time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mirante.i18n import Translator, translator
from mirante.web.pages.charts import Chart, chart_of
from mirante.web.pages.query import Query

if TYPE_CHECKING:
    from mirante.store import SliceWindowRow, Store, WindowRow

__all__ = ["SliceLine", "Slices", "of_slice", "slices_shown"]

_WINDOWS = 200  # of which slices are shown: as many as a heat map has columns
_LINES = 20
_ROWS = 40
_OF_ONE = 30
_MEASURES = ("accuracy", "roc_auc", "mae", "rmse")
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SliceLine:
    """One slice in the table.

    Parameters
    ----------
    label : str
        Its name.
    last : SliceWindowRow
        Its newest window.
    windows, drifted : int
        How many windows it has rows in, and in how many of them something drifted.
    worst : SliceWindowRow
        The window in which a column moved furthest, drifted ones before others.
    performance : float or None
        The newest that is known.
    """

    label: str
    last: SliceWindowRow
    windows: int
    drifted: int
    worst: SliceWindowRow
    performance: float | None


@dataclass(frozen=True, slots=True)
class Slices:
    """All that a page shows of a model's slices.

    Parameters
    ----------
    sentence : str
        What matters, in one sentence.
    heat : Chart or None
        Slices by windows.
    lines : list of SliceLine
        What drifted most often first; at most 20.
    labels : list of str
        All of them.
    measure : str
        Name of the performance; empty while none is known.
    whole : float or None
        The same of all rows.
    chosen : str
        The slice of which `windows` are shown; empty for none.
    windows : list of SliceWindowRow
        Newest first, at most 30.
    problems : list of (str, str)
        Declared slices that are not judged, and why.
    """

    sentence: str
    heat: Chart | None
    lines: list[SliceLine]
    labels: list[str]
    measure: str
    whole: float | None
    chosen: str
    windows: list[SliceWindowRow]
    problems: list[tuple[str, str]]


def slices_shown(
    store: Store,
    subject: str,
    windows: Sequence[WindowRow],
    query: Query,
    *,
    told: WindowRow | None = None,
) -> Slices | None:
    """Return what is known of a model's slices in the last windows of a time.

    Parameters
    ----------
    store : Store
        Has the slices of windows.
    subject : str
        The model.
    windows : sequence of WindowRow
        Closed ones of that time, oldest first; the last 200 of them are looked at.
    query : Query
        ``slice`` names the one that is chosen.
    told : WindowRow, optional
        The window whose verdicts are read already: they say which declared slices are not judged.

    Returns
    -------
    Slices or None
        None where none are declared.
    """
    if not windows:
        return None
    shown = windows[-_WINDOWS:]
    since, until = shown[0].start, shown[-1].start + _MOMENT
    rows = store.slice_windows.list(subject, since=since, until=until, with_verdicts=False)
    problems = _problems(told)
    if not rows and not problems:
        return None
    _ = translator(query.locale)
    of: dict[str, list[SliceWindowRow]] = {}
    for row in rows:
        of.setdefault(row.label, []).append(row)
    measure, known = _performance(store, subject)
    lines = [_line(label, mine, known.get(label)) for label, mine in of.items()]
    lines.sort(key=lambda line: (-line.drifted, -_effect(line.worst), line.label))
    chosen = query.get("slice") if query.get("slice") in of else ""
    key = of[chosen][-1].slice if chosen else ("", "")
    one = store.slice_windows.list(subject, since=since, until=until, of=key) if chosen else []
    return Slices(
        _sentence(lines, len(shown), _),
        _heat(rows, query) if rows else None,
        lines[:_LINES],
        sorted(of),
        measure,
        known.get(""),
        chosen,
        one[::-1][:_OF_ONE],
        problems,
    )


def of_slice(store: Store, slices: Slices, window: WindowRow, query: Query) -> list[str]:
    """Return what was found in the chosen slice of the window whose rows are compared as a whole.

    Parameters
    ----------
    store : Store
        Has the slice's verdicts.
    slices : Slices
        With the one that is chosen.
    window : WindowRow
        The window.
    query : Query
        Gives the language.

    Returns
    -------
    list of str
        Sentences, the furthest moved column first; none where no slice is chosen.
    """
    if not slices.chosen:
        return []
    _, label = translator(query.locale), slices.chosen
    key, until = slices.windows[0].slice, window.start + _MOMENT
    rows = store.slice_windows.list(window.subject, since=window.start, until=until, of=key)
    row = next((row for row in rows if row.version == window.version), None)
    if row is None:
        return [_("%(slice)s has no rows in this window.", slice=label)]
    said = [_("%(slice)s: %(sentence)s", slice=label, sentence=one) for one in row.verdicts["sentences"]]
    more = row.drifted - len(said)
    said += [_.n("and %(n)s more feature", "and %(n)s more features", more)] if more > 0 else []
    if missing := row.verdicts.get("missing"):
        names = ", ".join(missing)
        said.append(_("%(slice)s: more values are missing in %(names)s.", slice=label, names=names))
    if said:
        return said
    rows_of = _.n("%(n)s row", "%(n)s rows", row.rows)
    return [_("%(slice)s: no drift in this window (%(rows)s).", slice=label, rows=rows_of)]


def _effect(row: SliceWindowRow) -> float:
    return -1.0 if row.effect != row.effect else row.effect


def _line(label: str, rows: Sequence[SliceWindowRow], performance: float | None) -> SliceLine:
    worst = max(rows, key=lambda row: (bool(row.drifted), _effect(row)))
    return SliceLine(label, rows[-1], len(rows), sum(bool(row.drifted) for row in rows), worst, performance)


def _sentence(lines: Sequence[SliceLine], windows: int, _: Translator) -> str:
    moved = [line for line in lines if line.drifted]
    if not lines:
        return ""
    last = _.n("in the last window", "in the last %(n)s windows", windows)
    if not moved:
        return _("None of the %(total)s slices drifted %(when)s.", total=len(lines), when=last)
    first = moved[0]
    return _(
        "%(n)s of %(total)s slices drifted %(when)s, %(first)s most often: in %(windows)s, furthest in "
        "%(feature)s.",
        n=len(moved),
        total=len(lines),
        when=last,
        first=first.label,
        windows=_.n("%(n)s window", "%(n)s windows", first.drifted),
        feature=first.worst.strongest,
    )


def _heat(rows: Sequence[SliceWindowRow], query: Query) -> Chart:
    from mirante.views.figures import heatmap_draft, plain
    from mirante.views.slices import slice_lines

    _ = translator(query.locale)
    title = _("Drift: slices by windows")
    draft = heatmap_draft(
        *slice_lines(rows), title=title, label="slice", features=_ROWS, locale=query.locale, explained=True
    )
    data = {"rows": json.dumps({plain(row.label, 40): row.label for row in rows}), "parameter": "slice"}
    return chart_of("slices", title, draft, wide=True, **data)


def _performance(store: Store, subject: str) -> tuple[str, dict[str, float]]:
    """Return a measure, and its newest value by slice; of all rows under the empty name."""
    names = [f"performance_{name}" for name in _MEASURES]
    found = store.readings.recent(names, subjects=[subject], points=1)
    for name in names:
        mine = [one for one in found if one.name == name and "slice" in one.labels]
        if mine:
            whole = [one for one in found if one.name == name and "slice" not in one.labels]
            newest = sorted([*mine, *whole], key=lambda one: one.times[-1])
            return name.removeprefix("performance_"), {
                one.labels.get("slice", ""): float(one.values[-1]) for one in newest
            }
    return "", {}


def _problems(window: WindowRow | None) -> list[tuple[str, str]]:
    told: Any = None if window is None else window.verdicts.get("not_sliced")
    return [(str(one["entry"]), str(one["reason"])) for one in told or ()]
