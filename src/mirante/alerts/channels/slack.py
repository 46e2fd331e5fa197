"""Slack's incoming webhooks: blocks within Slack's limits, one message a second."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.http import Endpoint
from mirante.alerts.channels.texts import (
    alert_text,
    clean,
    clip,
    closing,
    left_out,
    link_name,
    plain_text,
)
from mirante.errors import DeliveryError
from mirante.i18n import translator

__all__ = ["SlackChannel", "escape_mrkdwn", "slack_message"]

_HEADER, _SECTION, _TEXT, _BLOCKS = 150, 3_000, 4_000, 50
# Slack refuses blocks of about 13,200 characters together (msg_blocks_too_long; slackapi/bolt-js#2509)
_ALL, _LEFT_OUT = 12_000, 200


def escape_mrkdwn(text: str, limit: int = _SECTION) -> str:
    """Return text in which nothing pings, links or breaks off in the middle of an escape.

    Parameters
    ----------
    text : str
        Any text.
    limit : int
        Characters, as Slack counts them: after escaping.

    Examples
    --------
    >>> escape_mrkdwn("<!channel> R&D")
    '&lt;!channel&gt; R&amp;D'
    >>> escape_mrkdwn("aaa&bbb", limit=6)
    'aaa…'
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= limit:
        return escaped
    return re.sub(r"&[a-z]*$", "", escaped[: limit - 1]) + "…"


def slack_message(notice: Notice) -> dict[str, Any]:
    """Return the JSON of a notice: `text` for notifications, `blocks` for the screen.

    Parameters
    ----------
    notice : Notice
        What to tell.

    Returns
    -------
    dict
        At most 50 blocks of 12,000 characters together, 150 characters in the header, 3,000 in a section,
        4,000 in the text.

    Examples
    --------
    >>> slack_message(Notice("1f", "message", "info", "Hello"))["text"]
    'Hello'
    """
    header = {
        "type": "header",
        "text": {"type": "plain_text", "text": clean(notice.title, _HEADER), "emoji": False},
    }
    told, links = _told(notice), _links(notice)
    end: list[dict[str, Any]] = (
        [{"type": "context", "elements": [{"type": "mrkdwn", "text": told}]}] if told else []
    )
    end += [_section(links)] if links else []
    blocks, left = [header], _ALL - _length([header, *end]) - _LEFT_OUT
    for alert in notice.alerts[: _BLOCKS - len(end) - 2]:
        section = _section(_alert_mrkdwn(alert, notice.locale))
        left -= _length([section])
        if left < 0:
            break
        blocks.append(section)
    blocks += [_section(escape_mrkdwn(line)) for line in left_out(notice, len(blocks) - 1)]
    blocks += end
    body = plain_text(notice, most=10)
    text = clean(notice.title, 500) + (f"\n{body}" if body else "")
    return {"text": escape_mrkdwn(text, _TEXT), "blocks": blocks}


def _told(notice: Notice) -> str:
    _ = translator(notice.locale)
    end = closing(notice)
    if notice.silence:
        end.append(_("To silence it: %(command)s", command=clean(notice.silence)))
    return escape_mrkdwn("\n".join(end))


def _length(blocks: list[dict[str, Any]]) -> int:
    return sum(len(json.dumps(block, ensure_ascii=False)) for block in blocks)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _links(notice: Notice) -> str:
    """Return as many links as fit: half of one would lead nowhere."""
    line = ""
    for key, address in notice.links.items():
        link = _link(link_name(key, notice.locale), address)
        longer = f"{line} · {link}" if line else link
        line = longer if len(longer) <= _SECTION else line
    return line


def _link(name: str, address: str) -> str:
    target = re.sub(r"[<>|\s]", "", escape_mrkdwn(clean(address, 10_000), 10_000))
    return f"<{target}|{escape_mrkdwn(clean(name, 60)).replace('|', '/')}>"


def _alert_mrkdwn(alert: NoticeAlert, locale: str) -> str:
    if alert.state == "message":
        lines = "\n".join(clean(line) for line in alert.summary.splitlines())
        return escape_mrkdwn(lines) or " "
    text = alert_text(alert, locale)
    lines = "\n".join([*text.lines, *(f"{name}: {value}" for name, value in text.facts)])
    summary = escape_mrkdwn(clip(text.summary, 500)).replace("*", "∗")
    return f"*{summary}*\n{escape_mrkdwn(lines, _SECTION - len(summary) - 3)}"


class SlackChannel:
    """Sends notices to one Slack channel.

    Parameters
    ----------
    webhook_url : SecretStr
        The address that Slack gave; whoever knows it can post, so it is never shown.
    timeout : float
        Seconds for one request.
    interval : float
        Seconds between two messages; Slack asks for one.
    clock : callable
        Monotonic seconds.

    Raises
    ------
    ConfigError
        If it is no http address.
    """

    def __init__(
        self,
        webhook_url: SecretStr,
        *,
        timeout: float = 10.0,
        interval: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = Endpoint("Slack", webhook_url, key="the Slack webhook address", timeout=timeout)
        self._interval, self._clock = interval, clock
        self._next = 0.0

    def __repr__(self) -> str:
        return "SlackChannel(***)"

    async def deliver(self, notice: Notice) -> None:
        """Post the notice.

        Parameters
        ----------
        notice : Notice
            What to tell.

        Raises
        ------
        DeliveryError
            As `Endpoint.call` has it, and, for good, after an answer that is not Slack's ``ok``.
        """
        wait, now = max(0.0, self._next - self._clock()), self._clock()
        self._next = now + wait + self._interval  # the slot is taken before the wait, so callers queue up
        await asyncio.sleep(wait)
        body = json.dumps(slack_message(notice)).encode()
        answer = await self._endpoint.call(body, {"Content-Type": "application/json; charset=utf-8"})
        if answer.body.strip() != b"ok":
            said = self._endpoint.hide(answer.body[:200].decode("utf-8", "replace"))
            raise DeliveryError(
                f"Slack answered {answer.status} with {said!r} instead of 'ok'; is the address right?"
            )
