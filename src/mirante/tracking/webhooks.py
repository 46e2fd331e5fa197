"""Webhooks as MLflow sends them: how they are signed, and what they speak of.

The form is that of Standard Webhooks (https://www.standardwebhooks.com), with MLflow's names of headers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mirante.errors import InputError

__all__ = ["EVENTS", "Delivery", "is_signed", "read_delivery", "sign"]

ABOUT_MODELS = frozenset({"registered_model", "model_version", "model_version_tag", "model_version_alias"})
"""What MLflow calls the entities of its registry that are models."""

EVENTS = (
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
)
"""The events that are worth to be sent: what changes of models."""

_VERSION = "v1"
_ID = re.compile(r"[!-~]{1,200}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook whose signature is right.

    Parameters
    ----------
    entity, action : str
        ``model_version_alias`` and ``created``, or another pair.
    data : mapping
        What MLflow says of it: another for each entity.
    """

    entity: str
    action: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str | None:
        """The registered model that changed; None where it is about a prompt, a budget, or something new.

        Examples
        --------
        >>> Delivery("model_version_alias", "created", {"name": "churn"}).model
        'churn'
        >>> Delivery("prompt", "created", {"name": "greeting"}).model is None
        True
        """
        name = self.data.get("name")
        known = self.entity in ABOUT_MODELS and isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME
        return str(name) if known else None


def sign(secret: str, delivery: str, timestamp: str, body: bytes) -> str:
    """Return the signature that MLflow puts into the header ``X-MLflow-Signature``.

    Parameters
    ----------
    secret : str
        Known to both sides.
    delivery, timestamp : str
        The headers ``X-MLflow-Delivery-Id`` and ``X-MLflow-Timestamp``.
    body : bytes
        The body as it was sent.

    Examples
    --------
    >>> sign("correct horse", "4f2a", "1360281600", b"{}")
    'v1,Bxu+Sf0/3nBoctg2cAOCd4Ud0TtEDoMvEPnuGZ7+rnQ='
    """
    text = f"{delivery}.{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(digest).decode()}"


def is_signed(
    secret: str,
    *,
    signature: str | None,
    delivery: str | None,
    timestamp: str | None,
    body: bytes,
    now: float,
    tolerance: float = 300.0,
) -> bool:
    """Return whether a request was signed with the secret, and not long ago; in constant time.

    Parameters
    ----------
    secret : str
        Known to both sides.
    signature, delivery, timestamp : str or None
        The headers; None where one is missing, or there twice.
    body : bytes
        The body as it came.
    now : float
        Seconds since 1970.
    tolerance : float, default 300
        By so many seconds the two clocks may differ, and the request may be old.

    Examples
    --------
    >>> good = {"delivery": "4f2a", "timestamp": "1360281600", "body": b"{}"}
    >>> signature = sign("correct horse", "4f2a", "1360281600", b"{}")
    >>> is_signed("correct horse", signature=signature, **good, now=1360281650.0)
    True
    >>> is_signed("correct horse", signature=signature, **good, now=1360281950.0)
    False
    """
    if signature is None or delivery is None or timestamp is None:
        return False
    if not _ID.fullmatch(delivery) or not _SECONDS.fullmatch(timestamp):
        return False
    expected = sign(secret, delivery, timestamp, body).encode()
    same = hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), expected)
    return same and abs(now - int(timestamp)) <= tolerance


def read_delivery(body: bytes) -> Delivery:
    """Return what a webhook says, after its signature was found to be right.

    Parameters
    ----------
    body : bytes
        JSON.

    Raises
    ------
    InputError
        If it is not of MLflow's form.

    Examples
    --------
    >>> read_delivery(b'{"entity": "model_version", "action": "created", "data": {"name": "churn"}}').model
    'churn'
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("the body of the webhook is no JSON; MLflow sends entity, action and data") from None
    if not isinstance(said, dict):
        raise InputError("the body of the webhook is no JSON object; MLflow sends entity, action and data")
    entity, action, data = said.get("entity"), said.get("action"), said.get("data")
    if not isinstance(entity, str) or not isinstance(action, str) or not isinstance(data, dict):
        raise InputError("the webhook needs the texts entity and action, and the object data")
    return Delivery(entity, action, data)
