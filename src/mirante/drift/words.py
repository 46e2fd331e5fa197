"""Sentences about verdicts, for people."""

from __future__ import annotations

import math

from mirante.drift.verdicts import Finding

__all__ = ["drift_sentence", "figure", "missing_sentence", "probability", "share"]


def figure(value: float) -> str:
    """Return a number as people write it: three digits, thousands parted.

    Examples
    --------
    >>> figure(2.0), figure(0.12345), figure(26483.0), figure(float("nan"))
    ('2', '0.123', '26,483', 'unknown')
    """
    if math.isnan(value):
        return "unknown"
    if 1000 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def share(value: float) -> str:
    """Return a share in percent, with a digit more where it is small.

    Examples
    --------
    >>> share(0.184), share(0.0123), share(0.0)
    ('18 %', '1.2 %', '0 %')
    """
    if math.isnan(value):
        return "unknown"
    hundredths = 100 * value
    return f"{hundredths:.1f} %" if 0 < hundredths < 9.95 else f"{hundredths:.0f} %"


def probability(value: float) -> str:
    """Return a p-value for a sentence.

    Examples
    --------
    >>> probability(0.0312), probability(3.2e-9), probability(0.0)
    ('p 0.031', 'p 3e-09', 'p below 1e-300')
    """
    if value < 1e-300:
        return "p below 1e-300"
    return f"p {value:.2g}" if value >= 1e-3 else f"p {value:.0e}"


def _statistic(finding: Finding) -> str:
    value, limit = finding.value, finding.threshold
    if finding.score == "superiority":
        return f"in {share(value)} of pairs its value is larger than the baseline's (limit {share(limit)})"
    if finding.score == "share":
        return f"share of {finding.subject} {share(value)} (limit {share(limit)})"
    names = {"ks": "KS distance", "total_variation": "total variation", "chi2": "chi-squared"}
    numbers = (f"{value:.2f}", f"{limit:.2f}") if finding.score != "chi2" else (figure(value), figure(limit))
    return f"{names[finding.score]} {numbers[0]} (limit {numbers[1]})"


def drift_sentence(
    column: str, finding: Finding, *, drifted: bool, floor: float, rows: tuple[int, int]
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

    Returns
    -------
    str
    """
    counted = f"{rows[0]:,} rows against {rows[1]:,}"
    if not all(rows):
        side = "the window" if rows[1] else "the baseline"
        return f"{column} cannot be judged: {side} has no values ({counted})."
    if drifted:
        over = "" if finding.scale == 1 else f" over the last {finding.scale} windows"
        direction = "" if finding.scale > 1 else f", {finding.direction}"
        why = f"{_statistic(finding)}{direction}, {probability(finding.p_value)}"
        return f"{column} moved{over}: {why}; {counted}."
    few = ""
    if finding.resolution > 1:
        few = "; too few rows to see any shift"
    elif finding.resolution > floor and finding.smallest_effect <= finding.resolution:
        few = f"; too few rows to see less than {finding.resolution:.2f}"
    return f"{column} is steady: {_statistic(finding)}{few}; {counted}."


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

    Returns
    -------
    str
    """
    if math.isnan(ratio):
        return f"{column}: missing values cannot be judged without rows."
    odd = f"; {unreadable:,} values are no number" if unreadable else ""
    limit, normal = f"limit {share(threshold)}", f"{share(usual)} in the baseline"
    if detected:
        way = "fell to" if ratio < usual else "rose to"
        text = f"{column}: missing values {way} {share(ratio)} ({limit}, {normal})"
        return f"{text}, {probability(p_value)}; {rows:,} rows{odd}."
    return f"{column}: {share(ratio)} missing ({limit}, {normal}); {rows:,} rows{odd}."
