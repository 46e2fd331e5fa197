"""The look of every page and chart: colour tokens, light and dark, and the plotly template made of them.

`TOKENS` is the only place where a colour is written down. The style sheet that the live page serves
(``web/static/tokens.css``) is `css_tokens` saved to a file; a test keeps the two equal. A figure is drawn
in the light colours; a page that turns dark exchanges each light colour for its dark partner (`dark_pairs`),
so a figure travels once and not twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from plotly.graph_objects import Layout

__all__ = [
    "FONT",
    "MEASURES",
    "SERIES",
    "TOKENS",
    "Mode",
    "colour",
    "css_tokens",
    "dark_pairs",
    "heat_scale",
    "template",
]

Mode = Literal["light", "dark"]

# name: (light, dark). Within one column every colour is used once: `dark_pairs` must be a function.
TOKENS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "bg": ("#f5f6f8", "#0f1319"),
        "surface": ("#ffffff", "#171c24"),
        "surface-2": ("#eef1f5", "#1f2630"),
        "border": ("#d9dee6", "#323b48"),
        "grid": ("#e6eaf0", "#29313d"),
        "text": ("#1a2230", "#e8ecf2"),
        "muted": ("#556174", "#a3afbf"),
        "accent": ("#0f58c0", "#7db4ff"),
        "on-accent": ("#fdfdfe", "#0b1018"),
        "ok": ("#1d6e42", "#62d296"),
        "ok-bg": ("#e4f4ea", "#14301f"),
        "info": ("#1f5f8f", "#8ac5f2"),
        "info-bg": ("#e3f0fa", "#132a3c"),
        "warning": ("#875200", "#f7bd59"),
        "warning-bg": ("#fdf1d8", "#382a10"),
        "critical": ("#b3191f", "#ff908b"),
        "critical-bg": ("#fde6e5", "#43191a"),
        # chart series: told apart with every common kind of colour blindness (a test simulates three)
        "series-1": ("#0848b4", "#6fabdc"),
        "series-2": ("#e04500", "#f0603a"),
        "series-3": ("#128c76", "#30eca0"),
        "series-4": ("#932f90", "#b67dff"),
        "series-5": ("#74983a", "#ffcb30"),
        "series-6": ("#252e39", "#fefefe"),
        "baseline": ("#bccadb", "#4a5a70"),
        # heat map, weak to strong: only lightness has to be read
        "heat-0": ("#eef2f6", "#1d242e"),
        "heat-1": ("#c9dcef", "#21405f"),
        "heat-2": ("#88b3dd", "#2f6a9f"),
        "heat-3": ("#3f7cbd", "#62a6dc"),
        "heat-4": ("#12396d", "#d3eafc"),
        "heat-mark": ("#d63a00", "#ff9c42"),
    }
)

SERIES: tuple[str, ...] = tuple(name for name in TOKENS if name.startswith("series-"))

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'

# What is the same in light and dark.
MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "font": FONT,
        "font-mono": 'ui-monospace, "SF Mono", "Cascadia Mono", "Liberation Mono", monospace',
        "radius": "10px",
        "radius-small": "6px",
        "space-1": "4px",
        "space-2": "8px",
        "space-3": "12px",
        "space-4": "16px",
        "space-5": "24px",
        "space-6": "40px",
        "width": "1240px",
    }
)

_SHADOW = ("0 1px 2px rgb(16 24 40 / 6%), 0 1px 6px rgb(16 24 40 / 5%)", "0 1px 2px rgb(0 0 0 / 40%)")


def colour(name: str, mode: Mode = "light") -> str:
    """Return the colour of a token as ``#rrggbb``.

    Parameters
    ----------
    name : str
        A key of `TOKENS`.
    mode : {"light", "dark"}
        Which of the two themes.

    Examples
    --------
    >>> colour("surface"), colour("surface", "dark")
    ('#ffffff', '#171c24')
    """
    light, dark = TOKENS[name]
    return dark if mode == "dark" else light


def dark_pairs() -> dict[str, str]:
    """Return each light colour with its dark partner.

    Examples
    --------
    >>> dark_pairs()["#ffffff"]
    '#171c24'
    """
    return dict(TOKENS.values())


def css_tokens() -> str:
    """Return the style sheet that declares every token as ``--mirante-…``.

    Light is the default, the system's wish for dark is followed, and ``data-theme="light"`` or ``"dark"`` on
    the root element overrules both. Print is always light.

    Examples
    --------
    >>> "--mirante-surface: #ffffff;" in css_tokens()
    True
    """
    measures = [f"  --mirante-{name}: {value};" for name, value in MEASURES.items()]
    dark = _declarations("dark")
    wished = "@media screen and (prefers-color-scheme: dark) {\n:root:not([data-theme='light'])"
    blocks = [
        "/* Design tokens of Mirante; written by mirante.views.theme.css_tokens: change them there. */",
        ":root {\n" + "\n".join(measures) + "\n" + _declarations("light") + "\n}",
        wished + " {\n" + dark + "\n}\n}",
        "@media screen {\n:root[data-theme='dark'] {\n" + dark + "\n}\n}",
    ]
    return "\n".join(blocks) + "\n"


def _declarations(mode: Mode) -> str:
    lines = [f"  color-scheme: {mode};"]
    lines += [f"  --mirante-{name}: {colour(name, mode)};" for name in TOKENS]
    lines.append(f"  --mirante-shadow: {_SHADOW[mode == 'dark']};")
    return "\n".join(lines)


def heat_scale(mode: Mode = "light") -> list[list[Any]]:
    """Return the heat map's colours as a plotly colour scale, weak to strong.

    Examples
    --------
    >>> heat_scale()[0], heat_scale()[-1]
    ([0.0, '#eef2f6'], [1.0, '#12396d'])
    """
    return [[step / 4, colour(f"heat-{step}", mode)] for step in range(5)]


def template(mode: Mode = "light") -> Any:
    """Return the plotly template of one theme.

    Parameters
    ----------
    mode : {"light", "dark"}
        Which of the two themes.

    Returns
    -------
    plotly.graph_objects.layout.Template
        Fonts, colours, margins, legend and axes of every chart.

    Examples
    --------
    >>> template().layout.plot_bgcolor, template("dark").layout.font.color
    ('#ffffff', '#e8ecf2')
    """
    from plotly import graph_objects

    return graph_objects.layout.Template(layout=_layout(mode, graph_objects.Layout))


def _layout(mode: Mode, layout: type[Layout]) -> Layout:
    text, muted = colour("text", mode), colour("muted", mode)
    axis = {
        "gridcolor": colour("grid", mode),
        "linecolor": colour("border", mode),
        "zerolinecolor": colour("border", mode),
        "zerolinewidth": 1,
        "automargin": True,
        "ticks": "",
        "tickfont": {"color": muted, "size": 12},
        "title": {"font": {"color": muted, "size": 12}, "standoff": 8},
    }
    return layout(
        font={"family": FONT, "size": 13, "color": text},
        title={"x": 0, "xref": "paper", "xanchor": "left", "font": {"size": 15, "color": text}},
        paper_bgcolor=colour("surface", mode),
        plot_bgcolor=colour("surface", mode),
        colorway=[colour(name, mode) for name in SERIES],
        # ticks that nobody sees keep the first label clear of the other axis' last
        xaxis=axis
        | {"showgrid": False, "ticks": "outside", "ticklen": 5, "tickcolor": colour("surface", mode)},
        yaxis=axis,
        margin={"l": 48, "r": 16, "t": 44, "b": 36},
        hoverlabel={
            "bgcolor": colour("surface-2", mode),
            "bordercolor": colour("border", mode),
            "font": {"color": text, "family": FONT},
            "align": "left",
        },
        legend={
            "orientation": "h",
            "x": 0,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "font": {"color": muted},
        },
        hovermode="x unified",
        autotypenumbers="strict",
    )
