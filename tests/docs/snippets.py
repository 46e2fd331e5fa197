"""The code blocks of the pages, by language."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

# also those that stand inside a list, further to the right
_BLOCK = re.compile(r"^(?P<by> *)```(?P<language>\w+)\n(?P<code>.*?)^(?P=by)```$", re.M | re.S)
_ENDS = {"|", "||", "&&", ";", ">", "<", "<<<"}


def name_of(page: Path) -> str:
    """Return a page's path as a message shows it."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the blocks of a page in these languages, in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        re.sub(rf"^{found['by']}", "", found["code"], flags=re.M)
        for found in _BLOCK.finditer(text)
        if found["language"] in languages
    ]


def commands(page: Path, program: str) -> list[list[str]]:
    """Return the words of each call of a program in the blocks for a shell."""
    found = []
    for code in blocks(page, "console", "sh"):
        prompt = "$ " if re.search(r"^\$ ", code, re.M) else ""
        for line in code.replace("\\\n", " ").splitlines():
            if line.startswith(prompt):
                words = shlex.split(line.removeprefix(prompt), comments=True)
                while words and re.match(r"[A-Z_]+=", words[0]):
                    words = words[1:]
                if words[:1] == [program]:
                    end = next((place for place, word in enumerate(words) if word in _ENDS), len(words))
                    found.append(words[1:end])
    return found
