"""One request and its answer: forms, etags, cookies."""

from dataclasses import replace

import pytest

from mirante.web.exchange import Answer, Asked, html_answer, with_cookie
from mirante.web.pages import Query
from tests.web.conftest import NOW

QUERY = Query({}, now=NOW, base="/x/mirante")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"a=1&a=2&b=", {"a": "2", "b": ""}),
        (b"a=%ff%0D%0A", {"a": "\ufffd\n"}),
        (b"&".join(b"f%d=" % number for number in range(31)), {}),
    ],
)
def test_fields_of_a_form(body: bytes, fields: dict[str, str]):
    assert Asked("POST", QUERY, body=body).fields == fields


def test_only_a_good_page_has_an_etag_and_becomes_a_304():
    html = '<main data-etag="00ff">'
    assert html_answer(html, status=404).header("etag") == ""
    page = html_answer(html)
    assert page.header("etag") == '"00ff"'
    for etags, status in (('"00ff"', 304), ('"1", W/"00ff"', 304), ("00f", 200), ("", 200)):
        found = page.unless_known(etags)
        assert (found.status, found.body) == (status, b"" if status == 304 else html.encode())
    assert "content-type" not in dict(page.unless_known('"00ff"').headers)
    assert Answer(200).unless_known("").status == 200, "no etag is not an empty one"


def test_a_cookie_is_for_these_pages_alone():
    asked = Asked("POST", QUERY)
    cookie = with_cookie(Answer(303), asked, "a", "b", seconds=5).header("set-cookie")
    assert cookie == "a=b; HttpOnly; Max-Age=5; Path=/x/mirante; SameSite=strict"
    assert (
        with_cookie(Answer(303), replace(asked, secure=True), "a", "b")
        .header("set-cookie")
        .endswith("; Secure")
    )
