"""A table behind an http address, as a file: bounded, and from nowhere that only this machine reaches."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from mirante.errors import InputError
from mirante.tracking.client import plain_address

__all__ = ["MOST_BYTES", "download"]

MOST_BYTES = 8 << 30
_HOPS = 5
_TIMEOUT = (10, 60)  # seconds to connect, and between two parts
_PART = 1 << 20
_INSTEAD = "download it yourself and give it with --data FILE"


def download(address: str, folder: Path, *, most_bytes: int = MOST_BYTES) -> Path:
    """Fetch a file.

    Parameters
    ----------
    address : str
        http or https; needs no trust. Redirections are followed five times. Link-local addresses, where
        clouds keep their machines' credentials, are refused.
    folder : Path
        Where the file is written, under the last part of the address.
    most_bytes : int, default 8 GiB
        Where it stops.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the address is refused, does not answer with the file, or the file is too long.
    """
    import requests

    name = plain_address(address)
    try:
        with requests.Session() as session:
            answer = _answer(session, address)
            with answer:
                answer.raise_for_status()
                path = folder / _file_name(address)
                _write(answer, path, name, most_bytes)
    except (requests.RequestException, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = _reason(error)
        raise InputError(f"{name!r} cannot be fetched ({reason}); {_INSTEAD}") from error
    return path


def _reason(error: Exception) -> str:
    """Return why in words of our own: those of the library hold the whole address, with what signs it."""
    import requests

    response = getattr(error, "response", None)
    if response is not None:
        return f"it answers {response.status_code}"
    if isinstance(error, requests.Timeout):
        return "it does not answer in time"
    if isinstance(error, requests.ConnectionError | socket.gaierror):
        return "nothing answers there"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _answer(session: Any, address: str) -> Any:
    for _ in range(_HOPS + 1):
        _check(address)
        answer = session.get(address, stream=True, allow_redirects=False, timeout=_TIMEOUT)
        onward = answer.headers.get("Location") if answer.is_redirect else None
        if onward is None:
            return answer
        answer.close()
        address = urljoin(address, onward)
    raise InputError(f"{plain_address(address)!r} is redirected more than {_HOPS} times; {_INSTEAD}")


def _check(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"{plain_address(address)!r} is no http address; {_INSTEAD}")
    for *_, place in socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM):
        found = ipaddress.ip_address(str(place[0]).partition("%")[0])
        mapped = getattr(found, "ipv4_mapped", None) or found
        if mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified:
            raise InputError(f"{plain_address(address)!r} is at {mapped}, where no data set is fetched from")


def _file_name(address: str) -> str:
    """Return the last part of an address: its ending says whether it is CSV."""
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    plain = "".join(one if one.isalnum() or one in "._-" else "_" for one in name)
    return plain[-100:].lstrip(".") or "dataset"


def _write(answer: Any, path: Path, name: str, most_bytes: int) -> None:
    size = 0
    with path.open("wb") as file:
        for part in answer.iter_content(_PART):
            size += len(part)
            if size > most_bytes:
                raise InputError(f"{name!r} is longer than {most_bytes:,} bytes; {_INSTEAD}")
            file.write(part)
