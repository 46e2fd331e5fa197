"""The pages as a Flask blueprint: the same answers, guarded the same way, wherever they hang."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from flask import Flask

from mirante.store import ProposalRow
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.mlflow_app import Reader, make_blueprint
from mirante.web.security import HEADERS
from mirante.web.sessions import Sessions
from mirante.web.site import Site, site_without_store
from tests.web.conftest import HOST, MODEL, NOW, TOKEN, Client
from tests.web.test_people import WHOLE

PAGES = (
    "/",
    "/alerts",
    f"/model?subject={MODEL}",
    f"/host?subject={HOST}",
    f"/alerts/{1:032x}",
    "/silences/new",
)


def flask_client(site: Site, prefix="/mirante", reader=None):
    app = Flask("mlflow.server", static_folder=None)
    app.register_blueprint(make_blueprint(lambda: site, prefix, reader))
    return app.test_client()


@pytest.fixture
def inside(store):
    return flask_client(Site(store, clock=lambda: NOW))


@pytest.mark.parametrize("target", [*PAGES, "/static/style.css", "/healthz", "/nope", "/model?subject=none"])
def test_both_servers_give_the_same_page(inside, client: Client, target: str):
    ours, theirs = inside.get("/mirante" + target), client.get(target)
    assert ours.status_code == theirs.status
    below = re.sub(r'(href|src|action|hx-get|hx-post|value)="/mirante/', r'\1="/', ours.text)
    same = re.sub(r'data-etag="\w+"', "", below)
    assert same == re.sub(r'data-etag="\w+"', "", theirs.text)
    for name, value in HEADERS:
        assert ours.headers.getlist(name.decode()) == [value.decode()]


def test_unchanged_page_is_304_and_head_has_no_body(inside):
    first = inside.get("/mirante/")
    again = inside.get("/mirante/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert inside.head("/mirante/").data == b""


def test_the_place_itself_leads_to_the_pages(inside):
    answer = inside.get("/mirante")
    assert (answer.status_code, answer.headers["location"]) == (308, "http://localhost/mirante/")
    assert inside.get("/").status_code == 404, "nothing outside of our own place is answered"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/alerts", 405),
        ("DELETE", "/", 405),
        ("GET", "/static/../config.py", 404),
        ("GET", "/api/v1/alerts", 404),
    ],
)
def test_what_is_not_there(inside, method, path, status):
    answer = inside.open("/mirante" + path, method=method)
    assert answer.status_code == status
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.fixture
def writing(empty_store):
    return flask_client(Site(empty_store, clock=lambda: NOW), "/x/mirante")


def test_a_form_is_written_and_leads_back_below_the_prefix(writing, empty_store):
    made = writing.post("/x/mirante/silences/new", data=WHOLE, headers={"Origin": "http://localhost"})
    assert (made.status_code, made.headers["location"]) == (303, "/x/mirante/silences")
    assert "; Path=/x/mirante;" in made.headers["set-cookie"]
    assert [row.author for row in empty_store.silences.list()] == ["ana"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_write_from_another_site_is_refused(writing, empty_store, headers):
    assert writing.post("/x/mirante/silences/new", data=WHOLE, headers=headers).status_code == 403
    assert empty_store.silences.list() == []


def test_a_body_has_a_limit_also_when_it_does_not_say_its_length(writing):
    body = b"x" * (8 * 2**20 + 1)
    assert writing.post("/x/mirante/silences/new", data=body).status_code == 413
    silent = writing.post(
        "/x/mirante/silences/new",
        input_stream=__import__("io").BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert silent.status_code == 413


def test_a_page_that_only_shows(store):
    shows = flask_client(Site(store, clock=lambda: NOW, read_only=True))
    assert shows.post("/mirante/silences/new", data=WHOLE).status_code == 403
    assert "Acknowledge" not in shows.get("/mirante/alerts").text


def test_the_token_is_asked_for_here_too(store):
    site = Site(store, clock=lambda: NOW, sessions=Sessions(TOKEN))
    guarded = flask_client(site, "/x/mirante")
    sent = guarded.get("/x/mirante/alerts?state=firing", headers={"Accept": "text/html"})
    assert sent.status_code == 303
    assert sent.headers["location"] == "/x/mirante/login?next=%2Fx%2Fmirante%2Falerts%3Fstate%3Dfiring"
    assert guarded.get("/x/mirante/healthz").status_code == 401
    assert guarded.get("/x/mirante/static/style.css").status_code == 200
    assert guarded.get("/x/mirante/", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    done = guarded.post("/x/mirante/login", data={"token": TOKEN, "next": "/x/mirante/alerts"})
    assert (done.status_code, done.headers["location"]) == (303, "/x/mirante/alerts")
    assert guarded.get("/x/mirante/alerts").status_code == 200, "the cookie is sent along"


def test_a_login_of_mlflow_stands_in_for_the_token_and_gives_the_name(store):
    site = Site(store, clock=lambda: NOW, sessions=Sessions(TOKEN))
    logged_in = flask_client(site, reader=lambda: Reader("rui", is_admin=False))
    assert 'name="author" value="rui"' in logged_in.get("/mirante/silences/new").text


def test_only_administrators_have_things_done_with_our_own_login(empty_store):
    data = {"model": "m", "alias": "a", "from": "2", "to": "1", "alerts": []}
    empty_store.proposals.add(ProposalRow("p1", "move_alias", "model/m@a", "open", NOW, data=data))
    site = Site(empty_store, clock=lambda: NOW)
    fields = {"author": "rui", "reason": "better", "decision": "approve"}
    user, admin = (
        flask_client(site, reader=lambda is_admin=is_admin: Reader("rui", is_admin))
        for is_admin in (False, True)
    )
    assert 'value="approve"' not in user.get("/mirante/alerts").text
    refused = user.post("/mirante/proposals/p1", data=fields)
    assert (refused.status_code, "administrator" in refused.text) == (403, True)
    assert user.post("/mirante/baselines", data={}).status_code == 403
    assert empty_store.proposals.get("p1").state == "open"
    assert 'value="approve"' in admin.get("/mirante/alerts").text
    assert admin.post("/mirante/proposals/p1", data=fields).status_code == 303
    assert empty_store.proposals.get("p1").state == "approved"


def test_without_a_store_the_page_says_what_to_do():
    empty = flask_client(site_without_store("there is no store at /srv/mirante.db yet"))
    answer = empty.get("/mirante/")
    assert (answer.status_code, "/srv/mirante.db" in answer.text) == (503, True)
    assert 'href="/mirante/static/style.css' in answer.text
    assert empty.get("/mirante/static/style.css").status_code == 200
    assert empty.post("/mirante/alerts/1/acknowledge", data=urlencode({"author": "a"})).status_code == 503


def test_a_token_needs_no_name_of_this_machine(store):
    """Which Host names are served is MLflow's own setting."""
    assert flask_client(Site(store)).get("/mirante/", headers={"Host": "ml.example.org"}).status_code == 200
    assert Client(create_app(store, config=WebConfig())).get("/", host="ml.example.org").status == 421
