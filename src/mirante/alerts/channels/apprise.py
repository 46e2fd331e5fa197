"""Everything that Apprise knows (PagerDuty, Teams, Telegram, …): the package is the extra ``apprise``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from typing import Any

from pydantic import SecretStr

from mirante.alerts.channels.base import Notice
from mirante.alerts.channels.http import worth_retrying
from mirante.alerts.channels.texts import clean, plain_text
from mirante.errors import ConfigError, DeliveryError, need

__all__ = ["AppriseChannel", "harmless"]

_KINDS = {"critical": "failure", "warning": "warning", "info": "info"}
# Neither a mention (<!channel>, <@U1>, @everyone) nor HTML is left in any of a hundred services' own syntax.
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "@": "＠"})


def harmless(text: str) -> str:
    """Return a text in which nothing pings, whatever service shows it.

    Examples
    --------
    >>> harmless("cpu > 90, <!channel> @everyone")
    'cpu › 90, ‹!channel› ＠everyone'
    """
    return text.translate(_HARMLESS)


class AppriseChannel:
    """Sends notices through Apprise.

    Apprise tells only whether it worked. Its log is read for a status, which says whether to try again, and
    goes nowhere else, since it may hold secrets.

    Parameters
    ----------
    url : SecretStr
        An address of Apprise's own, such as ``pagerduty://…``.
    timeout : float
        Seconds for the whole delivery. What has not ended by then is left to itself in its thread, and the
        notice after it waits until that has ended.

    Raises
    ------
    MissingDependencyError
        If Apprise is not installed.
    ConfigError
        If Apprise does not know the address.
    """

    def __init__(self, url: SecretStr, *, timeout: float = 10.0) -> None:
        self._timeout, self._busy = timeout, False
        with _Heard():
            self._services = _services(need("apprise", extra="apprise"), url)

    def __repr__(self) -> str:
        return "AppriseChannel(***)"

    async def deliver(self, notice: Notice) -> None:
        """Send the notice.

        Parameters
        ----------
        notice : Notice
            What to tell.

        Raises
        ------
        DeliveryError
            To be tried again unless the service answered with a status of 4xx other than 408, 425 and 429.
        """
        if self._busy:
            raise DeliveryError("the delivery before this one still hangs in Apprise", retry=True)
        loop = asyncio.get_running_loop()
        result: asyncio.Future[int | None] = loop.create_future()

        def work() -> None:
            status = self._send(notice)
            self._busy = False
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(_settle, result, status)

        # A thread of its own: one that hangs neither fills a pool nor keeps the process alive.
        self._busy = True
        threading.Thread(target=work, name="apprise", daemon=True).start()
        try:
            async with asyncio.timeout(self._timeout):
                status = await result
        except TimeoutError as error:
            raise DeliveryError(f"Apprise did not finish within {self._timeout:g} s", retry=True) from error
        if status is not None:
            told = f", and its service answered {status}" if status else ""
            retry = status < 300 or worth_retrying(status)  # 0: why it failed is not known
            raise DeliveryError(f"Apprise could not deliver{told}", retry=retry)

    def _send(self, notice: Notice) -> int | None:
        """Return None when it was delivered, else the service's status, 0 when none is known."""
        with _Heard() as heard:
            try:
                delivered = self._services.notify(
                    title=harmless(clean(notice.title, 250)),
                    body=harmless(plain_text(notice)) or " ",
                    notify_type=_KINDS.get(notice.severity, "info"),
                    body_format="text",
                    interpret_escapes=False,
                )
            except Exception:  # a fault in one of a hundred plugins; its text may hold the address
                return 0
        return None if delivered else heard.status


def _settle(result: asyncio.Future[int | None], status: int | None) -> None:
    if not result.done():
        result.set_result(status)


class _Heard(logging.Filter):
    """Takes Apprise's log of this thread, keeps a status from it, and lets nothing of it out."""

    def __init__(self) -> None:
        super().__init__()
        self.status, self._mine = 0, threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._mine:
            return True
        found = re.search(r"\berror=(\d{3})\b", record.getMessage())
        self.status = int(found[1]) if found else self.status
        return False

    def __enter__(self) -> _Heard:
        logging.getLogger("apprise").addFilter(self)
        return self

    def __exit__(self, *raised: object) -> None:
        logging.getLogger("apprise").removeFilter(self)


def _services(apprise: Any, url: SecretStr) -> Any:
    # With these two it works in the thread that calls it: its own pools would keep a process that ends.
    asset = apprise.AppriseAsset(
        app_id="Mirante",
        app_desc="Mirante",
        image_url_mask="",
        http_redirects=False,
        async_mode=False,
        service_timeout=0,
    )
    services = apprise.Apprise(asset=asset)
    if not services.add(url.get_secret_value()) or not len(services):
        raise ConfigError(
            "url is no address that Apprise knows; see its documentation for the service's form"
        )
    for service in services:
        service.redirects = False  # the address itself may ask for them
    return services
