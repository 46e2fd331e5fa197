"""What came true at each probability that was said: a window against its baseline and the diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mirante.i18n import translator
from mirante.views import theme
from mirante.views.figures.common import Draft, empty_draft, new_draft

__all__ = ["reliability_draft"]


def reliability_draft(
    window: Sequence[Sequence[float]],
    baseline: Sequence[Sequence[float]] = (),
    *,
    title: str,
    subtitle: str = "",
    locale: str = "en",
) -> Draft:
    """Draw reliability curves.

    Parameters
    ----------
    window, baseline : sequence of five numbers
        Of each bin: rows, mean probability that was said, share that came true, and the ends of its interval.
    title, subtitle : str
        Written as plain text.
    locale : str, default "en"
        Language of Mirante's own words.

    Returns
    -------
    Draft
        Points on the diagonal came true as often as they were said; bars are 95 % intervals.

    Examples
    --------
    >>> draft = reliability_draft([[50, 0.2, 0.25, 0.15, 0.38]], title="Reliability")
    >>> [trace["name"] for trace in draft.data]
    ['perfect', 'window']
    """
    _ = translator(locale)
    if not window:
        return empty_draft(title, _("No values yet."))
    draft = new_draft(title, subtitle=subtitle)
    line = {"color": theme.colour("muted"), "width": 1, "dash": "dot"}
    draft.data.append(
        {
            "type": "scatter", "x": [0, 1], "y": [0, 1], "mode": "lines", "name": _("perfect"), "line": line,
            "hoverinfo": "skip",
        }
    )  # fmt: skip
    for bins, name, hue in (
        (baseline, _("baseline"), theme.colour("series-6")),
        (window, _("window"), theme.colour("series-1")),
    ):
        if bins:
            draft.data.append(
                _curve(bins, name, hue, dashed=bins is baseline, words=f"%{{customdata:,}} {_('rows')}")
            )
    draft.axis("xaxis", title={"text": _("probability that was said")}, range=[-0.02, 1.02], tickformat="~%")
    draft.axis("yaxis", title={"text": _("share that came true")}, range=[-0.02, 1.02], tickformat="~%")
    draft.layout["hovermode"] = "closest"
    draft.layout["showlegend"] = True
    return draft


def _curve(
    bins: Sequence[Sequence[float]], name: str, hue: str, *, dashed: bool, words: str
) -> dict[str, Any]:
    rows, said, came, lower, upper = (list(column) for column in zip(*bins, strict=True))
    return {
        "type": "scatter",
        "x": said,
        "y": came,
        "customdata": rows,
        "name": name,
        "mode": "lines+markers",
        "line": {"color": hue, "width": 2, "dash": "dash" if dashed else "solid"},
        "marker": {"size": 6, "color": hue},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [high - one for one, high in zip(came, upper, strict=True)],
            "arrayminus": [one - low for one, low in zip(came, lower, strict=True)],
            "color": hue,
            "thickness": 1,
            "width": 2,
        },
        "hovertemplate": f"%{{x:.1%}} → %{{y:.1%}}<br>{words}",
    }
