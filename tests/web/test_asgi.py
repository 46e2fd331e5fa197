"""The application: pages over HTTP, caching, languages, metrics, health, login off, failures."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from mirante.store import Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.conftest import HOST, MODEL, NOW, Client

PAGES = ("/", "/alerts", f"/model?subject={MODEL}", f"/host?subject={HOST}", "/host?subject=monitor")


@pytest.mark.parametrize("target", PAGES)
def test_unchanged_page_is_304(client: Client, target: str):
    first = client.get(target)
    assert (first.status, first.headers["content-type"]) == (200, "text/html; charset=utf-8")
    again = client.get(target, if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert client.get(target, if_none_match=f'"other", W/{first.headers["etag"]}').status == 304
    assert client.get(target, if_none_match='"other"').status == 200


def test_changed_page_has_another_etag(empty_store: Store):
    from mirante.readings import Reading

    client = Client(create_app(empty_store, config=WebConfig(), clock=lambda: NOW))
    first = client.get("/")
    empty_store.readings.write([Reading("system_cpu_percent", 5.0, NOW, {"host": "new"})])
    second = client.get("/", if_none_match=first.headers["etag"])
    assert second.status == 200
    assert "new" in second.text


@pytest.mark.parametrize(
    "target", ["/model?subject=model/none@x", "/model", "/host?subject=", "/nope", "/model/../x"]
)
def test_unknown_addresses_are_404_pages(client: Client, target: str):
    answer = client.get(target)
    assert (answer.status, "There is nothing here" in answer.text) == (404, True)


def test_unknown_subject_is_shown_as_text(client: Client):
    answer = client.get("/model?subject=" + quote('"><script>alert(1)</script>'))
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


@pytest.mark.parametrize(
    ("target", "accept", "default", "language"),
    [
        ("/", "", "en", "en"),
        ("/", "pt-BR,pt;q=0.9,en;q=0.8", "en", "pt-BR"),
        ("/", "tlh, en-GB;q=0.5", "pt_BR", "en"),
        ("/", "tlh", "pt_BR", "pt-BR"),
        ("/?lang=pt_BR", "en", "en", "pt-BR"),
        ("/?lang=nonsense", "en", "pt_BR", "en"),
    ],
)
def test_language(store: Store, target: str, accept: str, default: str, language: str):
    client = Client(create_app(store, config=WebConfig(), locale=default, clock=lambda: NOW))
    assert f'<html lang="{language}">' in client.get(target, accept_language=accept).text


def test_static_files_by_version(client: Client):
    page = client.get(f"/model?subject={MODEL}").text
    for name in (
        "plotly.min.js",
        "htmx.min.js",
        "mirante.js",
        "theme.js",
        "style.css",
        "tokens.css",
        "favicon.svg",
    ):
        start = page.index(f"/static/{name}?v=")
        answer = client.get(page[start : page.index('"', start)])
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"], name
        assert client.get(f"/static/{name}?v=old").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["../config.py", "..%2Fconfig.py", "htmx.LICENSE", "", "%2e%2e/asgi.py", "/etc/passwd"]
)
def test_nothing_else_is_served(client: Client, name: str):
    assert client.get(f"/static/{name}").status == 404


def test_overview_needs_no_plotly(client: Client):
    assert "plotly" not in client.get("/").text


def test_no_page_has_inline_script_or_handlers(client: Client):
    import re

    for target in PAGES:
        text = client.get(target).text
        for tag in re.findall(r"<script\b[^>]*>", text):
            assert "src=" in tag or 'type="application/json"' in tag, tag
        markup = re.sub(r"<script\b.*?</script>", "", text, flags=re.S)
        assert not re.search(r"<[a-z]+\b[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', markup))
        assert "http://" not in markup.replace("http://www.w3.org", "")


def test_large_answers_are_compressed(client: Client):
    answer = client.get("/", accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert b"<!doctype html>" in gzip.decompress(answer.body)


def test_health(store: Store):
    client = Client(create_app(store, config=WebConfig(), health=lambda: {"status": "ok", "tasks": {}}))
    answer = client.get("/healthz")
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "ok", "tasks": {}, "store": "ok", "notices_owed": 1}


def test_health_and_pages_when_the_store_is_broken(empty_store: Store, tmp_path: Path):
    client = Client(create_app(empty_store, config=WebConfig()))
    with closing(sqlite3.connect(tmp_path / "empty.db")) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not table.startswith("sqlite_"):
                database.execute(f'DROP TABLE "{table}"')
        database.commit()
    broken = client.get("/healthz")
    assert (broken.status, json.loads(broken.body)["store"]) == (503, "does not answer")
    assert "empty.db" not in broken.text
    assert client.get("/").status == 503
    assert client.get("/api/v1/subjects").status == 503


def test_metrics(client: Client):
    answer = client.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'system_cpu_percent{host="web-1"}' in answer.text


def test_status_line(store: Store):
    tasks = {
        "host": {"last_success": "2013-03-31T11:59:00+00:00", "error": ""},
        "m": {"last_success": None, "error": "x"},
    }
    client = Client(
        create_app(store, config=WebConfig(), health=lambda: {"status": "degraded", "tasks": tasks})
    )
    text = client.get("/status/line").text
    assert "Tasks that fail: m" in text
    assert '<time datetime="2013-03-31T11:59:00Z"' in text
    assert "1 notice waits" in text


def test_without_a_token_the_login_leads_on(client: Client):
    answer = client.get("/login?next=//evil.example")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert client("POST", "/login", body=b"token=x").status == 303


def test_head_and_wrong_methods(client: Client):
    assert client("DELETE", "/").status == 405
    assert client("POST", "/alerts").status == 405
