"""Email: one message with a text and an HTML part, over a verified connection."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from ipaddress import ip_address
from typing import Any, Literal

from pydantic import SecretStr

from mirante.alerts.channels.base import Notice
from mirante.alerts.channels.texts import (
    alert_text,
    clean,
    closing,
    identifier,
    left_out,
    link_name,
    plain_text,
    redact,
)
from mirante.errors import ConfigError, DeliveryError
from mirante.i18n import translator

__all__ = ["EmailChannel", "check_addresses", "server_and_port"]

Tls = Literal["starttls", "tls", "none"]
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)
_MOST_WAITING = 1_000
_POLICY = policy.SMTP.clone(cte_type="7bit")  # a server without 8BITMIME must take it too


def server_and_port(server: str, port: int | None = None) -> tuple[str, int]:
    """Return host and port of a mail server given as ``host`` or ``host:port``.

    Parameters
    ----------
    server : str
        A name or address; an IPv6 address in brackets.
    port : int, optional
        When the text has none; 587 when neither has.

    Raises
    ------
    ConfigError
        If the port is no port, or the host is missing.

    Examples
    --------
    >>> server_and_port("smtp.example.org:25"), server_and_port("[::1]")
    (('smtp.example.org', 25), ('::1', 587))
    """
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+))(?::(\d{1,5}))?", server.strip())
    if match is None:
        raise ConfigError(
            "smtp_server is not host or host:port, such as smtp.example.org:587; a user belongs in smtp_user"
        )
    number = int(match[3]) if match[3] else (587 if port is None else port)
    if not 0 < number < 65536:
        raise ConfigError(f"smtp_port is {number}; a port is between 1 and 65535")
    return match[1] or match[2], number


def check_addresses(addresses: str | Sequence[str], *, key: str = "recipients") -> tuple[str, ...]:
    """Return mail addresses, checked.

    Parameters
    ----------
    addresses : str or sequence of str
        One address, or several.
    key : str
        Name of the setting, for the error.

    Raises
    ------
    ConfigError
        If there is none, or one is no address (a line break in one would add headers).

    Examples
    --------
    >>> check_addresses("ops@example.org")
    ('ops@example.org',)
    """
    given = (addresses,) if isinstance(addresses, str) else tuple(addresses)
    if not given:
        raise ConfigError(f"{key} is empty; give at least one address, such as ops@example.org")
    for place, address in enumerate(given):
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            which = key if len(given) == 1 else f"{key}[{place}]"
            raise ConfigError(f"{which} is no mail address; write name@domain, in ASCII")
    return given


class EmailChannel:
    """Sends notices by mail.

    Parameters
    ----------
    server : str
        ``host`` or ``host:port``.
    recipients : str or sequence of str
        Who gets it.
    port : int, optional
        587 when neither this nor `server` says.
    user : str, optional
        Name to log in with.
    password : SecretStr, optional
        Its password.
    sender : str, optional
        Address in From; `user` when that is an address.
    tls : {"starttls", "tls", "none"}, optional
        ``tls`` on port 465, else ``starttls``; ``none`` sends in the clear, and logs in so on loopback only.
    ca_file : str, optional
        Certificates to trust beside the system's.
    tls_context : SSLContext, optional
        Used as it is; made here (it verifies) when not given.
    timeout : float
        Seconds for the whole delivery.
    clock : callable
        Gives the Date.

    Raises
    ------
    ConfigError
        If a setting is wrong or settings contradict each other.
    """

    def __init__(
        self,
        server: str,
        recipients: str | Sequence[str],
        *,
        port: int | None = None,
        user: str | None = None,
        password: SecretStr | None = None,
        sender: str | None = None,
        tls: Tls | None = None,
        ca_file: str | None = None,
        tls_context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._host, self._port = server_and_port(server, port)
        self._recipients = check_addresses(recipients)
        if (user is None) != (password is None):
            lacking = "smtp_password" if password is None else "smtp_user"
            raise ConfigError(f"smtp_user and smtp_password belong together; {lacking!r} is missing")
        self._user, self._password = user, password
        self._tls: Tls = tls or ("tls" if self._port == 465 else "starttls")
        if self._tls == "none" and user is not None and not _is_loopback(self._host):
            message = (
                f"smtp_tls is 'none': the password would go to {self._host} in the clear; use 'starttls'"
            )
            raise ConfigError(message)
        self._sender = _sender(sender, user)
        self._context = tls_context or (_trusting(ca_file) if ca_file is not None else None)
        self._timeout, self._clock = timeout, clock
        self._waiting: dict[str, tuple[str, ...]] = {}

    def __repr__(self) -> str:
        return f"EmailChannel({self._host}:{self._port}, to {', '.join(self._recipients)})"

    async def deliver(self, notice: Notice) -> None:
        """Send the notice as one mail to all recipients.

        Parameters
        ----------
        notice : Notice
            What to tell.

        Raises
        ------
        DeliveryError
            To be tried again after a 4xx answer, a lost connection or a time-out; not after a 5xx answer, a
            refused login or a certificate that is not right. Where some recipients are refused for now, the
            next try goes to those alone.
        """
        message, owed = self._message(notice), self._waiting.pop(notice.id, self._recipients)
        try:
            async with asyncio.timeout(self._timeout):
                refused = await self._send(message, owed)
        except TimeoutError as error:
            where = f"{self._host}:{self._port}"
            raise DeliveryError(
                f"mail server {where} did not finish within {self._timeout:g} s", retry=True
            ) from error
        except Exception as error:
            raise self._verdict(error) from None  # the cause may carry the password in its arguments
        if refused:
            told = "; ".join(f"{address}: {self._hide(str(answer))}" for address, answer in refused.items())
            later = tuple(address for address, answer in refused.items() if int(answer[0]) < 500)
            if later:
                self._wait_for(notice.id, later)
            raise DeliveryError(f"the mail went out, but not to all: {told}", retry=bool(later))

    def _wait_for(self, notice: str, recipients: tuple[str, ...]) -> None:
        self._waiting[notice] = recipients
        while len(self._waiting) > _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]

    async def _send(self, message: EmailMessage, recipients: Sequence[str]) -> dict[str, Any]:
        import aiosmtplib

        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._timeout,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
            tls_context=None if self._tls == "none" else self._tls_context(),
        )
        try:
            await client.connect()
            if self._user is not None and self._password is not None:
                await client.login(self._user, self._password.get_secret_value())
            refused, _said = await client.send_message(
                message, sender=self._sender, recipients=list(recipients)
            )
            return dict(refused)
        finally:
            await _hang_up(client)

    def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:  # aiosmtplib and smtplib would not verify without one
            self._context = ssl.create_default_context()
        return self._context

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage(policy=_POLICY)
        message["Subject"] = clean(notice.title, 250)
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = format_datetime(self._clock())
        domain = re.sub(r"[^A-Za-z0-9.-]", "", self._sender.rpartition("@")[2]) or "localhost"
        message["Message-ID"] = f"<{identifier(notice.id)}@{domain}>"
        if notice.thread not in ("", notice.id):  # one incident is one conversation
            message["In-Reply-To"] = message["References"] = f"<{identifier(notice.thread)}@{domain}>"
        message["List-Id"] = f"Mirante <alerts.mirante.{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # no answer from out-of-office robots
        message.set_content(f"{clean(notice.title)}\n\n{plain_text(notice)}\n", cte="quoted-printable")
        message.add_alternative(_html(notice), subtype="html", cte="quoted-printable")
        return message

    def _hide(self, text: str) -> str:
        return redact(text, [self._password.get_secret_value()] if self._password is not None else [])

    def _verdict(self, error: Exception) -> DeliveryError:
        import aiosmtplib

        where = f"mail server {self._host}:{self._port}"
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            codes = [refusal.code for refusal in error.recipients]
            told = "; ".join(f"{r.recipient}: {r.code} {r.message}" for r in error.recipients)
            retry = any(code < 500 for code in codes)
            return DeliveryError(f"{where} refused the recipients: {self._hide(told)}", retry=retry)
        if isinstance(error, aiosmtplib.SMTPResponseException):
            told = self._hide(f"{error.code} {error.message}")
            return DeliveryError(f"{where} answered {told}", retry=error.code < 500)
        cause = _certificate_problem(error)
        if cause is not None:
            told = f"the certificate of {where} is not right: {self._hide(cause)}"
            return DeliveryError(f"{told}; correct it, or name smtp_ca_file")
        # the bare class is what aiosmtplib raises for a server without STARTTLS
        if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
            return DeliveryError(f"{where} lacks what is needed: {self._hide(str(error))}; see smtp_tls")
        lasting = not isinstance(error, aiosmtplib.SMTPException | OSError | EOFError)
        return DeliveryError(f"{where}: {type(error).__name__}: {self._hide(str(error))}", retry=not lasting)


async def _hang_up(client: Any) -> None:
    """Say QUIT without waiting for the answer, which a slow server may never give, and free the socket."""
    transport = client.transport
    if transport is not None:
        with contextlib.suppress(Exception):
            transport.write(b"QUIT\r\n")
        transport.abort()
    client.close()
    await asyncio.sleep(0)  # the loop frees the socket in its next turn


def _trusting(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"smtp_ca_file {ca_file!r} cannot be read as certificates: {error}") from error
    return context


def _sender(sender: str | None, user: str | None) -> str:
    if sender is not None:
        return check_addresses(sender, key="sender")[0]
    if user is not None and _ADDRESS.fullmatch(user):
        return user
    host = re.sub(r"[^A-Za-z0-9.-]", "", socket.gethostname()) or "localhost"
    return f"mirante@{host}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _certificate_problem(error: BaseException | None) -> str | None:
    """Return what was wrong with a certificate, if that is what lies under an error."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        error = error.__cause__ or error.__context__
    return None


def _html(notice: Notice) -> str:
    """Return the body as HTML: every text escaped, no script, no picture, nothing loaded from elsewhere."""
    _ = translator(notice.locale)
    shown = min(50, len(notice.alerts))
    parts = [f"<h2>{escape(clean(notice.title))}</h2>"]
    for alert in notice.alerts[:shown]:
        if alert.state == "message":
            parts += [f"<p>{escape(clean(line))}</p>" for line in alert.summary.splitlines() if line.strip()]
            continue
        text = alert_text(alert, notice.locale)
        parts.append(f"<h3>{escape(text.summary)}</h3>")
        parts += [f"<p>{escape(line)}</p>" for line in text.lines]
        rows = "".join(
            f"<tr><th align='left'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in text.facts
        )
        parts.append(f"<table>{rows}</table>" if rows else "")
    parts += [f"<p>{escape(line)}</p>" for line in (*left_out(notice, shown), *closing(notice))]
    if notice.silence:
        told = escape(_("To silence it: %(command)s", command="\0"))
        parts.append(f"<p>{told.replace(chr(0), f'<code>{escape(clean(notice.silence))}</code>')}</p>")
    for key, address in notice.links.items():
        if re.match(r"https?://", address):  # a javascript: address would run
            name = escape(link_name(key, notice.locale))
            parts.append(f'<p><a href="{escape(clean(address))}">{name}</a></p>')
    return f"<!doctype html><html lang='{escape(notice.locale)}'><body>{''.join(parts)}</body></html>"
