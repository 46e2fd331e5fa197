"""What every page is told: language, author, state; and a site without a store."""

import pytest

from mirante.errors import StoreError
from mirante.web.exchange import Asked
from mirante.web.routes import ROUTES, answer
from mirante.web.site import NotReadyError, Site, site_without_store
from tests.web.conftest import NOW


def test_a_query_takes_the_last_of_two_and_quotes_the_path(store):
    query = Site(store, clock=lambda: NOW).query("/alerts/a b%", "range=7d&range=30d&q=", {}, base="/x")
    assert (query.get("range"), query.get("q"), query.here()) == ("30d", "", "/x/alerts/a%20b%25?range=30d")


@pytest.mark.parametrize(
    ("cookie", "author"),
    [
        ("mirante_author=ana%20m", "ana m"),
        (
            "b[]=; mirante_author=ana; c",
            "ana",
        ),  # another program's cookie may be one that the standard forbids
        ("x_mirante_author=eve", ""),
        ("", ""),
    ],
)
def test_the_author_is_remembered_and_a_login_wins(store, cookie: str, author: str):
    site = Site(store)
    assert site.query("/", "", {"cookie": cookie}).author == author
    assert site.query("/", "", {"cookie": cookie}, user="rui").author == "rui"


def test_the_state_says_nothing_of_the_store_when_it_fails(store):
    def failing():
        raise StoreError("postgresql://user@host")

    assert Site(store, failing).state() == {"status": "failed", "store": "does not answer"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_without_a_store_every_page_says_what_to_do(route):
    site = site_without_store('no store at "/srv/<b>"')
    path = route.path.replace("{id}", "1").replace("{name}", "style.css")
    asked = Asked(route.method, site.query(path, "", {}))
    made = answer(site, asked)
    if path.startswith(("/static/", "/favicon")):
        assert made.status == 200, "the page needs its styles"
    elif route.path in ("/login", "/status/line"):
        assert made.status in (200, 303)
    elif path in ("/healthz", "/metrics"):
        assert (made.status, b"/srv" in made.body) == (503, False)
    elif made.status == 503:
        assert b"/srv/&lt;b&gt;" in made.body
        assert b"mirante up -c" in made.body
    else:  # what was sent has a fault of its own, or the page needs no store
        assert made.status in (404, 409, 422) or path == "/silences/new"


def test_whoever_wants_anything_of_no_store_is_told():
    with pytest.raises(NotReadyError, match="none here"):
        _ = site_without_store("none here").store.readings
