"""Sentences of an explanation, for people."""

from __future__ import annotations

import math

from mirante.drift.explain.bins import NEW, OTHER, interval, number
from mirante.drift.explain.findings import Contribution, SliceFinding
from mirante.drift.words import figure, probability, share, signs
from mirante.i18n import Translator, translator

__all__ = ["change_text", "contribution_sentence", "slice_note", "slice_sentence", "summary"]

_LONGEST = 60  # of a name in a note: a longer one would push the figures out of sight


def contribution_sentence(one: Contribution) -> str:
    """Return what a column does to the shift, in one sentence.

    Parameters
    ----------
    one : Contribution
        Its own sentence is not looked at.

    Returns
    -------
    str
    """
    if math.isnan(one.divergence):
        return f"{one.column} cannot be compared: a side has no rows."
    size = f"divergence {figure(one.divergence)}, {figure(one.chance)} by chance"
    if not one.moved:
        return f"{one.column} is steady ({size})."
    part = f"makes {share(one.share)} of the shift" if one.share > 0 else "moved"
    if one.share == 0 and one.contribution > 0:
        part = "moved, and its importance is 0"
    change = f"{one.where} went from {share(one.before)} to {share(one.after)} of the rows"
    # of categories it would say again what the bin says
    direction = f", {one.direction}" if one.direction and one.kind == "numeric" else ""
    return f"{one.column} {part} ({size}): {change}{direction}."


def slice_sentence(one: SliceFinding) -> str:
    """Return what was found in a slice, in one sentence.

    Parameters
    ----------
    one : SliceFinding
        Its own sentence is not looked at.

    Returns
    -------
    str
    """
    subject = one.column if one.aspect == "values" else f"the share of missing {one.column}"
    inside, outside = _size(one, one.inside), _size(one, one.outside)
    shares = f"{share(one.share_before)} -> {share(one.share_after)} of the rows"
    if one.kind == "mix":
        return (
            f"{subject} moved with the mix of {one.by} ({one.slice}: {shares}): {inside} in all rows, "
            f"{outside} once the baseline is given the window's mix; "
            f"{one.direction}, {probability(one.p_value)}."
        )
    grade = "hardly" if _hardly(one) else "less"
    left = f"; {', '.join(one.without)} left out" if one.without else ""
    return (
        f"{subject} moved inside {one.slice} ({inside}, {one.n_inside:,} rows; {one.direction}) and {grade} "
        f"outside ({outside}, {one.n_outside:,} rows), {probability(one.p_value)}; the slice: {shares}{left}."
    )


def slice_note(one: SliceFinding, *, rows: int, looked: int, locale: str = "en") -> str:
    """Return what was found in a slice in one short sentence, for people who know no statistics.

    Parameters
    ----------
    one : SliceFinding
        Its own sentence is not looked at.
    rows : int
        Of the window.
    looked : int
        Rows of it that were looked at; with fewer than all, the rows of the slice are an estimate.
    locale : str
        Of the words.

    Returns
    -------
    str
        Names of more than 60 characters are cut.

    Examples
    --------
    >>> found = SliceFinding(
    ...     "delay", "values", "inside", "carrier", "carrier = EV", "EV", None, None, "KS", 0.6, 0.01, "",
    ...     "median", 2.0, 31.5, 1204, 3796, 600, 4400, 0.12, 0.2408, 1e-9, (), ""
    ... )
    >>> slice_note(found, rows=5_000, looked=5_000)
    'delay moved mainly where carrier = EV: median 2 -> 31.5 there (1,204 rows), hardly elsewhere.'
    >>> slice_note(found, rows=50_000, looked=5_000, locale="pt_BR")[:80]
    'delay mudou principalmente onde carrier = EV: mediana 2 -> 31,5 ali (cerca de 12'
    """
    _ = translator(locale)
    told = {
        "column": _short(one.column),
        "slice": _condition(one, _),
        "change": change_text(one, locale),
        "rows": _counted(one.share_after * rows, rows == looked, _),
        "by": _short(one.by),
        "before": share(one.share_before, locale),
        "after": share(one.share_after, locale),
        "elsewhere": _("hardly elsewhere") if _hardly(one) else _("less elsewhere"),
    }
    return _missing_note(one, told, _) if one.aspect == "missing" else _values_note(one, told, _)


def _values_note(one: SliceFinding, told: dict[str, str], _: Translator) -> str:
    if one.kind == "mix":
        return _(
            "%(column)s moved mainly because the mix of %(by)s did (%(slice)s: %(before)s -> %(after)s of "
            "the rows): %(change)s.",
            **told,
        )
    if one.without:
        return _("%(column)s also moved where %(slice)s: %(change)s there (%(rows)s).", **told)
    return _("%(column)s moved mainly where %(slice)s: %(change)s there (%(rows)s), %(elsewhere)s.", **told)


def _missing_note(one: SliceFinding, told: dict[str, str], _: Translator) -> str:
    if one.kind == "mix":
        return _(
            "%(column)s: missing values changed mainly because the mix of %(by)s did (%(slice)s: %(before)s "
            "-> %(after)s of the rows): %(change)s.",
            **told,
        )
    if one.without:
        return _(
            "%(column)s: missing values also changed where %(slice)s: %(change)s there (%(rows)s).", **told
        )
    return _(
        "%(column)s: missing values changed mainly where %(slice)s: %(change)s there (%(rows)s), "
        "%(elsewhere)s.",
        **told,
    )


def change_text(one: SliceFinding, locale: str = "en") -> str:
    """Return the figure of a finding, before and after.

    Parameters
    ----------
    one : SliceFinding
        Its direction is not looked at.
    locale : str
        Of the words.

    Returns
    -------
    str
        ``median 2 -> 31``, ``UA: 18 % -> 26 %``, ``2 % -> 40 %`` of missing values.
    """
    _ = translator(locale)
    if one.measure == "KS":
        names = {
            "median": _("median"),
            "90th percentile": _("90th percentile"),
            "10th percentile": _("10th percentile"),
        }
        return f"{names[one.figure]} {figure(one.before, locale)} -> {figure(one.after, locale)}"
    shares = f"{share(one.before, locale)} -> {share(one.after, locale)}"
    if one.aspect == "missing":
        return shares
    name = _("any other level") if one.figure == OTHER else _short(one.figure)
    return f"{name}: {shares}"


def _condition(one: SliceFinding, _: Translator) -> str:
    by = _short(one.by)
    if one.level is not None:
        return f"{by} = {_short(one.level)}"
    if one.low is not None or one.high is not None:
        low, high = (None if end is None else signs(number(end), _.locale) for end in (one.low, one.high))
        return interval(by, low, high)
    if one.slice == f"{one.by} missing":
        return _("%(column)s is missing", column=by)
    if one.slice == f"{one.by} present":
        return _("%(column)s is not missing", column=by)
    return f"{by} = {_('a new level') if one.slice == f'{one.by} = {NEW}' else _('any other level')}"


def _counted(rows: float, exact: bool, _: Translator) -> str:
    if exact:
        return _("%(n)s rows", n=signs(f"{rows:,.0f}", _.locale))
    # two digits: more would say that the estimate is better than it is
    return _("about %(n)s rows", n=signs(f"{float(f'{rows:.1e}'):,.0f}", _.locale))


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _hardly(one: SliceFinding) -> bool:
    return one.outside <= one.inside / 4


def _size(one: SliceFinding, value: float) -> str:
    return f"{100 * value:.0f} points" if one.measure == "share" else f"{one.measure} {value:.2f}"


def summary(columns: tuple[Contribution, ...], found: int, looked: int) -> str:
    """Return the summary of an explanation.

    Parameters
    ----------
    columns : tuple of Contribution
        All of them.
    found : int
        Slices that are named.
    looked : int
        Pairs of a moved column and a slice that were looked at.

    Returns
    -------
    str
    """
    moved = sum(one.moved for one in columns)
    if columns and all(math.isnan(one.divergence) for one in columns):
        return "Nothing can be compared: a side has no rows."
    if not moved:
        return f"None of {len(columns)} columns moved by more than chance."
    text = f"{moved} of {len(columns)} columns moved by more than chance"
    if not looked:
        return f"{text}."
    if not found:
        return f"{text}; no single slice stands out ({looked:,} looked at)."
    noun = "finding" if found == 1 else "findings"
    return f"{text}; {found} {noun} in {looked:,} slices looked at."
