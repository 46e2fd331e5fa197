"""Calls of a service: what `mirante.connect` and agents have in common."""

from __future__ import annotations

import pytest

from mirante.calls import CallError, ServiceCalls
from tests.client.test_service import answering


def calls(address: str, most: int = 100) -> ServiceCalls:
    return ServiceCalls(address, seconds=5, most=most)


def test_an_answer_comes_with_its_headers() -> None:
    with answering(200, b"[1]", {"Link": "<?a>"}) as (address, seen):
        found, headers = calls(address).ask("subjects?limit=1", token="hunter2")
    assert (found, headers["Link"]) == ([1], "<?a>")
    assert seen == [("/api/v1/subjects?limit=1", "Bearer hunter2")]


@pytest.mark.parametrize("body", [b"<html>", b"[" + b"1," * 60 + b"1]"])
def test_what_is_no_json_or_too_long_says_nothing(body: bytes) -> None:
    with answering(200, body, {}) as (address, _):
        assert calls(address).ask("subjects")[0] is None


def test_an_error_says_what_the_service_said() -> None:
    said = answering(503, b'{"detail": "the store"}', {"Retry-After": "7"})
    with said as (address, _), pytest.raises(CallError, match="answers 503: the store") as caught:
        calls(address).ask("subjects")
    error = caught.value
    assert (error.status, error.detail, error.retry_after) == (503, "the store", "7")


def test_a_redirect_is_an_error_and_carries_the_token_nowhere() -> None:
    moved = answering(307, b"", {"Location": "/elsewhere"})
    with moved as (address, seen), pytest.raises(CallError) as caught:
        calls(address).ask("subjects", token="hunter2")
    assert caught.value.status == 307
    assert [path for path, _ in seen] == ["/api/v1/subjects"]


def test_no_answer_has_no_status() -> None:
    with pytest.raises(CallError, match="does not answer") as caught:
        calls("http://127.0.0.1:9").ask("subjects")
    assert caught.value.status is None
