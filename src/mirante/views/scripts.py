"""JSON inside of a script element, which HTML reads for its end."""

from __future__ import annotations

__all__ = ["in_script"]

_SIGNS = "<>&\u2028\u2029"


def in_script(text: str) -> str:
    r"""Return JSON as it may stand inside a script element: signs that HTML or JavaScript read are escaped.

    Examples
    --------
    >>> in_script('{"a": "</script>"}')
    '{"a": "\\u003c/script\\u003e"}'
    """
    for sign in _SIGNS:  # they are rare: to look for each is quicker by far than `str.translate`
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
