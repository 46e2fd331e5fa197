"""Numbers as a small table shows them."""

from __future__ import annotations

import math

__all__ = ["chance", "percent", "plain", "size", "volume"]

_UNKNOWN = "–"
_STEPS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


def percent(share: float) -> str:
    """Return a share in percent, with a digit more where it is small.

    Examples
    --------
    >>> percent(0.184), percent(0.0123), percent(0.0), percent(math.nan)
    ('18 %', '1.2 %', '0 %', '–')
    """
    if math.isnan(share):
        return _UNKNOWN
    return f"{100 * share:.2g} %" if 0 < share < 0.0995 else f"{100 * share:.0f} %"


def chance(p_value: float) -> str:
    """Return a p-value.

    Examples
    --------
    >>> chance(0.0312), chance(3.2e-9), chance(0.0), chance(1.0)
    ('0.031', '3e-09', '<1e-300', '1')
    """
    if math.isnan(p_value):
        return _UNKNOWN
    if p_value < 1e-300:
        return "<1e-300"
    return f"{p_value:.2g}" if p_value >= 1e-3 else f"{p_value:.0e}"


def size(effect: float) -> str:
    """Return an effect, 0 to 1, with two digits.

    Examples
    --------
    >>> size(0.5), size(0.004), size(math.nan)
    ('0.50', '0.00', '–')
    """
    return _UNKNOWN if math.isnan(effect) else f"{effect:.2f}"


def volume(count: int, *, short: bool) -> str:
    """Return a count of rows, thousands parted; or three digits of it.

    Examples
    --------
    >>> volume(27004, short=False), volume(27004, short=True), volume(999, short=True)
    ('27,004', '27k', '999')
    >>> volume(1_234_567, short=True), volume(999_999, short=True)
    ('1.23M', '1M')
    """
    if not short or count < 10_000:
        return f"{count:,}"
    rounded = float(f"{count:.3g}")
    step, letter = next(pair for pair in _STEPS if rounded >= pair[0])
    return f"{rounded / step:.3g}{letter}"


def plain(text: str) -> str:
    r"""Return a name with what a terminal might obey, or cannot show, written out.

    Examples
    --------
    >>> plain("preço"), plain("a\x1b[2J\nb")
    ('preço', 'a\\x1b[2J\\nb')
    """
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in text
    )
