"""One HTTP request to an address that is a secret: a total deadline, no redirects, and a verdict."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

from pydantic import SecretStr

from mirante.alerts.channels.guard import guarded_socket
from mirante.alerts.channels.texts import redact
from mirante.durations import LONGEST_WAIT
from mirante.errors import ConfigError, DeliveryError

__all__ = ["Answer", "Endpoint", "retry_after", "worth_retrying"]

_READ_CAP = 64 * 1024
_RETRY = {408, 425, 429}
_ADDRESS = re.compile(r"https?://[^\s/@]+(/\S*)?")
_SHORT = 7  # what is no longer than this in an address is a word, not a secret


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said.

    Parameters
    ----------
    status : int
        From 200 to 299.
    headers : mapping of str to str
        Names in lower case.
    body : bytes
        The first 64 KiB.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def worth_retrying(status: int) -> bool:
    """Say whether a later try may fare better after an answer that is no success.

    Examples
    --------
    >>> [status for status in (404, 408, 425, 429, 500, 503) if worth_retrying(status)]
    [408, 425, 429, 500, 503]
    """
    return status in _RETRY or status >= 500


def retry_after(text: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, at most an hour; None when it says nothing.

    Parameters
    ----------
    text : str, optional
        Seconds, or a date as in HTTP.
    now : datetime
        The present time, which a date is held against.

    Examples
    --------
    >>> noon = datetime(2013, 2, 8, 12, tzinfo=UTC)
    >>> retry_after("7", noon), retry_after("Fri, 08 Feb 2013 12:01:30 GMT", noon), retry_after("soon", noon)
    (7.0, 90.0, None)
    """
    if text is None:
        return None
    most = LONGEST_WAIT.total_seconds()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text.strip()):
        return min(float(text), most)
    try:
        moment = parsedate_to_datetime(text.strip())
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    seconds = (aware - now).total_seconds()
    return min(seconds, most) if seconds > 0 else None


class Endpoint:
    """An address that notices are sent to.

    Parameters
    ----------
    service : str
        What answers there, as errors call it.
    address : SecretStr
        An http or https address; whoever knows it may be able to post, so it is never shown.
    key : str
        How an error calls the setting.
    timeout : float
        Seconds for the whole request, from the connection to the last byte that is read.
    secrets : sequence of SecretStr
        Others that are never shown.
    clock : callable
        The present time, for a Retry-After that is a date.

    Raises
    ------
    ConfigError
        If it is no http address.
    """

    def __init__(
        self,
        service: str,
        address: SecretStr,
        *,
        key: str = "url",
        timeout: float = 10.0,
        secrets: Sequence[SecretStr] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not _ADDRESS.fullmatch(address.get_secret_value()):
            raise ConfigError(
                f"{key} is not of the form https://host/..., without user and password; copy it again"
            )
        self._service, self._address, self._timeout, self._clock = service, address, timeout, clock
        self._hidden = [*_parts(address), *(secret.get_secret_value() for secret in secrets)]

    def __repr__(self) -> str:
        return f"Endpoint({self._service}, ***)"

    async def call(
        self, body: bytes | None = None, headers: Mapping[str, str] | None = None, *, method: str = "POST"
    ) -> Answer:
        """Send one request, and return the answer when it is a good one.

        Parameters
        ----------
        body : bytes, optional
            What to send.
        headers : mapping of str to str, optional
            Beside aiohttp's own.
        method : str
            ``POST`` or ``GET``.

        Returns
        -------
        Answer
            With a status of 2xx.

        Raises
        ------
        DeliveryError
            To be tried again after 408, 425, 429 (with the wait that was asked for), 5xx, a lost connection
            or a time-out; not after any other answer, a redirect, a bad certificate or a refused address.
        """
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(method, body, headers or {})
        except TimeoutError as error:
            raise DeliveryError(
                f"{self._service} did not answer within {self._timeout:g} s", retry=True
            ) from error
        except Exception as error:
            raise self._trouble(error) from None  # the cause may carry the address
        self._judge(answer)
        return answer

    async def _ask(self, method: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        import aiohttp

        connector = aiohttp.TCPConnector(socket_factory=guarded_socket, force_close=True)
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            trust_env=False,
            auto_decompress=False,  # a few bytes can unpack to gigabytes
        ) as session:
            response = await session.request(
                method,
                self._address.get_secret_value(),
                data=body,
                headers={"User-Agent": "Mirante", "Accept-Encoding": "identity", **headers},
                allow_redirects=False,
            )
            try:
                content = b""
                while len(content) < _READ_CAP and (
                    piece := await response.content.read(_READ_CAP - len(content))
                ):
                    content += piece
                return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, content)
            finally:
                response.close()  # not release: that would read the rest, which may have no end

    def hide(self, text: str) -> str:
        """Return the text as one clean line without the address and the other secrets."""
        return redact(text, self._hidden)

    def _trouble(self, error: Exception) -> DeliveryError:
        import aiohttp

        told = f"{type(error).__name__}: {self.hide(str(error))}"
        if isinstance(error, aiohttp.ClientError | OSError) and not isinstance(error, aiohttp.InvalidURL):
            refused = isinstance(getattr(error, "os_error", error), PermissionError)  # by the guard
            lasting = refused or isinstance(error, aiohttp.ClientConnectorCertificateError)
            return DeliveryError(f"{self._service} could not be reached: {told}", retry=not lasting)
        return DeliveryError(f"{self._service} could not be asked: {told}")

    def _judge(self, answer: Answer) -> None:
        status = answer.status
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise DeliveryError(
                f"{self._service} answered {status}, a redirect, which is not followed; is the address right?"
            )
        said = self.hide(answer.body[:200].decode("utf-8", "replace"))
        retry = worth_retrying(status)
        wait = retry_after(answer.headers.get("retry-after"), self._clock()) if retry else None
        told = f"{self._service} answered {status} {said}".strip()
        raise DeliveryError(told, retry=retry, retry_after=wait)


def _parts(address: SecretStr) -> list[str]:
    """Return what of an address must not be shown: all of it, its path, and the longer pieces of that."""
    whole = address.get_secret_value()
    path = re.sub(r"^https?://[^/?#]*/?", "", whole)
    pieces: list[Any] = [path, *re.split(r"[/?&=#;]", path)]
    long = [piece for piece in pieces if len(piece) > _SHORT]
    return [whole, *dict.fromkeys([*long, *map(unquote, long)])]
