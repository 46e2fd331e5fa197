"""Where an archive is: from a URL to a file system, and to a name that can be shown."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote

from mirante.errors import ArchiveError, InputError, need

__all__ = ["archive_name", "checked_address", "file_system", "scrubbed"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_CONNECT_SECONDS, _REQUEST_SECONDS, _TRIES = 5.0, 10.0, 3
"""Arrow waits at the end of the process for what was asked, so this is also how long that can take."""
_LONGEST = 300
_HIDDEN = "***"
_CUTS = re.compile("[:/?#@&=]")
_SHOWN = frozenset({"endpoint_override", "region", "scheme"})
"""Keys of a query whose values are no secrets, and help to see what is wrong."""


def checked_address(url: str) -> str:
    """Return the URL of an archive as it is, if it can be one.

    Raises
    ------
    InputError
        If it is neither a URL nor an absolute path. The text is not repeated: it may hold a secret.

    Examples
    --------
    >>> checked_address("s3://bucket/log")
    's3://bucket/log'
    """
    if not (_SCHEME.match(url) and url.partition("://")[2].strip("/")) and not (
        url.startswith("/") and url.strip("/")
    ):
        raise InputError(
            "the archive is no URL; write where sealed segments go, such as s3://bucket/folder, "
            "gs://bucket/folder or file:///mnt/nas/log"
        )
    return url


def archive_name(url: str) -> str:
    """Return an archive's URL fit for messages: without user, password and what follows a question mark.

    Examples
    --------
    >>> archive_name("s3://key:secret@bucket/log?region=us-east-1")
    's3://bucket/log'
    >>> archive_name("s3://key:a/b?c@bucket/log")
    's3://...'
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    head = re.split("[?#]", rest, maxsplit=1)[0]
    tail = rest[len(head) :]
    if "@" in head:
        head = head.rpartition("@")[2]
    elif "@" in tail and ":" in head:  # a secret with a question mark in it, that nobody encoded
        head = "..."
    return f"{scheme}://{head}".rstrip("/")


def scrubbed(error: BaseException, url: str) -> str:
    """Return what an error says, in one line, without anything of the URL that may be secret.

    Examples
    --------
    >>> scrubbed(OSError("cannot parse s3://key:secret@bucket/log: no"), "s3://key:secret@bucket/log")
    'cannot parse s3://bucket/log: no'
    """
    text = str(error).replace(url, archive_name(url))
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = (text.strip().splitlines() or [type(error).__name__])[0]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _secrets(url: str) -> set[str]:
    """Return the parts of a URL that are not in its name: whoever parses it may cut it anywhere."""
    shown = {*_CUTS.split(archive_name(url)), *_SHOWN}
    shown |= {part for key, value in parse_qsl(url.partition("?")[2]) if key in _SHOWN for part in (value,)}
    shown |= {part for value in set(shown) for part in _CUTS.split(value)}
    found = {form for part in _CUTS.split(url) for form in (part, unquote(part))}
    return {part for part in found if len(part) > 3 and part not in shown}


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system that a URL names, and the folder in it.

    Parameters
    ----------
    url : str
        What ``pyarrow.fs.FileSystem.from_uri`` knows, else what fsspec knows.

    Raises
    ------
    ArchiveError
        If nobody knows it, or its server cannot be asked where the bucket is.
    MissingDependencyError
        If fsspec, or its own package for the URL, is not installed.
    """
    from pyarrow import ArrowInvalid, ArrowNotImplementedError, fs

    try:
        found, base = fs.FileSystem.from_uri(url)
    except (ArrowInvalid, ArrowNotImplementedError) as error:
        if "unrecognized filesystem" not in str(error).lower() and "not built" not in str(error).lower():
            raise ArchiveError(
                f"the archive {archive_name(url)} is no address that can be opened: {scrubbed(error, url)}; "
                "write a slash in a key as %2F, a blank as %20"
            ) from None
        return _by_fsspec(url)
    except OSError as error:
        raise ArchiveError(
            f"the archive {archive_name(url)} cannot be reached: {scrubbed(error, url)}"
        ) from None
    return (_with_deadlines(found) if found.type_name == "s3" else found), base.rstrip("/")


def _with_deadlines(found: Any) -> Any:
    """Return the same S3 with time limits and few tries, which no URL can say."""
    from pyarrow import fs

    _, (options,) = found.__reduce__()
    return fs.S3FileSystem(
        **options
        | {
            "connect_timeout": _CONNECT_SECONDS,
            "request_timeout": _REQUEST_SECONDS,
            "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=_TRIES),
            "allow_delayed_open": True,  # what fits one request is one: nothing half of it stays after a kill
        }
    )


def _by_fsspec(url: str) -> tuple[Any, str]:
    from pyarrow import fs

    core = need("fsspec.core", extra="fsspec")
    try:
        found, base = core.url_to_fs(url)
    except (ImportError, ValueError, OSError) as error:
        raise ArchiveError(
            f"the archive {archive_name(url)} cannot be opened with fsspec: {scrubbed(error, url)}"
        ) from None
    return fs.PyFileSystem(fs.FSSpecHandler(found)), base.rstrip("/")
