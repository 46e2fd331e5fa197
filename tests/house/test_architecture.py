"""docs/architecture.md, .importlinter and the folders name the same rooms on the same floors."""

import re
from configparser import ConfigParser

from tests.house.source import PACKAGE, ROOT

PAGE = ROOT / "docs" / "architecture.md"


def _rooms(line: str) -> frozenset[str]:
    return frozenset(name.strip(" ()") for name in line.split("|"))


def floors_of_the_linter() -> list[frozenset[str]]:
    """Return the floors that import-linter checks, from the top."""
    parser = ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    return [
        _rooms(line) for line in parser["importlinter:contract:floors"]["layers"].split("\n") if line.strip()
    ]


def floors_of_the_page() -> list[frozenset[str]]:
    """Return the floors that the page draws, from the top."""
    block = re.search(r"^## Floors$.*?^```text\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert block, "docs/architecture.md has no text block under the heading Floors"
    # two spaces or more part the rooms from what they do
    return [_rooms(re.split(r"\s{2,}", line.strip())[0]) for line in block[1].splitlines() if line.strip()]


def rooms_on_disk() -> set[str]:
    """Return the modules and packages of mirante."""
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    return files | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_the_page_draws_the_floors_that_are_checked():
    assert floors_of_the_page() == floors_of_the_linter()


def test_every_room_is_on_a_floor():
    drawn = set().union(*floors_of_the_page())
    assert rooms_on_disk() - drawn == set(), "give it a floor, in .importlinter and docs/architecture.md"


def test_no_floor_names_a_room_that_is_gone():
    drawn = set().union(*floors_of_the_page())
    assert drawn - rooms_on_disk() == set()


def test_every_room_is_described():
    text = PAGE.read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `([\w.]+)` \|", text, re.M))
    assert rooms_on_disk() - described == set(), "add a line to the table of rooms in docs/architecture.md"
    assert described - rooms_on_disk() == set(), "the table of rooms names what is not there"


def test_every_room_is_a_package():
    bare = [
        path.name
        for path in PACKAGE.iterdir()
        if path.is_dir() and any(path.glob("*.py")) and not (path / "__init__.py").exists()
    ]
    assert bare == [], "without __init__.py neither mypy nor import-linter sees the folder"
