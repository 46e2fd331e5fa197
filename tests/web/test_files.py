"""Static files: only those of the table, each for a year once its version is named."""

from mirante.web.exchange import Asked
from mirante.web.files import show_favicon, show_file
from mirante.web.pages.render import static_version
from mirante.web.site import Site


def test_a_file_knows_its_kind_and_version(store):
    site = Site(store)

    def ask(name: str, version: str = "") -> object:
        return show_file(site, Asked("GET", site.query("/", f"v={version}", {}), parts={"name": name}))

    css = ask("style.css", static_version("style.css"))
    assert (css.status, css.header("content-type")) == (200, "text/css; charset=utf-8")
    assert "immutable" in css.header("cache-control")
    assert ask("style.css", "old").header("cache-control") == "no-cache"
    assert ask("style.css", "old").unless_known(css.header("etag")).status == 304
    assert [ask(name).status for name in ("htmx.LICENSE", "../config.py", "")] == [404] * 3
    assert show_favicon(site, Asked("GET", site.query("/", "", {}))).body.startswith(b"<svg")
