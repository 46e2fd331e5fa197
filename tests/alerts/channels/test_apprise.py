"""Apprise's own JSON service over real HTTP."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest
from pydantic import SecretStr

from mirante.alerts.channels.apprise import AppriseChannel
from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.errors import ConfigError, DeliveryError, MissingDependencyError
from tests.doubles.slack import Answer, SlackDouble

NOTICE = Notice(
    "a1", "first_firing", "critical", "Alerta Crítico", (NoticeAlert("firing", "<!channel> @here"),)
)


def channel(slack: SlackDouble, timeout: float = 5.0, ask: str = "") -> AppriseChannel:
    return AppriseChannel(SecretStr(slack.url.replace("http:", "json:") + ask), timeout=timeout)


def test_the_notice_arrives_and_pings_nobody(slack: SlackDouble) -> None:
    slack.always = Answer()
    asyncio.run(channel(slack).deliver(NOTICE))
    (request,) = slack.requests
    assert request.json["title"] == "Alerta Crítico"
    assert request.json["type"] == "failure"
    assert "‹!channel› ＠here" in request.json["message"]


def test_its_log_shows_nothing(slack: SlackDouble, caplog: pytest.LogCaptureFixture) -> None:
    slack.always = Answer(404)
    with caplog.at_level(logging.DEBUG), pytest.raises(DeliveryError, match="answered 404"):
        asyncio.run(channel(slack).deliver(NOTICE))
    assert [record for record in caplog.records if record.name == "apprise"] == []
    logging.getLogger("apprise").warning("of somebody else")
    assert "of somebody else" in caplog.text


def test_one_that_hangs_is_not_joined_by_others(slack: SlackDouble) -> None:
    slack.always = Answer(kind="hang")
    hanging = channel(slack, 0.3)

    async def twice() -> None:
        with pytest.raises(DeliveryError, match="did not finish within"):
            await hanging.deliver(NOTICE)
        with pytest.raises(DeliveryError, match="still hangs") as caught:
            await hanging.deliver(NOTICE)
        assert caught.value.retry is True

    asyncio.run(twice())
    assert len(slack.requests) == 1


def test_no_redirect_even_when_the_address_asks_for_it(slack: SlackDouble) -> None:
    slack.always = Answer(307, b"", {"Location": slack.url})
    with pytest.raises(DeliveryError, match="answered 307"):
        asyncio.run(channel(slack, ask="?redirect=yes").deliver(NOTICE))
    assert len(slack.requests) == 1


@pytest.mark.parametrize("bad", ["", "hunter2hunter2", "pigeon://hunter2hunter2", "json://"])
def test_unknown_addresses_are_refused_without_being_shown(
    bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match="no address that Apprise knows") as caught:
        AppriseChannel(SecretStr(bad))
    assert "hunter2" not in str(caught.value) + caplog.text


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(MissingDependencyError, match=r"mirante\[apprise\]"):
        AppriseChannel(SecretStr("json://h/"))
