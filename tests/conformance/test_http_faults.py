"""Every channel that speaks HTTP, and the heartbeat, against everything that the other side can do wrong."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from mirante.alerts.channels.alertmanager import AlertmanagerChannel
from mirante.alerts.channels.apprise import AppriseChannel
from mirante.alerts.channels.base import Channel, Notice, NoticeAlert
from mirante.alerts.channels.config import CHANNELS
from mirante.alerts.channels.slack import SlackChannel
from mirante.alerts.channels.webhook import WebhookChannel
from mirante.errors import DeliveryError
from tests.doubles.slack import Answer, SlackDouble, slack_double

NOTICE = Notice(
    "a1", "first_firing", "critical", "Critical alert: x", (NoticeAlert("firing", "x", {"host": "a"}),)
)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

MAKE: dict[str, Callable[[str, float], Channel]] = {
    "alertmanager": lambda url, timeout: AlertmanagerChannel(
        SecretStr(url), timeout=timeout, clock=lambda: NOON
    ),
    "apprise": lambda url, timeout: AppriseChannel(SecretStr(url.replace("http:", "json:")), timeout=timeout),
    "slack": lambda url, timeout: SlackChannel(SecretStr(url), timeout=timeout, interval=0),
    "webhook": lambda url, timeout: WebhookChannel(SecretStr(url), timeout=timeout, clock=lambda: NOON),
}
OWN = sorted(MAKE.keys() - {"apprise"})  # whose HTTP is ours; Apprise tells only whether it worked


def fails(name: str, answer: Answer, timeout: float = 5.0) -> tuple[DeliveryError, SlackDouble]:
    with slack_double() as double:
        double.always = answer
        channel = MAKE[name](double.url, timeout)
        start = time.monotonic()
        with pytest.raises(DeliveryError) as caught:
            asyncio.run(channel.deliver(NOTICE))
        assert time.monotonic() - start < timeout + 1.5
    assert "secretsecret" not in repr(caught.value) + repr(caught.value.__cause__)
    return caught.value, double


def test_every_channel_that_speaks_http_is_here() -> None:
    assert MAKE.keys() == CHANNELS.keys() - {"console", "email"}


@pytest.mark.parametrize("name", sorted(MAKE))
@pytest.mark.parametrize(
    ("status", "retry"), [(408, True), (425, True), (429, True), (500, True), (503, True)]
)
def test_passing_troubles(name: str, status: int, retry: bool) -> None:
    error, double = fails(name, Answer(status, b"later"))
    assert error.retry is retry
    assert str(status) in error.reason
    assert len(double.requests) == 1


@pytest.mark.parametrize("name", sorted(MAKE))
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_lasting_troubles(name: str, status: int) -> None:
    error, double = fails(name, Answer(status, b"no"))
    assert error.retry is False
    assert len(double.requests) == 1


@pytest.mark.parametrize("name", OWN)
def test_the_wait_that_was_asked_for(name: str) -> None:
    assert fails(name, Answer(429, b"", {"Retry-After": "7"}))[0].retry_after == 7.0
    assert fails(name, Answer(503, b"", {"Retry-After": "99999"}))[0].retry_after == 3600.0
    if name != "slack":  # whose documentation knows seconds alone; its clock is the machine's
        date = {"Retry-After": "Thu, 01 Jan 2026 12:00:30 GMT"}
        assert fails(name, Answer(429, b"", date))[0].retry_after == 30.0


@pytest.mark.parametrize("name", sorted(MAKE))
@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_an_attempt_ends_at_the_deadline(name: str, kind: str) -> None:
    assert fails(name, Answer(kind=kind), timeout=0.6)[0].retry is True


@pytest.mark.parametrize("name", sorted(MAKE))
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(name: str, status: int) -> None:
    with slack_double() as inner:
        error, _double = fails(name, Answer(status, b"", {"Location": inner.url}))
        assert inner.requests == []
    assert error.retry is False


@pytest.mark.parametrize("name", sorted(MAKE))
def test_a_reset_connection_is_tried_again(name: str) -> None:
    assert fails(name, Answer(kind="reset"))[0].retry is True


@pytest.mark.parametrize("name", OWN)
def test_a_gigabyte_is_not_read(name: str) -> None:
    with slack_double() as double:
        double.always = Answer(500, kind="endless")
        tracemalloc.start()
        try:
            with pytest.raises(DeliveryError):
                asyncio.run(MAKE[name](double.url, 5.0).deliver(NOTICE))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 32 * 2**20
    assert double.bytes_sent < 64 * 2**20  # what the kernel's buffers took; the rest never left


@pytest.mark.parametrize("name", sorted(MAKE))
def test_nobody_listens(name: str, free_port: int) -> None:
    channel = MAKE[name](f"http://127.0.0.1:{free_port}/secretsecret", 5.0)
    with pytest.raises(DeliveryError) as caught:
        asyncio.run(channel.deliver(NOTICE))
    assert caught.value.retry is True
    assert "secretsecret" not in repr(caught.value) + repr(channel)


@pytest.mark.parametrize("name", OWN)
def test_metadata_servers_are_refused(name: str) -> None:
    with pytest.raises(DeliveryError, match="link-local") as caught:
        asyncio.run(MAKE[name]("http://169.254.169.254/latest", 5.0).deliver(NOTICE))
    assert caught.value.retry is False
