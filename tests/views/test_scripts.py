"""JSON in a script element cannot end it, and says the same."""

from __future__ import annotations

import json

import pytest

from mirante.views.scripts import in_script

HOSTILE = ["</script><script>alert(1)", "<!--", "a & b", "\u2028\u2029", "plain é", "\\u003c"]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_it_is_read_as_html(text: str, *, ascii_only: bool):
    written = in_script(json.dumps({"a": text}, ensure_ascii=ascii_only))
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == {"a": text}
