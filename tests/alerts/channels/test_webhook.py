"""The webhook's body and its signature, which is checked as a receiver checks it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.webhook import WebhookChannel, notice_json, sign
from mirante.errors import ConfigError
from tests.doubles.slack import Answer, SlackDouble

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2013, 2, 8, 12, tzinfo=UTC)
ALERT = NoticeAlert("firing", "<b>CPU</b> & more", {"host": "web-1"}, float("nan"), 97.0, since=NOW)
NOTICE = Notice(
    "4f2a", "first_firing", "critical", "Alerta Crítico", (ALERT,), created_at=NOW, rule="high_cpu"
)


def test_the_vector_that_the_specification_publishes() -> None:
    signature = sign(SecretStr(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_can_verify_it(slack: SlackDouble) -> None:
    slack.always = Answer(204, b"")
    asyncio.run(
        WebhookChannel(SecretStr(slack.url), secret=SecretStr(SECRET), clock=lambda: NOW).deliver(NOTICE)
    )
    (request,) = slack.requests
    head = request.headers
    assert (head["webhook-id"], head["webhook-timestamp"]) == ("4f2a", str(int(NOW.timestamp())))
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + request.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert head["webhook-signature"] == f"v1,{digest}"


def test_without_a_secret_there_is_no_signature(slack: SlackDouble) -> None:
    slack.always = Answer()
    asyncio.run(WebhookChannel(SecretStr(slack.url)).deliver(NOTICE))
    assert "webhook-signature" not in slack.requests[0].headers
    assert slack.requests[0].headers["webhook-id"] == "4f2a"


def test_the_shape_of_the_body() -> None:
    body = notice_json(NOTICE)
    told = json.loads(body, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert (told["version"], told["type"], told["timestamp"]) == (1, "notice.first_firing", NOW.isoformat())
    assert told["data"]["id"] == "4f2a"
    (alert,) = told["data"]["alerts"]
    assert (alert["value"], alert["fired_value"], alert["labels"]) == (None, 97.0, {"host": "web-1"})
    assert alert["summary"] == "<b>CPU</b> & more"
    assert body.isascii()
    assert b"<" not in body
    assert Notice.from_payload(told["data"]).rule == "high_cpu"


@pytest.mark.parametrize("bad", ["hunter2", "whsec_", "whsec_###", "whsec_aHVudGVyMg==", "v1_" + "A" * 32])
def test_wrong_secrets_are_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(ConfigError, match="whsec_") as caught:
        WebhookChannel(SecretStr("https://h/"), secret=SecretStr(bad))
    assert bad == "whsec_" or bad not in str(caught.value)
