"""Calls of another Mirante service's API: JSON both ways, no redirects, bounded answers, errors in words."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from mirante.errors import MiranteError

__all__ = ["CallError", "ServiceCalls"]


class CallError(MiranteError, RuntimeError):
    """The service did not answer, or not with what was asked for.

    Parameters
    ----------
    reason : str
        In words, without the token.
    status : int, optional
        Of its answer; None when there was none.
    detail : str
        What the answer says.
    retry_after : str, optional
        When to ask again, as the answer's header has it.
    """

    def __init__(
        self, reason: str, status: int | None = None, detail: str = "", retry_after: str | None = None
    ) -> None:
        super().__init__(reason)
        self.status, self.detail, self.retry_after = status, detail, retry_after


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        return None


class ServiceCalls:
    """Asks one service.

    Parameters
    ----------
    name : str
        Its address, without a slash at the end; errors call it so.
    seconds : float
        How long one answer may take.
    most : int
        Bytes that one answer may have.
    context : SSLContext, optional
        What certificates are trusted; the system's without it.
    """

    def __init__(
        self, name: str, *, seconds: float, most: int, context: ssl.SSLContext | None = None
    ) -> None:
        self.name, self._seconds, self._most = name, seconds, most
        self._opener = build_opener(_NoRedirect(), HTTPSHandler(context=context))

    def ask(
        self,
        part: str,
        *,
        token: str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Any, Mapping[str, str]]:
        """Return what an answer says, None when it is no JSON or too long, and its headers.

        Parameters
        ----------
        part : str
            Of the API, with its query.
        token : str, optional
            Sent as bearer token.
        body : bytes, optional
            JSON to post; without it the call only reads.
        headers : mapping of str to str, optional
            Beside the usual ones.

        Raises
        ------
        CallError
            If there is no answer, or it is an error or a redirect.
        """
        given = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            given["Content-Type"] = "application/json"
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        request = Request(f"{self.name}/api/v1/{part}", body, given)  # noqa: S310  http and https alone
        try:
            with self._opener.open(request, timeout=self._seconds) as answer:
                said, received = answer.read(self._most + 1), answer.headers
        except HTTPError as error:
            with error:
                detail = _detail(error)
                wait = error.headers.get("Retry-After")
            reason = f"{self.name} answers {error.code}: {detail}"
            raise CallError(reason, error.code, detail, wait) from None
        except (URLError, OSError, HTTPException) as error:
            why = getattr(error, "reason", None) or error
            raise CallError(f"{self.name} does not answer: {why or type(error).__name__}") from None
        try:
            return (json.loads(said) if len(said) <= self._most else None), received
        except ValueError:
            return None, received


def _detail(error: HTTPError) -> str:
    try:
        body = error.read(4_000)
        found = json.loads(body)
    except (OSError, HTTPException):
        return ""
    except ValueError:
        found = None
    told = found.get("detail") if isinstance(found, dict) else None
    return str(told or body.decode("utf-8", "replace"))[:500]
