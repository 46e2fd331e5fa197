"""Slack over real HTTP, with everything that can go wrong."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc

import pytest
from pydantic import SecretStr

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.slack import SlackChannel, escape_mrkdwn, slack_message
from mirante.errors import ConfigError, DeliveryError
from tests.doubles.slack import PATH, Answer, SlackDouble, slack_double

ALERT = NoticeAlert("firing", "CPU at 97%", {"host": "web-1"}, 97.0, None, "cpu > 90", note="since noon")
NOTICE = Notice(
    "a1", "first_firing", "critical", "Critical alert: CPU at 97%", (ALERT,), {"page": "http://x/y?a&b"}
)


def send(to: SlackDouble, notice: Notice = NOTICE, **settings: float) -> None:
    asyncio.run(SlackChannel(SecretStr(to.url), **settings).deliver(notice))


def fails(to: SlackDouble, answer: Answer, **settings: float) -> DeliveryError:
    to.script = [answer]
    with pytest.raises(DeliveryError) as caught:
        send(to, **settings)
    for part in (PATH, "secretsecret", "T00000000", "B00000000"):
        assert part not in str(caught.value)
    assert caught.value.__cause__ is None or not str(caught.value.__cause__).count("secretsecret")
    return caught.value


def test_the_message_arrives(slack: SlackDouble) -> None:
    send(slack)
    (request,) = slack.requests
    assert request.path == PATH
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    message = request.json
    assert message["text"].startswith("Critical alert: CPU at 97%\nCPU at 97%")
    header, alert, reason, links = message["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "Critical alert: CPU at 97%", "emoji": False}
    assert "cpu &gt; 90" in alert["text"]["text"]
    assert "since noon" in alert["text"]["text"]
    assert reason["elements"][0]["text"] == "Sent because this alert began to fire."
    assert links["text"]["text"] == "<http://x/y?a&amp;b|page>"


@pytest.mark.parametrize(
    ("answer", "retry", "wait"),
    [
        (Answer(429, b'{"retry_after":7}', {"Retry-After": "7"}), True, 7.0),
        (Answer(429, b"", {"Retry-After": "999999"}), True, 3600.0),
        (Answer(429, b"", {"Retry-After": "Fri, 08 Feb 2013 00:00:00 GMT"}), True, None),
        (Answer(500, b"rollup_error"), True, None),
        (Answer(503, b"", {"Retry-After": "2"}), True, 2.0),
        (Answer(408, b""), True, None),
        (Answer(400, b"invalid_payload"), False, None),
        (Answer(403, b"action_prohibited"), False, None),
        (Answer(404, b"channel_not_found"), False, None),
        (Answer(410, b"channel_is_archived"), False, None),
        (Answer(200, b"<html>Please log in</html>"), False, None),
        (Answer(204, b""), False, None),
    ],
)
def test_answers(slack: SlackDouble, answer: Answer, retry: bool, wait: float | None) -> None:
    error = fails(slack, answer)
    assert (error.retry, error.retry_after) == (retry, wait)
    assert str(answer.status) in error.reason
    assert len(slack.requests) == 1


def test_a_redirect_is_not_followed(slack: SlackDouble) -> None:
    with slack_double() as inner:
        error = fails(slack, Answer(307, b"", {"Location": inner.url}))
        assert not inner.requests
    assert error.retry is False
    assert "redirect" in error.reason


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_no_answer_ends_at_the_deadline(slack: SlackDouble, kind: str) -> None:
    start = time.monotonic()
    error = fails(slack, Answer(kind=kind), timeout=0.6)
    assert 0.5 < time.monotonic() - start < 2
    assert error.retry is True


def test_a_gigabyte_is_not_read(slack: SlackDouble) -> None:
    tracemalloc.start()
    try:
        error = fails(slack, Answer(200, kind="endless"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.retry is False
    assert peak < 32 * 2**20
    assert slack.bytes_sent < 64 * 2**20  # what the kernel's buffers took; the rest never left


def test_a_reset_connection(slack: SlackDouble) -> None:
    assert fails(slack, Answer(kind="reset")).retry is True


def test_nobody_listens(free_port: int) -> None:
    channel = SlackChannel(SecretStr(f"http://127.0.0.1:{free_port}{PATH}"))
    with pytest.raises(DeliveryError, match="could not be reached") as caught:
        asyncio.run(channel.deliver(NOTICE))
    assert caught.value.retry is True
    assert "secretsecret" not in str(caught.value)


def test_the_metadata_server_is_refused_at_once() -> None:
    channel = SlackChannel(SecretStr("http://169.254.169.254/latest/meta-data"))
    with pytest.raises(DeliveryError, match="link-local") as caught:
        asyncio.run(channel.deliver(NOTICE))
    assert caught.value.retry is False


def test_one_message_a_second(slack: SlackDouble) -> None:
    channel = SlackChannel(SecretStr(slack.url), interval=0.3)

    async def three() -> None:
        await asyncio.gather(*(channel.deliver(NOTICE) for _ in range(3)))

    asyncio.run(three())
    times = sorted(request.at for request in slack.requests)
    assert len(times) == 3
    assert times[2] - times[0] > 0.55
    assert SlackChannel(SecretStr(slack.url))._interval == 1.0


def test_limits_are_kept(slack: SlackDouble) -> None:
    evil = "<!channel> & <@U1> " * 300
    many = tuple(
        NoticeAlert("firing", evil, {f"l{j}": evil for j in range(20)}, note=evil) for _ in range(200)
    )
    notice = Notice(
        "1", "first_firing", "critical", evil, many, {evil: "http://x/" + "y" * 5000}, "pt_BR", omitted=7
    )
    send(slack, notice)  # the double answers 400 to anything over Slack's limits
    message = slack.requests[0].json
    assert len(message["blocks"]) <= 50
    assert len(message["text"]) <= 4000
    told = json.dumps([message["text"], *message["blocks"][1:]])  # the header is plain_text: never a ping
    assert "<!" not in told
    assert "<@" not in told
    shown = sum(
        "∗" in json.dumps(b, ensure_ascii=False) or "*&lt;" in json.dumps(b) for b in message["blocks"]
    )
    assert 2 <= shown < 10
    assert f"mais {207 - shown} alertas" in told


def test_short_alerts_fill_the_blocks(slack: SlackDouble) -> None:
    notice = Notice("1", "new_alerts", "info", "many", (NoticeAlert("firing", "x"),) * 200)
    send(slack, notice)
    blocks = slack.requests[0].json["blocks"]
    assert len(blocks) == 50
    assert "153 more alerts" in blocks[-2]["text"]["text"]


def test_links_that_do_not_fit_are_left_out(slack: SlackDouble) -> None:
    links = {"long": "http://x/" + "y" * 1900, "longer": "http://x/" + "z" * 1900, "short": "http://x/"}
    send(slack, Notice("1", "message", "info", "x", (), links))
    told = slack.requests[0].json["blocks"][-1]["text"]["text"]
    assert "|long>" in told
    assert "|longer>" not in told
    assert "|short>" in told


@pytest.mark.parametrize("text", ["", "&" * 10, "a" * 10, "<" * 7, "ab&<>" * 3])
@pytest.mark.parametrize("limit", [1, 5, 6, 10, 11, 50])
def test_clipping_never_cuts_an_escape(text: str, limit: int) -> None:
    clipped = escape_mrkdwn(text, limit)
    assert len(clipped) <= limit
    plain = clipped.removesuffix("…").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert text.startswith(plain)


def test_a_message_of_its_own_and_empty_lines(slack: SlackDouble) -> None:
    send(slack, Notice("1", "message", "info", "Hello", (NoticeAlert("message", "one\n\ntwo"),)))
    assert slack.requests[0].json["blocks"][1]["text"]["text"] == "one\n\ntwo"
    assert slack_message(Notice("1", "message", "info", "Hello"))["blocks"][0]["type"] == "header"


@pytest.mark.parametrize(
    "bad", ["", "hooks.slack.com/x", "ftp://x/y", "https://user:pw@host/x", "https://h/\nx"]
)
def test_wrong_addresses_are_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SlackChannel(SecretStr(bad))
    assert not bad or bad not in str(caught.value)
    assert "secret" not in repr(SlackChannel(SecretStr("https://h/secret")))
