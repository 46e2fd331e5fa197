"""Matchers as people write them in a line: ``host=web-1``, ``feature!~id_.*``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mirante.errors import InputError
from mirante.i18n import translator

if TYPE_CHECKING:
    from mirante.store import AlertRow

__all__ = ["exactly", "format_matcher", "format_matchers", "matchers_of", "parse_matchers"]

_LINE = re.compile(r"\s*(?P<label>[^\s=!~\"]+)\s*(?P<operator>=~|!=|!~|=|~)\s*(?P<value>.*?)\s*", re.DOTALL)
_OPERATORS = ("!=", "!~", "=", "~")


def exactly(value: str) -> str:
    """Return the text of a matcher that asks for this very value.

    Examples
    --------
    >>> exactly("web-1"), exactly("~odd")
    ('web-1', '=~odd')
    """
    return f"={value}" if value.startswith(_OPERATORS) else value


def matchers_of(alert: AlertRow) -> dict[str, str]:
    """Return the matchers that ask for the rule and for all labels of an alert.

    Parameters
    ----------
    alert : AlertRow
        Alerts like this one are meant.

    Returns
    -------
    dict of str to str
        Label and text, as `Matchers.of` takes them.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.store import AlertRow
    >>> noon = datetime(2013, 2, 8, 12, tzinfo=UTC)
    >>> matchers_of(AlertRow("a1", "high_cpu", {"host": "~odd"}, "host/~odd", "info", "firing", noon))
    {'rule': 'high_cpu', 'host': '=~odd'}
    """
    return {label: exactly(value) for label, value in {"rule": alert.rule, **alert.labels}.items()}


def parse_matchers(lines: Iterable[str], *, locale: str = "en") -> dict[str, str]:
    """Return matchers from lines; empty lines are passed over.

    Parameters
    ----------
    lines : iterable of str
        ``label=value``, ``label!=value``, ``label=~regex`` (or ``label~regex``) and ``label!~regex``. A value
        in double quotes is read as JSON reads it.
    locale : str
        Language of what is said against it.

    Returns
    -------
    dict of str to str
        Label and text, as `Matchers.of` takes them.

    Raises
    ------
    InputError
        If a line is no matcher, or a label is there twice.

    Examples
    --------
    >>> parse_matchers(["host=web-1", 'feature=~"id_.*"', "", "model!=x"])
    {'host': 'web-1', 'feature': '~id_.*', 'model': '!=x'}
    """
    _ = translator(locale)
    found: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        value = None if match is None else _unquoted(match["value"])
        if match is None or value is None:
            said = repr(line.strip()[:80])
            raise InputError(
                _(
                    "%(line)s is no matcher; write label=value, label!=value, label=~regex or label!~regex",
                    line=said,
                )
            )
        label = match["label"]
        if label in found:
            raise InputError(_("the label %(label)s is there twice; keep one line for it", label=repr(label)))
        operator = match["operator"].replace("=~", "~")
        found[label] = exactly(value) if operator == "=" else operator + value
    return found


def _unquoted(value: str) -> str | None:
    if not value.startswith('"'):
        return value
    try:
        read = json.loads(value)
    except ValueError:
        return None
    return read if isinstance(read, str) else None


def format_matcher(label: str, text: str) -> str:
    """Return one line that `parse_matchers` reads back as the same matcher.

    Examples
    --------
    >>> format_matcher("host", "web-1"), format_matcher("feature", "!~id_.*"), format_matcher("x", "=~odd")
    ('host=web-1', 'feature!~id_.*', 'x="~odd"')
    """
    operator = next((one for one in _OPERATORS if text.startswith(one)), "")
    value = text[len(operator) :]
    plain = value == value.strip() and value.isprintable() and not value.startswith(('"', "~"))
    shown = value if plain else json.dumps(value, ensure_ascii=value.isprintable())
    return f"{label}{'=~' if operator == '~' else operator or '='}{shown}"


def format_matchers(matchers: Mapping[str, str]) -> list[str]:
    """Return a line for each matcher.

    Examples
    --------
    >>> format_matchers({"host": "web-1", "rule": "~high_.*"})
    ['host=web-1', 'rule=~high_.*']
    """
    return [format_matcher(label, text) for label, text in matchers.items()]
