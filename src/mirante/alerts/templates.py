"""Message templates: Prometheus' ``{{ $value }}`` and ``{{ $labels.x }}``, by one regular expression.

Never ``str.format`` and no template engine: a template can name a number or a label, and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from mirante.errors import ConfigError

__all__ = [
    "check_template",
    "names_label",
    "number_text",
    "percent_text",
    "render",
    "render_as_prometheus",
    "render_names",
]

_FIELD = re.compile(
    r"\{\{-?\s*(?:\$(?P<value>value)|\$labels\.(?P<label>[A-Za-z_][A-Za-z0-9_]*))"
    r"\s*(?:\|\s*(?P<filter>humanize(?:Percentage|Duration)?)\s*)?-?\}\}"
)
_BRACES = re.compile(r"\{\{.*?\}\}|\{\{", re.DOTALL)
_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def number_text(value: float) -> str:
    """Return a number as people write it: four significant digits, whole numbers whole.

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    str
        ``NaN``, ``+Inf``, ``-Inf`` as Prometheus writes them.

    Examples
    --------
    >>> number_text(97.33333), number_text(93.0), number_text(12345.678), number_text(float("nan"))
    ('97.33', '93', '12345.7', 'NaN')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    if 1000 <= abs(value) < 1e15:
        return f"{value:.1f}"
    return f"{value:.4g}"


def percent_text(value: float) -> str:
    """Return a number of hundredths as people write it; what is no number stands alone.

    Examples
    --------
    >>> percent_text(50.753), percent_text(100.0), percent_text(float("nan"))
    ('50.75 %', '100 %', 'NaN')
    """
    return f"{number_text(value)} %" if math.isfinite(value) else number_text(value)


@lru_cache(maxsize=1_000)  # a file of rules has few, and each is checked where it is read and in its rule
def check_template(template: str) -> str:
    """Return the template, or say what in it cannot be filled in.

    Parameters
    ----------
    template : str
        Text with ``{{ $value }}`` and ``{{ $labels.x }}``, each optionally ``| humanize`` or
        ``| humanizePercentage`` or ``| humanizeDuration``.

    Returns
    -------
    str
        The same text.

    Raises
    ------
    ConfigError
        If there is anything else between double braces.

    Examples
    --------
    >>> check_template("CPU at {{ $value }}% on {{ $labels.host }}")
    'CPU at {{ $value }}% on {{ $labels.host }}'
    """
    for braces in _BRACES.finditer(template):
        if not _FIELD.fullmatch(braces.group()):
            raise ConfigError(
                f"{braces.group()[:80]!r} cannot be filled in; "
                "write {{ $value }} or {{ $labels.name }}"
            )
    return template


def names_label(template: str, label: str) -> bool:
    """Say whether a template fills in a label.

    Examples
    --------
    >>> names_label("CPU on {{ $labels.host }}", "host"), names_label("CPU on host", "host")
    (True, False)
    """
    return any(found.group("label") == label for found in _FIELD.finditer(template))


def render(template: str, labels: Mapping[str, str], value: float) -> str:
    """Fill in a template.

    Parameters
    ----------
    template : str
        As in `check_template`; anything else stays as it is.
    labels : mapping of str to str
        A label that is not there becomes the empty text.
    value : float
        The number for ``$value``.

    Returns
    -------
    str
        Text; what was filled in is not looked at again.

    Examples
    --------
    >>> render("CPU at {{ $value }}% on {{ $labels.host }}", {"host": "{{ $value }}"}, 97.0)
    'CPU at 97% on {{ $value }}'
    """
    fields, rest = _parts(template)
    filled = [
        before + (_filtered(value, name) if label is None else labels.get(label, ""))
        for before, label, name in fields
    ]
    return "".join(filled) + rest


@lru_cache(maxsize=20_000)  # a storm fills in the same few templates a hundred thousand times
def _parts(template: str) -> tuple[tuple[tuple[str, str | None, str | None], ...], str]:
    """Return the fields of a template and the text after them.

    A field is the text before it, its label (None for the value), and its filter.
    """
    found, end = [], 0
    for match in _FIELD.finditer(template):
        found.append((template[end : match.start()], match["label"], match["filter"]))
        end = match.end()
    return tuple(found), template[end:]


def render_as_prometheus(template: str, labels: Mapping[str, str], value: float) -> str:
    """Fill in a template the way Prometheus does, whose numbers have all their digits.

    Parameters
    ----------
    template, labels, value
        As in `render`.

    Returns
    -------
    str
        What Prometheus' notice would say.

    Examples
    --------
    >>> render_as_prometheus("{{ $value }} {{ $value | humanizePercentage }}", {}, 0.123456)
    '0.123456 12.35%'
    >>> render_as_prometheus("{{ $value | humanize }}", {}, 12345.678)
    '12.35k'
    """

    def fill(match: re.Match[str]) -> str:
        if not match["value"]:
            return labels.get(match["label"], "")
        if match["filter"] == "humanizePercentage":
            return f"{_go_number(value * 100, 4)}%"
        if match["filter"] == "humanizeDuration":
            return _duration(value)
        return _si_number(value) if match["filter"] == "humanize" else _go_number(value)

    return _FIELD.sub(fill, template)


def _go_number(value: float, digits: int | None = None) -> str:
    """Write a number as Go's %v does, or as its %.4g."""
    if not math.isfinite(value):
        return number_text(value)
    if digits is not None:
        return f"{value:.{digits}g}"
    if value == 0 or 1e-4 <= abs(value) < 1e21:
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    mantissa, _e, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+03d}"


def _si_number(value: float) -> str:
    """Write a number as Prometheus' ``humanize`` does: four digits and a prefix of the SI."""
    if value == 0 or not math.isfinite(value):
        return _go_number(value, 4)
    large = abs(value) >= 1
    prefix = ""
    for prefix_next in "kMGTPEZY" if large else "munpfazy":
        if (large and abs(value) < 1000) or (not large and abs(value) >= 1):
            break
        prefix, value = prefix_next, value / 1000 if large else value * 1000
    return f"{_go_number(value, 4)}{prefix}"


def _duration(seconds: float) -> str:
    """Write seconds as Prometheus' ``humanizeDuration`` does: ``8h 23m 32s``, below a second ``250ms``."""
    if not math.isfinite(seconds):
        return number_text(seconds)
    if abs(seconds) < 1:
        return f"{_si_number(seconds)}s"
    sign, whole = "-" if seconds < 0 else "", int(abs(seconds))
    if whole < 60:
        return f"{_go_number(seconds, 4)}s"
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    parts = [f"{days}d"] if days else []
    parts += [f"{hours}h"] if days or hours else []
    return sign + " ".join([*parts, f"{minutes}m", f"{whole % 60}s"])


def render_names(template: str, values: Mapping[str, object], value: float) -> str:
    """Fill in ``{name}`` (bare names only) and ``{{ $value }}``.

    Parameters
    ----------
    template : str
        A name that is not among the values stays as it is, and so does anything but a bare name.
    values : mapping of str to object
        Numbers are written by `number_text`; texts as they are.
    value : float
        The number for ``$value``.

    Returns
    -------
    str
        The message.

    Examples
    --------
    >>> render_names("CPU {cpu}% {cpu.__class__} {nobody}", {"cpu": 93.456}, 93.456)
    'CPU 93.46% {cpu.__class__} {nobody}'
    """

    def fill(match: re.Match[str]) -> str:
        if match["name"] is None:
            return _filtered(value, match["filter"]) if match["value"] else ""
        found = values.get(match["name"])
        if isinstance(found, str):
            return found
        return match.group() if (number := as_number(found)) is None else number_text(number)

    # one pass over both forms, so that a value is never taken for a template
    both = re.compile(f"{_FIELD.pattern}|{_NAME.pattern.replace('(', '(?P<name>', 1)}")
    return both.sub(fill, template)


def as_number(value: object) -> float | None:
    """Return a number of any library as a float, or None when it is no number.

    Examples
    --------
    >>> as_number(3), as_number("3"), as_number(None)
    (3.0, None, None)
    """
    if value is None or isinstance(value, str | bytes):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # numpy and Decimal numbers convert too; the rest raises
    except (TypeError, ValueError, OverflowError):
        return None


def _filtered(value: float, name: str | None) -> str:
    if name == "humanizePercentage":
        return percent_text(value * 100)
    if name == "humanizeDuration":
        return _duration(value)
    if name == "humanize" and math.isfinite(value) and abs(value) >= 1000:
        for power, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= power:
                return f"{value / power:.4g}{unit}"
    return number_text(value)
