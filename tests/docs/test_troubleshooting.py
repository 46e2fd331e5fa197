"""The messages that docs/troubleshooting.md explains are those that the code says."""

from __future__ import annotations

import ast
import re

from tests.docs.snippets import ROOT
from tests.house.source import PACKAGE, python_files, tree

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
_LEAST = 12  # characters of a text that tell which one it is


def texts() -> set[str]:
    """Return all texts of the code, those between the values of an f-string each by itself."""
    return {
        node.value.strip()
        for path in python_files(PACKAGE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and len(node.value.strip()) >= _LEAST
    }


def messages() -> list[str]:
    """Return the messages in the first column of the tables: whole sentences, not commands or names."""
    first = re.findall(r"^\| (`[^|]*`) \|", PAGE, re.M)
    return [text.strip("`") for text in first if " " in text]


def pieces(message: str) -> list[str]:
    """Return a message without its values: names in quotes, paths, numbers, what an ellipsis hides."""
    parts = re.split(r"…|'[^']*'|/\w[\w./-]*|(?<!\w)[\d.:/]*\d[\w.:/]*|\([^)]*\)", message)
    return [part.strip(" ;") for part in parts if len(part.strip(" ;")) >= _LEAST]


def test_each_message_is_in_the_code():
    known = "\n".join(texts())
    assert len(messages()) > 12
    unknown = [m for m in messages() if not pieces(m) or any(piece not in known for piece in pieces(m))]
    assert unknown == [], "the code does not say this"
