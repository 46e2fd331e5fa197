"""The small way to send: `AlertSystem`, with blocking calls."""

from __future__ import annotations

import asyncio
import ssl
import threading
import uuid
import warnings
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.email import EmailChannel, check_addresses, server_and_port
from mirante.alerts.channels.slack import SlackChannel
from mirante.alerts.channels.texts import clean
from mirante.errors import ConfigError, DeliveryError, InputError, MiranteWarning
from mirante.i18n import normal_locale
from mirante.secrets import secret_of

__all__ = ["AlertSystem"]

_GRACE = 2.0


class AlertSystem:
    """Sends mail and Slack messages at once: delivered when the call returns, or an error that says why not.

    The calls block, also inside a running event loop (a notebook), for at most about `timeout` seconds.

    Parameters
    ----------
    config : mapping
        ``smtp_server`` (``host`` or ``host:port``), ``smtp_port`` (587), ``smtp_user``, ``smtp_password``,
        ``slack_webhook_url``, ``recipients``. Optional: ``sender``, ``smtp_tls`` (``starttls``, ``tls``,
        ``none``), ``smtp_ca_file``, ``locale``. Secrets may be ``env:NAME``, or a file named by
        ``smtp_password_file`` and ``slack_webhook_url_file``.
    log : bool
        What an `AlertManager` made with this does with MLflow when it is not told otherwise.
    timeout : float
        Seconds for one delivery.
    tls_context : SSLContext, optional
        For mail; made here (it verifies) when not given.

    Raises
    ------
    ConfigError
        If a value is wrong. A key that is missing is an error only when it is needed.

    Examples
    --------
    >>> AlertSystem({"recipients": ["ops@example.org"]}).send_slack_alert("hello")
    Traceback (most recent call last):
    ...
    mirante.errors.ConfigError: the config has no 'slack_webhook_url'; add it to send to Slack
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        log: bool = True,
        timeout: float = 10.0,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        if not isinstance(config, Mapping):
            raise ConfigError(
                f"the config is a {type(config).__name__}; give a mapping with keys such as smtp_server"
            )
        unknown = sorted(str(key) for key in config if key not in _KNOWN)
        if unknown:
            warnings.warn(
                f"the config of AlertSystem has keys that mean nothing: {', '.join(unknown)}; "
                f"known are {', '.join(sorted(_KNOWN))}",
                MiranteWarning,
                stacklevel=2,
            )
        self.log = log
        self.locale = normal_locale(str(config.get("locale", "en")))
        given = config.get("recipients")
        self.recipients: tuple[str, ...] = check_addresses(given) if given else ()
        self._timeout, self._context = timeout, tls_context
        self._mail: dict[str, Any] = {name: config.get(key) for name, key in _MAIL_KEYS.items()}
        self._mail["port"] = _port(config.get("smtp_port"))
        self._mail["password"] = secret_of(config, "smtp_password")
        if self._mail["server"] is not None:
            server_and_port(str(self._mail["server"]), self._mail["port"])
        if self._mail["server"] is not None and self.recipients:
            self._email(self.recipients)  # every error of the mail settings shows here, not when it is urgent
        webhook = secret_of(config, "slack_webhook_url")
        self._slack = SlackChannel(webhook, timeout=timeout) if webhook is not None else None

    def __repr__(self) -> str:
        return f"AlertSystem(recipients={list(self.recipients)}, slack={'yes' if self._slack else 'no'})"

    def send_email_alert(
        self, subject: str, message: str, recipients: str | Sequence[str] | None = None
    ) -> None:
        """Send a mail with a text and an HTML part.

        Parameters
        ----------
        subject : str
            Any text; line breaks become spaces.
        message : str
            The body.
        recipients : str or sequence of str, optional
            Those of the config when not given.

        Raises
        ------
        DeliveryError
            If it was not delivered to all of them.
        ConfigError
            If ``smtp_server`` is missing, or there is nobody to send to.
        """
        if self._mail["server"] is None:
            raise ConfigError("the config has no 'smtp_server'; add it to send mail")
        given = self.recipients if recipients is None else recipients
        if not given:
            raise ConfigError("the config has no 'recipients' and none were given; add one to send mail")
        channel = self._email(given)
        notice = self._notice(subject, message)
        _blocking(lambda: channel.deliver(notice), self._timeout + _GRACE)

    def send_slack_alert(self, message: str) -> None:
        """Post a message to Slack.

        Parameters
        ----------
        message : str
            Its first line becomes the heading; ``&``, ``<`` and ``>`` are escaped, so nothing pings.

        Raises
        ------
        DeliveryError
            If Slack did not answer ``ok``.
        ConfigError
            If ``slack_webhook_url`` is missing.
        InputError
            If the message is empty.
        """
        if self._slack is None:
            raise ConfigError("the config has no 'slack_webhook_url'; add it to send to Slack")
        slack = self._slack
        lines = [line for line in message.splitlines() if line.strip()]
        if not lines:
            raise InputError("the message is empty; Slack refuses an empty message")
        long = len(clean(lines[0])) > 150  # longer than a heading may be: say it in full below
        notice = self._notice(lines[0], "\n".join(lines if long else lines[1:]))
        # a moment more than one delivery: messages to Slack leave a second apart
        _blocking(lambda: slack.deliver(notice), 2 * self._timeout + _GRACE)

    def _email(self, recipients: str | Sequence[str]) -> EmailChannel:
        settings = {**self._mail, "server": str(self._mail["server"])}
        return EmailChannel(
            recipients=recipients, timeout=self._timeout, tls_context=self._context, **settings
        )

    def _notice(self, title: str, message: str) -> Notice:
        alerts = (NoticeAlert("message", message),) if message.strip() else ()
        return Notice(uuid.uuid4().hex, "message", "info", title, alerts, locale=self.locale)


_MAIL_KEYS = {
    "server": "smtp_server",
    "user": "smtp_user",
    "sender": "sender",
    "tls": "smtp_tls",
    "ca_file": "smtp_ca_file",
}
_SECRETS = ("smtp_password", "slack_webhook_url")
_KNOWN = {
    *_MAIL_KEYS.values(), "smtp_port", "recipients", "locale",
    *_SECRETS, *(f"{name}_file" for name in _SECRETS),
}  # fmt: skip


def _port(given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not str(given).isascii() or not str(given).isdigit():
        raise ConfigError(f"smtp_port is {given!r}; give a whole number, such as 587")
    return int(str(given)[:9])


def _blocking(deliver: Callable[[], Coroutine[Any, Any, None]], timeout: float) -> None:
    """Run a delivery in a thread and a loop of its own, since the caller's thread may run a loop already."""
    result: Future[None] = Future()

    def work() -> None:
        try:
            result.set_result(asyncio.run(deliver()))
        except BaseException as error:  # handed over to the caller's thread, whatever it is
            result.set_exception(error)

    # a daemon: a name server that does not answer can hold up the thread, but neither the caller nor the exit
    threading.Thread(target=work, name="mirante-send", daemon=True).start()
    try:
        result.result(timeout)
    except FutureTimeoutError as error:
        raise DeliveryError(f"the delivery did not finish within {timeout:g} s", retry=True) from error
