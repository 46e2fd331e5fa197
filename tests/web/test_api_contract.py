"""The API keeps to its own OpenAPI document, whatever is sent: no 5xx, and no answer that it does not name.

Requests are drawn from the document, right ones and wrong ones, from a fixed seed and in this process.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mirante.capture.recorder import Recorder
from mirante.capture.recorders import Recorders
from mirante.store import ProposalRow, SilenceRow, Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.conftest import MODEL, NOW, TOKEN, Client

DOCUMENT = "/api/v1/openapi.json"
ADDRESS = "http://127.0.0.1:8765"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KNOWN = f"{1:032x}"  # an alert, and a proposal and a silence below
DRAWN = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def store_of_its_own(full_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """These requests write."""
    file = tmp_path_factory.mktemp("contract") / "full.db"
    with Store(full_url):
        shutil.copy(full_url.removeprefix("sqlite:///"), file)
    with Store(f"sqlite:///{file}") as store:
        data = {"model": "nyc-flight-delay", "alias": "champion", "from": "2", "to": "1"}
        store.proposals.add(ProposalRow(KNOWN, "move_alias", MODEL, "open", NOW, data=data))
        hour = timedelta(hours=1)
        store.silences.add(SilenceRow(KNOWN, {"rule": "x"}, NOW, NOW + hour, "ana", "why", NOW))
        yield store


@pytest.fixture(scope="module")
def recorders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorders]:
    folder = tmp_path_factory.mktemp("recorded")
    found = Recorders(lambda model: Recorder(model, folder) if len(model) < 100 else None)
    yield found
    found.close()


@pytest.fixture(scope="module")
def app(store_of_its_own: Store, recorders: Recorders) -> Any:
    return create_app(store_of_its_own, config=WebConfig(token=TOKEN), clock=lambda: NOW, recorders=recorders)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, recorders: Recorders) -> Iterator[Any]:
    """An application whose store has lost its tables."""
    file = tmp_path_factory.mktemp("broken") / "m.db"
    with Store(f"sqlite:///{file}") as store:
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA foreign_keys = OFF")
            for (table,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall():
                if not table.startswith("sqlite_"):
                    database.execute(f'DROP TABLE "{table}"')
            database.commit()
        yield create_app(store, config=WebConfig(token=TOKEN), clock=lambda: NOW, recorders=recorders)


@pytest.fixture(scope="module")
def document(app: Any) -> Any:
    return schemathesis.openapi.from_asgi(DOCUMENT, app, headers={**BEARER, "Host": "127.0.0.1:8765"})


def operations() -> list[Any]:
    """Names of all operations, without asking the application."""
    from fastapi import FastAPI

    from mirante.web.api.v1 import make_router

    plain = FastAPI()
    recorders = Recorders(lambda _: None)
    plain.include_router(make_router(None, lambda: NOW, recorders=recorders))  # type: ignore[arg-type]  # routes alone
    found = [(method, path) for path, each in plain.openapi()["paths"].items() for method in each]
    return sorted(found)


def keep_to_it(strategy: Any, *, few: bool = False, broken: bool = False, **call: Any) -> list[int]:
    """Send what is drawn, check each answer, and return the statuses; of what is broken a 503 is right."""
    statuses = []

    @settings(DRAWN, max_examples=2 if few else DRAWN.max_examples)
    @given(case=strategy)
    def send(case: Any) -> None:
        answer = case.call(base_url=ADDRESS, **call)
        statuses.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS[broken:])

    send()
    return statuses


EVERY = pytest.mark.parametrize(("method", "path"), operations())


@EVERY
def test_every_answer_is_documented(document: Any, method: str, path: str):
    operation = document[path][method]
    modes = schemathesis.GenerationMode
    keep_to_it(operation.as_strategy(generation_mode=modes.POSITIVE), headers=BEARER)
    if operation.query or operation.body:  # any text can be an id, so a path alone is never wrong
        keep_to_it(operation.as_strategy(generation_mode=modes.NEGATIVE), headers=BEARER)


@pytest.mark.parametrize(("method", "path"), [each for each in operations() if "{id}" in each[1]])
def test_about_what_is_there_too(document: Any, store_of_its_own: Store, method: str, path: str):
    row = store_of_its_own.proposals.get(KNOWN)
    assert row is not None
    known = {"id": KNOWN}
    strategy = document[path][method].as_strategy(
        generation_mode=schemathesis.GenerationMode.POSITIVE, path_parameters=known
    )
    statuses = keep_to_it(strategy, headers=BEARER)
    assert 404 not in statuses or "acknowledgement" in path, "somebody has to have it in hand first"
    assert set(statuses) & {200, 409, 422}


@EVERY
def test_without_a_token_it_is_401_and_documented(
    document: Any, store_of_its_own: Store, method: str, path: str
):
    # of its own, since wrong tokens are counted
    app = create_app(store_of_its_own, config=WebConfig(token=TOKEN), clock=lambda: NOW)
    strategy = document[path][method].as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "mirante_session=1.x"}):
        assert set(keep_to_it(strategy, headers=headers, few=True, app=app)) == {401}
    wrong = {"Authorization": "Bearer wrong"}
    assert keep_to_it(strategy, headers=wrong, app=app)[-1] in (401, 429)


@pytest.mark.parametrize(("method", "path"), [each for each in operations() if each[0] != "get"])
def test_a_write_from_elsewhere_is_403_and_documented(document: Any, method: str, path: str):
    strategy = document[path][method].as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        assert set(keep_to_it(strategy, headers={**BEARER, "Origin": origin}, few=True)) == {403}
    kept = keep_to_it(strategy, headers={**BEARER, "Origin": ADDRESS}, few=True)
    assert not {401, 403} & set(kept)


@EVERY
def test_a_store_that_does_not_answer_is_503_and_documented(
    document: Any, broken: Any, method: str, path: str
):
    strategy = document[path][method].as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    statuses = set(keep_to_it(strategy, headers=BEARER, few=True, broken=True, app=broken))
    # a route that asks the store for nothing, or says first what makes no sense
    assert statuses <= {503, 422, 409, 426} or path in {"/api/v1/routes/test", "/api/v1/predictions"}


def test_requests_that_are_refused_before_anything_is_read(app: Any):
    client = Client(app)
    known = {"authorization": BEARER["Authorization"], "accept": "application/json"}
    kind = {"content_type": "application/json"}
    for answer, status in (
        (client.get("/api/v1/subjects", host="evil.example", **known), 421),
        (client("POST", "/api/v1/labels", **known, **kind, content_length="99999999999"), 413),
        (client("POST", "/api/v1/labels", body=b"{}", **known, content_type="text/plain"), 415),
        (client("POST", "/api/v1/labels", body=b"{}", **known, **kind, content_encoding="gzip"), 415),
        (client("POST", "/api/v1/labels", body=b"{", **known, **kind), 422),
        (client("PATCH", "/api/v1/labels", body=b"{}", **known, **kind), 405),
        (client.get("/api/v1/nope", **known), 404),
    ):
        assert (answer.status, answer.headers["content-type"]) == (status, "application/json"), answer.text
        assert set(json.loads(answer.body)) == {"detail"}
