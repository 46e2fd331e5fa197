"""A service over HTTP: pages, tokens, and answers that are none."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pandas as pd
import pytest

from mirante import connect
from mirante.client import Monitoring, service
from mirante.errors import InputError, StoreError
from tests.web.conftest import MODEL, TOKEN


def test_long_answers_come_page_by_page(
    local: Monitoring, remote: Monitoring, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "_READINGS", 37)
    monkeypatch.setattr(service, "_ROWS", 2)
    asked: list[str] = []
    get = service.ServiceBackend._get
    monkeypatch.setattr(
        service.ServiceBackend, "_get", lambda self, part, query: asked.append(part) or get(self, part, query)
    )
    pd.testing.assert_frame_equal(
        remote.readings("drift_effect", subject=MODEL), local.readings("drift_effect", subject=MODEL)
    )
    pd.testing.assert_frame_equal(remote.windows(MODEL), local.windows(MODEL))
    pd.testing.assert_frame_equal(remote.alerts(), local.alerts())
    assert {part: asked.count(part) for part in asked} == {"readings": 13, "windows": 44, "alerts": 3}


def test_the_token_comes_from_the_environment_too(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MIRANTE_TOKEN", TOKEN)
    assert len(connect(address).subjects())
    assert len(connect(f"{address}/").subjects())
    monkeypatch.setenv("MIRANTE_TOKEN", "wrong")
    assert len(connect(address, token=TOKEN).subjects())


@pytest.mark.parametrize("token", [None, "", "wrong-token"])
def test_without_the_token_it_says_so_and_keeps_it_to_itself(
    address: str, token: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MIRANTE_TOKEN", raising=False)
    with pytest.raises(InputError, match="needs a token: give token=, or set MIRANTE_TOKEN") as caught:
        connect(address, token=token).subjects()
    assert "wrong-token" not in str(caught.value)
    assert "wrong-token" not in repr(connect(address, token=token))


@pytest.mark.parametrize("token", ["two\nlines", "señal", " padded "])
def test_a_token_that_no_header_may_hold_is_not_shown(address: str, token: str):
    with pytest.raises(InputError, match="one line of plain ASCII") as caught:
        connect(address, token=token)
    assert token not in str(caught.value)


def test_nobody_there():
    with pytest.raises(StoreError, match=r"http://127.0.0.1:9 does not answer: .*refused"):
        connect("http://127.0.0.1:9").subjects()


@contextmanager
def answering(status: int, body: bytes, headers: dict[str, str]) -> Iterator[tuple[str, list[Any]]]:
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        log_message: Callable[..., None] = lambda *_: None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "said"),
    [
        (200, b"<!doctype html>", {}, StoreError, "does not answer as a Mirante service does"),
        (200, b'{"a": 1}', {}, StoreError, "does not answer as a Mirante service does"),
        (200, b"[]", {"Link": '<?>; rel="next"'}, StoreError, "leads in circles"),
        (404, b"", {}, InputError, r"has no Mirante API \(404\)"),
        (303, b"", {"Location": "http://127.0.0.1:9/evil"}, InputError, r"has no Mirante API \(303\)"),
        (
            422,
            json.dumps({"detail": "too many"}).encode(),
            {},
            InputError,
            "does not understand that: too many",
        ),
        (503, json.dumps({"detail": "the store"}).encode(), {}, StoreError, "answers 503: the store"),
        (500, b"\xff" * 9_000, {}, StoreError, "answers 500: "),
    ],
)
def test_other_answers(status: int, body: bytes, headers: dict[str, str], error: type[Exception], said: str):
    with answering(status, body, headers) as (address, seen):
        with pytest.raises(error, match=said) as caught:
            connect(address, token="hunter2hunter2").subjects()
        assert len(seen) <= 2, "a redirect is not followed, and so the token goes nowhere else"
        assert "hunter2" not in str(caught.value)
        assert seen[0] == ("/api/v1/subjects", "Bearer hunter2hunter2")
