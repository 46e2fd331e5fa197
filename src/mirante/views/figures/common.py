"""What all figures share: input shapes, plain text, thinning, the empty figure and the JSON for a page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mirante.views import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "EventLike",
    "Line",
    "Mark",
    "SeriesLike",
    "empty_figure",
    "figure_json",
    "local",
    "marks_of_alerts",
    "new_figure",
    "plain",
    "thin",
]

# Characters that no label needs: controls, and marks that turn the direction of the text around.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class SeriesLike(Protocol):
    """A named line over time: what `mirante.store` calls a series."""

    @property
    def name(self) -> str:
        """The reading's name."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """What it is about."""
        ...

    @property
    def times(self) -> NDArray[np.datetime64]:
        """UTC times, ascending."""
        ...

    @property
    def values(self) -> NDArray[np.float64]:
        """One value for each time; NaN is a gap."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """One sentence for each time, or nothing at all."""
        ...


class EventLike(Protocol):
    """Something that happened once, drawn as a vertical mark."""

    @property
    def time(self) -> datetime:
        """When, with a time zone."""
        ...

    @property
    def kind(self) -> str:
        """What sort of event: ``alert``, ``deploy``, ``alias``, …."""
        ...

    @property
    def text(self) -> str:
        """One line for people."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """A series made by hand.

    Parameters
    ----------
    name : str
        The reading's name.
    times : array of datetime64
        UTC, ascending.
    values : array of float
        One for each time.
    labels : mapping of str to str
        What it is about.
    notes : sequence of str
        One for each time, or none at all.
    """

    name: str
    times: NDArray[np.datetime64]
    values: NDArray[np.float64]
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """An event made by hand.

    Parameters
    ----------
    time : datetime
        When, with a time zone.
    text : str
        One line for people.
    kind : str
        ``alert…`` is drawn as a triangle and a dashed line, everything else as a diamond and a dotted one.
    """

    time: datetime
    text: str
    kind: str = "event"


def marks_of_alerts(alerts: Iterable[Any], events: Iterable[Any] = ()) -> list[Mark]:
    """Return one mark for each alert that has fired.

    Parameters
    ----------
    alerts : iterable of mirante.store.AlertRow
        Those that never fired (pending) are left out.
    events : iterable of mirante.store.EventRow
        Where an ``alert_fired`` of the alert is among them, the mark stands at its time, which is that of the
        reading; else at the evaluation that found it, which for a window is after its end.
    """
    read = {event.data.get("alert"): event.time for event in events if event.kind == "alert_fired"}
    return [
        Mark(read.get(alert.id, alert.active_at), f"{alert.severity}: {alert.summary or alert.rule}", "alert")
        for alert in alerts
        if alert.fired_at is not None
    ]


def plain(text: str, limit: int = 160) -> str:
    """Return text that plotly draws as it is: no tag, no link, no control character, not endless.

    Parameters
    ----------
    text : str
        Anything, hostile or not.
    limit : int, default 160
        Longer text is cut in its middle, where names differ least.

    Examples
    --------
    >>> plain('<a href="javascript:alert(1)">age</a>')
    '&lt;a href="javascript:alert(1)"&gt;age&lt;/a&gt;'
    >>> plain("x" * 10, limit=5)
    'xx…xx'
    """
    clean = _UNSEEN.sub("", str(text)).replace("\n", " ").replace("\t", " ")
    if len(clean) > limit:
        head, tail = (limit - 1) - (limit - 1) // 2, (limit - 1) // 2
        clean = f"{clean[:head]}…{clean[len(clean) - tail :]}"
    return html.escape(clean, quote=False)


def local(times: NDArray[np.datetime64], timezone: str) -> NDArray[np.datetime64]:
    """Return UTC times as the clock of a time zone showed them; plotly itself knows no zones.

    Examples
    --------
    >>> local(np.array(["2013-02-08T05:00"], dtype="datetime64[us]"), "America/New_York")
    array(['2013-02-08T00:00:00.000000'], dtype='datetime64[us]')
    """
    stamps = np.asarray(times, dtype="datetime64[us]")
    if timezone == "UTC" or not stamps.size:
        return stamps
    import pandas as pd

    clock = pd.DatetimeIndex(stamps).tz_localize("UTC").tz_convert(timezone).tz_localize(None)
    return np.asarray(clock.to_numpy(), dtype="datetime64[us]")


def utc64(time: datetime) -> np.datetime64:
    """Return an aware datetime as numpy's UTC.

    Examples
    --------
    >>> str(utc64(datetime(2013, 2, 8, tzinfo=UTC)))
    '2013-02-08T00:00:00.000000'
    """
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us")


def thin(values: NDArray[np.float64], limit: int) -> NDArray[np.intp]:
    """Return which points to draw so that no peak is lost: the least and the greatest of each stretch.

    Parameters
    ----------
    values : array of float, shape (n,)
        NaN are gaps and stay gaps where a whole stretch is missing.
    limit : int
        About how many points may be drawn.

    Returns
    -------
    array of int
        Ascending positions, all of them when ``n <= limit``; the first and the last are always among them.

    Examples
    --------
    >>> thin(np.array([1.0, 9.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]), 4).tolist()
    [0, 1, 4, 5, 7]
    """
    size = len(values)
    if size <= limit:
        return np.arange(size)
    cuts = np.linspace(0, size, max(limit // 2, 1) + 1).astype(np.intp)
    keep = {0, size - 1}
    for start, stop in pairwise(cuts):
        part = values[start:stop]
        if np.all(np.isnan(part)):
            keep.add(int(start))
            continue
        keep.update((int(start + np.nanargmin(part)), int(start + np.nanargmax(part))))
    return np.array(sorted(keep), dtype=np.intp)


def new_figure(title: str, *, subtitle: str = "", height: int = 300) -> Figure:
    """Return an empty light figure with its title set as plain text.

    Examples
    --------
    >>> new_figure("a < b").layout.title.text
    'a &lt; b'
    """
    from plotly import graph_objects

    figure = graph_objects.Figure(layout={"template": theme.template(), "height": height})
    heading: dict[str, Any] = {"text": plain(title)}
    if subtitle:
        font = {"size": 12, "color": theme.colour("muted")}
        heading["subtitle"] = {"text": plain(subtitle, 400), "font": font}
        figure.update_layout(margin={"t": 64})
    figure.update_layout(title=heading)
    return figure


def empty_figure(title: str, sentence: str) -> Figure:
    """Return a figure that holds nothing but a sentence.

    Parameters
    ----------
    title : str
        As of the chart that could not be drawn.
    sentence : str
        Why there is nothing to see.

    Examples
    --------
    >>> empty_figure("Accuracy", "No values yet.").layout.annotations[0].text
    'No values yet.'
    """
    figure = new_figure(title, height=160)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure.add_annotation(
        text=plain(sentence),
        showarrow=False,
        xref="paper",
        yref="paper",
        x=0.5,
        y=0.5,
        font={"size": 14, "color": theme.colour("muted")},
    )


def figure_json(figure: Figure) -> str:
    """Return a figure as JSON that may stand inside a ``<script type="application/json">``.

    ``<``, ``>`` and ``&`` are written as escapes of their number, so no text in it can end the script.

    Examples
    --------
    >>> "</script>" in figure_json(empty_figure("</script>", "nothing"))
    False
    """
    text = str(figure.to_json())
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
