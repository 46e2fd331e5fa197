"""The files that pages load: scripts, styles, the icon; all from here, none from a CDN."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from mirante.web.exchange import Answer, Asked
from mirante.web.pages.render import static_version
from mirante.web.site import Site

__all__ = ["show_favicon", "show_file"]

_KINDS: Mapping[str, str] = {
    "favicon.svg": "image/svg+xml",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "mirante.js": "text/javascript; charset=utf-8",
    "plotly.min.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "theme.js": "text/javascript; charset=utf-8",
    "tokens.css": "text/css; charset=utf-8",
}
_YEAR = 31_536_000


def show_file(site: Site, asked: Asked) -> Answer:  # noqa: ARG001  as every page's function
    """Return a file; its address holds its version, so a browser asks for it once."""
    name = asked.parts["name"]
    if name not in _KINDS:  # a literal table: no path of a request ever reaches the disk
        return Answer(404, b"not found", (("content-type", "text/plain; charset=utf-8"),))
    version = static_version(name)
    known = asked.query.get("v") == version
    caching = f"public, max-age={_YEAR}, immutable" if known else "no-cache"
    headers = (("content-type", _KINDS[name]), ("cache-control", caching), ("etag", f'"{version}"'))
    return Answer(200, _path(name).read_bytes(), headers)


def show_favicon(site: Site, asked: Asked) -> Answer:  # noqa: ARG001  as above
    """Return the icon under the name that browsers ask for by themselves."""
    return Answer(200, _path("favicon.svg").read_bytes(), (("content-type", _KINDS["favicon.svg"]),))


def _path(name: str) -> Path:
    if name == "plotly.min.js":
        return Path(str(files("plotly") / "package_data" / name))
    return Path(str(files("mirante.web") / "static" / name))
