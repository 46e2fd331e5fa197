"""From figures and tables to one self-contained HTML file: styles, plotly.js once, no network.

The file forbids itself the network: its content security policy allows its own scripts by their hash, and
nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError
from mirante.i18n import format_datetime, translator
from mirante.views import theme
from mirante.views.figures import figure_json

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Cell", "Chart", "Column", "Table", "chart_of", "filled_rows", "render", "write_page"]


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column: its name, and whether it holds numbers or longer text."""

    text: str
    number: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell: text, a smaller second line, and a level that makes it a coloured badge with a sign.

    `link` is where the second line, or the text where there is none, leads.

    Raises
    ------
    InputError
        If the link is no web address: another one might run.
    """

    text: str
    more: str = ""
    level: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        if self.link and not self.link.startswith(("http://", "https://", "/")):
            raise InputError(f"{self.link!r} is no web address; give http://… or https://…")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: columns, rows of cells, and a sentence below."""

    head: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure ready for a page, with what it says in words; the headings are HTML, so they wrap."""

    id: str
    title: str
    subtitle: str
    json: Any
    height: int
    caption: str = ""
    table: Table | None = None
    wide: bool = False


def chart_of(
    figure: Figure,
    number: int,
    title: str,
    *,
    caption: str = "",
    table: Table | None = None,
    wide: bool = False,
) -> Chart:
    """Return a figure as part of a page.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        From `mirante.views.figures`; its title and subtitle move from the figure to the page.
    number : int
        Unique on the page.
    title : str
        For readers that do not see the figure.
    caption : str
        A sentence that says what the figure shows.
    table : Table, optional
        The same in figures.
    wide : bool
        Over the whole width.
    """
    from markupsafe import Markup

    subtitle = html.unescape(figure.layout.title.subtitle.text or "")
    height = int(figure.layout.height or 300) - (44 if subtitle else 30)
    figure.update_layout(title=None, height=height, margin={"t": 14})
    # figure_json escapes <, > and &: safe inside a script element
    text = Markup(figure_json(figure))  # noqa: S704  see the line above
    return Chart(f"chart-{number}", title, subtitle, text, height, caption, table, wide)


def filled_rows(charts: Sequence[Chart]) -> list[Chart]:
    """Return the charts, with those that would stand alone in a row of two made wide.

    Parameters
    ----------
    charts : sequence of Chart
        In the order of the page.
    """
    out: list[Chart] = []
    open_row = False
    for index, chart in enumerate(charts):
        alone = not chart.wide and not open_row and (index + 1 == len(charts) or charts[index + 1].wide)
        out.append(replace(chart, wide=True) if alone else chart)
        open_row = not chart.wide and not alone and not open_row
    return out


def render(
    template: str,
    *,
    title: str,
    charts: Sequence[Chart],
    locale: str,
    now: datetime | None = None,
    **context: Any,
) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template : str
        Name of a file in ``templates``.
    title : str
        Heading and window title; escaped.
    charts : sequence of Chart
        All charts of the page; without any the page carries no script at all.
    locale : str
        Language of Mirante's own words.
    now : datetime, optional
        When the page is written; the present when not given.
    **context
        What the template asks for.
    """
    from markupsafe import Markup

    from mirante import __version__

    _ = translator(locale)
    scripts = (_plotly_js(), _asset("charts.js")) if charts else ()
    css = theme.css_tokens() + _asset("page.css")
    page = _environment().get_template(template)
    return str(
        page.render(
            _=_,
            lang=_.locale.replace("_", "-"),
            title=title,
            charts=charts,
            csp=_policy(scripts),
            css=Markup(css),  # noqa: S704  our own file
            colours=Markup(json.dumps(theme.dark_pairs())),  # noqa: S704  our own table
            plotly_js=Markup(scripts[0]) if scripts else "",  # noqa: S704  plotly's own file, holds no closing tag
            charts_js=Markup(scripts[1]) if scripts else "",  # noqa: S704  our own file
            version=__version__,
            written=format_datetime(now or datetime.now(UTC), _.locale, style="long"),
            **context,
        )
    )


def write_page(text: str, path: str | Path) -> Path:
    """Write a page whole or not at all, and return where it is.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"{target} cannot be written: {error.strerror or error}; give another path"
        ) from error
    return target


def _policy(scripts: Sequence[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes) or "'none'"
    rules: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": allowed,
        "style-src": "'unsafe-inline'",  # plotly.js writes its own style rules
        "img-src": "data: blob:",  # its toolbar saves pictures
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("mirante.views"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> str:
    return (files("mirante.views") / "assets" / name).read_text(encoding="utf-8")


@cache
def _plotly_js() -> str:
    """Return plotly.js; should a release ever hold the end of a script element, it is escaped."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script").replace("\r\n", "\n")
