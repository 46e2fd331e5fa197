"""Numbers, moments and series in words, in the reader's language and on the subject's clock."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from mirante.i18n import Translator, format_datetime, format_number
from mirante.views.figures.common import SeriesLike
from mirante.views.figures.metrics import labels_of
from mirante.views.page import Cell, Column, Table

__all__ = ["caption_of", "from_numpy", "moment", "number", "significant", "table_of"]

_NO_SECONDS = re.compile(r"(\d:\d\d):00\b")


def number(value: float, unit: str, locale: str = "en") -> str:
    """Return a value with its unit, as short as it can be said.

    Parameters
    ----------
    value : float
        NaN and infinite are written as a dash.
    unit : str
        As in `mirante.readings.READINGS`.
    locale : str
        For decimal signs.

    Examples
    --------
    >>> number(0.0123, "seconds"), number(0.514, "0 to 1"), number(897.0, "rows"), number(2.5e9, "bytes")
    ('12.3 ms', '0.514', '897', '2.5 GB')
    >>> number(float("nan"), "rows")
    '–'
    """
    if not math.isfinite(value):
        return "–"
    if unit == "seconds":
        scale, word = (1, "s") if abs(value) >= 1 else (1e3, "ms") if abs(value) >= 1e-3 else (1e6, "µs")
        return f"{format_number(value * scale, locale, digits=1)} {word}"
    if unit.startswith("bytes"):
        step = min(int(math.log10(abs(value)) // 3), 5) if abs(value) >= 1 else 0
        word = ("B", "kB", "MB", "GB", "TB", "PB")[step] + unit.removeprefix("bytes")
        return f"{format_number(value / 1000**step, locale, digits=1)} {word}"
    if unit in {"percent", "share"}:
        return f"{format_number(value * (100 if unit == 'share' else 1), locale, digits=1)} %"
    size = abs(value)
    if size != 0 and (size >= 1e9 or size < 1e-3):
        return significant(value, 3, locale)
    return format_number(value, locale, digits=3 if size < 10 else 2 if size < 1_000 else 0)


def significant(value: float, digits: int, locale: str = "en") -> str:
    """Return a number with so many digits that say something, as p values are written.

    Parameters
    ----------
    value : float
        NaN is written as a dash.
    digits : int
        How many.
    locale : str
        For the decimal sign.

    Examples
    --------
    >>> significant(0.00161, 2), significant(0.00161, 2, "pt_BR"), significant(float("nan"), 2)
    ('0.0016', '0,0016', '–')
    """
    if math.isnan(value):
        return "–"
    return f"{value:.{digits}g}".replace(".", format_number(0.5, locale)[1])


def from_numpy(time: np.datetime64) -> datetime:
    """Return numpy's UTC time as an aware datetime.

    Examples
    --------
    >>> from_numpy(np.datetime64("2013-02-08T05:00", "us")).isoformat()
    '2013-02-08T05:00:00+00:00'
    """
    micros = int(time.astype("datetime64[us]").astype(np.int64))
    return datetime.fromtimestamp(micros // 1_000_000, tz=UTC).replace(microsecond=micros % 1_000_000)


def moment(time: datetime, timezone: str = "UTC", locale: str = "en") -> str:
    """Return a moment for people; midnight is written as the day alone.

    Examples
    --------
    >>> moment(datetime(2013, 2, 8, 5, tzinfo=UTC), "America/New_York")
    'Feb 8, 2013'
    >>> moment(datetime(2013, 2, 8, 5, 30, tzinfo=UTC))
    'Feb 8, 2013, 5:30 AM'
    """
    clock = time.astimezone(ZoneInfo(timezone))
    if clock.hour == clock.minute == clock.second == clock.microsecond == 0:
        from babel.dates import format_date

        return format_date(clock.date(), "medium", locale=locale)
    text = format_datetime(time, locale, timezone=timezone, style="medium")
    return _NO_SECONDS.sub(r"\1", text) if clock.second == 0 else text


def caption_of(series: Sequence[SeriesLike], unit: str, _: Translator, timezone: str = "UTC") -> str:
    """Return one sentence for a chart: the first series' latest, lowest and highest value.

    Parameters
    ----------
    series : sequence of series
        Those without any finite value say nothing.
    unit : str
        Of all of them.
    _ : Translator
        The reader's language.
    timezone : str
        The clock to tell moments by.
    """
    drawn = [one for one in series if np.any(np.isfinite(one.values))]
    if not drawn:
        return ""
    one, label = drawn[0], labels_of(drawn, _.locale)[0]
    last, low, high = _turning_points(one)

    def said(index: int) -> str:
        return number(float(one.values[index]), unit, _.locale)

    def at(index: int) -> str:
        return moment(from_numpy(one.times[index]), timezone, _.locale)

    if low == high:
        text = _("%(value)s on %(time)s", value=said(last), time=at(last))
    else:
        text = _(
            "latest %(last)s (%(last_time)s), lowest %(low)s (%(low_time)s),"
            " highest %(high)s (%(high_time)s)",
            last=said(last),
            last_time=at(last),
            low=said(low),
            low_time=at(low),
            high=said(high),
            high_time=at(high),
        )
    return f"{label}: {text}" if len(drawn) > 1 else text[:1].upper() + text[1:]


def table_of(series: Sequence[SeriesLike], unit: str, _: Translator, timezone: str = "UTC") -> Table | None:
    """Return a table of what a chart shows: one row for each series, or nothing when there is nothing."""
    drawn = [one for one in series if np.any(np.isfinite(one.values))]
    if not drawn:
        return None
    head = [
        Column(_("series")),
        *(Column(text, True) for text in (_("latest"), _("mean"), _("lowest"), _("highest"))),
    ]
    rows = []
    for one, label in zip(drawn, labels_of(drawn, _.locale), strict=True):
        row = [Cell(label), *(Cell("") for _column in head[1:])]
        mean = float(np.mean(one.values[np.isfinite(one.values)]))
        row[2] = Cell(number(mean, unit, _.locale), _.n("%(n)s value", "%(n)s values", len(one.values)))
        for column, index in zip((1, 3, 4), _turning_points(one), strict=True):
            when = moment(from_numpy(one.times[index]), timezone, _.locale)
            row[column] = Cell(number(float(one.values[index]), unit, _.locale), when)
        rows.append(row)
    return Table(head, rows)


def _turning_points(one: SeriesLike) -> tuple[int, int, int]:
    """Return where the last finite, the least and the greatest value stand."""
    finite = np.flatnonzero(np.isfinite(one.values))
    values = one.values[finite]
    return int(finite[-1]), int(finite[np.argmin(values)]), int(finite[np.argmax(values)])
