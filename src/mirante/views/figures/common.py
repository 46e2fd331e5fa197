"""What all figures share: input shapes, plain text, thinning, the empty figure and the JSON for a page."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mirante.views import theme
from mirante.views.scripts import in_script

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "Draft",
    "EventLike",
    "Line",
    "Mark",
    "SeriesLike",
    "empty_draft",
    "empty_figure",
    "figure_json",
    "local",
    "marks_of_alerts",
    "moments",
    "new_draft",
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


@dataclass(frozen=True, slots=True)
class Draft:
    """A figure as plain data, of which plotly's own object or a page's JSON is made.

    Plotly's objects check each of their parts when it is set: a page of eight charts would wait for that
    ten times as long as for all else.

    Parameters
    ----------
    data : list of dict
        The traces, as plotly's documentation names their parts; arrays of numpy are welcome.
    layout : dict
        The layout without the template.
    """

    data: list[dict[str, Any]]
    layout: dict[str, Any]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.layout["height"])

    def axis(self, name: str, **parts: Any) -> None:
        """Set parts of an axis."""
        self.layout[name] = {**self.layout.get(name, {}), **parts}

    def figure(self) -> Figure:
        """Return it as plotly's object, which finds what plotly would not take."""
        from plotly import graph_objects

        return graph_objects.Figure(data=self.data, layout={"template": theme.template(), **self.layout})

    def json(self) -> str:
        """Return it as JSON that may stand inside a ``<script type="application/json">``.

        Examples
        --------
        >>> text = empty_draft("</script>", "nothing").json()
        >>> "</script>" in text, '"height":160' in text
        (False, True)
        """
        whole = {"data": self.data, "layout": {"template": _template(), **self.layout}}
        return in_script(json.dumps(whole, separators=(",", ":"), default=_plain_data))


@cache
def _template() -> dict[str, Any]:
    found: dict[str, Any] = theme.template().to_plotly_json()
    return found


def _plain_data(value: Any) -> Any:
    """Write an array as plotly's script takes it: in bytes, with the seven digits that a screen can show."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        known = {"dtype": "f4", "bdata": base64.b64encode(value.astype("<f4").tobytes()).decode()}
        return known if value.ndim == 1 else {**known, "shape": ", ".join(map(str, value.shape))}
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a figure cannot hold {type(value).__name__}")


def moments(times: NDArray[np.datetime64], timezone: str) -> list[str]:
    """Return UTC times as text on the clock of a time zone, to the minute or second where that says all.

    Examples
    --------
    >>> moments(np.array(["2013-02-08T05:00"], dtype="datetime64[us]"), "UTC")
    ['2013-02-08T05:00']
    """
    clock = local(times, timezone)
    for unit in ("m", "s"):
        rounded = clock.astype(f"datetime64[{unit}]")
        if np.all(rounded == clock):
            clock = rounded
            break
    found: list[str] = np.datetime_as_string(clock).tolist()
    return found


def new_draft(title: str, *, subtitle: str = "", height: int = 300) -> Draft:
    """Return an empty light figure with its title set as plain text.

    Examples
    --------
    >>> new_draft("a < b").layout["title"]["text"]
    'a &lt; b'
    """
    heading: dict[str, Any] = {"text": plain(title)}
    layout: dict[str, Any] = {"height": height, "title": heading}
    if subtitle:
        font = {"size": 12, "color": theme.colour("muted")}
        heading["subtitle"] = {"text": plain(subtitle, 400), "font": font}
        layout["margin"] = {"t": 74}
    return Draft([], layout)


def empty_draft(title: str, sentence: str) -> Draft:
    """Return a figure that holds nothing but a sentence.

    Parameters
    ----------
    title : str
        As of the chart that could not be drawn.
    sentence : str
        Why there is nothing to see.

    Examples
    --------
    >>> empty_draft("Accuracy", "No values yet.").layout["annotations"][0]["text"]
    'No values yet.'
    """
    draft = new_draft(title, height=160)
    draft.axis("xaxis", visible=False)
    draft.axis("yaxis", visible=False)
    note = {
        "text": plain(sentence), "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5,
        "font": {"size": 14, "color": theme.colour("muted")},
    }  # fmt: skip
    draft.layout["annotations"] = [note]
    return draft


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
    return empty_draft(title, sentence).figure()


def figure_json(figure: Figure) -> str:
    """Return a figure as JSON that may stand inside a ``<script type="application/json">``.

    ``<``, ``>`` and ``&`` are written as escapes of their number, so no text in it can end the script.

    Examples
    --------
    >>> "</script>" in figure_json(empty_figure("</script>", "nothing"))
    False
    """
    return in_script(str(figure.to_json()))
