"""The unit of the number that an alert carries: shares and per cent are told to people in per cent."""

from __future__ import annotations

import math
from functools import lru_cache

from mirante.alerts.templates import number_text, percent_text
from mirante.errors import ConfigError
from mirante.i18n import format_number
from mirante.readings import unit_of

__all__ = ["measure_text", "unit_of_condition", "value_text"]

_SAME_UNIT = frozenset({"", "avg_over", "min_over", "max_over", "delta"})


@lru_cache(maxsize=2_000)  # of few rules come many alerts
def unit_of_condition(condition: str) -> str:
    """Return the unit of a condition's value, which is that of its leftmost reading.

    Parameters
    ----------
    condition : str
        Of a rule; one that cannot be read (any more) has no unit.

    Returns
    -------
    str
        ``share``, ``percent``, or nothing for all that is written as a plain number.

    Examples
    --------
    >>> unit_of_condition("missing_ratio > 0.3 and missing_detected == 1"), unit_of_condition("cpu > 90")
    ('share', '')
    >>> unit_of_condition('avg_over("system_cpu_percent", "15m") > 90'), unit_of_condition("not a rule (")
    ('percent', '')
    """
    if not condition:
        return ""
    from mirante.alerts.expression.tree import parse_condition  # numpy, which a plain message does not need

    try:
        columns = parse_condition(condition).columns
    except ConfigError:
        return ""
    if not columns or columns[0].function not in _SAME_UNIT:
        return ""
    unit = unit_of(columns[0].metric)
    return unit if unit in ("share", "percent") else ""


def value_text(value: float, condition: str) -> str:
    """Return an alert's value for people; a share also as the number that its rule compares.

    Parameters
    ----------
    value : float
        Any number.
    condition : str
        The rule's, which stands beside it.

    Examples
    --------
    >>> value_text(0.5075, "missing_ratio > 0.3"), value_text(93.2, "system_cpu_percent > 90")
    ('50.75 % (0.5075)', '93.2 %')
    >>> value_text(97.0, "cpu > 90")
    '97'
    """
    unit = unit_of_condition(condition)
    if unit == "share" and math.isfinite(value):
        return f"{percent_text(100 * value)} ({number_text(value)})"
    return percent_text(value) if unit == "percent" else number_text(value)


def measure_text(name: str, value: float, locale: str) -> str:
    """Return a measure of performance for people: a share in per cent, all else with three decimals.

    Examples
    --------
    >>> measure_text("performance_accuracy", 0.8913, "en"), measure_text("performance_roc_auc", 0.8913, "en")
    ('89.1 %', '0.891')
    """
    if unit_of(name) == "share":
        return f"{format_number(100 * value, locale, digits=1)} %"
    return format_number(value, locale, digits=3)
