"""The login where the pages hang below another server's address."""

import pytest

from mirante.web.exchange import Asked
from mirante.web.login import log_in, show_login
from mirante.web.sessions import COOKIE, Sessions
from mirante.web.site import Site
from tests.web.conftest import NOW, TOKEN

BASE = "/x/mirante"


@pytest.fixture
def site(store):
    return Site(store, clock=lambda: NOW, sessions=Sessions(TOKEN))


def asked(site, body=b"", query_string="", **headers):
    return Asked("POST", site.query("/login", query_string, headers, base=BASE), headers, body)


def test_it_leads_back_below_the_base(site):
    done = log_in(site, asked(site, f"token={TOKEN}&next=//evil.example".encode()))
    assert (done.status, done.header("location")) == (303, "/x/mirante/")
    assert "; Path=/x/mirante;" in done.header("set-cookie")
    cookie = done.header("set-cookie").partition(";")[0]
    assert cookie.startswith(COOKIE)
    again = show_login(site, asked(site, query_string="next=/x/mirante/alerts", cookie=cookie))
    assert (again.status, again.header("location")) == (303, "/x/mirante/alerts")


def test_guessing_is_braked(site):
    assert show_login(site, asked(site)).header("cache-control") == "no-store"
    assert [log_in(site, asked(site, b"token=x")).status for _ in range(11)] == [401] * 10 + [429]
