"""Sentences about verdicts, for people."""

from __future__ import annotations

import math
from collections.abc import Callable

from mirante.drift.verdicts import Finding
from mirante.i18n import Translator, translator

__all__ = ["drift_sentence", "figure", "missing_sentence", "probability", "share", "signs"]

_MOST_DIGITS = 3  # more than it is written with usually
_SWAPPED = str.maketrans(",.", ".,")


def signs(text: str, locale: str) -> str:
    """Return a number that was written in English with the decimal sign and the groups of a locale.

    Examples
    --------
    >>> signs("1,204.5", "pt_BR")
    '1.204,5'
    """
    return text.translate(_SWAPPED) if locale == "pt_BR" else text


def figure(value: float, locale: str = "en") -> str:
    """Return a number as people write it: three digits, thousands parted.

    Examples
    --------
    >>> figure(2.0), figure(0.12345), figure(26483.0), figure(float("nan")), figure(26483.0, "pt_BR")
    ('2', '0.123', '26,483', 'unknown', '26.483')
    """
    if math.isnan(value):
        _ = translator(locale)
        return _("unknown")
    if 1000 <= abs(value) < 1e15:
        return signs(f"{value:,.0f}", locale)
    return signs(f"{value:.3g}", locale)


def share(value: float, locale: str = "en") -> str:
    """Return a share in percent, with a digit more where it is small.

    Examples
    --------
    >>> share(0.184), share(0.0123), share(0.0), share(0.0123, "pt_BR")
    ('18 %', '1.2 %', '0 %', '1,2 %')
    """
    if math.isnan(value):
        _ = translator(locale)
        return _("unknown")
    hundredths = 100 * value
    text = f"{hundredths:.1f} %" if 0 < hundredths < 9.95 else f"{hundredths:.0f} %"
    return signs(text, locale)


def probability(value: float, locale: str = "en") -> str:
    """Return a p-value for a sentence.

    Examples
    --------
    >>> probability(0.0312), probability(3.2e-9), probability(0.0), probability(0.0312, "pt_BR")
    ('p 0.031', 'p 3e-09', 'p below 1e-300', 'p 0,031')
    """
    if value < 1e-300:
        _ = translator(locale)
        return _("p below 1e-300")
    return signs(f"p {value:.2g}" if value >= 1e-3 else f"p {value:.0e}", locale)


def _apart(
    value: float, limit: float, write: Callable[[float, int, str], str], locale: str
) -> dict[str, str]:
    """Write a value and its limit with as many more digits as it takes to tell which is larger."""
    for more in range(_MOST_DIGITS + 1):
        told = {"value": write(value, more, locale), "limit": write(limit, more, locale)}
        if told["value"] != told["limit"]:
            return told
    return {"value": write(value, 0, locale), "limit": write(limit, 0, locale)}


def _distance_digits(value: float, more: int, locale: str) -> str:
    return signs(f"{value:.{2 + more}f}", locale)


def _share_digits(value: float, more: int, locale: str) -> str:
    if not more or math.isnan(value):
        return share(value, locale)
    few = 1 if 0 < 100 * value < 9.95 else 0
    return signs(f"{100 * value:.{few + more}f} %", locale)


def _figure_digits(value: float, more: int, locale: str) -> str:
    if not more or math.isnan(value):
        return figure(value, locale)
    if 1000 <= abs(value) < 1e15:
        return signs(f"{value:,.{more}f}", locale)
    return signs(f"{value:.{3 + more}g}", locale)


def _statistic(finding: Finding, _: Translator) -> str:
    value, limit = finding.value, finding.threshold
    shares = _apart(value, limit, _share_digits, _.locale)
    if finding.score == "superiority":
        return _("in %(value)s of pairs its value is larger than the baseline's (limit %(limit)s)", **shares)
    if finding.score == "share":
        return _("share of %(level)s %(value)s (limit %(limit)s)", level=finding.subject, **shares)
    if finding.score == "chi2":
        figures = _apart(value, limit, _figure_digits, _.locale)
        return _("chi-squared %(value)s (limit %(limit)s)", **figures)
    numbers = _apart(value, limit, _distance_digits, _.locale)
    if limit > 1.0:
        numbers["limit"] = _("above 1, which no distance is")
    if finding.score == "ks":
        return _("KS distance %(value)s (limit %(limit)s)", **numbers)
    return _("total variation %(value)s (limit %(limit)s)", **numbers)


def drift_sentence(
    column: str,
    finding: Finding,
    *,
    drifted: bool,
    floor: float,
    rows: tuple[int, int],
    locale: str = "en",
) -> str:
    """Return the reason of a verdict in one sentence.

    Parameters
    ----------
    column : str
        Its name.
    finding : Finding
        What was found.
    drifted : bool
        The verdict.
    floor : float
        Least effect that matters.
    rows : tuple of int
        Values in the window (or all windows of the scale) and in the reference.
    locale : str
        Of the words.

    Returns
    -------
    str
    """
    _ = translator(locale)
    sizes = {"n": signs(f"{rows[0]:,}", _.locale), "m": signs(f"{rows[1]:,}", _.locale)}
    counted = _("%(n)s rows against %(m)s", **sizes)
    told = {"column": column, "counted": counted}
    if not rows[0] and rows[1]:
        return _("%(column)s cannot be judged: the window has no values (%(counted)s).", **told)
    if not all(rows):
        return _("%(column)s cannot be judged: the baseline has no values (%(counted)s).", **told)
    if drifted:
        direction = "" if finding.scale > 1 else f", {finding.direction}"
        told["why"] = f"{_statistic(finding, _)}{direction}, {probability(finding.p_value, _.locale)}"
        if finding.scale == 1:
            return _("%(column)s moved: %(why)s; %(counted)s.", **told)
        return _(
            "%(column)s moved over the last %(windows)s windows: %(why)s; %(counted)s.",
            windows=finding.scale,
            **told,
        )
    told["why"] = f"{_statistic(finding, _)}{_few(finding, floor, _)}"
    return _("%(column)s is steady: %(why)s; %(counted)s.", **told)


def _few(finding: Finding, floor: float, _: Translator) -> str:
    if finding.resolution > 1:
        return "; " + _("too few rows to see any shift")
    if finding.resolution > floor and finding.smallest_effect <= finding.resolution:
        least = signs(f"{finding.resolution:.2f}", _.locale)
        return "; " + _("too few rows to see less than %(least)s", least=least)
    return ""


def missing_sentence(
    column: str,
    ratio: float,
    usual: float,
    threshold: float,
    p_value: float,
    *,
    detected: bool,
    rows: int,
    unreadable: int = 0,
    locale: str = "en",
) -> str:
    """Return the reason of a verdict on missing values in one sentence.

    Parameters
    ----------
    column : str
        Its name.
    ratio, usual : float
        Share of missing values in the window and in the baseline; NaN without rows.
    threshold, p_value : float
        The share from which it alarms, and how likely chance alone makes such a difference.
    detected : bool
        The verdict.
    rows : int
        Rows of the window, missing values included.
    unreadable : int
        Texts among them that are no number.
    locale : str
        Of the words.

    Returns
    -------
    str
    """
    _ = translator(locale)
    if math.isnan(ratio):
        return _("%(column)s: missing values cannot be judged without rows.", column=column)
    count = signs(f"{unreadable:,}", _.locale)
    apart = _apart(ratio, threshold, _share_digits, _.locale)
    odd = "; " + _("%(count)s values are no number", count=count) if unreadable else ""
    told = {
        "column": column,
        "ratio": apart["value"],
        "limit": apart["limit"],
        "usual": share(usual, _.locale),
        "p": probability(p_value, _.locale),
        "rows": signs(f"{rows:,}", _.locale) + " " + _("rows") + odd,
    }
    if not detected:
        return _(
            "%(column)s: %(ratio)s missing (limit %(limit)s, %(usual)s in the baseline); %(rows)s.", **told
        )
    if ratio < usual:
        return _(
            "%(column)s: missing values fell to %(ratio)s (limit %(limit)s, %(usual)s in the baseline), "
            "%(p)s; %(rows)s.",
            **told,
        )
    return _(
        "%(column)s: missing values rose to %(ratio)s (limit %(limit)s, %(usual)s in the baseline), %(p)s; "
        "%(rows)s.",
        **told,
    )
