"""One real notice to one channel, delivered as the outbox delivers every notice."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from mirante.alerts.channels.base import Channel, Notice, NoticeAlert
from mirante.alerts.channels.config import build_channels
from mirante.alerts.channels.texts import title_of
from mirante.alerts.outbox import DEADLINE, Attempt, deliver
from mirante.app.settings import Settings
from mirante.errors import ConfigError, DeliveryError
from mirante.i18n import translator

__all__ = ["send_test_notice"]


def send_test_notice(
    settings: Settings, name: str, now: datetime, *, environ: Mapping[str, str] | None = None
) -> Attempt:
    """Send a notice to a channel, and say how that went.

    Parameters
    ----------
    settings : Settings
        With the channel.
    name : str
        The channel's.
    now : datetime
        The present time.
    environ : mapping of str to str, optional
        ``os.environ`` when not given.

    Returns
    -------
    Attempt
        ``delivered``, or the error; ``retry`` says that a real notice would be tried again.

    Raises
    ------
    ConfigError
        If there is no such channel, or its settings are wrong.
    """
    if name not in settings.alerts.channels:
        there = ", ".join(sorted(settings.alerts.channels)) or "none"
        raise ConfigError(f"there is no channel {name!r} in the config; there are: {there}")
    alone = {name: settings.alerts.channels[name]}
    channels = build_channels(alone, base=settings.folder, environ=environ, locate=settings.locate)
    return _sent(channels, _notice(name, settings.locale, now), name)


def _sent(channels: Mapping[str, Channel], notice: Notice, name: str) -> Attempt:
    start = time.monotonic()
    try:
        asyncio.run(deliver(channels, name, notice.payload(), DEADLINE))
    except DeliveryError as error:
        outcome: Literal["retry", "dead"] = "retry" if error.retry else "dead"
        return Attempt(notice.id, name, outcome, error.reason, time.monotonic() - start)
    return Attempt(notice.id, name, "delivered", seconds=time.monotonic() - start)


def _notice(name: str, locale: str, now: datetime) -> Notice:
    _ = translator(locale)
    about = _("Test of the channel %(channel)s", channel=name)
    text = _("This is a test. Notices of alerts come the same way.")
    return Notice(
        id=uuid.uuid4().hex,
        reason="message",
        severity="info",
        title=title_of("info", about, locale=locale),
        alerts=(NoticeAlert("message", text),),
        locale=locale,
        created_at=now,
    )
