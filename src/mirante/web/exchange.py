"""One request and its answer, without any web framework: what every page's function takes and gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

if TYPE_CHECKING:
    from mirante.web.pages import Query

__all__ = ["Answer", "Asked", "html_answer", "redirect", "with_cookie"]

_MOST_FIELDS = 30
_YEAR = 31_536_000
_ADDRESS = "/?&=:@%+,;#!~*'()[]$"  # signs that an address may have as they are
_PAGE_ETAG = re.compile(r'data-etag="([0-9a-f]+)"')


@dataclass(frozen=True)
class Asked:
    r"""What a reader asks for or sends.

    Parameters
    ----------
    method : str
        ``GET`` or ``POST``.
    query : Query
        Path, parameters, language, moment.
    headers : mapping of str to str
        Names in lower case.
    body : bytes
        What was sent.
    parts : mapping of str to str
        The variable parts of the path, such as ``{"id": "4f2a"}``.
    secure : bool
        Whether it came over https, so that a cookie is only sent back there.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.web.pages import Query
    >>> query = Query({}, now=datetime(2013, 2, 8, tzinfo=UTC))
    >>> Asked("POST", query, body=b"author=ana&note=a%0D%0Ab").fields
    {'author': 'ana', 'note': 'a\nb'}
    """

    method: str
    query: Query
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    parts: Mapping[str, str] = field(default_factory=dict)
    secure: bool = False

    @cached_property
    def fields(self) -> dict[str, str]:
        """The fields of a form; one that is given twice counts as the last, too many count as none."""
        text = self.body.decode("utf-8", "replace")
        try:
            found = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError:
            return {}
        # browsers send line ends as CR LF
        return {name: values[-1].replace("\r\n", "\n") for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back.

    Parameters
    ----------
    status : int
        HTTP status.
    body : bytes
        The content.
    headers : tuple of pairs of str
        Names in lower case; a framework adds the length.

    Examples
    --------
    >>> Answer(404, b"none").with_headers(etag='"1"').headers
    (('etag', '"1"'),)
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def with_headers(self, **more: str) -> Answer:
        """Return it with more headers; one that it has already is replaced."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        kept = tuple(pair for pair in self.headers if pair[0] not in named)
        return replace(self, headers=(*kept, *named.items()))

    def header(self, name: str) -> str:
        """Return a header, empty when there is none."""
        return dict(self.headers).get(name, "")

    def unless_known(self, etags: str) -> Answer:
        """Return 304 without a body where the reader has this very answer.

        Parameters
        ----------
        etags : str
            The request's ``If-None-Match``.
        """
        own = self.header("etag").strip('"')
        known = {tag.strip().removeprefix("W/").strip('"') for tag in etags.split(",")}
        if self.status != 200 or not own or own not in known:
            return self
        return replace(
            self, status=304, body=b"", headers=tuple(p for p in self.headers if p[0] != "content-type")
        )


def html_answer(html: str, *, status: int = 200) -> Answer:
    """Return a page as an answer, with its own digest as etag.

    Parameters
    ----------
    html : str
        The page; see `mirante.web.pages.render.render`.
    status : int
        HTTP status.
    """
    made = Answer(
        status,
        html.encode("utf-8", "replace"),
        (
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "private, no-cache"),
            ("vary", "Accept-Language, Cookie"),
        ),
    )
    etag = _PAGE_ETAG.search(html)
    return made if etag is None or status != 200 else made.with_headers(etag=f'"{etag[1]}"')


def redirect(target: str, status: int = 303) -> Answer:
    """Return an answer that leads to another page.

    Examples
    --------
    >>> redirect("/alerts").headers
    (('location', '/alerts'),)
    """
    return Answer(status, headers=(("location", quote(target, safe=_ADDRESS)),))


def with_cookie(answer: Answer, asked: Asked, name: str, value: str, *, seconds: int = _YEAR) -> Answer:
    """Return an answer that has the browser keep something for these pages alone.

    Parameters
    ----------
    answer : Answer
        Without a cookie.
    asked : Asked
        Says where the pages hang, and whether it came over https.
    name, value : str
        Of the cookie; the value needs no quoting.
    seconds : int
        How long it is kept.
    """
    secure = "; Secure" if asked.secure else ""
    path = asked.query.base or "/"
    return answer.with_headers(
        set_cookie=f"{name}={value}; HttpOnly; Max-Age={seconds}; Path={path}; SameSite=strict{secure}"
    )
