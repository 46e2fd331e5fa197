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
from mirante.alerts.channels.guard import guarded_socket
from mirante.alerts.channels.texts import alert_text, clean, clip, plain_text, reason_text, redact
from mirante.errors import ConfigError, DeliveryError
from mirante.i18n import translator

__all__ = ["SlackChannel", "escape_mrkdwn", "slack_message"]

_READ_CAP = 64 * 1024
_LONGEST_WAIT = 3_600.0
_HEADER, _SECTION, _TEXT, _BLOCKS = 150, 3_000, 4_000, 50
_RETRY = {408, 425, 429}


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
        At most 50 blocks, 150 characters in the header, 3,000 in a section, 4,000 in the text.

    Examples
    --------
    >>> slack_message(Notice("1f", "message", "info", "Hello"))["text"]
    'Hello'
    """
    _ = translator(notice.locale)
    header = {
        "type": "header",
        "text": {"type": "plain_text", "text": clean(notice.title, _HEADER), "emoji": False},
    }
    # the other four: the header, the count of the rest, the reason, the links
    shown = min(_BLOCKS - 4, len(notice.alerts))
    blocks = [header, *(_section(_alert_mrkdwn(alert, notice.locale)) for alert in notice.alerts[:shown])]
    if len(notice.alerts) + notice.omitted > shown:
        left = len(notice.alerts) - shown + notice.omitted
        blocks.append(_section(escape_mrkdwn(_.n("and %(n)s more alert", "and %(n)s more alerts", left))))
    end = [reason_text(notice), _("This tells of the past, replayed.") if notice.historic else ""]
    told = " ".join(line for line in end if line)
    if told:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": escape_mrkdwn(told)}]})
    links = " · ".join(_link(name, address) for name, address in list(notice.links.items())[:8])
    if links and len(links) <= _SECTION:
        blocks.append(_section(links))
    body = plain_text(notice, most=10)
    text = clean(notice.title, 500) + (f"\n{body}" if body else "")
    return {"text": escape_mrkdwn(text, _TEXT), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _link(name: str, address: str) -> str:
    target = re.sub(r"[<>|\s]", "", escape_mrkdwn(clean(address), 2_000))
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
        Seconds for the whole delivery.
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
        if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", webhook_url.get_secret_value()):
            raise ConfigError(
                "the Slack webhook address is not of the form https://host/...; copy it from Slack again"
            )
        self._url, self._timeout, self._interval, self._clock = webhook_url, timeout, interval, clock
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
            To be tried again after 408, 425, 429 (with the seconds that Slack asked for), 5xx, a lost
            connection or a time-out; not after any other answer.
        """
        wait, now = max(0.0, self._next - self._clock()), self._clock()
        self._next = now + wait + self._interval  # the slot is taken before the wait, so callers queue up
        body = json.dumps(slack_message(notice)).encode()
        try:
            async with asyncio.timeout(self._timeout + wait):
                await asyncio.sleep(wait)
                status, headers, answer = await self._post(body)
        except TimeoutError as error:
            raise DeliveryError(f"Slack did not answer within {self._timeout:g} s", retry=True) from error
        except Exception as error:
            raise self._trouble(error) from None  # the cause may carry the address
        self._judge(status, headers, answer)

    async def _post(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        import aiohttp

        connector = aiohttp.TCPConnector(socket_factory=guarded_socket, force_close=True)
        timeout = aiohttp.ClientTimeout(total=self._timeout)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            response = await session.post(
                self._url.get_secret_value(),
                data=body,
                headers={"Content-Type": "application/json; charset=utf-8"},
                allow_redirects=False,
            )
            try:
                answer = b""
                while len(answer) < _READ_CAP and (
                    piece := await response.content.read(_READ_CAP - len(answer))
                ):
                    answer += piece
                return response.status, {k.lower(): v for k, v in response.headers.items()}, answer
            finally:
                response.close()  # not release: that would read the rest, which may have no end

    def _hide(self, text: str) -> str:
        address = self._url.get_secret_value()
        path = re.sub(r"^https?://[^/]*/?", "", address)
        return redact(text, [address, path, *(part for part in path.split("/") if len(part) > 7)])

    def _trouble(self, error: Exception) -> DeliveryError:
        import aiohttp

        if isinstance(error, aiohttp.ClientError | OSError):
            refused = isinstance(getattr(error, "os_error", None), PermissionError)  # by the guard
            lasting = refused or isinstance(error, aiohttp.ClientConnectorCertificateError)
            told = f"Slack could not be reached: {type(error).__name__}: {self._hide(str(error))}"
            return DeliveryError(told, retry=not lasting)
        return DeliveryError(f"Slack could not be asked: {type(error).__name__}: {self._hide(str(error))}")

    def _judge(self, status: int, headers: dict[str, str], answer: bytes) -> None:
        said = self._hide(answer[:200].decode("utf-8", "replace"))
        if 200 <= status < 300:
            if answer.strip() == b"ok":
                return
            raise DeliveryError(
                f"Slack answered {status} with {said!r} instead of 'ok'; is the address right?"
            )
        if 300 <= status < 400:
            raise DeliveryError(
                f"Slack answered {status}, a redirect, which is not followed; is the address right?"
            )
        retry = status in _RETRY or status >= 500
        wait = _seconds(headers.get("retry-after")) if retry else None
        raise DeliveryError(f"Slack answered {status} {said}".strip(), retry=retry, retry_after=wait)


def _seconds(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header; its other form, a date, is not Slack's."""
    if text is None or not re.fullmatch(r"\d{1,9}(\.\d+)?", text.strip()):
        return None
    return min(float(text), _LONGEST_WAIT)
