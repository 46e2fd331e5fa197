"""Templates to HTML: one strict, escaping environment; times, numbers and static files for all pages."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mirante.alerts.units import unit_of_condition
from mirante.durations import format_duration
from mirante.i18n import format_number, format_pattern, translator
from mirante.readings import unit_of
from mirante.views.scripts import in_script
from mirante.views.theme import dark_pairs
from mirante.views.words import number as quantity
from mirante.web.pages.query import Query
from mirante.web.pages.shared import common_labels, common_to, page_path

if TYPE_CHECKING:
    from mirante.store import WindowRow

__all__ = [
    "bytes_text",
    "duration",
    "length",
    "measured",
    "number",
    "percent",
    "render",
    "static_version",
    "time_tag",
    "window_name",
]

_ETAG = "@page-etag@"
_NEARLY_A_DAY = timedelta(hours=20)  # a day is 23 hours when the clocks go forward
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_LONE_PERCENT = re.compile(r"(?<=\d) %")


def render(template: str, query: Query, **context: Any) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template : str
        File name under ``web/templates``.
    query : Query
        What was asked for.
    **context
        What the template shows; a name that it lacks is an error.

    Returns
    -------
    str
        The page. Its ``data-etag`` is a digest of the page itself: same store and query, same digest.
    """
    helpers = {
        "q": query,
        "_": translator(query.locale),
        "time": time_tag,
        "window_name": window_name,
        "number": lambda value, digits=2: number(value, query.locale, digits=digits),
        "fixed": lambda value, digits, unit="": _fixed(value, query.locale, digits, unit),
        "duration": lambda seconds: duration(seconds, query.locale),
        "percent": lambda value: percent(value, query.locale),
        "measured": lambda value, unit: measured(value, unit, query.locale),
        "quantity": lambda value, name: quantity(value, unit_of(name), query.locale),
        "unit_of": unit_of,
        "common_to": common_to,
        "common_labels": common_labels,
        "page_path": page_path,
        "unit_of_condition": unit_of_condition,
        "unit_of_rule": cache(lambda name: _unit_of_rule(query, name)),
        "length": length,
        "bytes_text": lambda value: bytes_text(value, query.locale),
        "static": lambda name: f"{query.base}/static/{name}?v={static_version(name)}",
        "json_block": _json_block,
        "dark_pairs": dark_pairs,
        "etag": _ETAG,
        "other_locale": ("en", "English") if query.locale == "pt_BR" else ("pt_BR", "Português"),
    }
    html = _environment().get_template(template).render(**helpers, **context)
    return html.replace(_ETAG, hashlib.sha256(html.encode("utf-8", "replace")).hexdigest()[:24])


@cache
def _environment() -> Environment:
    folder = str(files("mirante.web") / "templates")
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _seen(value: Any) -> Any:
    """Drop controls and marks that turn text around, so that no name can pose as another one.

    A number and its per cent sign stay on one line.

    What a form sends back must stay as it is: a template writes ``{{ name | e }}`` there.
    """
    if type(value) is not str:
        return value
    clean = _UNSEEN.sub("", value)
    return _LONE_PERCENT.sub("\u00a0%", clean) if "%" in clean else clean


def time_tag(moment: datetime | None, *, relative: bool = False, day: bool = False) -> Markup:
    """Return a moment as a ``<time>`` element: UTC in the page and on hover, the reader's own zone by script.

    Parameters
    ----------
    moment : datetime or None
        A dash stands for None.
    relative : bool
        Whether the script may write "3 minutes ago".
    day : bool
        Whether the date alone is enough for the eye.

    Examples
    --------
    >>> str(time_tag(datetime(2013, 2, 8, 5, tzinfo=UTC)))[:43]
    '<time datetime="2013-02-08T05:00:00Z" title'
    """
    if moment is None:
        return Markup("–")
    text = moment.astimezone(UTC).isoformat(" ", "seconds")
    date, clock = text[:10], text[11:19]
    kind = (' data-relative="1"' if relative else "") + (' data-day="1"' if day else "")
    return Markup(  # noqa: S704  digits alone come from the moment
        f'<time datetime="{date}T{clock}Z" title="{date} {clock} UTC"{kind}>{date} {clock[:5]} UTC</time>'
    )


def window_name(row: WindowRow) -> str:
    """Return the day of a window of whole days, on the clock that it was cut on; empty for shorter ones.

    Parameters
    ----------
    row : WindowRow
        Its verdicts name the time zone.

    Examples
    --------
    >>> from mirante.store import WindowRow
    >>> start, end = datetime(2013, 2, 8, 5, tzinfo=UTC), datetime(2013, 2, 9, 5, tzinfo=UTC)
    >>> window_name(WindowRow("m", "1", start, end, verdicts={"timezone": "America/New_York"}))
    '2013-02-08'
    """
    zone = row.verdicts.get("timezone")
    if not isinstance(zone, str) or row.end - row.start < _NEARLY_A_DAY:
        return ""
    try:
        return f"{row.start.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""


def number(value: float | None, locale: str = "en", *, digits: int = 2) -> str:
    """Return a number for people: at most `digits` decimals, more where it is small, a dash for none.

    Examples
    --------
    >>> number(336776), number(0.001234), number(None), number(float("inf")), number(1e-9)
    ('336,776', '0.0012', '–', '∞', '1e-09')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-6:
        return f"{value:.2g}"
    if 0 < size < 1:
        digits = max(digits, 1 - math.floor(math.log10(size)))
    return format_number(value, locale, digits=digits)


def percent(value: float | None, locale: str = "en") -> str:
    """Return a share from 0 to 1 as per cent.

    Examples
    --------
    >>> percent(0.512), percent(0.0004), percent(None)
    ('51.2 %', '0.04 %', '–')
    """
    text = number(None if value is None else value * 100, locale, digits=1)
    return text if text == "–" else f"{text} %"


def measured(value: float | None, unit: str, locale: str = "en") -> str:
    """Return a value for people: shares and per cent with their sign, all else as a plain number.

    Parameters
    ----------
    value : float or None
        A dash stands for None.
    unit : str
        As in `mirante.readings.READINGS`.
    locale : str
        For decimal signs.

    Examples
    --------
    >>> measured(0.5075, "share"), measured(93.24, "percent"), measured(0.101, "0 to 1"), measured(None, "")
    ('50.75 %', '93.24 %', '0.101', '–')
    """
    if unit not in ("share", "percent"):
        return number(value, locale, digits=3)
    text = number(None if value is None else value * (100 if unit == "share" else 1), locale)
    return text if text == "–" else f"{text} %"


def _unit_of_rule(query: Query, name: str) -> str:
    rule = query.rule(name)
    return "" if rule is None else unit_of_condition(rule.when)


def duration(seconds: float | None, locale: str = "en") -> str:
    """Return a length of time in the unit that suits it.

    Examples
    --------
    >>> duration(0.0000314), duration(0.0421), duration(12.3), duration(None)
    ('31.4 µs', '42.1 ms', '12.3 s', '–')
    >>> duration(150), duration(9000), duration(200_000)
    ('2.5 min', '2.5 h', '2.3 d')
    """
    if seconds is None or math.isnan(seconds):
        return "–"
    if seconds == 0:
        return "0 s"
    factor, unit = next((factor, unit) for most, factor, unit in _UNITS_OF_TIME if seconds < most)
    return _fixed(seconds * factor, locale, 1, unit)


_UNITS_OF_TIME: tuple[tuple[float, float, str], ...] = (
    (1e-3, 1e6, " µs"), (1, 1e3, " ms"), (120, 1, " s"), (7_200, 1 / 60, " min"), (172_800, 1 / 3600, " h"),
    (float("inf"), 1 / 86_400, " d"),
)  # fmt: skip


def length(time: timedelta) -> str:
    """Return a length of time with about two units: nobody reads the seconds of a week.

    Examples
    --------
    >>> length(timedelta(days=3, hours=2, minutes=5)), length(timedelta(hours=2, seconds=31))
    ('3d2h', '2h1m')
    >>> length(timedelta(seconds=90)), length(timedelta(milliseconds=15))
    ('1m30s', '15ms')
    """
    step = timedelta(hours=1) if time >= timedelta(days=2) else timedelta(minutes=1)
    if time < timedelta(hours=1):
        step = timedelta(seconds=1) if time >= timedelta(seconds=10) else timedelta(milliseconds=1)
    return format_duration(round(time / step) * step)


def bytes_text(value: float | None, locale: str = "en") -> str:
    """Return a number of bytes in the unit that suits it.

    Examples
    --------
    >>> bytes_text(532), bytes_text(1_240_000), bytes_text(81_327_218_688), bytes_text(None)
    ('532 B', '1.2 MB', '81.3 GB', '–')
    """
    if value is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000:
            return f"{number(value, locale, digits=1)} {unit}"
        value /= 1000
    return f"{number(value, locale, digits=1)} TB"


def _fixed(value: float | None, locale: str, digits: int, unit: str) -> str:
    """Return a number with as many decimals as its neighbours in a column."""
    if value is None or not math.isfinite(value):
        return "–"
    return format_pattern(value, "#,##0." + "0" * digits, locale) + unit


@cache
def static_version(name: str) -> str:
    """Return a digest of a file under ``web/static``, or plotly's version."""
    if name == "plotly.min.js":
        from importlib.metadata import version

        return version("plotly")
    content = (files("mirante.web") / "static" / name).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _json_block(value: Mapping[str, Any] | str) -> Markup:
    """Write JSON for a ``<script type="application/json">``; no text in it can end the script."""
    import json

    text = value if isinstance(value, str) else json.dumps(value)
    return Markup(in_script(text))  # noqa: S704  every character that HTML reads is escaped above
