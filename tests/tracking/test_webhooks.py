"""Signatures of webhooks, held against MLflow's own code that makes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities.webhook import VALID_ENTITY_ACTIONS, WebhookEvent
from mlflow.webhooks.delivery import _generate_hmac_signature
from mlflow.webhooks.types import get_example_payload_for_event

from mirante.errors import InputError
from mirante.tracking.webhooks import EVENTS, is_signed, read_delivery, sign

SECRET = "correct horse battery staple"
NOW = 1_360_281_600.0
GOOD = {"delivery": "4f2a-1", "timestamp": "1360281600", "body": b'{"a": 1}'}
ALL = [
    WebhookEvent(entity, action)
    for entity, actions in VALID_ENTITY_ACTIONS.items()
    for action in sorted(actions)
]


@given(st.text(min_size=1), st.uuids(), st.integers(0, 10**11), st.text())
def test_the_signature_is_the_one_that_mlflow_makes(secret, delivery, timestamp, body):
    try:
        expected = _generate_hmac_signature(secret, str(delivery), str(timestamp), body)
    except UnicodeEncodeError:  # half of a surrogate pair
        return
    assert sign(secret, str(delivery), str(timestamp), body.encode()) == expected


def test_what_was_signed_is_good_and_nothing_else():
    signature = sign(SECRET, **GOOD)
    assert is_signed(SECRET, signature=signature, **GOOD, now=NOW)
    for change in (
        {"body": b'{"a": 2}'}, {"delivery": "4f2a-2"}, {"timestamp": "1360281601"}, {"signature": "v1,"},
        {"signature": signature[:-1]}, {"signature": signature.replace("v1", "v2")}, {"signature": ""},
        {"signature": "é\udcff"}, {"signature": None}, {"delivery": None}, {"timestamp": None},
        {"delivery": "a b"}, {"delivery": "x" * 201}, {"timestamp": "-1"}, {"timestamp": "1e9"},
        {"timestamp": "१३६०२८१६००"},
    ):  # fmt: skip
        assert not is_signed(SECRET, **{"signature": signature, **GOOD, "now": NOW, **change}), change
    assert not is_signed(SECRET + "x", signature=signature, **GOOD, now=NOW)


@pytest.mark.parametrize(("late", "good"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_clocks_may_differ_by_five_minutes(late, good):
    assert is_signed(SECRET, signature=sign(SECRET, **GOOD), **GOOD, now=NOW + late) is good


@pytest.mark.parametrize("event", ALL, ids=str)
def test_every_event_that_mlflow_sends_is_read(event):
    assert len(ALL) == 15
    said = {"entity": event.entity.value, "action": event.action.value, "timestamp": "2026-01-01T00:00:00"}
    found = read_delivery(json.dumps({**said, "data": get_example_payload_for_event(event)}).encode())
    assert f"{found.entity}.{found.action}" == str(event)
    assert (found.model == "example_model") is (str(event) in EVENTS)
    assert found.model is None or str(event) in EVENTS


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"entity": 1, "action": "a", "data": {}}', b"[" * 100_000,
     b'{"entity": "a", "action": "a", "data": []}'],
)  # fmt: skip
def test_what_is_none_is_refused(body):
    with pytest.raises(InputError, match="webhook"):
        read_delivery(body)


@pytest.mark.parametrize("name", [None, 7, "", "x" * 257, ["a"]])
def test_a_name_that_no_model_can_have_is_none(name):
    body = json.dumps({"entity": "model_version", "action": "created", "data": {"name": name}}).encode()
    assert read_delivery(body).model is None
