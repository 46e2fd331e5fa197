"""The little language of promtool's test files: ``cpu{host="a"}`` and ``1+2x3 _ 5x4 stale``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from mirante.errors import ConfigError

__all__ = ["Point", "parse_series", "parse_values"]

Point = float | Literal["stale"] | None
_MOST_POINTS = 1_000_000
_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[Ii]nf|[Nn]a[Nn])"
_RUN = re.compile(
    rf"(?P<start>{_NUMBER})(?:(?P<step>[+-](?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)?x(?P<times>\d+))?"
)
_GAP = re.compile(r"_(?:x(?P<times>\d+))?")
_SERIES = re.compile(r"\s*(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)?\s*(?:\{(?P<labels>.*)\})?\s*", re.DOTALL)
_LABEL = re.compile(
    r"""\s*(?P<label>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)')\s*(?:,|$)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def parse_series(text: str) -> tuple[str, dict[str, str]]:
    r"""Return the name and the labels of a series.

    Parameters
    ----------
    text : str
        Such as ``drift_share{model="m", version="1"}``; the name may be the label ``__name__``.

    Raises
    ------
    ConfigError
        If it is no series.

    Examples
    --------
    >>> parse_series('cpu{host="a b", rack=\'7\'}')
    ('cpu', {'host': 'a b', 'rack': '7'})
    """
    whole = _SERIES.fullmatch(text)
    labels: dict[str, str] = {}
    if whole is not None and whole["labels"] is not None:
        inside, position = whole["labels"], 0
        while inside[position:].strip():
            found = _LABEL.match(inside, position)
            if found is None:
                raise ConfigError(
                    f"{text!r} is no series: labels cannot be read from {inside[position:][:40]!r}"
                )
            value = found["double"] if found["double"] is not None else found["single"]
            labels[found["label"]] = _ESCAPE.sub(_unescaped, value)
            position = found.end()
    name = labels.pop("__name__", "") or (whole["name"] or "" if whole is not None else "")
    if not name:
        raise ConfigError(f'{text!r} is no series; write a name and labels, such as cpu{{host="a"}}')
    return name, labels


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    return chr(int(code, 16)) if code else _ESCAPED.get(match[4], match[4])


def parse_values(text: str) -> list[Point]:
    """Return the values of a series, one for each interval.

    Parameters
    ----------
    text : str
        Items parted by spaces: ``7`` (once), ``1+2x3`` (1 3 5 7), ``5x4`` (five times), ``_`` (none), ``_x3``
        (three times none), ``stale`` (the series ended).

    Raises
    ------
    ConfigError
        Naming the item that is wrong.

    Examples
    --------
    >>> parse_values("1+2x3 _ 5x1 stale 2-1x1")
    [1.0, 3.0, 5.0, 7.0, None, 5.0, 5.0, 'stale', 2.0, 1.0]
    """
    points: list[Point] = []
    for item in text.split():
        for point in _points(item):
            points.append(point)
            if len(points) > _MOST_POINTS:
                raise ConfigError(f"{item!r} makes more than {_MOST_POINTS} values")
    return points


def _points(item: str) -> Iterator[Point]:
    if item == "stale":
        yield "stale"
    elif gap := _GAP.fullmatch(item):
        for _ in range(int(gap["times"] or 1)):
            yield None
    elif run := _RUN.fullmatch(item):
        step = float(run["step"] or 0)
        value = float(run["start"])
        for _ in range(int(run["times"] or 0) + 1):
            yield value
            value += step  # added up, as promtool does, and not multiplied
    else:
        raise ConfigError(f"{item[:40]!r} is no value; write such as 7, 1+2x3, 5x4, _, _x3 or stale")
