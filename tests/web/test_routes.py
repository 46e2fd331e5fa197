"""The table of pages: each line is found, and what is not in it is 404 or 405."""

import re

import pytest

from mirante.web.exchange import Asked
from mirante.web.routes import ROUTES, Route, answer
from mirante.web.site import Site
from tests.web.conftest import NOW


@pytest.fixture
def site(store):
    return Site(store, clock=lambda: NOW)


def ask(site, method, path, query_string="", base="", **headers):
    return answer(site, Asked(method, site.query(path, query_string, headers, base=base), headers))


def test_no_line_hides_a_later_one():
    for place, route in enumerate(ROUTES):
        path = re.sub(r"{\w+}", "x", route.path)
        first = next(one for one in ROUTES if one.method == route.method and one.parts(path) is not None)
        assert first is ROUTES[place], f"{route.path} is hidden by {first.path}"


def test_a_part_of_a_path_has_no_slash():
    route = Route("GET", "/alerts/{id}", lambda *_: None)
    assert route.parts("/alerts/a b.c") == {"id": "a b.c"}
    assert [route.parts(path) for path in ("/alerts/", "/alerts/a/b", "/xalerts/a", "/alerts/a\n/b")] == [
        None
    ] * 4


def test_what_is_not_in_the_table(site):
    assert ask(site, "GET", "/nope").status == 404
    assert ask(site, "GET", "/alerts/").status == 404
    wrong = ask(site, "POST", "/alerts")
    assert (wrong.status, wrong.header("allow")) == (405, "GET")
    assert ask(site, "PUT", "/login").header("allow") == "GET, POST"
    assert ask(site, "HEAD", "/alerts").status == 200


def test_every_address_on_a_page_is_below_its_base(site):
    for path, query_string in (
        ("/", ""),
        ("/alerts", ""),
        ("/model", "subject=model/nyc-flight-delay@champion"),
    ):
        html = ask(site, "GET", path, query_string, base="/x/mirante").body.decode()
        found = re.findall(r'(?:href|src|action|hx-get|hx-post)="([^"#][^"]*)"', html)
        assert len(found) > 10
        assert [one for one in found if not one.startswith("/x/mirante/")] == []


def test_the_model_page_leads_to_the_version_in_mlflow(store):
    site = Site(store, clock=lambda: NOW, mlflow="https://ml.example.org/x/")
    html = ask(site, "GET", "/model", "subject=model/nyc-flight-delay@champion").body.decode()
    assert 'href="https://ml.example.org/x/#/models/nyc-flight-delay/versions/1"' in html
    assert 'href="https://ml.example.org/x/">MLflow</a>' in html
