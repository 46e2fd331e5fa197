"""Any program that takes JSON over HTTP; signed as Standard Webhooks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import SecretStr

from mirante.alerts.channels.base import Notice
from mirante.alerts.channels.http import Endpoint
from mirante.alerts.channels.texts import identifier
from mirante.errors import ConfigError
from mirante.store.types import finite

__all__ = ["WebhookChannel", "notice_json", "sign"]

_VERSION = 1
_INERT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def notice_json(notice: Notice) -> bytes:
    r"""Return the body of a request: JSON in ASCII, in which no name can be taken for markup.

    ``version`` is raised when a field changes its meaning or goes; new fields may come at any time.

    Parameters
    ----------
    notice : Notice
        What to tell.

    Returns
    -------
    bytes
        An object of ``version``, ``type`` (``notice.`` and the reason), ``timestamp`` and ``data``, the
        notice's payload. A number that is NaN or infinite is null.

    Examples
    --------
    >>> notice_json(Notice("1f", "message", "info", "<b>"))[:44]
    b'{"version": 1, "type": "notice.message", "ti'
    """
    told = {
        "version": _VERSION,
        "type": f"notice.{notice.reason}",
        "timestamp": notice.created_at.isoformat(),
        "data": finite(notice.payload()),
    }
    return json.dumps(told, allow_nan=False).translate(_INERT).encode("ascii")


def sign(secret: SecretStr, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message, as the Standard Webhooks specification has it.

    Parameters
    ----------
    secret : SecretStr
        ``whsec_`` and the key in base64.
    message_id : str
        The header ``webhook-id``.
    timestamp : int
        The header ``webhook-timestamp``: seconds since 1970.
    body : bytes
        As it is sent.

    Returns
    -------
    str
        ``v1,`` and HMAC-SHA256 in base64.

    Raises
    ------
    ConfigError
        If the secret is of another form.

    Examples
    --------
    >>> sign(SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_1", 1614265330, b"{}")
    'v1,ZztYR0IIDCBCUcYzh8ZE+qsQWpIgtHU7R1hpe8htaD4='
    """
    content = b".".join([message_id.encode(), str(timestamp).encode(), body])
    digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: SecretStr) -> bytes:
    prefix, _, text = secret.get_secret_value().partition("_")
    try:
        key = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if prefix != "whsec" or not 24 <= len(key) <= 64:
        raise ConfigError("secret is not whsec_ followed by 24 to 64 bytes in base64; make one of that form")
    return key


class WebhookChannel:
    """Posts notices as JSON.

    Parameters
    ----------
    url : SecretStr
        Where to.
    secret : SecretStr, optional
        Signs what is sent, with the headers ``webhook-id`` (the notice's id), ``webhook-timestamp`` and
        ``webhook-signature``; without it the last is left out.
    timeout : float
        Seconds for one request.
    clock : callable
        The present time.

    Raises
    ------
    ConfigError
        If the address or the secret is of another form.
    """

    def __init__(
        self,
        url: SecretStr,
        *,
        secret: SecretStr | None = None,
        timeout: float = 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if secret is not None:
            _key(secret)
        known = [] if secret is None else [secret]
        self._endpoint = Endpoint("the webhook", url, timeout=timeout, secrets=known, clock=clock)
        self._secret, self._clock = secret, clock

    def __repr__(self) -> str:
        return "WebhookChannel(***)"

    async def deliver(self, notice: Notice) -> None:
        """Post the notice; any answer of 2xx will do.

        Parameters
        ----------
        notice : Notice
            What to tell.

        Raises
        ------
        DeliveryError
            As `Endpoint.call` has it.
        """
        body, message_id = notice_json(notice), identifier(notice.id)
        timestamp = int(self._clock().timestamp())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        if self._secret is not None:
            headers["webhook-signature"] = sign(self._secret, message_id, timestamp, body)
        await self._endpoint.call(body, headers)
