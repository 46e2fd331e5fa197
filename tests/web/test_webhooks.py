"""The receiver of MLflow's webhooks: what it takes, what it refuses, and what it says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirante.sources.registry.wake import woken
from mirante.store import Store
from mirante.tracking.webhooks import sign
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.security import LARGEST_WEBHOOK, WEBHOOK
from mirante.web.webhooks import Webhooks
from tests.web.conftest import TOKEN, Answer, Client

SECRET = "correct horse battery staple"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOVED = {"entity": "model_version_alias", "action": "created", "data": {"name": "churn", "alias": "champion"}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


def client(store: Store, secret: str | None = SECRET, **config: object) -> Client:
    web = WebConfig(**config)  # type: ignore[arg-type]  # what a config file has
    return Client(create_app(store, config=web, clock=lambda: NOW, webhook_secret=secret))


def post(
    to: Client, said: object = MOVED, *, delivery: str = "", secret: str = SECRET, **more: str | None
) -> Answer:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    delivery, timestamp = delivery or str(uuid.uuid4()), str(int(NOW.timestamp()))
    headers: dict[str, str | None] = {
        "content_type": "application/json",
        "x_mlflow_delivery_id": delivery,
        "x_mlflow_timestamp": timestamp,
        "x_mlflow_signature": sign(secret, delivery, timestamp, body),
    }
    return to("POST", WEBHOOK, body=body, **{**headers, **more})


def test_a_webhook_about_a_model_has_the_registry_looked_at(store: Store) -> None:
    assert post(client(store)).status == 202
    heard = woken(store, 0)
    assert heard is not None
    assert heard.models == {"churn"}


def test_what_is_about_something_else_is_taken_and_wakes_nobody(store: Store) -> None:
    for said in (
        {"entity": "prompt_version", "action": "created", "data": {"name": "greeting"}},
        {"entity": "budget_policy", "action": "exceeded", "data": {}},
        {"entity": "of_the_future", "action": "made", "data": {"name": "x"}},
    ):
        assert post(client(store), said).status == 202
    assert woken(store, 0) is None


def test_the_signature_stands_in_the_place_of_the_token_and_opens_nothing_else(store: Store) -> None:
    guarded = client(store, token=TOKEN)
    assert post(guarded).status == 202
    assert post(guarded, x_mlflow_signature="v1,AAAA").status == 401
    signed = {"x_mlflow_signature": sign(SECRET, "a", "1", b"")}
    for method, path in (("GET", WEBHOOK), ("POST", "/api/v1/labels"), ("GET", "/api/v1/subjects")):
        kind = {"content_type": "application/json", "accept": "application/json"}
        assert guarded(method, path, **kind, **signed).status == 401, path
    for odd in (WEBHOOK + "/", "//" + WEBHOOK[1:], WEBHOOK.upper()):
        assert guarded("POST", odd, content_type="application/json").status == 401, odd


def test_a_page_that_only_shows_takes_them_too(store: Store) -> None:
    assert post(client(store, read_only=True)).status == 202


@pytest.mark.parametrize("header", ["x_mlflow_signature", "x_mlflow_delivery_id", "x_mlflow_timestamp"])
@pytest.mark.parametrize("value", [None, "", "1", "v1,AAAA", "9" * 13])
def test_what_is_not_signed_is_401_and_says_no_more(store: Store, header: str, value: str | None) -> None:
    answer = post(client(store), **{header: value})
    assert answer.status == 401
    assert json.loads(answer.body) == {"detail": "the signature is wrong, or the request is too old"}
    assert woken(store, 0) is None


def test_another_secret_and_another_body_are_401(store: Store) -> None:
    assert post(client(store), secret="x" * 20).status == 401
    sent = sign(SECRET, "a", str(int(NOW.timestamp())), b"{}")
    assert post(client(store), delivery="a", x_mlflow_signature=sent).status == 401


def test_without_a_secret_it_is_404_and_says_what_is_missing(store: Store) -> None:
    answer = post(client(store, secret=None))
    assert answer.status == 404
    assert "set registry.webhook_secret_file" in answer.text


def test_a_repeat_is_passed_over(store: Store) -> None:
    to = client(store)
    assert post(to, delivery="one").status == 202
    assert (post(to, delivery="one").status, post(to, delivery="one").text) == (
        200,
        '{"detail": "known already"}',
    )
    heard = woken(store, 0)
    assert heard is not None
    assert heard.number == 1


@pytest.mark.parametrize("said", [b"", b"{", b"[1]", {"entity": 7}])
def test_what_is_signed_and_makes_no_sense_is_422(store: Store, said: object) -> None:
    assert post(client(store), said).status == 422
    assert woken(store, 0) is None


def test_what_is_too_large_is_413_before_it_is_read(store: Store) -> None:
    to = client(store)
    assert post(to, content_length=str(LARGEST_WEBHOOK + 1)).status == 413
    chunks = [b"x" * 2**19] * 3
    answer = to("POST", WEBHOOK, body=chunks, content_type="application/json")
    assert (answer.status, str(LARGEST_WEBHOOK) in answer.text) == (413, True)


def test_a_browser_and_a_form_cannot_send_one(store: Store) -> None:
    assert post(client(store), origin="https://evil.example").status == 403
    assert post(client(store), content_type="text/plain").status == 415


def test_so_many_are_taken_and_then_as_many_as_time_allows(store: Store) -> None:
    now = [0.0]
    receiver = Webhooks(store, lambda: now[0], SECRET, burst=3, rate=0.5)

    def take() -> int:
        body = json.dumps(MOVED).encode()
        delivery, timestamp = str(uuid.uuid4()), str(int(now[0]))
        return receiver.take(sign(SECRET, delivery, timestamp, body), delivery, timestamp, body).status

    assert [take() for _ in range(4)] == [202, 202, 202, 429]
    now[0] += 2
    assert [take(), take()] == [202, 429]
    now[0] += 3600
    assert [take() for _ in range(4)] == [202, 202, 202, 429]
    heard = woken(store, 0)
    assert heard is not None
    assert heard.number == 7


def test_two_of_one_id_at_once_count_as_one_and_old_ids_are_forgotten(store: Store) -> None:
    now = [0.0]
    receiver = Webhooks(store, lambda: now[0], SECRET)
    body = json.dumps(MOVED).encode()

    def take(timestamp: str = "0") -> int:
        return receiver.take(sign(SECRET, "one", timestamp, body), "one", timestamp, body).status

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(lambda _: take(), range(16))) == [200] * 15 + [202]
    now[0] = 601
    assert take() == 401  # by then it is too old to be taken for new
    assert take("601") == 202


def test_one_that_could_not_be_written_down_may_come_again(store: Store) -> None:
    from mirante.errors import StoreError

    to = client(store)
    real = store.transaction
    store.transaction = lambda *a, **k: (_ for _ in ()).throw(StoreError("away"))  # type: ignore[method-assign,assignment]  # a store that does not answer
    assert post(to, delivery="one").status == 503
    store.transaction = real  # type: ignore[method-assign]  # it is back
    assert post(to, delivery="one").status == 202
