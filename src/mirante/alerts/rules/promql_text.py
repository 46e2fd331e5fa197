"""Pieces of PromQL: names, numbers, matchers and patterns, so written that nothing in them can break out."""

from __future__ import annotations

import math
import re

from mirante.alerts.matchers import Matcher
from mirante.errors import ConfigError

__all__ = ["label_text", "matcher_text", "number", "quoted", "selector"]

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Words that PromQL's grammar takes for itself where a metric's name may stand.
_KEYWORDS = frozenset(
    {"and", "or", "unless", "atan2", "by", "without", "on", "ignoring", "group_left", "group_right", "bool"}
    | {"offset", "start", "end", "inf", "nan", "sum", "avg", "count", "min", "max", "group", "stddev"}
    | {"stdvar", "topk", "bottomk", "count_values", "quantile"}
)
# The part of Python's regular expressions that RE2 reads the same way; back references, look-around,
# possessive repeats and escapes such as \Z or \u00e9 are not in it.
_SHARED_SYNTAX = re.compile(
    r"(?:[^\\()\[\]{}*+?]|\\[dDwWsSbB]|\\[^A-Za-z0-9]"
    r"|\[\^?(?:[^\\\[\]]|\\[dDwWsS]|\\[^A-Za-z0-9])+\]"
    r"|\((?:\?:|\?P<[A-Za-z_]\w*>|(?!\?))|\)"
    r"|[*+?]\??(?![*+?{])|\{\d{1,3}(?:,\d{0,3})?\}\??(?![*+?{]))*"
)


def quoted(text: str) -> str:
    r"""Return a text as a string of PromQL.

    Raises
    ------
    ConfigError
        If it holds half a character, which no encoding can say.

    Examples
    --------
    >>> print(quoted('a"} or vector(1) # \\'), quoted("x" + chr(0)))
    "a\"} or vector(1) # \\" "x\x00"
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ConfigError("a value holds half a character, which cannot be written down") from None
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def number(value: float) -> str:
    """Return a number of PromQL that reads back as the same float.

    Examples
    --------
    >>> number(90.0), number(0.1), number(1e300), number(float("inf"))
    ('90', '0.1', '1e+300', '+Inf')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def label_text(label: str) -> str:
    """Return a label as ``/metrics`` writes it: two underscores in front are Prometheus' own.

    Examples
    --------
    >>> label_text("__x"), label_text("feature")
    ('_x', 'feature')
    """
    return re.sub(r"^__+", "_", label)


def matcher_text(matcher: Matcher) -> str:
    """Return a matcher of a selector.

    Raises
    ------
    ConfigError
        If its pattern has parts that Prometheus' regular expressions lack, or read otherwise.

    Examples
    --------
    >>> print(matcher_text(Matcher("feature", "!~id_.*")))
    feature!~"id_.*"
    """
    sign = "!" if matcher.negative else "="
    if matcher.pattern is None:
        return f"{label_text(matcher.label)}{'!=' if matcher.negative else '='}{quoted(matcher.value)}"
    if not _SHARED_SYNTAX.fullmatch(matcher.value):
        raise ConfigError(
            f"the pattern {matcher.value!r} of label {matcher.label!r} has parts "
            "that Prometheus' regular expressions lack or read otherwise"
        )
    return f"{label_text(matcher.label)}{sign}~{quoted(matcher.value)}"


def selector(metric: str, matchers: list[str]) -> str:
    """Return a selector of a metric's series.

    Examples
    --------
    >>> print(selector("cpu", []), selector("cpu", ['host="a"']), selector("sum", []))
    cpu cpu{host="a"} {__name__="sum"}
    """
    if metric.lower() in _KEYWORDS:
        return "{" + ", ".join([f'__name__="{metric}"', *matchers]) + "}"
    return f"{metric}{{{', '.join(matchers)}}}" if matchers else metric
